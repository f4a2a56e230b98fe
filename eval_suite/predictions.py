"""`predictions.parquet`: one row a report, written whole or not at all, with the settings it was made under."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
# The settings travel inside the Parquet file: a second file beside it could be out of step with it after a cut.
_SETTINGS_KEY = b"meit_settings"


def write_predictions(path: Path, columns: Mapping[str, Sequence[Any]], settings: Mapping[str, Any]) -> None:
    """Write the predictions, all or none.

    Args:
        path: of the Parquet file.
        columns: as `COLUMNS`, of one length.
        settings: what the predictions depend on, as `read_settings` returns it.
    """
    table = pa.table(dict(columns), schema=pa.schema(COLUMNS))
    table = table.replace_schema_metadata({_SETTINGS_KEY: json.dumps(settings, sort_keys=True).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table_whole(path, table)


def write_table_whole(path: Path, table: pa.Table) -> None:
    """Write a Parquet file under a temporary name and rename it, so that a cut leaves no half file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_settings(path: Path) -> dict[str, Any] | None:
    """The settings a predictions file was made under; None where there is no such file or it records none."""
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
    path = Path(path)
    if not path.is_file():
        raise EcgInputError(f"{path} is not a file, expected predictions as .parquet or .csv")
    if path.suffix == ".parquet":
        file = _open(path)
        _check_columns(path, file.schema_arrow.names)
        columns = file.read(columns=["ecg_id", "prediction"]).to_pydict()
        pairs = list(zip(map(str, columns["ecg_id"]), columns["prediction"], strict=True))
    elif path.suffix == ".csv":
        pairs = _read_csv(path)
    else:
        raise EcgInputError(f"{path} ends in {path.suffix!r}, expected predictions as .parquet or .csv")
    found: dict[str, str] = {}
    for ecg_id, prediction in pairs:
        if ecg_id in found:
            raise EcgInputError(f"{path} has ecg_id {ecg_id} more than once, expected one prediction a record")
        found[ecg_id] = prediction or ""
    return found


def align(path: str | Path, predictions: Mapping[str, str], ecg_ids: Sequence[str]) -> list[str]:
    """The predictions in the rows' order.

    Raises:
        EcgInputError: a row without a prediction, or a prediction without a row.
    """
    missing = [ecg_id for ecg_id in ecg_ids if ecg_id not in predictions]
    if missing:
        raise EcgInputError(
            f"{path} lacks {len(missing)} of the {len(ecg_ids)} rows to score ({_some(missing)}); predict every row "
            "(an empty text scores zero)"
        )
    surplus = sorted(set(predictions) - set(ecg_ids))
    if surplus:
        raise EcgInputError(
            f"{path} has {len(surplus)} ecg_ids that are not among the {len(ecg_ids)} rows to score "
            f"({_some(surplus)}); name the split (and limit) they were predicted for"
        )
    return [predictions[ecg_id] for ecg_id in ecg_ids]


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of a model folder's files: its weights, configs, processor and code."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".md"):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as cause:
        raise EcgInputError(f"{path} is not a Parquet file ({cause}); remove it or name another") from cause


def _read_csv(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(path, reader.fieldnames or [])
            # A line that is too short has None in its last fields: no prediction, so an empty one.
            return [(row["ecg_id"], row["prediction"]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as cause:
        raise EcgInputError(
            f"{path} is not a UTF-8 CSV file ({cause}); save it again as UTF-8 with a header"
        ) from cause


def _check_columns(path: Path, present: Sequence[str]) -> None:
    missing = [name for name in ("ecg_id", "prediction") if name not in present]
    if missing:
        raise EcgInputError(
            f"{path} lacks the column {' and '.join(missing)}, it has {', '.join(present) or 'none'}; expected ecg_id "
            "and prediction"
        )


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
