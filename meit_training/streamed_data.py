"""What a run that streams its rows learns from and is watched on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
from transformers import TrainingArguments

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import patient_holdout

from .arguments import DataArguments, TextArguments
from .conversations import (
    ALL,
    QUESTIONS,
    REPORT,
    asked_of,
    check_found,
    check_tasks,
    conversations,
    message_pair,
    tasks_of,
    text_columns,
)
from .ecg_stream import READ_ROWS, EcgStream, parts_of, read_tables
from .stream_position import StreamPosition
from .train_split import COLUMNS, nothing_to_watch, open_recipe_split
from .training_data import Tokens, TrainingData, with_augmentation


def streamed_data(data: DataArguments, text: TextArguments, training: TrainingArguments) -> TrainingData:
    """The conversations of a recipe that streams its rows; what the trainer is to leave to the stream is set.

    Raises:
        EcgInputError: for data or settings that cannot be used, or a task that none of the first rows has.
    """
    _fit_to_streaming(training)
    check_tasks(data.tasks, open_recipe_split(data, streaming=True).column_names)
    texts = text_columns(data.tasks)
    _check_tasks_of_first_rows(data, texts)
    asked = partial(asked_of, tasks=data.tasks, language_told=text.language_told, seed=training.seed)
    rows = _opened(data, [*COLUMNS, *(name for name in texts if name not in COLUMNS)])

    kept = _held_out_rows(rows, data) if training.eval_strategy != "no" else None
    watched = None if kept is None else conversations(kept, text.language_told, training.seed, data.tasks)
    pair = next(_first_texts(data, texts, asked), None)
    if pair is None:
        raise EcgInputError(f"none of the first {data.tokenizer_rows} rows is left to learn from; look into the data")

    def stream(tokens: Tokens) -> EcgStream:
        held_out = (data.validation_share, data.split_seed)
        return EcgStream(rows, texts, asked, tokens, held_out, data.shuffle_buffer, training.seed, data.max_rows)

    names = ("data_config", "data_revision", "tasks", "validation_share", "split_seed", "max_rows", "shuffle_buffer")
    order = {name: getattr(data, name) for name in names}
    order |= {"seed": training.seed, "files": rows.num_shards, "language_told": text.language_told}
    return TrainingData(
        rows=kept,
        learnt=with_augmentation(datasets.Dataset.from_list([{**message_pair(*pair), "row": 0}]), True),
        watched=None if watched is None else with_augmentation(watched, False),
        texts=_first_texts(data, texts, asked),
        stream=stream,
        position=StreamPosition(order),
    )


def _fit_to_streaming(training: TrainingArguments) -> None:
    if training.max_steps <= 0:
        raise EcgInputError("a stream does not say how long it is; set max_steps beside streaming=true")
    if training.world_size > 1:
        raise EcgInputError(
            f"{training.world_size} processes would each read the whole stream; leave streaming out, or train in one"
        )
    if training.dataloader_num_workers > 1:
        raise EcgInputError(
            f"{training.dataloader_num_workers} workers would each read the whole stream; set dataloader_num_workers "
            "to 0 or 1"
        )
    training.ignore_data_skip = True  # the stream goes on where it was by itself
    training.accelerator_config.dispatch_batches = False


def _opened(data: DataArguments, columns: Sequence[str]) -> datasets.IterableDataset:
    return open_recipe_split(data, needed=columns, columns=list(columns), streaming=True, batch_size=READ_ROWS)


def _tables(data: DataArguments, rows: datasets.IterableDataset, count: int) -> Iterator[pa.Table]:
    """The first `count` rows in the order of the files."""
    left = count if data.max_rows is None else min(count, data.max_rows)
    for part in parts_of(rows, None):
        for table in read_tables(part):
            yield table.slice(0, left)
            left -= len(table)
            if left <= 0:
                return


def _check_tasks_of_first_rows(data: DataArguments, texts: Sequence[str]) -> None:
    wanted = set(data.tasks) - {REPORT, ALL}
    if QUESTIONS not in texts or not wanted:
        return
    found: set[str] = set()
    for table in _tables(data, _opened(data, [QUESTIONS]), data.tokenizer_rows):
        found |= tasks_of(table)
        if wanted <= found:
            return
    check_found(data.tasks, found, f"the first {data.tokenizer_rows} rows")


def _first_texts(data: DataArguments, texts: Sequence[str], asked: Any) -> Iterator[tuple[str, str]]:
    """Conversations of the first rows that are learnt from."""
    for table in _tables(data, _opened(data, ["patient_id", *texts]), data.tokenizer_rows):
        for row in table.filter(pa.array(~_held_out(table, data))).to_pylist():
            yield from asked(row)


def _held_out_rows(rows: datasets.IterableDataset, data: DataArguments) -> datasets.Dataset:
    """The first `max_eval_rows` rows of held-out patients, in memory."""
    kept: list[pa.Table] = []
    left, read = data.max_eval_rows, 0
    for table in _tables(data, rows, 2**62):
        found = table.filter(pa.array(_held_out(table, data))).slice(0, left)
        kept.append(found)
        left, read = left - len(found), read + len(table)
        if left <= 0:
            break
    if left == data.max_eval_rows:
        raise nothing_to_watch(data, read)
    return datasets.Dataset(datasets.table.InMemoryTable(pa.concat_tables(kept).combine_chunks()))


def _held_out(table: pa.Table, data: DataArguments) -> np.ndarray:
    return patient_holdout(table["patient_id"].to_pylist(), data.validation_share, data.split_seed)
