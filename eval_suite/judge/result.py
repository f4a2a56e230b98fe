"""What a judging found: a table with intervals, how far the judge can be trusted, and every row's scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataset_scripts.whole_file import write_whole
from eval_suite.judge.judge import Judgement
from eval_suite.judge.rubric import DIMENSIONS
from eval_suite.predictions import write_table_whole
from eval_suite.table import Systems, markdown_table, plain, terminal_table

_COLUMNS = pa.schema(
    {
        "system": pa.string(),
        "question": pa.string(),
        "ecg_id": pa.string(),
        "patient_id": pa.string(),
        **{key: pa.int8() for key in DIMENSIONS},
        "asked": pa.int8(),
        "failure": pa.string(),
    }
)


@dataclass(frozen=True)
class Asked:
    """One system's reports under one question.

    Attributes:
        system: its name.
        question: name of the question.
        ecg_ids: of R rows.
        patient_ids: of R rows.
        judgements: of R rows.
    """

    system: str
    question: str
    ecg_ids: Sequence[str]
    patient_ids: Sequence[str]
    judgements: Sequence[Judgement]

    def failures(self) -> list[dict[str, str]]:
        """The rows without scores, named."""
        return [
            {"system": self.system, "question": self.question, "ecg_id": ecg_id, "reason": judgement.failure}
            for ecg_id, judgement in zip(self.ecg_ids, self.judgements, strict=True)
            if judgement.failure is not None
        ]


@dataclass(frozen=True)
class AlignmentScores:
    """What one judging found.

    Attributes:
        systems: system (with the rows scored) -> dimension -> mean with interval, the evaluated system first.
        differences: control -> dimension -> mean of the evaluated system minus that control on the same rows.
        checks: question and dimension -> how it agrees with the main question -> interval.
        asked: every judgement.
        conditions: label -> text, in the order to print.
        usage: tokens and cost, in all and of this run.
    """

    systems: Systems
    differences: Systems
    checks: Mapping[str, Systems]
    asked: list[Asked]
    conditions: dict[str, str]
    usage: dict[str, Any] = field(default_factory=dict)

    def failures(self) -> list[dict[str, str]]:
        """Every report without scores."""
        return [failure for asked in self.asked for failure in asked.failures()]

    def markdown(self) -> str:
        """The tables and their conditions as Markdown."""
        checks = {f"{name}: {part}": cells for name, found in self.checks.items() for part, cells in found.items()}
        return self._render(markdown_table, checks)

    def terminal(self) -> str:
        """The same for a terminal, of the checks only all dimensions together."""
        return self._render(terminal_table, {name: found["all four"] for name, found in self.checks.items()})

    def to_json(self) -> dict[str, Any]:
        """Everything but the rows' scores as plain JSON values; what is not defined is null."""
        return {
            "conditions": self.conditions,
            "systems": plain(self.systems),
            "paired_differences": plain(self.differences),
            "checks": {question: plain(found) for question, found in self.checks.items()},
            "failures": self.failures(),
            "usage": self.usage,
        }

    def write(self, out: Path) -> None:
        """Writes `judge.json`, `judge.md` and `judged.parquet` into a folder, each under a temporary name first."""
        out.mkdir(parents=True, exist_ok=True)
        written = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(out / "judge.json", written)
        write_whole(out / "judge.md", self.markdown())
        write_table_whole(out / "judged.parquet", self._rows())

    def _rows(self) -> pa.Table:
        rows = []
        for asked in self.asked:
            for ecg_id, patient_id, given in zip(asked.ecg_ids, asked.patient_ids, asked.judgements, strict=True):
                scores = dict(zip(DIMENSIONS, given.scores or (None,) * len(DIMENSIONS), strict=True))
                row = {"system": asked.system, "question": asked.question, "ecg_id": ecg_id, "patient_id": patient_id}
                rows.append({**row, **scores, "asked": given.asked, "failure": given.failure})
        return pa.Table.from_pylist(rows, schema=_COLUMNS)

    def _render(self, render: Callable[[Systems, Mapping[str, str], str], str], checks: Systems) -> str:
        """The tables that have rows, the conditions below the last."""
        tables = [
            (self.systems, "system"),
            (self.differences, f"{self.asked[0].system}, paired, minus"),
            (checks, "the judge against itself"),
        ]
        shown = [(table, corner) for table, corner in tables if table]
        return "\n".join(
            render(table, self.conditions if (table, corner) == shown[-1] else {}, corner) for table, corner in shown
        )
