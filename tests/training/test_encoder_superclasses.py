"""A supervised run on superclasses: any encoder, from weights or none, scored on a split that it has not seen."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import yaml

import train_encoder
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import ShardWriter
from meit_training.cpu_clock import NAME
from meit_training.encoder_weights import load_encoder, save_encoder
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder
from tests.tiny_encoders import TINY_ENCODERS
from tests.training.conftest import row_of

CODES = ("NORM", "IMI", "LVH", "SR")  # the last is no diagnosis


def tiny(kind):
    common = {"kind": kind, "preset": "small", "duration": 2, "dropout": 0.1, "drop_path": 0.1}
    convolution = {"stem_width": 8, "depths": [1, 1, 1, 1], "widths": [8, 8, 8, 8]}
    return {**common, **(convolution if kind == "temporal_conv" else TINY_ENCODERS[kind])}


@pytest.fixture(scope="module")
def folds(data_folder, tmp_path_factory):
    """The tiny data set and a split `validation`; which quarter of the amplitudes a record has is its diagnosis."""
    folder = tmp_path_factory.mktemp("folds")
    (folder / "data").mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 48), ("validation", 20)):
        with ShardWriter(folder / "data" / f"{split}-00000.parquet") as writer:
            for index in range(count):
                signal = rng.normal(0, 100 * 4 ** (index % 4), (12, 200)).clip(-30000, 30000).astype(np.int16)
                own = {
                    "ecg_id": f"{split}{index}",
                    "patient_id": f"{split}-patient{index // 2}",
                    "scp_codes": [{"code": CODES[index % 4], "likelihood": 0.0}],
                }
                writer.add(signal, row_of(index, **own))
            writer.finish()
    shutil.copy(data_folder / "README.md", folder)
    card = (
        (folder / "README.md")
        .read_text()
        .replace("---\n", "  - split: validation\n    path: data/validation-*.parquet\n---\n")
    )
    (folder / "README.md").write_text("---\n" + card.removeprefix(card.split("configs:")[0]))
    return folder


@pytest.fixture
def recipe(tmp_path, folds):
    def write(kind="vit", **changes):
        settings = {
            "data": str(folds),
            "output_dir": str(tmp_path / "run"),
            "ecg_config": tiny(kind),
            "labels": "superclasses",
            "evaluate_split": "validation",
            "validation_share": 0.3,
            "per_device_train_batch_size": 4,
            "learning_rate": 1.0e-2,
            "max_steps": 3,
            "bf16": False,
            "seed": 1,
            "eval_strategy": "steps",
            "eval_steps": 2,
            "save_strategy": "no",
            "logging_steps": 1,
            "disable_tqdm": True,
            "report_to": "none",
            **changes,
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(settings))
        return str(path)

    return write


def notes_of(folder):
    return json.loads((folder / "notes.json").read_text())


@pytest.mark.parametrize("kind", TINY_ENCODERS)
def test_a_run_says_what_it_learnt_and_how_well(kind, recipe):
    folder = train_encoder.main([recipe(kind)])
    notes = notes_of(folder)
    assert notes["superclasses"] == ["NORM", "MI", "STTC", "CD", "HYP"]
    assert (notes["steps"], notes["seed"], notes["batch_size"]) == (3, 1, 4)
    assert [entry["step"] for entry in notes["watched"]] == [2, 3]
    assert 0 < notes["cpu_minutes"] < 10
    config = EcgEncoderConfig.from_pretrained(folder)
    assert config.kind == kind
    assert notes["parameters"] == sum(p.numel() for p in build_ecg_encoder(config).parameters())
    scored = notes["evaluation"]
    # Of 20 records a quarter has no diagnosis; nobody has a conduction disturbance or an ST-T change.
    assert (scored["split"], scored["records"], scored["records_left_out"]) == ("validation", 15, 5)
    assert scored["patients"] == 10
    assert set(scored["auroc"]) == {"NORM", "MI", "HYP"}
    assert scored["macro_auroc"] == pytest.approx(np.mean(list(scored["auroc"].values())))
    assert scored["macro_auroc_95"][0] <= scored["macro_auroc"] <= scored["macro_auroc_95"][1]


def test_what_can_be_learnt_is_learnt(recipe):
    """The amplitude gives the class away, so a sound run on a split unseen is nearly perfect."""
    notes = notes_of(train_encoder.main([recipe("temporal_conv", max_steps=60, eval_steps=30, learning_rate=5e-3)]))
    assert notes["evaluation"]["macro_auroc"] > 0.95


def test_a_run_starts_from_the_weights_it_is_given(recipe, tmp_path):
    config = EcgEncoderConfig(**tiny("vit"))
    encoder = build_ecg_encoder(config)
    with torch.no_grad():
        encoder.norm.weight.fill_(7)
    save_encoder(encoder, config, tmp_path / "begun", {})
    folder = train_encoder.main([recipe(learning_rate=0.0, encoder_weights=str(tmp_path / "begun"))])
    trained = build_ecg_encoder(config)
    load_encoder(trained, config, folder)
    assert (trained.norm.weight == 7).all()


def test_cpu_minutes_are_counted_through_a_cut(recipe, tmp_path):
    path = recipe(save_strategy="steps", save_steps=2)
    train_encoder.main([path])
    checkpoint = tmp_path / "run" / "checkpoint-2"
    assert 0 < json.loads((checkpoint / NAME).read_text())["cpu_minutes"] < 10
    (checkpoint / NAME).write_text(json.dumps({"cpu_minutes": 100.0}))
    notes = notes_of(train_encoder.main([path, f"resume_from_checkpoint={checkpoint}"]))
    assert 100 < notes["cpu_minutes"] < 110
    assert notes["steps"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "classes"}, "labels is 'classes', expected one of statements, superclasses"),
        ({"evaluate_split": "train"}, "evaluate_split=train would score what was learnt"),
        ({"evaluate_split": "test"}, "test"),
        ({"ecg_config": {"kind": "resnet"}}, "kind 'resnet' is unknown"),
        ({"freeze_encoder": True}, "freeze_encoder is for training a language model"),
        ({"encoder_learning_rate": 1.0e-3}, "encoder_learning_rate is for training a language model"),
        ({"ecg_config": {**tiny("vit"), "num_heads": 3}}, "does not divide by its num_heads"),
    ],
)
def test_what_cannot_be_used_is_refused(recipe, changes, message):
    with pytest.raises(EcgInputError, match=message):
        train_encoder.main([recipe(**changes)])
