"""What a language model learns from: conversations of rows that are loaded first, or of rows that are streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import datasets
import numpy as np
from transformers import TrainingArguments

from .arguments import DataArguments, TextArguments
from .conversations import QUESTIONS, check_found, check_tasks, conversations, tasks_of, text_columns
from .ecg_stream import EcgStream
from .stream_position import StreamPosition
from .train_split import training_rows

Tokens = Callable[[str, str], "dict[str, list[int]] | None"]


@dataclass(frozen=True)
class TrainingData:
    """Conversations have the columns prompt, completion, row and augment.

    Attributes:
        rows: those that conversations name by `row`; None where there are none.
        learnt: conversations to learn from; of a stream its first, to show what they are like.
        watched: conversations of held-out patients; None where there are none.
        texts: prompts and completions for a tokenizer to be learnt from.
        stream: how a conversation becomes tokens -> the stream to learn from; None where it is `learnt`.
        position: of that stream.
    """

    rows: datasets.Dataset | None
    learnt: datasets.Dataset
    watched: datasets.Dataset | None
    texts: Iterator[tuple[str, str]]
    stream: Callable[[Tokens], EcgStream] | None = None
    position: StreamPosition | None = None

    def samples(self, count: int) -> datasets.Dataset:
        """The first watched conversation of each of the first `count` records; none where nothing is watched."""
        if self.watched is None:
            return self.learnt.select([])
        _, first = np.unique(self.watched["row"][:], return_index=True)
        return self.watched.select(first[:count])


def loaded_data(data: DataArguments, text: TextArguments, training: TrainingArguments) -> TrainingData:
    """The conversations of a recipe that loads its rows.

    Raises:
        EcgInputError: for data that cannot be used, or a task that no row has.
    """
    rows, held_out = training_rows(data, watched=training.eval_strategy != "no")
    check_tasks(data.tasks, rows.column_names)
    if QUESTIONS in text_columns(data.tasks):
        tables = rows.select_columns([QUESTIONS]).with_format("arrow").iter(10_000)
        check_found(data.tasks, set().union(*map(tasks_of, tables)), f"{len(rows)} rows")
    dialogues = conversations(rows, text.language_told, training.seed, data.tasks)
    out = held_out[np.asarray(dialogues["row"][:], dtype=np.int64)]
    learnt = with_augmentation(dialogues.select(np.flatnonzero(~out)), True)
    watched = with_augmentation(dialogues.select(np.flatnonzero(out)), False) if out.any() else None
    return TrainingData(rows, learnt, watched, _texts_of(learnt))


def with_augmentation(dialogues: datasets.Dataset, augment: bool) -> datasets.Dataset:
    """Conversations with the column that says whether their ECGs are to be augmented."""
    return dialogues.add_column("augment", [augment] * len(dialogues))


def _texts_of(dialogues: datasets.Dataset) -> Iterator[tuple[str, str]]:
    for example in dialogues.select_columns(["prompt", "completion"]):
        yield example["prompt"][0]["content"], example["completion"][0]["content"]
