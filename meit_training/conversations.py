"""What is asked and answered of each row, before any of it becomes tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import datasets
import pyarrow as pa

from dataset_scripts.instructions.prompts import without_language
from dataset_scripts.record import EcgInputError

REPORT, ALL = "report", "all"
QUESTIONS = "questions"


def id_digest(ecg_id: str) -> int:
    """A number of 64 bits that stands for a record in draws which depend on it, wherever its row is."""
    return int.from_bytes(hashlib.blake2b(ecg_id.encode(), digest_size=8).digest(), "big")


def text_columns(tasks: Collection[str]) -> list[str]:
    """The columns that `asked_of` reads for these tasks."""
    return ["ecg_id", "prompt", "completion", *([QUESTIONS] if set(tasks) != {REPORT} else [])]


def asked_of(row: Mapping[str, Any], tasks: Collection[str], language_told: float, seed: int) -> list[tuple[str, str]]:
    """Prompts and completions that a row gives.

    Args:
        row: of a built data set.
        tasks: "report", names of tasks in `row["questions"]`, or "all".
        language_told: share of the rows whose prompt names the language of the report.
        seed: with the record's id it draws those rows.
    """
    asked = []
    if REPORT in tasks or ALL in tasks:
        told = (id_digest(f"{seed}:{row['ecg_id']}") >> 11) / 2**53 < language_told
        asked.append((row["prompt"] if told else without_language(row["prompt"]), row["completion"]))
    if set(tasks) != {REPORT}:
        asked += [(q["prompt"], q["completion"]) for q in row[QUESTIONS] if q["task"] in tasks or ALL in tasks]
    return asked


def check_tasks(tasks: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse tasks that rows with these columns cannot have.

    Raises:
        EcgInputError: for no task, or for questions where there is no such column.
    """
    if not tasks:
        raise EcgInputError(f"tasks is empty; set it to [{REPORT}], to names of questions, or to [{ALL}]")
    if set(tasks) != {REPORT} and QUESTIONS not in columns:
        raise EcgInputError(
            f"tasks is {', '.join(tasks)}, but the data set has no column {QUESTIONS}; build it with `meit build … "
            f"--tasks`, or set tasks=[{REPORT}]"
        )


def check_found(tasks: Collection[str], found: Collection[str], where: str) -> None:
    """Refuse tasks that no row has.

    Args:
        tasks: those asked for.
        found: those of the questions there are.
        where: which rows were looked at, for the error.

    Raises:
        EcgInputError: naming what there is.
    """
    missing = [task for task in tasks if task not in (REPORT, ALL) and task not in found]
    if missing:
        there = ", ".join([REPORT, ALL, *sorted(found)])
        raise EcgInputError(f"none of {where} has a question of task {', '.join(missing)}; choose tasks of {there}")


def message_pair(prompt: str, completion: str) -> dict[str, list[dict[str, str]]]:
    """Prompt and completion as chat messages."""
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
    }


def conversations(
    rows: datasets.Dataset, language_told: float, seed: int, tasks: Sequence[str] = (REPORT,)
) -> datasets.Dataset:
    """Prompts and completions as chat messages, with the row each belongs to; no signal is copied.

    Args:
        rows: a built data set's.
        language_told: share of the rows whose prompt names the language of the report.
        seed: draws those rows.
        tasks: see `asked_of`.

    Returns:
        columns prompt, completion, row.
    """
    texts = rows.select_columns(text_columns(tasks))

    def convert(batch: dict[str, list], indices: list[int]) -> dict[str, list]:
        made: dict[str, list] = {"prompt": [], "completion": [], "row": []}
        for place, index in enumerate(indices):
            row = {name: column[place] for name, column in batch.items()}
            for prompt, completion in asked_of(row, tasks, language_told, seed):
                for name, value in {**message_pair(prompt, completion), "row": index}.items():
                    made[name].append(value)
        return made

    # Not from the cache: its key does not know the text of the prompts.
    return texts.map(
        convert,
        batched=True,
        with_indices=True,
        remove_columns=texts.column_names,
        load_from_cache_file=False,
        desc="Conversations",
    )


def tasks_of(table: pa.Table) -> set[str]:
    """The tasks of the questions in a table's column of them."""
    return {task for chunk in table[QUESTIONS].chunks for task in chunk.flatten().field("task").unique().to_pylist()}
