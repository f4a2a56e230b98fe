"""A threshold kept in the configuration of the model it was chosen for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataset_scripts.errors import EcgInputError
from dataset_scripts.whole_file import write_whole
from eval_suite.calibration.asked import language_told
from eval_suite.model_folder import config_text, folder_fingerprint, read_config
from eval_suite.predictions import align, read_settings
from eval_suite.rows import ReportRows


def check_storable(model: str | Path, predictions: Path, split: str) -> None:
    """Refuse to store a threshold that was not chosen on this model's own predictions.

    Args:
        model: folder.
        predictions: file that `meit eval quality` wrote.
        split: that was predicted.

    Raises:
        EcgInputError: the split "train"; no folder of a MEIT model; or predictions that record no settings, were made
            by other files, of other ECGs than the rows' own, or with other generation settings than the model's own.
    """
    if split == "train":
        raise EcgInputError(
            "a threshold of the split train is not stored, as a model has seen those reports and errs less on them "
            "than on others; choose it on validation"
        )
    config = Path(model) / "config.json"
    if not config.is_file():
        raise EcgInputError(f"{model} has no config.json, expected the folder of a model as `meit train` saves it")
    kind = read_config(config).get("model_type")
    if kind != "meit":
        raise EcgInputError(f"{config} is of the model type {kind!r}, expected 'meit': others keep no threshold")
    settings = read_settings(predictions) if predictions.suffix == ".parquet" else None
    again = f"; make them with meit eval quality --model {model}"
    if not settings or "model" not in settings:
        raise EcgInputError(f"{predictions} does not record which model made it, so nothing can be stored{again}")
    if settings["model"] != folder_fingerprint(Path(model)):
        raise EcgInputError(f"{predictions} was made by other files than {model} holds now{again}")
    if settings.get("ecg") != "true":
        raise EcgInputError(f"{predictions} was made with {settings.get('ecg')} ECGs, expected the rows' own{again}")
    if settings.get("generation"):
        raise EcgInputError(
            f"{predictions} was generated with {settings['generation']}, but a stored threshold is for the model's own "
            f"generation_config{again}"
        )


def how_asked(predictions: Path, rows: ReportRows) -> dict[str, Any]:
    """The fields of `MeitConfig.abstention` that say how the model was asked.

    Args:
        predictions: file that `meit eval quality` wrote.
        rows: that it predicts.

    Raises:
        EcgInputError: as `language_told` and `align`.
    """
    columns = pq.read_table(predictions, columns=["ecg_id", "prompt"]).to_pydict()
    prompts = align(predictions, dict(zip(columns["ecg_id"], columns["prompt"], strict=True)), rows.ecg_ids)
    settings = read_settings(predictions) or {}
    return {
        "language_told": language_told(prompts, rows.languages),
        "languages": {name: count / len(rows) for name, count in sorted(Counter(rows.languages).items())},
        "dtype": settings.get("dtype"),
    }


def store_threshold(model: str | Path, predictions: Path, abstention: Mapping[str, Any]) -> None:
    """Write a threshold into a model folder's config.json, all or nothing; an older one is replaced.

    Args:
        model: folder.
        predictions: file it was chosen on.
        abstention: as `MeitConfig.abstention` takes it.

    Raises:
        EcgInputError: as `check_storable`, or the threshold could not be measured.
    """
    check_storable(model, predictions, abstention["split"])
    if any(math.isnan(value) for name in ("share_answered", "error_answered") for value in abstention[name].values()):
        raise EcgInputError(
            f"too few of the {abstention['rows']} measuring reports are answered to give the threshold's error an "
            "interval; nothing is stored, predict more rows"
        )
    config = Path(model) / "config.json"
    write_whole(config, config_text({**read_config(config), "abstention": dict(abstention)}))
