"""What a comparison of two systems found, as a table and as plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from dataset_scripts.whole_file import write_whole
from eval_suite.cells import markdown_cells, notes, terminal_cells
from eval_suite.comparing.compared_rows import ComparedRows
from eval_suite.findings.scores import DEFINITIONS
from eval_suite.statistics import Interval
from eval_suite.table import number, plain

#: What the names of scores of findings begin with.
FINDING_PREFIX = "findings "
#: Scores of which less is better; of all others more is.
LOWER_IS_BETTER = tuple(FINDING_PREFIX + name for name in ("critical missed", "critical invented", "contradictory"))
#: Scores of findings that two systems share, or that need measurements, which predictions do not hold.
LEFT_OUT = ("contradictory references", "numbers agreed")
_LEVEL = 0.05
_DEFINITIONS = {
    "difference": "A minus B on the same rows, with the 95 % percentile bootstrap interval of the difference, "
    "{samples:,} draws of whole patients",
    "p": "two-sided, approximate randomisation: both systems' reports of each patient swapped with probability 1/2, "
    "every metric computed anew, {draws:,} draws; the least possible is about {least:.2g}, the larger of 1/(1 + draws) "
    "and 2/2^patients",
    "p (Holm)": "the same, corrected for the {metrics} metrics of this table (Holm 1979)",
}
_OUT_OF_REACH = (
    "; WARNING: with {metrics} metrics it cannot fall to .05 here, however far the systems are apart: {metrics} times "
    "the least p is {reached:.2g}; take more draws, or more patients where they are too few"
)


def probability(p: float) -> str:
    """A p-value with three decimals; below that "<.001"."""
    return "<.001" if p < 0.001 else number(p)


@dataclass(frozen=True)
class Difference:
    """One metric of two systems.

    Attributes:
        a: the first system's, with its interval.
        b: the second's.
        difference: a minus b, with the interval of the difference.
        p: of the permutation test.
        p_holm: the same, corrected for the number of metrics.
    """

    a: Interval
    b: Interval
    difference: Interval
    p: float
    p_holm: float


@dataclass(frozen=True)
class FindingsRight:
    """Reports whose whole set of findings is right, under both systems (McNemar 1947, the exact test).

    Attributes:
        both: reports right under both.
        neither: under none.
        only_a: ids of those that only A has right.
        only_b: ids of those that only B has right.
    """

    both: int
    neither: int
    only_a: list[str]
    only_b: list[str]

    @property
    def p(self) -> float:
        """Two-sided: were the systems alike, either would have half of the reports that only one has right."""
        apart = len(self.only_a) + len(self.only_b)
        return float(binomtest(len(self.only_a), apart).pvalue) if apart else 1.0

    def line(self) -> str:
        """The four counts and the p-value in a sentence."""
        return (
            f"both systems {self.both:,} reports, only A {len(self.only_a):,}, only B {len(self.only_b):,}, neither "
            f"{self.neither:,}; exact McNemar test p {probability(self.p)}, reports taken as independent"
        )


@dataclass(frozen=True)
class Comparison:
    """What two systems' predictions differ by.

    Attributes:
        rows: the rows and what is known of them.
        metrics: metric -> both systems' values, their difference and its tests; findings begin with "findings ".
        right: who has the whole set of findings right.
        samples: bootstrap draws.
        draws: of the permutation test.
        seed: of both.
        notes: further conditions, label -> text.
    """

    rows: ComparedRows
    metrics: dict[str, Difference]
    right: FindingsRight
    samples: int
    draws: int
    seed: int
    notes: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> dict[str, str]:
        """Everything the table must say of itself, label -> text."""
        rows, protocol = self.rows, self.rows.protocol
        patients, tested = len(set(rows.patient_ids)), len(self.metrics)
        # Of all swaps, that of no patient and that of every patient part the systems as far as they are.
        least = max(1 / (1 + self.draws), 2.0 ** (1 - patients))
        values = {"samples": self.samples, "draws": self.draws, "least": least, "metrics": tested}
        said = {label: text.format(**values) for label, text in _DEFINITIONS.items()}
        if tested * least > _LEVEL:
            said["p (Holm)"] += _OUT_OF_REACH.format(metrics=tested, reached=tested * least)
        return {
            "A": rows.a.described,
            "B": rows.b.described,
            **self.notes,
            "whole set of findings right": self.right.line(),
            "protocol": f"{protocol.name} version {protocol.version}: {protocol.rules}",
            "data": f"{rows.data or 'not stated'}, split {rows.split or 'not stated'}",
            "rows": f"{len(rows.ecg_ids):,}, of {patients:,} patients",
            "text column": rows.text_column or "not stated, the same references in both",
            "language told": f"A {rows.a.told()}, B {rows.b.told()}",
            **said,
            "seed": str(self.seed),
            **protocol.definitions(),
            **{label: text for label, text in DEFINITIONS.items() if label not in LEFT_OUT},
        }

    def markdown(self) -> str:
        """The table and its conditions as Markdown."""
        return f"{markdown_cells(self._cells())}\n{notes(self.lines(), bullet='- ')}"

    def terminal(self) -> str:
        """The same for a terminal."""
        return f"{terminal_cells(self._cells())}\n{notes(self.lines())}"

    def _cells(self) -> list[list[str]]:
        table = [["metric", "A", "B", "A - B", "95 % interval", "p", "p (Holm)"]]
        for name, found in self.metrics.items():
            apart = found.difference
            table.append(
                [
                    f"{name} (less is better)" if name in LOWER_IS_BETTER else name,
                    *map(number, (found.a.value, found.b.value, apart.value)),
                    number(apart.value) if math.isnan(apart.value) else f"{number(apart.low)} to {number(apart.high)}",
                    *map(probability, (found.p, found.p_holm)),
                ]
            )
        return table

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; what is not defined is null."""
        rows = self.rows
        both = {side.letter: side for side in (rows.a, rows.b)}
        scores = plain({letter: {n: getattr(m, letter.lower()) for n, m in self.metrics.items()} for letter in both})
        differences: dict[str, dict[str, float | None]] = plain(
            {"A - B": {name: found.difference for name, found in self.metrics.items()}}
        )["A - B"]
        for name, found in self.metrics.items():
            differences[name].update(p=found.p, p_holm=found.p_holm)
        return {
            "schema": 1,
            "task": "comparison",
            "conditions": {
                "data": rows.data,
                "split": rows.split,
                "rows": len(rows.ecg_ids),
                "patients": len(set(rows.patient_ids)),
                "text_column": rows.text_column,
                "protocol": {"name": rows.protocol.name, "version": rows.protocol.version},
                "samples": self.samples,
                "draws": self.draws,
                "seed": self.seed,
                "definitions": self.lines(),
            },
            **{
                letter.lower(): {
                    "name": side.name,
                    "system": side.described,
                    "language_told": side.conditions.get("language_told"),
                    "scores": scores[letter],
                }
                for letter, side in both.items()
            },
            "differences": differences,
            "findings_right": {
                "both": self.right.both,
                "neither": self.right.neither,
                "only_a": self.right.only_a,
                "only_b": self.right.only_b,
                "p": self.right.p,
            },
        }

    def write(self, out: Path) -> None:
        """Write `comparison.json` and `comparison.md` into a folder."""
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "comparison.json", json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        write_whole(out / "comparison.md", self.markdown())
