"""The Parquet layout of a data set: its columns, their encodings, and the writing of one shard."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.quality import FEATURES
from modeling_meit.ecg_signal import STANDARD_LEADS

# Chosen by measurement: the table is in docs/dataset.md, `python benchmarks/reading.py` prints it.
ROW_GROUP_ROWS = 256
SHARD_ROWS = 2048  # at most; the unit of work, and of what a killed build has to do again
CODEC, CODEC_LEVEL = "zstd", 3
SIGNAL_ENCODING = "BYTE_STREAM_SPLIT"
PAGE_BYTES = 256 << 10
_LIST = "list[string]"
SIGNAL_QUALITY = {name: List(Value("string")) if kind == _LIST else Value(kind) for name, kind in FEATURES.items()}
_SIGNAL_LEAF = "signal.list.element.list.element"
_TEXT_LEAVES = ("report_raw", "report", "report_en", "language", "prompt", "completion", "sex", "source")


def features(samples: int) -> Features:
    """Returns the columns of a data set whose records have `samples` samples a lead."""
    return Features(
        {
            "ecg_id": Value("string"),
            "patient_id": Value("string"),
            "signal": List(List(Value("int16"), length=samples), length=len(STANDARD_LEADS)),
            "sampling_rate": Value("int32"),
            "report_raw": Value("string"),
            "report": Value("string"),
            "report_en": Value("string"),
            "language": Value("string"),
            "prompt": Value("string"),
            "completion": Value("string"),
            "questions": List({"task": Value("string"), "prompt": Value("string"), "completion": Value("string")}),
            "age": Value("float32"),
            "sex": Value("string"),
            "scp_codes": List({"code": Value("string"), "likelihood": Value("float32")}),
            "labels": List({"system": Value("string"), "code": Value("string"), "name": Value("string")}),
            "measurements": List({"name": Value("string"), "value": Value("float32")}),
            "quality": List({"name": Value("string"), "text": Value("string")}),
            "signal_quality": SIGNAL_QUALITY,
            "source": Value("string"),
        }
    )


def signal_batch(dataset: Any, indices: Sequence[int] | slice) -> np.ndarray:
    """Reads the signals of some rows as one array without a copy per value, ten times as fast as row by row.

    Args:
        dataset: a `datasets.Dataset` of this layout, in any format.
        indices: row numbers, in the order wanted, or a slice.

    Returns:
        int16 [B, 12, T] in microvolts, -32768 where a sample is missing.
    """
    column = dataset.with_format("arrow", columns=["signal"])[indices]["signal"].combine_chunks()
    leads, samples = column.type.list_size, column.type.value_type.list_size
    return column.flatten().flatten().to_numpy().reshape(-1, leads, samples)


def sha256_of(path: Path) -> str:
    """Returns a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class ShardWriter:
    """Writes the rows of one shard in row groups of equal size, to a name that no reader takes for a data file.

    A context manager: what was not finished is removed.

    Args:
        path: of the Parquet file to be.
        drafts: folder of the same disk to write it in, so that what a killed process leaves is not beside the data;
            None takes the file's own.
    """

    def __init__(self, path: Path, drafts: Path | None = None) -> None:
        self.path = path
        self.rows = 0
        # Two processes told to do the same shard must not write into one file.
        self._part = (drafts or path.parent) / f"{path.name}.{uuid.uuid4().hex}.part"
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[tuple[np.ndarray, Mapping[str, Any]]] = []
        self._schema = pa.schema([])  # until the first row
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._part.unlink(missing_ok=True)

    def add(self, signal: np.ndarray, row: Mapping[str, Any]) -> None:
        """Adds one row.

        Args:
            signal: int16 [12, T] in microvolts; the first row of the shard decides T.
            row: the other columns.

        Raises:
            EcgInputError: this T differs from the first.
        """
        if not self._shape:
            self._schema = features(signal.shape[1]).arrow_schema
            self._shape = signal.shape
        if signal.shape != self._shape:
            raise EcgInputError(
                f"record {row['ecg_id']}: {signal.shape[1]} samples, the records before it have {self._shape[1]}; "
                "one data set holds records of one length"
            )
        self._pending.append((signal, row))
        self.rows += 1
        if len(self._pending) == ROW_GROUP_ROWS:
            self._write_row_group()

    def finish(self) -> str | None:
        """Writes what is pending and gives the file its name.

        Returns:
            the file's SHA-256; None where there was no row, and so is no file.
        """
        if not self.rows:
            return None
        if self._pending:
            self._write_row_group()
        self._close()
        with self._part.open("r+b") as file:
            os.fsync(file.fileno())
        digest = sha256_of(self._part)
        self._part.replace(self.path)
        return digest

    def _close(self) -> None:
        if self._writer:
            writer, self._writer = self._writer, None
            writer.close()

    def _write_row_group(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._part,
                self._schema,
                compression=CODEC,
                compression_level=CODEC_LEVEL,
                use_dictionary=list(_TEXT_LEAVES),
                column_encoding={_SIGNAL_LEAF: SIGNAL_ENCODING},
                data_page_size=PAGE_BYTES,
                write_statistics=list(_TEXT_LEAVES),  # nobody asks for the least of a signal's samples
            )
        self._writer.write_table(self._table())
        self._pending.clear()

    def _table(self) -> pa.Table:
        signals = np.stack([signal for signal, _ in self._pending])
        flat = pa.array(signals.reshape(-1))
        nested = pa.FixedSizeListArray.from_arrays(
            pa.FixedSizeListArray.from_arrays(flat, signals.shape[2]), signals.shape[1]
        )
        columns = [
            nested if field.name == "signal" else pa.array([row[field.name] for _, row in self._pending], field.type)
            for field in self._schema
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)
