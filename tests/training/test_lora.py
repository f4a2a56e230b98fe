from __future__ import annotations

import numpy as np
import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM

import train_sft
from meit_training import script

LORA = "lora={r: 4, lora_alpha: 8, lora_dropout: 0.1}"


def inputs() -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(3)
    return {
        "input_ids": torch.arange(10, 26).reshape(2, 8),
        "ecg_values": torch.from_numpy(rng.normal(0, 0.4, (2, 12, 200)).astype(np.float32)),
    }


def logits(model: nn.Module) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(**inputs()).logits


def test_lora_is_on_every_linear_layer_of_the_decoder_and_on_none_of_the_ecgs_part(trainer_of):
    trainer, _ = trainer_of(LORA)
    model = trainer.model.get_base_model()
    adapted = {name for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    decoder = trainer_of()[0].model
    linear = {
        name
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("meit.backbone.model.layers.")
    }
    assert len(linear) == 2 * 7
    assert adapted == linear


def test_what_is_trained_is_lora_and_the_whole_ecg_part(trainer_of):
    trainer, _ = trainer_of(LORA)
    trained = {name for name, value in trainer.model.named_parameters() if value.requires_grad}
    assert trained
    assert all("lora_" in name or ".ecg_encoder." in name or ".projector." in name for name in trained)
    full = trainer_of()[0].model
    ecg = [name for name, _ in full.named_parameters() if ".ecg_encoder." in name or ".projector." in name]
    assert sum("lora_" not in name for name in trained) == len(ecg)


@pytest.mark.parametrize("checkpointing", ["false", "true"])
def test_the_saved_folder_holds_the_trained_model(checkpointing, recipe_file, tmp_path, monkeypatch):
    before_merge = {}
    save = script.save_merged

    def save_and_watch(model, folder):
        before_merge["logits"] = logits(model)
        before_merge["base"] = {
            name.replace(".original_module", ""): value.clone()
            for name, value in model.get_base_model().state_dict().items()
            if "layers.0.self_attn.k_proj.base_layer.weight" in name
        }
        save(model, folder)

    monkeypatch.setattr(script, "save_merged", save_and_watch)
    out = train_sft.main([str(recipe_file), LORA, "max_steps=4", f"gradient_checkpointing={checkpointing}"])

    merged = AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True)
    assert not any("lora" in name for name in merged.state_dict())
    torch.testing.assert_close(logits(merged), before_merge["logits"], rtol=1e-4, atol=1e-5)
    # The test could not fail if LoRA had learnt nothing.
    base = next(iter(before_merge["base"].values()))
    change = merged.state_dict()["meit.backbone.model.layers.0.self_attn.k_proj.weight"] - base
    assert float(change.abs().max()) > 1e-4

    adapter = load_file(out / "adapter" / "adapter_model.safetensors")
    statistics = {name: value for name, value in adapter.items() if "running_" in name}
    own = {name: value for name, value in merged.state_dict().items() if "running_" in name}
    assert len(statistics) == len(own) > 10
    for name, value in own.items():
        saved = statistics["base_model.model." + name]
        assert torch.equal(saved, value), name
        assert not torch.equal(saved, torch.zeros_like(saved) if "mean" in name else torch.ones_like(saved)), name


def test_the_adapter_on_a_fresh_model_is_the_merged_model(recipe_file, trainer_of):
    out = train_sft.main([str(recipe_file), LORA, "max_steps=3"])
    merged = AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True)
    # The same seed gives the same start.
    fresh = trainer_of()[0].model
    assert not torch.allclose(logits(fresh), logits(merged), atol=1e-3)
    torch.testing.assert_close(
        logits(PeftModel.from_pretrained(fresh, out / "adapter")), logits(merged), rtol=1e-4, atol=1e-5
    )
