"""Rows of a data set read while training goes on, shuffled, without end, and taken up again at any example."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
from torch.utils.data import IterableDataset

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import patient_holdout

# Rows a reader takes out of a file at a time; the data sets' own row groups are as long.
READ_ROWS = 256
PLACE = "stream_place"
SETTLE_S = 0.3  # in 0.1 s the threads of an abandoned file were idle


@dataclass(frozen=True)
class Place:
    """How far a stream was read: all that it takes to go on with the next example.

    The rows are shuffled block by block, a block being the next `shuffle_buffer` rows of the files in the epoch's
    order. So a place is that of a block and of a conversation in it, and going on reads one file and one block again; a
    buffer that is refilled row by row would have to be stored with the checkpoint, signals and all, or be lost.

    Attributes:
        epoch: passes over the data completed.
        file: place of the file in this epoch's order in which the block begins.
        row: rows of that file before the block.
        block: blocks of this epoch before it.
        given: conversations of the block that are done with.
    """

    epoch: int = 0
    file: int = 0
    row: int = 0
    block: int = 0
    given: int = 0


class EcgStream(IterableDataset):
    """Examples of a streamed split for ever, epoch after epoch.

    Files and, block by block, rows are shuffled by seed and epoch alone.

    Args:
        rows: a split in streaming mode.
        texts: names of its columns of text.
        asked: a row's texts -> prompts and completions.
        tokens: one of them -> `input_ids` and `labels`, or None where nothing of it can be learnt.
        held_out: share and seed of `patient_holdout`; those patients' rows are passed over.
        shuffle_buffer: rows of a block; one block is in memory, and what batches hold of the last.
        seed: of the order.
        max_rows: the first so many rows only.
        start: place to begin at.

    Raises:
        EcgInputError: a shuffle buffer below one row.
    """

    def __init__(
        self,
        rows: datasets.IterableDataset,
        texts: Sequence[str],
        asked: Callable[[Mapping[str, Any]], list[tuple[str, str]]],
        tokens: Callable[[str, str], dict[str, list[int]] | None],
        held_out: tuple[float, int],
        shuffle_buffer: int,
        seed: int,
        max_rows: int | None = None,
        start: Place | None = None,
    ):
        if shuffle_buffer < 1:
            raise EcgInputError(f"shuffle_buffer is {shuffle_buffer}, expected a number of rows, 1 or more")
        self.parts = parts_of(rows, max_rows)
        self.texts = list(texts)
        self.asked = asked
        self.tokens = tokens
        self.held_out = held_out
        self.shuffle_buffer = shuffle_buffer
        self.seed = seed
        self.start = start or Place()
        self._reader: Generator[dict[str, Any], None, None] | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """See `_examples`."""
        self._reader = self._examples()
        return self._reader

    def close(self) -> None:
        """Ends the reading that was begun last."""
        if self._reader is not None:
            self._reader.close()

    def _examples(self) -> Generator[dict[str, Any], None, None]:
        """Yields input_ids, labels, signal int16 [12, T], sampling_rate, ecg_id, epoch, and stream_place as JSON."""
        place = self.start
        while True:
            found = False
            for block, tables in self._blocks(place):
                asked = [example for table in tables for example in self._asked(table)]
                tables.clear()
                order = np.random.default_rng((self.seed, block.epoch, block.block)).permutation(len(asked))
                for given in range(block.given, len(order)):
                    texts, told = asked[order[given]]
                    tokens = self.tokens(*texts)
                    if tokens is not None:
                        found = True
                        here = Place(block.epoch, block.file, block.row, block.block, given + 1)
                        yield {**tokens, **told, "epoch": block.epoch, PLACE: json.dumps(asdict(here))}
                # Or the next block would be read beside this one.
                asked.clear()
                told = {}
            if not found and place == Place(place.epoch):
                raise EcgInputError(
                    f"validation_share={self.held_out[0]}, or a length limit, leaves nothing of the streamed rows "
                    "to learn; change it"
                )
            place = Place(place.epoch + 1)

    def _blocks(self, start: Place) -> Iterator[tuple[Place, list[pa.Table]]]:
        """The rest of an epoch's blocks with their places; `given` is that of `start` in the first and 0 after it."""
        order = np.random.default_rng((self.seed, start.epoch)).permutation(len(self.parts))
        place, tables, held = start, [], 0
        for file in range(start.file, len(order)):
            row = 0
            for table in read_tables(self.parts[order[file]]):
                behind, row = row, row + len(table)
                if file == start.file and row <= start.row:
                    continue
                begin = max(0, start.row - behind) if file == start.file else 0
                while begin < len(table):
                    taken = table.slice(begin, self.shuffle_buffer - held)
                    begin, held = begin + len(taken), held + len(taken)
                    tables.append(taken)
                    if held == self.shuffle_buffer:
                        yield place, tables
                        place = Place(start.epoch, file, behind + begin, place.block + 1)
                        tables, held = [], 0
        if tables:
            yield place, tables

    def _asked(self, table: pa.Table) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        """Conversations of the rows that are not held out, and what else is told of each; signals are views."""
        held_out = patient_holdout(table["patient_id"].to_pylist(), *self.held_out)
        signals = signals_of(table)
        rates, ids = table["sampling_rate"].to_pylist(), table["ecg_id"].to_pylist()
        for place, row in enumerate(table.select(self.texts).to_pylist()):
            if not held_out[place]:
                told = {"signal": signals[place], "sampling_rate": rates[place], "ecg_id": ids[place]}
                yield from ((texts, told) for texts in self.asked(row))


def parts_of(rows: datasets.IterableDataset, max_rows: int | None) -> list[datasets.IterableDataset]:
    """A streamed split as a part for each of its files, or as one part of its first `max_rows` rows."""
    if max_rows is not None:
        return [rows.take(max_rows)]
    return [rows.shard(rows.num_shards, file) for file in range(rows.num_shards)]


def read_tables(rows: datasets.IterableDataset) -> Iterator[pa.Table]:
    """The rows in their order, `READ_ROWS` at a time."""
    try:
        yield from rows.with_format("arrow").iter(READ_ROWS)
    except GeneratorExit:
        # Threads of pyarrow that still read when Python exits deadlock with it (github.com/apache/arrow/issues/45214).
        time.sleep(SETTLE_S)
        raise


def signals_of(table: pa.Table) -> list[np.ndarray]:
    """The column `signal`, int16 [12, T] a row, without a copy."""
    signals: list[np.ndarray] = []
    for chunk in table["signal"].chunks:
        leads, samples = chunk.type.list_size, chunk.type.value_type.list_size
        signals.extend(chunk.flatten().flatten().to_numpy().reshape(-1, leads, samples))
    return signals


def place_of(examples: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The place of a batch's last example, under its key; nothing for rows that are not streamed."""
    return {PLACE: examples[-1][PLACE]} if PLACE in examples[-1] else {}
