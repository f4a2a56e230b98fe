"""Masked autoencoding: what is hidden, what is scored, and a run that a supervised one goes on from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import pretrain_encoder
import train_encoder
from dataset_scripts.record import EcgInputError
from meit_training.encoder_weights import load_encoder
from meit_training.masked_ecg import MaskArguments, MaskedEcgModel
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder
from tests.tiny import tiny_ecg
from tests.tiny_encoders import TINY_ENCODERS, tiny_encoder_config

ROOT = Path(__file__).parents[2]
SHAPE = {"kind": "vit", "preset": "small", "duration": 2, "drop_path": 0.0, **TINY_ENCODERS["vit"]}
STEPS = 40  # patches of 25 samples in 1000


def model_of(**changes) -> MaskedEcgModel:
    torch.manual_seed(0)
    small = {"decoder_width": 8, "decoder_layers": 1, "decoder_heads": 2}
    return MaskedEcgModel(build_ecg_encoder(tiny_encoder_config("vit")), 12, MaskArguments(**small, **changes)).eval()


def noise(batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, STEPS, generator=generator), torch.rand(batch, STEPS, 12, generator=generator)


def loss_of(model, ecg, mask=None, drawn=None):
    mask = torch.ones_like(ecg, dtype=torch.bool) if mask is None else mask
    return model(ecg, mask, *(noise(len(ecg)) if drawn is None else drawn))["unexplained"]


class Still(torch.nn.Module):
    """In place of the last layer: draws `value` everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return torch.full((*x.shape[:2], 12 * 25), self.value)


@torch.no_grad()
def test_drawing_each_leads_mean_leaves_all_variance_unexplained():
    model = model_of()
    model.draw = Still(0.0)
    ecg = tiny_ecg(3, samples=1000) * torch.tensor([0.05, 1.0, 20.0])[:, None, None]
    torch.testing.assert_close(loss_of(model, ecg), torch.ones(3), atol=0.05, rtol=0)
    model.draw = Still(1.0)  # one standard deviation off on top
    torch.testing.assert_close(loss_of(model, ecg), torch.full((3,), 2.0), atol=0.1, rtol=0)


@torch.no_grad()
def test_the_loss_is_over_what_was_hidden_alone():
    """Time only: 24 of 40 patches hidden. A spike shows in the loss where it is hidden and not where it is shown."""
    model = model_of(mask_time=0.6, mask_leads=0.0)
    model.draw = Still(0.0)
    drawn = noise(1)
    shown = drawn[0][0].argsort(descending=True)[:16]
    flat = torch.zeros(1, 12, 1000)
    flat[:, :, ::2], flat[:, :, 1::2] = 0.1, -0.1
    plain = loss_of(model, flat, drawn=drawn).item()
    for patch in range(STEPS):
        spiked = flat.clone()
        spiked[0, 3, patch * 25 + 7] = 1.0
        if patch in shown:
            assert loss_of(model, spiked, drawn=drawn).item() < plain
        else:
            assert loss_of(model, spiked, drawn=drawn).item() > plain


@torch.no_grad()
def test_what_is_hidden_does_not_reach_the_drawing():
    model = model_of(mask_time=0.5, mask_leads=0.4)
    seen = []
    model.draw.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    ecg, drawn = tiny_ecg(1), noise(1)
    order = drawn[0][0].argsort(descending=True)
    loss_of(model, ecg, drawn=drawn)
    changed = ecg.clone()
    for patch in order[20:]:
        changed[:, :, patch * 25 : patch * 25 + 25] = 5.0
    for patch in order[:20]:
        for lead in torch.nonzero(drawn[1][0, patch] < 0.4)[:, 0]:
            changed[:, lead, patch * 25 : patch * 25 + 25] = 5.0
    loss_of(model, changed, drawn=drawn)
    assert torch.equal(seen[0], seen[1])
    patch = order[0]
    lead = torch.nonzero(drawn[1][0, patch] >= 0.4)[0, 0]
    changed[:, lead, patch * 25 : patch * 25 + 25] = 5.0
    loss_of(model, changed, drawn=drawn)
    assert not torch.allclose(seen[0], seen[2], atol=1e-4)


def test_the_shares_are_those_asked_for():
    model = model_of(mask_time=0.75, mask_leads=0.3)
    kept = []
    model.ecg_encoder.blocks[0].register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0].shape[1]))
    loss_of(model, tiny_ecg(2))
    assert kept == [10]


@torch.no_grad()
def test_what_was_not_measured_is_neither_read_nor_scored():
    model = model_of()
    ecg = tiny_ecg(2)
    mask = torch.ones_like(ecg, dtype=torch.bool)
    mask[0, 4] = False
    mask[0, :, 430:470] = False
    mask[1, :, 613:] = False
    expected = loss_of(model, ecg.masked_fill(~mask, 0), mask)
    assert expected.isfinite().all()
    assert torch.equal(loss_of(model, ecg.masked_fill(~mask, float("nan")), mask), expected)


@torch.no_grad()
def test_padding_is_not_kept_in_place_of_a_recording():
    """Whatever the noise, every patch that stays is of the first 400 samples, and padding is never attended to."""
    model = model_of(mask_time=0.5, mask_leads=0.0)
    ecg = tiny_ecg(1)
    mask = torch.arange(1000).expand(1, 12, -1) < 400
    inside = []
    model.ecg_encoder.blocks[0].register_forward_pre_hook(lambda module, inputs: inside.append(inputs[1]))
    loss_of(model, ecg, mask)
    assert inside[0].tolist() == [[True] * 16 + [False] * 4]


def test_every_part_learns():
    model = model_of().train()
    ecg = tiny_ecg(4)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(ecg, torch.ones_like(ecg, dtype=torch.bool), *noise(4))["loss"]
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_time": 1.0}, "mask_time is 1.0"),
        ({"mask_leads": -0.1}, "mask_leads is -0.1"),
        ({"mask_time": 0.0, "mask_leads": 0.0}, "nothing is masked"),
        ({"decoder_width": 10}, "does not divide by decoder_heads"),
    ],
)
def test_masks_that_teach_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        MaskArguments(**changes)


@pytest.fixture
def recipe(tmp_path, data_folder):
    def write(**changes):
        settings = {
            "data": str(data_folder),
            "output_dir": str(tmp_path / "run"),
            "ecg_config": SHAPE,
            "augmentation": {"drop_leads": 0.0},
            "decoder_width": 8,
            "decoder_layers": 1,
            "decoder_heads": 2,
            "validation_share": 0.3,
            "per_device_train_batch_size": 4,
            "learning_rate": 3.0e-3,
            "max_steps": 3,
            "bf16": False,
            "seed": 1,
            "eval_strategy": "steps",
            "eval_steps": 3,
            "save_strategy": "no",
            "logging_steps": 1,
            "disable_tqdm": True,
            "report_to": "none",
            **changes,
        }
        path = tmp_path / "masked.yaml"
        path.write_text(yaml.safe_dump(settings))
        return str(path)

    return write


def test_a_supervised_run_goes_on_from_a_masked_one(recipe, tmp_path):
    folder = pretrain_encoder.main([recipe()])
    notes = json.loads((folder / "notes.json").read_text())
    assert 0 < notes["eval_unexplained"] < 5
    assert notes["steps"] == 3
    assert [entry["step"] for entry in notes["watched"]] == [3]
    config = EcgEncoderConfig.from_pretrained(folder)
    masked = build_ecg_encoder(config)
    load_encoder(masked, config, folder)
    supervised = {
        "mask_time": None,
        "ecg_config": {**SHAPE, "drop_path": 0.1},
        "encoder_weights": str(folder),
        "min_records": 5,
        "learning_rate": 0.0,
        "output_dir": str(tmp_path / "supervised"),
    }
    settings = yaml.safe_load(Path(recipe(**supervised)).read_text())
    path = tmp_path / "supervised.yaml"
    kept = {key: value for key, value in settings.items() if not key.startswith(("decoder", "mask"))}
    path.write_text(yaml.safe_dump(kept))
    begun = build_ecg_encoder(config)
    load_encoder(begun, config, train_encoder.main([str(path)]))
    for name, value in masked.state_dict().items():
        assert torch.equal(value, begun.state_dict()[name]), name


class Killed(Exception):
    pass


class KilledAtStep9(pretrain_encoder.EpochOfAugmentation):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            raise Killed


def test_a_killed_and_resumed_run_gives_the_weights_of_an_uncut_one(recipe, tmp_path, monkeypatch):
    arguments = [recipe(max_steps=14, save_strategy="steps", save_steps=4)]
    uncut = pretrain_encoder.main([*arguments, f"output_dir={tmp_path / 'uncut'}"])
    again = [*arguments, f"output_dir={tmp_path / 'cut'}"]
    with monkeypatch.context() as patch:
        patch.setattr(pretrain_encoder, "EpochOfAugmentation", KilledAtStep9)
        with pytest.raises(Killed):
            pretrain_encoder.main(again)
    resumed = pretrain_encoder.main([*again, "resume_from_checkpoint=true"])
    assert (uncut / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()


def test_held_out_rows_are_masked_alike_in_every_epoch(data_folder):
    class Source:
        seed, epoch = 3, 0

        def __call__(self, rows, augment):
            return {}

    source = Source()
    collate = pretrain_encoder.collator(source, 8, 12)
    first = collate([(5, False), (5, True), (6, False)])
    source.epoch = 1
    second = collate([(5, False), (5, True), (6, False)])
    assert first["lead_noise"].shape == (3, 8, 12)
    for name in ("time_noise", "lead_noise"):
        assert torch.equal(first[name][::2], second[name][::2])
        assert not torch.equal(first[name][1], second[name][1])
        assert not torch.equal(first[name][0], first[name][2])
        assert not torch.equal(first[name][0], first[name][1])


@pytest.mark.parametrize("kind", ["temporal_conv", "vision_mamba"])
def test_an_encoder_that_cannot_leave_tokens_out_is_refused(kind, recipe):
    with pytest.raises(EcgInputError, match=f"kind is '{kind}'; masked autoencoding leaves tokens out"):
        pretrain_encoder.main([recipe(ecg_config={"kind": kind, "preset": "small", "duration": 2})])


def test_the_script_exits_with_2_and_one_line(tmp_path):
    command = [sys.executable, ROOT / "pretrain_encoder.py", tmp_path / "none.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("pretrain_encoder: error: there is no recipe")
    assert "Traceback" not in done.stderr
