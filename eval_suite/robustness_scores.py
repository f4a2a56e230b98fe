"""What one robustness test found: as JSON, as Markdown and for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.whole_file import write_whole
from eval_suite.corruptions.corruption import Corruption
from eval_suite.protocol import Conditions
from eval_suite.statistics import Interval
from eval_suite.table import markdown_table, plain, terminal_table

SCHEMA = 1
CLEAN = "clean"
FLOOR = "blank ECG"


@dataclass(frozen=True)
class Point:
    """One corruption at one level.

    Attributes:
        corruption: what was done.
        scores: metric -> interval.
        drop: metric -> interval of clean minus corrupted, paired by patient.
        refused: rows that the processor refused, counted as empty reports.
        unchanged: the corruption left every ECG as it is, so these are the clean predictions.
    """

    corruption: Corruption
    scores: Mapping[str, Interval]
    drop: Mapping[str, Interval]
    refused: int
    unchanged: bool = False


@dataclass(frozen=True)
class RobustnessScores:
    """What one robustness test found.

    Attributes:
        clean: metric -> interval with the ECGs as they are.
        floor: metric -> interval with a blank ECG.
        curves: kind -> points, the mildest first.
        conditions: what it was computed under.
    """

    clean: Mapping[str, Interval]
    floor: Mapping[str, Interval]
    curves: Mapping[str, Sequence[Point]]
    conditions: Conditions

    def markdown(self) -> str:
        """The scores, the drops and the conditions as Markdown."""
        return "\n".join(
            (markdown_table(self._scores(), {}, "ECG"), markdown_table(self._drops(), self._notes(), self._minus()))
        )

    def terminal(self) -> str:
        """The same for a terminal."""
        return "\n".join(
            (terminal_table(self._scores(), {}, "ECG"), terminal_table(self._drops(), self._notes(), self._minus()))
        )

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "schema": SCHEMA,
            "task": "robustness",
            "conditions": {**asdict(self.conditions), "definitions": self._notes()},
            **plain({"clean": self.clean, "floor": self.floor}),
            "curves": {name: _curve(points) for name, points in self.curves.items()},
        }

    def write(self, out: Path) -> None:
        """Write `robustness.json` and `robustness.md` into a folder, each under a temporary name first."""
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "robustness.json", json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        write_whole(out / "robustness.md", self.markdown())

    def _scores(self) -> dict[str, Mapping[str, Interval]]:
        points = {point.corruption.label: point.scores for points in self.curves.values() for point in points}
        return {CLEAN: self.clean, **points, FLOOR: self.floor}

    def _drops(self) -> dict[str, Mapping[str, Interval]]:
        return {point.corruption.label: point.drop for points in self.curves.values() for point in points}

    def _minus(self) -> str:
        return "clean, paired, minus"

    def _notes(self) -> dict[str, str]:
        kinds = [points[0].corruption.kind for points in self.curves.values()]
        every = [point for points in self.curves.values() for point in points]
        refused = [f"{point.corruption.label}: {point.refused}" for point in every if point.refused]
        unchanged = [point.corruption.label for point in every if point.unchanged]
        return {
            **self.conditions.lines(),
            "ECGs refused by the model's processor, counted as empty reports": "; ".join(refused) or "none",
            "changes no ECG of these rows, so the clean predictions are taken": "; ".join(unchanged) or "none",
            **{kind.name: f"{kind.description}; level: {kind.parameter}. {kind.source}" for kind in kinds},
        }


def _curve(points: Sequence[Point]) -> dict[str, Any]:
    kind = points[0].corruption.kind
    return {
        "title": kind.title,
        "parameter": kind.parameter,
        "unit": kind.unit,
        "description": kind.description,
        "source": kind.source,
        "categorical": kind.allowed is None,
        "points": [
            {
                "level": point.corruption.number,
                "label": kind.label(point.corruption.level),
                **plain({"scores": point.scores, "drop": point.drop}),
                "refused": point.refused,
                "unchanged": point.unchanged,
            }
            for point in points
        ],
    }
