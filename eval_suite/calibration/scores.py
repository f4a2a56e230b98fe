"""What a calibration found, as tables and as `calibration.json`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.whole_file import write_whole
from eval_suite.calibration.abstention import ERRORS, LEAST_SHARE, Candidate, Choice, Measured, Target
from eval_suite.calibration.conditions import CalibrationConditions
from eval_suite.calibration.reliability import Reliability
from eval_suite.calibration.selective import SelectiveCurve
from eval_suite.cells import markdown_cells, notes, terminal_cells
from eval_suite.confidence import CONFIDENCE
from eval_suite.statistics import Interval
from eval_suite.table import number

Table = list[list[str]]
_CRITICAL = "Reports whose reference affirms a critical finding"


@dataclass(frozen=True)
class Abstention:
    """A threshold that meets its target.

    Attributes:
        target: what was asked.
        chosen: what it was on the patients it was chosen on.
        rows: of those patients, answered or not.
        patients: as many.
        measured: what it is on the others.
    """

    target: Target
    chosen: Candidate
    rows: int
    patients: int
    measured: Measured

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "threshold": self.chosen.threshold,
            "target": asdict(self.target),
            "chosen_on": {
                "rows": self.rows,
                "patients": self.patients,
                "answered": self.chosen.rows,
                "share": self.chosen.share,
                "error": self.chosen.error,
                "bound": self.chosen.bound,
            },
            "measured_on": {
                "share": self.measured.share._asdict(),
                "error": self.measured.error._asdict(),
                "rows": self.measured.rows,
                "patients": self.measured.patients,
            },
        }

    def for_config(self, conditions: CalibrationConditions) -> dict[str, Any]:
        """As `MeitConfig.abstention` takes it, but for `eval_suite.calibration.stored_threshold.how_asked`."""
        return {
            "confidence": CONFIDENCE,
            "threshold": self.chosen.threshold,
            "error": self.target.error,
            "target": self.target.at_most,
            "chance": self.target.chance,
            "share_answered": self.measured.share._asdict(),
            "error_answered": self.measured.error._asdict(),
            "data": conditions.data,
            "split": conditions.split,
            "text_column": conditions.text_column,
            "rows": self.measured.rows,
            "patients": self.measured.patients,
        }

    def text(self) -> str:
        """One paragraph."""
        chosen, measured = self.chosen, self.measured
        return (
            f"Answer where the confidence is at least {chosen.threshold:.4f}: the error {self.target.error} among the "
            f"answered is at most {number(self.target.at_most)}, but for a chance of {self.target.chance:g}. Chosen on "
            f"{self.rows:,} reports of {self.patients:,} patients ({chosen.share:.1%} answered, error "
            f"{number(chosen.error)}, bound {number(chosen.bound)}); on the other {measured.rows:,} reports of "
            f"{measured.patients:,} patients {_cell(measured.share)} are answered, with an error of "
            f"{_cell(measured.error)}."
        )


@dataclass(frozen=True)
class CalibrationScores:
    """What a calibration found.

    Attributes:
        conditions: what it was computed under.
        selective: error -> curve.
        critical: share answered of all reports -> how many of those whose reference affirms a critical finding are
            among them, and their error "critical"; empty where there are none.
        reliability: error, and "error, isotonic", -> reliability diagram.
        target: of the threshold; None where none was asked for.
        abstention: the threshold; None where none was asked for or none meets the target.
        missed: where none meets the target, what was tried.
    """

    conditions: CalibrationConditions
    selective: dict[str, SelectiveCurve]
    critical: dict[float, Measured]
    reliability: dict[str, Reliability]
    target: Target | None = None
    abstention: Abstention | None = None
    missed: Choice | None = None

    def threshold_text(self) -> str:
        """What was found of a threshold, in a paragraph; empty where none was asked for."""
        if self.abstention is not None:
            return self.abstention.text()
        if self.missed is None or self.target is None:
            return ""
        target, lowest = self.target, self.missed.lowest
        late = (
            " (the trial had ended before it, so nothing is promised of it)" if lowest.bound <= target.at_most else ""
        )
        return (
            f"No threshold keeps the error {target.error} among the answered at most {number(target.at_most)}, but for "
            f"a chance of {target.chance:g}. First tried: {_tried(self.missed.first)}. The lowest bound, of all that "
            f"answer {LEAST_SHARE:.0%} or more: {_tried(lowest)}{late}."
        )

    def markdown(self) -> str:
        """Tables, threshold and conditions as Markdown."""
        parts = [f"### {title}\n\n{markdown_cells(table)}" for title, table in self._tables().items()]
        if self.threshold_text():
            parts.append(f"### Abstention\n\n{self.threshold_text()}\n")
        return "\n".join([*parts, notes(self.conditions.lines(), bullet="- ")])

    def terminal(self) -> str:
        """The same for a terminal."""
        parts = [f"{title}\n\n{terminal_cells(table)}" for title, table in self._tables().items()]
        if self.threshold_text():
            parts.append(f"{self.threshold_text()}\n")
        return "\n".join([*parts, notes(self.conditions.lines())])

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; what is not defined is null."""
        return _without_nan(
            {
                "schema": 1,
                "task": "calibration",
                "conditions": {**asdict(self.conditions), "definitions": self.conditions.lines()},
                "confidence": self.conditions.confidence,
                "errors": ERRORS,
                "selective": {name: curve.to_json() for name, curve in self.selective.items()},
                "critical": [
                    {
                        "share": share,
                        "rows": measured.rows,
                        "answered": measured.share._asdict(),
                        "error": measured.error._asdict(),
                    }
                    for share, measured in self.critical.items()
                ],
                "reliability": {
                    name: [one.to_json() for one in diagram.bins] for name, diagram in self.reliability.items()
                },
                "calibration_error": {name: diagram.error_json() for name, diagram in self.reliability.items()},
                "abstention": None if self.abstention is None else self.abstention.to_json(),
                "target_missed": self.missed
                and {
                    "target": self.target and asdict(self.target),
                    "first": asdict(self.missed.first),
                    "lowest": asdict(self.missed.lowest),
                },
            }
        )

    def write(self, out: Path) -> None:
        """Write `calibration.json` and `calibration.md` into a folder, each whole or not at all."""
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(out / "calibration.json", text)
        write_whole(out / "calibration.md", self.markdown())

    def _tables(self) -> dict[str, Table]:
        return {
            "Error among the answered": self._curve_table(),
            **({f"{_CRITICAL} ({self._critical_rows():,})": self._critical_table()} if self.critical else {}),
            "Areas under the curves": [
                ["error", "area", "random order", "best order", "gain"],
                *(
                    [name, _cell(curve.area), number(curve.random_area), number(curve.best_area), _cell(curve.gain)]
                    for name, curve in self.selective.items()
                ),
            ],
            "Reliability": self._reliability_table(),
            "Calibration error": [
                ["1 - error", "of the confidence", "by chance", "after isotonic regression", "by chance"],
                *(
                    [name, *self._calibration_errors(name), *self._calibration_errors(f"{name}, isotonic")]
                    for name in self.selective
                ),
            ],
        }

    def _calibration_errors(self, name: str) -> tuple[str, str]:
        diagram = self.reliability[name]
        return number(diagram.error), number(diagram.by_chance)

    def _curve_table(self) -> Table:
        rows: Table = [["share answered", "confidence from", *self.selective]]
        for points in zip(*(curve.tenths() for curve in self.selective.values()), strict=True):
            at = points[0]
            rows.append([f"{at.share:.0%}", f"{at.threshold:.3f}", *(_cell(point.error) for point in points)])
        return rows

    def _critical_rows(self) -> int:
        return max(measured.rows for measured in self.critical.values())

    def _critical_table(self) -> Table:
        rows: Table = [["share answered of all", "of these", "error critical among these"]]
        for share, measured in self.critical.items():
            rows.append([f"{share:.0%}", _cell(measured.share), _cell(measured.error)])
        return rows

    def _reliability_table(self) -> Table:
        names = list(self.selective)
        rows: Table = [["confidence", "mean", "reports", *(f"1 - {name}" for name in names)]]
        for bins in zip(*(self.reliability[name].bins for name in names), strict=True):
            one = bins[0]
            spread = f"{one.low:.3f} to {one.high:.3f}"
            rows.append([spread, number(one.confidence), f"{one.rows:,}", *(_cell(each.observed) for each in bins)])
        return rows


def _tried(candidate: Candidate) -> str:
    return f"{candidate.share:.1%} answered, error {number(candidate.error)}, bound {number(candidate.bound)}"


def _cell(interval: Interval) -> str:
    if math.isnan(interval.low) or interval.low == interval.high:  # no draw tells more than the value
        return "" if math.isnan(interval.value) else number(interval.value)
    return f"{number(interval.value)} ({number(interval.low)} to {number(interval.high)})"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
