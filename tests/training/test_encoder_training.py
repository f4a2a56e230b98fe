from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

import train_encoder
from dataset_scripts.record import EcgInputError
from meit_training.ecg_batches import EpochOfAugmentation
from meit_training.encoder_weights import load_encoder, save_encoder
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder

SHAPE = {"preset": "small", "duration": 2, "stem_width": 8, "depths": [1, 1, 1, 1], "widths": [8, 8, 8, 8]}
RECIPE = {
    "ecg_config": {**SHAPE, "dropout": 0.2, "drop_path": 0.1},
    "augmentation": {},
    "min_records": 5,
    "validation_share": 0.3,
    "per_device_train_batch_size": 4,
    "learning_rate": 1.0e-2,
    "max_steps": 2,
    "bf16": False,
    "seed": 1,
    "logging_steps": 1,
    "disable_tqdm": True,
    "report_to": "none",
}


@pytest.fixture
def encoder_recipe(tmp_path, data_folder):
    path = tmp_path / "encoder.yaml"
    path.write_text(yaml.safe_dump({"data": str(data_folder), "output_dir": str(tmp_path / "run"), **RECIPE}))
    return str(path)


def test_a_run_writes_a_folder_that_a_model_starts_from(encoder_recipe, trainer_of):
    folder = train_encoder.main([encoder_recipe])
    notes = json.loads((folder / "notes.json").read_text())
    assert notes["statements"] == ["LAFB", "NORM"]
    assert 0 <= notes["eval_macro_auroc"] <= 1
    plain = trainer_of()[0].model.meit
    # Regularisation and projector may differ from those it was trained with.
    begun = trainer_of(f"encoder_weights={folder}", "ecg_config.dropout=0.5", "ecg_config.projector_width=24")[0].model
    expected = build_ecg_encoder(EcgEncoderConfig(**SHAPE))
    load_encoder(expected, EcgEncoderConfig(**SHAPE), folder)
    for name, value in begun.meit.ecg_encoder.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name]), name
        if name.endswith("0.weight"):
            assert not torch.equal(value, plain.ecg_encoder.state_dict()[name]), name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stem_width": 16}, "stem_width"),
        ({"sampling_rate": 500}, "sampling_rate"),
        ({"kernel_size": 5}, "kernel_size"),
    ],
)
def test_an_encoder_of_another_shape_is_refused_by_name(change, named, tmp_path):
    config = EcgEncoderConfig(**SHAPE)
    save_encoder(build_ecg_encoder(config), config, tmp_path, {})
    other = EcgEncoderConfig(**{**SHAPE, **change})
    with pytest.raises(EcgInputError, match=f"differs in {named};"):
        load_encoder(build_ecg_encoder(other), other, tmp_path)


def test_a_folder_that_is_being_rewritten_is_not_taken_for_whole(tmp_path, monkeypatch):
    config = EcgEncoderConfig(**SHAPE)
    encoder = build_ecg_encoder(config)
    save_encoder(encoder, config, tmp_path, {})
    monkeypatch.setattr("meit_training.encoder_weights.save_file", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save_encoder(encoder, config, tmp_path, {})
    with pytest.raises(EcgInputError, match="holds no encoder"):
        load_encoder(encoder, config, tmp_path)


def test_macro_auroc_leaves_out_what_is_everywhere_or_nowhere():
    labels = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [1, 1, 0, 1]])
    scores = np.array([[3.0, 0, 0, 3], [1, 0, 0, 1], [2, 0, 0, 2]])
    found = train_encoder.macro_auroc(SimpleNamespace(predictions=scores, label_ids=labels))
    assert found == {"macro_auroc": (1 + 0) / 2}
    assert train_encoder.macro_auroc(SimpleNamespace(predictions=scores[:, 1:3], label_ids=labels[:, 1:3])) == {}


def test_statements_rarer_than_asked_for_are_refused_when_none_is_left(encoder_recipe):
    with pytest.raises(EcgInputError, match="min_records=1000"):
        train_encoder.main([encoder_recipe, "min_records=1000"])


def test_a_data_set_without_statements_is_refused():
    with pytest.raises(EcgInputError, match="no column scp_codes, only a, b"):
        train_encoder.statements_of(SimpleNamespace(column_names=["a", "b"]))


class Killed(Exception):
    pass


class KilledAtStep9(EpochOfAugmentation):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            raise Killed


def test_a_killed_and_resumed_run_gives_the_weights_of_an_uncut_one(encoder_recipe, tmp_path, monkeypatch):
    arguments = [encoder_recipe, "max_steps=14", "save_strategy=steps", "save_steps=4", "lr_scheduler_type=cosine"]
    arguments += ["eval_strategy=steps", "eval_steps=3"]
    uncut = train_encoder.main([*arguments, f"output_dir={tmp_path / 'uncut'}"])
    again = [*arguments, f"output_dir={tmp_path / 'cut'}"]
    with monkeypatch.context() as patch:
        patch.setattr(train_encoder, "EpochOfAugmentation", KilledAtStep9)
        with pytest.raises(Killed):
            train_encoder.main(again)
    assert not (tmp_path / "cut" / "encoder").exists()
    resumed = train_encoder.main([*again, "resume_from_checkpoint=true"])
    assert (uncut / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()
    begun_anew = train_encoder.main([*again, "seed=2"])
    assert (uncut / "model.safetensors").read_bytes() != (begun_anew / "model.safetensors").read_bytes()
