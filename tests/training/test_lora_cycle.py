"""Adapter saved, loaded, merged, saved and loaded again, for five families of decoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from meit_training.lora import ECG_PARTS, lora_config, save_merged
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_ecg, tiny_ids, tiny_model

SETTINGS = {"r": 4, "lora_alpha": 8}
FAMILIES = ("llama", "gpt2", "gpt-neox", "bloom", "opt")


def batch(size: int = 4) -> dict[str, torch.Tensor]:
    return {"input_ids": tiny_ids(size, 8), "ecg_values": tiny_ecg(size)}


def logits(model: nn.Module) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(**batch()).logits


def trained(model: MeitForCausalLM, settings: dict | None = None) -> PeftModel:
    """`model` under LoRA after two large steps, which move batch statistics too."""
    torch.manual_seed(0)
    adapted = get_peft_model(model, lora_config(SETTINGS if settings is None else settings))
    adapted.train()
    optimizer = torch.optim.SGD([value for value in adapted.parameters() if value.requires_grad], lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        adapted(**batch(), labels=batch()["input_ids"]).loss.backward()
        nn.utils.clip_grad_norm_(adapted.parameters(), 1.0)
        optimizer.step()
    return adapted


def ecg_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and statistics of the ECG's part as the model uses them, under PEFT or not."""
    parts = {}
    for name, value in model.state_dict().items():
        plain = name.removeprefix("base_model.model.").replace("modules_to_save.default.", "")
        if any(f".{part}." in plain for part in ECG_PARTS) and ".original_module." not in name:
            parts[plain] = value.clone()
    return parts


@pytest.mark.parametrize("kind", FAMILIES)
def test_save_load_merge_save_load_ends_in_identical_logits(kind, tmp_path):
    start = tiny_model(kind)
    start.save_pretrained(tmp_path / "start")
    before = {name: value.clone() for name, value in ecg_state(start).items()}
    adapted = trained(start)
    expected, state = logits(adapted), ecg_state(adapted)
    moved = [name for name, value in state.items() if not torch.equal(value, before[name])]
    assert any("running_mean" in name for name in moved)
    assert any("ecg_encoder" in name and name.endswith("weight") for name in moved)

    save_merged(adapted, tmp_path / "merged")
    loaded = PeftModel.from_pretrained(
        MeitForCausalLM.from_pretrained(tmp_path / "start"), tmp_path / "merged" / "adapter"
    )
    assert torch.equal(logits(loaded), expected)
    again = ecg_state(loaded)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], value) for name, value in state.items())

    merged = MeitForCausalLM.from_pretrained(tmp_path / "merged")
    assert all(torch.equal(value, state[name]) for name, value in ecg_state(merged).items())
    here = loaded.merge_and_unload()
    assert torch.equal(logits(merged), logits(here))
    # Merging adds two matrices before they meet the input, and so rounds otherwise.
    torch.testing.assert_close(logits(merged), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(MeitForCausalLM.from_pretrained(tmp_path / "start")), expected, atol=1e-2)


def test_cross_attention_is_trained_and_saved_whole(tmp_path):
    model = tiny_model(fusion="cross_attention")
    model.save_pretrained(tmp_path / "start")
    adapted = trained(model)
    adapters = [name for name, part in adapted.named_modules() if isinstance(part, LoraLayer)]
    assert adapters
    assert not any("cross_attention" in name for name in adapters)
    whole = [name for name, value in adapted.named_parameters() if "cross_attention" in name and value.requires_grad]
    assert len(whole) == len(list(model.meit.cross_attention.original_module.parameters()))
    expected = logits(adapted)
    adapted.save_pretrained(tmp_path / "adapter")
    loaded = PeftModel.from_pretrained(MeitForCausalLM.from_pretrained(tmp_path / "start"), tmp_path / "adapter")
    assert torch.equal(logits(loaded), expected)


@pytest.mark.parametrize("excluded", [["gate_proj"], r".*\.gate_proj"])
def test_a_users_own_modules_are_added_and_do_not_replace_the_ecgs(excluded):
    settings = {**SETTINGS, "modules_to_save": ["lm_head"], "exclude_modules": excluded}
    adapted = get_peft_model(tiny_model(), lora_config(settings))
    adapters = {name for name, part in adapted.named_modules() if isinstance(part, LoraLayer)}
    assert any(name.endswith("up_proj") for name in adapters)
    assert not any("gate_proj" in name or "projector" in name for name in adapters)
    whole = {name for name, value in adapted.named_parameters() if value.requires_grad and "lora_" not in name}
    for part in ("ecg_encoder", "projector", "lm_head"):
        assert any(f".{part}.modules_to_save." in name for name in whole), part


def test_the_adapter_alone_makes_a_new_ecg_part_the_trained_one(tmp_path):
    """What the adapter needs is the backbone: the ECG's part it was trained on may be gone."""
    adapted = trained(tiny_model(seed=3))
    expected = logits(adapted)
    adapted.save_pretrained(tmp_path)
    other = tiny_model(backbone=tiny_model(seed=3).meit.backbone, seed=8)
    loaded = PeftModel.from_pretrained(other, Path(tmp_path))
    assert torch.equal(logits(loaded), expected)
