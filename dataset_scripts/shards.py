"""The Parquet layout of a data set: columns, encodings, and shards that are numbered once all are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value

from dataset_scripts.record import EcgInputError
from modeling_meit.ecg_signal import STANDARD_LEADS

# Chosen by measurement: the table is in docs/dataset.md, `python benchmarks/reading.py` prints it.
ROW_GROUP_ROWS = 256
SHARD_ROWS = 4096
CODEC, CODEC_LEVEL = "zstd", 3
SIGNAL_ENCODING = "BYTE_STREAM_SPLIT"
_SIGNAL_LEAF = "signal.list.element.list.element"
_TEXT_LEAVES = ("report_raw", "report", "language", "prompt", "completion", "sex", "source")


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
            "language": Value("string"),
            "prompt": Value("string"),
            "completion": Value("string"),
            "age": Value("float32"),
            "sex": Value("string"),
            "scp_codes": List({"code": Value("string"), "likelihood": Value("float32")}),
            "measurements": List({"name": Value("string"), "value": Value("float32")}),
            "quality": List({"name": Value("string"), "text": Value("string")}),
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


class SplitWriter:
    """Writes the rows of one split in row groups of equal size, a new file after every `SHARD_ROWS` rows.

    The files are called `.part` until `finish` knows how many there are: what a killed build leaves is no data set.

    Args:
        folder: where the files go.
        split: its name.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.rows = 0
        self._parts: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[tuple[np.ndarray, Mapping[str, Any]]] = []
        self._schema = pa.schema([])  # until the first row
        self._shape: tuple[int, ...] = ()

    def add(self, signal: np.ndarray, row: Mapping[str, Any]) -> None:
        """Adds one row.

        Args:
            signal: int16 [12, T] in microvolts; the first row of the split decides T.
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
        if len(self._pending) == ROW_GROUP_ROWS:
            self._write_row_group()

    def finish(self) -> list[Path]:
        """Writes what is pending and gives the files their final names; returns them."""
        if self._pending:
            self._write_row_group()
        self.close()
        names = [f"{self.split}-{i:05d}-of-{len(self._parts):05d}.parquet" for i in range(len(self._parts))]
        return [part.rename(self.folder / name) for part, name in zip(self._parts, names, strict=True)]

    def close(self) -> None:
        """Closes the file that is being written."""
        if self._writer:
            writer, self._writer = self._writer, None
            writer.close()

    def _write_row_group(self) -> None:
        if self._writer is None:
            self._parts.append(self.folder / f"{self.split}-{len(self._parts):05d}.part")
            self._writer = pq.ParquetWriter(
                self._parts[-1],
                self._schema,
                compression=CODEC,
                compression_level=CODEC_LEVEL,
                use_dictionary=list(_TEXT_LEAVES),
                column_encoding={_SIGNAL_LEAF: SIGNAL_ENCODING},
            )
        self._writer.write_table(self._table())
        self.rows += len(self._pending)
        self._pending.clear()
        if self.rows % SHARD_ROWS == 0:
            self.close()

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
