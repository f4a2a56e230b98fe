"""What the training texts give away: test reports that stand in training too, and outputs that recite rare ones.

A report that occurs word for word in training can be had by heart, so the scores of such rows and of all others stand
apart. Common reports ("sinus rhythm. normal ecg.") are repeated by any good model and say nothing of a patient; a text
that few patients share does. Some of it is chance, so the same share of the split's true reports stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval_suite.findings.scores import FindingStatistics
from eval_suite.metrics.text import tokenize
from eval_suite.rows import ReportRows
from eval_suite.statistics import RowStatistics

SEEN = "reference seen in training"
NOT_SEEN = "reference not seen"


def seen_in_training(references: Sequence[str], train: ReportRows) -> np.ndarray:
    """Which reports equal a training report in every token.

    Args:
        references: one a row.
        train: the training split in the text column the model learned.

    Returns:
        bool [rows].
    """
    known = {tuple(tokenize(report)) for report in train.reports}
    return np.array([tuple(tokenize(report)) in known for report in references])


@dataclass(frozen=True)
class SomeRows:
    """The scores of just some rows, drawn with all the others: what the others add is left out.

    Attributes:
        of: statistics of all rows.
        chosen: bool [rows].
    """

    of: RowStatistics
    chosen: np.ndarray

    def matrix(self) -> np.ndarray:
        """float64 [rows, columns + 1], 0 in every row that is not chosen; the last column counts the rows."""
        return np.hstack([self.of.matrix(), np.ones((len(self.chosen), 1))]) * self.chosen[:, None]

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """As those of all rows; every score of no rows is NaN."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.of.scores(sums[..., :-1])
        return {name: np.where(sums[..., -1] > 0, values, np.nan) for name, values in found.items()}


@dataclass(frozen=True)
class Share:
    """The share of the rows that are chosen.

    Attributes:
        chosen: bool [rows].
    """

    chosen: np.ndarray

    def matrix(self) -> np.ndarray:
        """float64 [rows, 2]."""
        return np.stack([self.chosen, np.ones(len(self.chosen))], axis=1).astype(np.float64)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """The one share, [..., 2] -> "share" -> [...]."""
        return {"share": sums[..., 0] / sums[..., 1]}


def seen_and_not(of: RowStatistics, seen: np.ndarray) -> dict[str, RowStatistics]:
    """The statistics of the rows whose reference was seen and of all others; a side without rows is left out.

    Args:
        of: statistics of all rows.
        seen: bool [rows].
    """
    sides = {name: chosen for name, chosen in ((SEEN, seen), (NOT_SEEN, ~seen)) if chosen.any()}
    if isinstance(of, FindingStatistics):  # the findings of its macro average depend on the rows
        return {name: SomeRows(of.only(chosen), chosen) for name, chosen in sides.items()}
    return {name: SomeRows(of, chosen) for name, chosen in sides.items()}


def memorisation(
    predictions: Sequence[str], references: Sequence[str], train: ReportRows, *, rare_below: int = 10
) -> dict[str, float | int]:
    """Shares of outputs and of true reports that equal a rare training report in every token.

    Args:
        predictions: the model's outputs, one a row.
        references: the rows' true reports.
        train: the training split in the text column the model learned.
        rare_below: a training text is rare where it occurs for fewer patients than this.

    Returns:
        `outputs_repeating_rare`, `references_repeating_rare` (shares in 0..1), `rare_texts` (distinct) and
        `rare_below`.
    """
    patients: dict[tuple[str, ...], set[str]] = {}
    for patient, report in zip(train.patient_ids, train.reports, strict=True):
        patients.setdefault(tuple(tokenize(report)), set()).add(patient)
    rare = {tokens for tokens, having in patients.items() if len(having) < rare_below}

    def share(texts: Sequence[str]) -> float:
        return sum(tuple(tokenize(text)) in rare for text in texts) / len(texts)

    return {
        "outputs_repeating_rare": share(predictions),
        "references_repeating_rare": share(references),
        "rare_texts": len(rare),
        "rare_below": rare_below,
    }
