"""`device_map`: the parts that must not be split, and weights on disk that give the same logits."""

from __future__ import annotations

import pytest
import torch
from accelerate import infer_auto_device_map
from accelerate.utils import compute_module_sizes

from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_backbone, tiny_ecg, tiny_ids, tiny_model

BATCH = {"input_ids": tiny_ids(2, 8), "ecg_values": tiny_ecg(2), "ecg_mask": tiny_ecg(2) > -3}


def logits(model: MeitForCausalLM) -> torch.Tensor:
    with torch.no_grad():
        return model(**BATCH).logits


def parts(model: MeitForCausalLM) -> list[str]:
    return [f"meit.{name}" for name, _ in model.meit.named_children() if name != "backbone"]


PLACES = {
    "auto": lambda ecg: "auto",
    "cpu": lambda ecg: {"": "cpu"},
    "the ECG's part on disk": lambda ecg: {"meit.backbone": "cpu", **dict.fromkeys(ecg, "disk")},
    "the decoder on disk": lambda ecg: {"meit.backbone": "disk", **dict.fromkeys(ecg, "cpu")},
    "all on disk": lambda ecg: {"": "disk"},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "fusion", ["prefix", *(pytest.param(name, marks=pytest.mark.slow) for name in ("input_tokens", "cross_attention"))]
)
def test_wherever_the_weights_lie_the_logits_are_the_same(place, fusion, tmp_path):
    model = tiny_model(fusion=fusion)
    model.save_pretrained(tmp_path / "model")
    device_map = PLACES[place](parts(model))
    loaded = MeitForCausalLM.from_pretrained(
        tmp_path / "model", device_map=device_map, offload_folder=tmp_path / "disk"
    )
    assert ("disk" in place) == any(value.device.type == "meta" for value in loaded.parameters())
    assert torch.equal(logits(loaded), logits(model))
    written = [each.generate(**BATCH, max_new_tokens=5, min_new_tokens=5, do_sample=False) for each in (loaded, model)]
    assert torch.equal(*written)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt-neox", "bloom", "opt"])
def test_a_layer_the_encoder_and_the_projector_stay_whole(kind, tmp_path):
    depth = "n_layer" if kind in ("gpt2", "bloom") else "num_hidden_layers"
    model = tiny_model(backbone=tiny_backbone(kind, **{depth: 6}))
    whole = {name for name, part in model.named_modules() if type(part).__name__ in model._no_split_modules}
    assert {"meit.ecg_encoder", "meit.projector"} <= whole
    assert sum(name.startswith("meit.backbone.") for name in whole) == 6
    sizes = compute_module_sizes(model)
    # Room for most of the model: accelerate keeps the size of the largest block free.
    device_map = infer_auto_device_map(
        model,
        max_memory={"cpu": int(0.8 * sizes[""]), "disk": 10**9},
        no_split_module_classes=list(model._no_split_modules),
    )
    assert len(set(device_map.values())) == 2
    for name in device_map:
        assert not any(name.startswith(block + ".") for block in whole), f"{name} is part of what must stay whole"
    model.save_pretrained(tmp_path / "model")
    loaded = MeitForCausalLM.from_pretrained(
        tmp_path / "model", device_map=device_map, offload_folder=tmp_path / "disk"
    )
    assert torch.equal(logits(loaded), logits(model))
