"""One system's predictions as they lie on the disk, with what their file and their folder say of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataset_scripts.errors import EcgInputError
from dataset_scripts.json_object import read_object
from eval_suite.predictions import read_predictions, read_settings, some
from eval_suite.statistics import Interval

PREDICTIONS, SCORES = "predictions.parquet", "scores.json"
_TEXTS = ("reference", "patient_id", "prompt")
_ROWS_SCORED = ("data", "split", "rows", "rows_in_split", "patients", "text_column", "language_told")


@dataclass(frozen=True)
class Side:
    """One system's predictions, as they lie on the disk.

    Attributes:
        letter: "A" or "B".
        source: the folder or file.
        name: of the folder, of a file with its folder's.
        described: what the system is, for a table.
        predictions: ecg_id -> report.
        columns: of `reference`, `patient_id` and `prompt` those that the file fills in, each ecg_id -> text.
        conditions: of the folder's `scores.json`; empty for a file.
    """

    letter: str
    source: Path
    name: str
    described: str
    predictions: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    conditions: Mapping[str, Any]

    def told(self) -> str:
        """Whether the language was told to the system, in a word."""
        return {True: "yes", False: "no", None: "not stated"}[self.conditions.get("language_told")]


def read_side(letter: str, source: str | Path) -> Side:
    """One system's predictions: of a results folder, or of a `.parquet` or `.csv` file.

    Raises:
        EcgInputError: no such folder or file, a folder without predictions, a row without a patient, or as
            `read_predictions` and `read_scores`.
    """
    source = Path(source)
    if not source.exists():
        raise EcgInputError(f"{letter}, {source}, is not there; give a folder that `meit eval` wrote, or predictions")
    path, conditions = source, {}
    if source.is_dir():
        path = source / PREDICTIONS
        if not path.is_file():
            raise EcgInputError(
                f"{letter}, {source}, has no {PREDICTIONS}; name the file of the predictions in place of the folder"
            )
        if (source / SCORES).is_file():
            conditions = read_scores(source / SCORES)["conditions"]
    predictions = read_predictions(path)
    described = conditions.get("system", path.name)
    # Of a file that was scored, the conditions know no more than its name.
    described = described_model(path) or "predictions" if described == path.name else described
    name = Path(*source.resolve().parts[-1 if source.is_dir() else -2 :]).as_posix()
    return Side(letter, source, name, f"{name}: {described}", predictions, _columns(path), conditions)


def read_scores(path: Path) -> dict[str, Any]:
    """A `scores.json` as `meit eval quality` and `meit eval score` write it.

    Raises:
        EcgInputError: it is not one, or of another schema.
    """
    hint = (
        "write it again with `meit eval score` or `quality`, which take predictions that are already there as they are"
    )
    scores = read_object(path, hint)
    schema = scores.get("schema")
    if schema != 2:
        raise EcgInputError(f"{path} is of schema {schema or 'none'}, expected 2; {hint}")
    conditions = scores.get("conditions")
    held = conditions if isinstance(conditions, dict) else {}
    lacking = [f"conditions.{key}" for key in ("system", *_ROWS_SCORED, "protocol") if key not in held]
    protocol = held.get("protocol")
    if "protocol" in held and not (isinstance(protocol, dict) and {"name", "version", "rules"} <= protocol.keys()):
        lacking.append("name, version and rules of conditions.protocol")
    if scores.get("task") != "quality":
        lacking.append('task "quality"')
    tables = {"systems": scores.get("systems")}
    for kind in ("findings", "codes"):
        if scores.get(kind) is not None:
            tables[f"{kind}.systems"] = scores[kind].get("systems") if isinstance(scores[kind], dict) else None
    lacking += [f"{name} with value, low and high of every score" for name, table in tables.items() if not _are(table)]
    if lacking:
        raise EcgInputError(f"{path} lacks {', '.join(lacking)}; {hint}")
    return scores


def _are(systems: object) -> bool:
    """Whether they are at least one system: system -> score -> interval."""
    if not isinstance(systems, dict) or not systems:
        return False
    rows = list(systems.values())
    return all(isinstance(row, dict) for row in rows) and all(
        isinstance(cell, dict) and set(Interval._fields) <= cell.keys() for row in rows for cell in row.values()
    )


def _columns(path: Path) -> dict[str, dict[str, str]]:
    """What the file says of its rows beside the predictions; a column without a single entry is none."""
    if path.suffix == ".parquet":
        present = [name for name in _TEXTS if name in pq.read_schema(path).names]
        columns = pq.read_table(path, columns=["ecg_id", *present]).to_pydict()
    else:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            present = [name for name in _TEXTS if name in (reader.fieldnames or ())]
            rows = list(reader)
        columns = {name: [row[name] for row in rows] for name in ("ecg_id", *present)}
    ids = list(map(str, columns["ecg_id"]))
    texts = {name: ["" if value is None else str(value) for value in columns[name]] for name in present}
    filled = {name: dict(zip(ids, values, strict=True)) for name, values in texts.items() if any(values)}
    without = [ecg_id for ecg_id, patient in filled.get("patient_id", {}).items() if not patient.strip()]
    if without:
        raise EcgInputError(
            f"{path} has no patient_id in {len(without):,} of {len(ids):,} rows ({some(without)}); fill it in, as "
            "whole patients are drawn and swapped, or leave the column out and name the data set"
        )
    return filled


def described_model(path: Path) -> str | None:
    """The model that wrote a file of predictions, as `meit eval quality` recorded it; None where nothing did."""
    settings = read_settings(path) if path.suffix == ".parquet" else None
    if not settings or "model" not in settings:
        return None
    ecg = "" if settings.get("ecg") == "true" else f", ECG {settings.get('ecg')}"
    return f"model with sha256 of its files {settings['model'][:16]}, {settings.get('dtype')}{ecg}"
