"""Splits opened from a folder or the Hub, and which patients of the one that is learnt from are held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from dataset_scripts.open_split import open_split
from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import patient_holdout

from .arguments import DataArguments

COLUMNS = ("ecg_id", "patient_id", "signal", "sampling_rate", "prompt", "completion")


def open_recipe_split(
    arguments: DataArguments, split: str = "train", needed: Sequence[str] = COLUMNS, **how: Any
) -> Any:
    """One split of `arguments.data`, see `dataset_scripts.open_split`; `how` goes to `datasets.load_dataset`.

    Raises:
        EcgInputError: for what is no built data set, a config that it does not have, or a column that is missing.
    """
    if not arguments.data:
        raise EcgInputError("the recipe names no data; set data=FOLDER, as `meit build` wrote it")
    path = Path(arguments.data)
    if path.is_dir() and not (path / "README.md").is_file():
        raise EcgInputError(f"{path} is not a finished data set: it has no README.md; build it with `meit build`")
    return open_split(arguments.data, split, needed, arguments.data_config, arguments.data_revision, **how)


def training_rows(arguments: DataArguments, watched: bool) -> tuple[datasets.Dataset, np.ndarray]:
    """The training split and the mask of rows held out of it.

    Args:
        arguments: name data and patients.
        watched: whether the run is to be evaluated on held-out rows.

    Returns:
        the data set and a bool array, True for the rows of held-out patients.

    Raises:
        EcgInputError: as `open_recipe_split`, or for data that leaves no row to learn from or to evaluate.
    """
    if arguments.streaming:
        raise EcgInputError("streaming=true is for training a language model; leave it out")
    rows = open_recipe_split(arguments)
    if arguments.max_rows is not None:
        rows = rows.select(range(min(arguments.max_rows, len(rows))))
    held_out = patient_holdout(rows["patient_id"], arguments.validation_share, arguments.split_seed)
    if held_out.all():
        raise nothing_to_learn(arguments, len(rows))
    if watched and not held_out.any():
        raise nothing_to_watch(arguments, len(rows))
    return rows, held_out


def nothing_to_learn(arguments: DataArguments, rows: int) -> EcgInputError:
    """The error where every row is held out."""
    return EcgInputError(
        f"validation_share={arguments.validation_share} leaves none of {rows} rows to learn from; lower it"
    )


def nothing_to_watch(arguments: DataArguments, rows: int) -> EcgInputError:
    """The error where no row is held out and some should be."""
    return EcgInputError(
        f"validation_share={arguments.validation_share} holds none of {rows} rows out to evaluate on; raise it, or set "
        "eval_strategy=no"
    )
