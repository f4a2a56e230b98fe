"""A data set of random signals and a recipe so small that a training step takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import yaml
from trl import SFTConfig

import train_sft
from dataset_scripts.shards import ShardWriter
from meit_training.arguments import DataArguments, EcgArguments, TextArguments
from meit_training.recipe import parse

RATE, SECONDS = 100, 2
RECIPE = {
    "ecg_config": {
        "preset": "small",
        "duration": SECONDS,
        "stem_width": 8,
        "depths": [1, 1, 1, 1],
        "widths": [8, 8, 8, 8],
        "projector_width": 16,
    },
    "decoder": {
        "model_type": "llama",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "attention_dropout": 0.1,
        "max_position_embeddings": 256,
    },
    "vocab_size": 400,
    "fusion": {"num_ecg_tokens": 2, "ecg_norm": "rms"},
    "generation": {"max_new_tokens": 4},
    "validation_share": 0.3,
    "max_length": 128,
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 8,
    "learning_rate": 1.0e-2,
    "max_steps": 2,
    "gradient_checkpointing": False,
    "bf16": False,
    "seed": 1,
    "eval_strategy": "no",
    "save_strategy": "no",
    "logging_steps": 1,
    "disable_tqdm": True,
    "report_to": "none",
}


def completion_of(index: int) -> str:
    return f"sinus rhythm, rate {60 + index}. {'left' if index % 2 else 'right'} axis, Lagetyp übergedreht."


def row_of(index: int, **changes: Any) -> dict[str, Any]:
    """All columns of a row but its signal; each has a question on its rate, every third one on its rhythm too."""
    rate = {"task": "rate", "prompt": "How fast does this heart beat?", "completion": f"{60 + index} a minute."}
    rhythm = {"task": "rhythm", "prompt": "Which rhythm is this?", "completion": f"sinus rhythm of record {index}."}
    row: dict[str, Any] = {
        **dict.fromkeys(("report_raw", "report", "report_en", "completion"), completion_of(index)),
        **{key: [] for key in ("labels", "measurements", "quality")},
        "ecg_id": f"r{index}",
        "patient_id": f"p{index}",
        "sampling_rate": RATE,
        "language": "en",
        "prompt": "Please write the report of this ECG. Write the report in English.",
        "questions": [rate] if index % 3 else [rate, rhythm],
        "age": 50.0,
        "sex": "female",
        "scp_codes": [{"code": "NORM" if index % 3 else "LAFB", "likelihood": 100.0}],
        "signal_quality": {
            **{key: [] for key in ("flat_leads", "missing_leads", "saturated_leads")},
            "missing_share": 0.0,
            "lead_verdict": "agree",
            "suspected_swap": "",
        },
        "source": "tests",
        **changes,
    }
    return row


def write_data_set(folder: Path, files: Sequence[int]) -> Path:
    """As `meit build` lays it out, with so many records in each file; every report is unlike the others."""
    rng = np.random.default_rng(0)
    (folder / "data").mkdir(parents=True)
    for number, rows in enumerate(files):
        with ShardWriter(folder / "data" / f"train-{number:05d}.parquet") as writer:
            for index in range(sum(files[:number]), sum(files[:number]) + rows):
                writer.add(rng.normal(0, 400, (12, RATE * SECONDS)).astype(np.int16), row_of(index))
            writer.finish()
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.parquet\n---\n"
    )
    return folder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 records of 36 patients in a train split, as `meit build` lays them out; every report is unlike the others."""
    return write_data_set(tmp_path_factory.mktemp("data") / "one-file", [36])


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 records in four files."""
    return write_data_set(tmp_path_factory.mktemp("shards") / "four-files", [30, 7, 20, 13])


@pytest.fixture(autouse=True)
def datasets_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a test stays in the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.getbasetemp() / "datasets-cache")


@pytest.fixture
def recipe_file(tmp_path: Path, data_folder: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"data": str(data_folder), "output_dir": str(tmp_path / "run"), **RECIPE}))
    return path


@pytest.fixture
def trainer_of(recipe_file: Path) -> Callable:
    """Settings `key=value` -> the trainer and the processor `train_sft.main` would use."""

    def make(*settings: str):
        arguments = parse([str(recipe_file), *settings], DataArguments, EcgArguments, TextArguments, SFTConfig)
        return train_sft.make_trainer(*arguments)

    return make
