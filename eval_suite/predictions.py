"""`predictions.parquet`: one row a report, written whole or not at all, with the settings it was made under."""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_scripts.record import EcgInputError

COLUMNS = {
    "ecg_id": pa.string(),
    "patient_id": pa.string(),
    "prompt": pa.string(),
    "reference": pa.string(),
    "prediction": pa.string(),
    "confidence": pa.float64(),
}
logger = logging.getLogger(__name__)
_Value = TypeVar("_Value")


class _NoColumnError(EcgInputError):
    """A file of predictions lacks a column."""


# The settings travel inside the Parquet file: a second file beside it could be out of step with it after a cut.
_SETTINGS_KEY = b"meit_settings"


def write_predictions(path: Path, columns: Mapping[str, Sequence[Any]], settings: Mapping[str, Any]) -> None:
    """Write the predictions, all or none.

    Args:
        path: of the Parquet file.
        columns: as `COLUMNS`, of one length.
        settings: what the predictions depend on, as `read_settings` returns it.
    """
    write_with_settings(path, pa.table(dict(columns), schema=pa.schema(COLUMNS)), settings)


def write_with_settings(path: Path, table: pa.Table, settings: Mapping[str, Any]) -> None:
    """Write a Parquet file, all or nothing, whose `read_settings` are these."""
    table = table.replace_schema_metadata({_SETTINGS_KEY: json.dumps(settings, sort_keys=True).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table_whole(path, table)


def keep_beside_scores(given: Path, out: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write the predictions that were scored into the folder of their scores, for comparisons and the page.

    Args:
        given: the file that they come from; one that lies in `out` already is left as it is.
        out: the folder.
        columns: as `COLUMNS` without `confidence`, which is the file's where that has numbers from 0 to 1 and else
            null; a warning counts what is neither.

    Raises:
        EcgInputError: other predictions lie in `out`, or a damaged file.
    """
    path = out / "predictions.parquet"
    if path.exists() and path.samefile(given):
        return
    table = pa.table({**columns, "confidence": _confidences(given, columns["ecg_id"])}, schema=pa.schema(COLUMNS))
    written = {ecg_id: text or "" for ecg_id, text in zip(columns["ecg_id"], columns["prediction"], strict=True)}
    if path.exists() and read_predictions(path) != written:
        raise EcgInputError(f"{path} holds other predictions than {given}; name another folder for these scores")
    if read_settings(path) is not None and pq.read_table(path)["reference"].equals(table["reference"]):
        return  # what a model wrote here keeps its settings and confidences
    out.mkdir(parents=True, exist_ok=True)
    write_table_whole(path, table)


def _confidences(path: Path, ecg_ids: Sequence[str]) -> list[float | None]:
    """Those of the file; nothing where it says of no row how sure the system was."""
    try:
        stated = _read_column(path, "confidence")
    except _NoColumnError:
        return [None] * len(ecg_ids)
    given = [stated[ecg_id] for ecg_id in ecg_ids]
    found = [_share(value) for value in given]
    wrong = [value for value, number in zip(given, found, strict=True) if number is None and value not in (None, "")]
    if wrong:
        logger.warning(
            "%s: %d confidences, such as %r, are no number from 0 to 1, so these are left empty",
            path,
            len(wrong),
            wrong[0],
        )
    return found


def _share(given: Any) -> float | None:
    """A number from 0 to 1; None where it is none."""
    try:
        number = float(given)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def write_table_whole(path: Path, table: pa.Table) -> None:
    """Write a Parquet file under a temporary name and rename it, so that a cut leaves no half file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_settings(path: Path) -> dict[str, Any] | None:
    """The settings a file was made under; None where there is no such file or it records none."""
    if not path.is_file():
        return None
    recorded = (_open(path).schema_arrow.metadata or {}).get(_SETTINGS_KEY)
    return None if recorded is None else json.loads(recorded)


def read_predictions(path: str | Path) -> dict[str, str]:
    """The predictions of any system: a `.parquet` or a `.csv` with the columns `ecg_id` and `prediction`.

    Args:
        path: of the file; a CSV is UTF-8 with a header line. Its cells are text as they stand: an empty cell is an
            empty prediction, "nan" a word.

    Returns:
        ecg_id -> prediction.

    Raises:
        EcgInputError: no such file, another kind of file, a missing column, or an `ecg_id` twice.
    """
    return {ecg_id: prediction or "" for ecg_id, prediction in _read_column(Path(path), "prediction").items()}


def read_confidences(path: str | Path) -> dict[str, float]:
    """How sure the system was of each prediction: the column `confidence` of such a file.

    Args:
        path: of the file.

    Returns:
        ecg_id -> confidence, 0 to 1.

    Raises:
        EcgInputError: as `read_predictions`, or a confidence that is no number from 0 to 1.
    """
    found = {}
    for ecg_id, given in _read_column(Path(path), "confidence").items():
        number = _share(given)
        if number is None:
            raise EcgInputError(
                f"{path}: the confidence of ecg_id {ecg_id} is {given!r}, expected a number from 0 to 1"
            )
        found[ecg_id] = number
    return found


def _read_column(path: Path, column: str) -> dict[str, Any]:
    """ecg_id -> what stands in a column."""
    if not path.is_file():
        raise EcgInputError(f"{path} is not a file, expected predictions as .parquet or .csv")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        file = _open(path)
        _check_columns(path, file.schema_arrow.names, column)
        try:
            columns = file.read(columns=["ecg_id", column]).to_pydict()
        except (pa.ArrowInvalid, OSError) as cause:
            raise EcgInputError(f"{path} is a damaged Parquet file ({cause}); remove it or name another") from cause
        pairs = list(zip(map(str, columns["ecg_id"]), columns[column], strict=True))
    elif suffix == ".csv":
        pairs = _read_csv(path, column)
    else:
        raise EcgInputError(f"{path} ends in {path.suffix!r}, expected predictions as .parquet or .csv")
    found: dict[str, Any] = {}
    for ecg_id, value in pairs:
        if ecg_id in found:
            raise EcgInputError(f"{path} has ecg_id {ecg_id} more than once, expected one prediction a record")
        found[ecg_id] = value
    return found


def align(path: str | Path, predictions: Mapping[str, _Value], ecg_ids: Sequence[str]) -> list[_Value]:
    """The predictions in the rows' order.

    Raises:
        EcgInputError: a row without a prediction, or a prediction without a row.
    """
    missing = [ecg_id for ecg_id in ecg_ids if ecg_id not in predictions]
    if missing:
        raise EcgInputError(
            f"{path} lacks {len(missing)} of the {len(ecg_ids)} rows to score ({some(missing)}); predict every row "
            "(an empty text scores zero)"
        )
    surplus = sorted(set(predictions) - set(ecg_ids))
    if surplus:
        raise EcgInputError(
            f"{path} has {len(surplus)} ecg_ids that are not among the {len(ecg_ids)} rows to score "
            f"({some(surplus)}); name the split (and limit) they were predicted for"
        )
    return [predictions[ecg_id] for ecg_id in ecg_ids]


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as cause:
        raise EcgInputError(f"{path} is not a Parquet file ({cause}); remove it or name another") from cause


def _read_csv(path: Path, column: str) -> list[tuple[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            _check_columns(path, reader.fieldnames, column)
            # A line that is too short has None in its last fields: no prediction, so an empty one.
            return [(row["ecg_id"], row[column]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as cause:
        raise EcgInputError(
            f"{path} is not a UTF-8 CSV file ({cause}); save it again as UTF-8 with a header"
        ) from cause


def _check_columns(path: Path, present: Sequence[str], column: str) -> None:
    missing = [name for name in ("ecg_id", column) if name not in present]
    if missing:
        raise _NoColumnError(
            f"{path} lacks the column {' and '.join(missing)}, it has {', '.join(present) or 'none'}; expected ecg_id "
            f"and {column}"
        )
    twice = [name for name in ("ecg_id", column) if list(present).count(name) > 1]
    if twice:
        raise EcgInputError(
            f"{path} has the column {' and '.join(twice)} more than once, expected each once; rename one"
        )


def some(ids: Sequence[str]) -> str:
    """The first three of many ids, for a message."""
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
