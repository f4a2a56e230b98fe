"""`freeze_encoder`: the encoder's weights and batch statistics stay, whatever else learns."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import train_sft
from dataset_scripts.record import EcgInputError
from meit_training.encoder_weights import save_encoder
from meit_training.frozen_encoder import freeze_encoder
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder
from tests.tiny import tiny_ecg, tiny_ids, tiny_model
from tests.training.conftest import RECIPE

LORA = "lora={r: 4, lora_alpha: 8}"


@pytest.fixture
def encoder_folder(tmp_path):
    config = EcgEncoderConfig(**RECIPE["ecg_config"])
    encoder = build_ecg_encoder(config)
    for index, value in enumerate(encoder.state_dict().values()):
        if value.is_floating_point():
            value.uniform_(0.5 + 0.01 * index, 1.0 + 0.01 * index)
    save_encoder(encoder, config, tmp_path / "encoder", {})
    return tmp_path / "encoder"


def encoders(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items() if ".ecg_encoder." in name}


@pytest.mark.parametrize("lora", [LORA, "lora=null"])
def test_a_frozen_encoder_does_not_move_in_training(lora, recipe_file, encoder_folder):
    out = train_sft.main(
        [str(recipe_file), lora, f"encoder_weights={encoder_folder}", "freeze_encoder=true", "max_steps=3"]
    )
    saved = load_file(out / "model.safetensors")
    given = load_file(encoder_folder / "model.safetensors")
    assert any("running_mean" in name for name in given)
    for name, value in given.items():
        assert torch.equal(saved["meit.ecg_encoder." + name], value), name
    assert (saved["meit.projector.out_norm.running_mean"] != 0).any()
    if lora == LORA:
        adapter = load_file(out / "adapter" / "adapter_model.safetensors")
        for name, value in given.items():
            assert torch.equal(adapter["base_model.model.meit.ecg_encoder." + name], value), name


def test_an_encoder_that_is_not_frozen_moves(recipe_file, encoder_folder):
    out = train_sft.main([str(recipe_file), f"encoder_weights={encoder_folder}", "max_steps=3"])
    saved, given = load_file(out / "model.safetensors"), load_file(encoder_folder / "model.safetensors")
    assert all(
        not torch.equal(saved["meit.ecg_encoder." + name], value)
        for name, value in given.items()
        if name.endswith(("weight", "running_mean"))
    )


def test_a_run_that_goes_on_keeps_it_frozen(recipe_file, encoder_folder, tmp_path):
    settings = [LORA, f"encoder_weights={encoder_folder}", "freeze_encoder=true", "save_strategy=steps", "save_steps=2"]
    out = train_sft.main([str(recipe_file), *settings, "max_steps=2"])
    train_sft.main([str(recipe_file), *settings, "max_steps=4", "--resume_from_checkpoint", str(out / "checkpoint-2")])
    given, saved = load_file(encoder_folder / "model.safetensors"), load_file(out / "model.safetensors")
    assert (out / "checkpoint-4").is_dir()
    for name, value in given.items():
        assert torch.equal(saved["meit.ecg_encoder." + name], value), name


def test_freezing_holds_against_train():
    model = tiny_model()
    freeze_encoder(model)
    before = encoders(model)
    model.train()
    model(input_ids=tiny_ids(2, 6), ecg_values=tiny_ecg(2), labels=tiny_ids(2, 6)).loss.backward()
    assert all(torch.equal(value, before[name]) for name, value in encoders(model).items())
    assert all(value.grad is None for value in model.meit.ecg_encoder.parameters())
    assert all(value.grad is not None for value in model.meit.projector.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["freeze_encoder=true"], "set encoder_weights"),
        (["freeze_encoder=true", "encoder_weights=x", "encoder_learning_rate=0.1"], "exclude each other"),
    ],
)
def test_freezing_what_cannot_stay_is_refused(settings, message, recipe_file):
    with pytest.raises(EcgInputError, match=message):
        train_sft.main([str(recipe_file), *settings])
