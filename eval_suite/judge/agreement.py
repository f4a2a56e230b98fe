"""How far a judge agrees with itself when it is asked otherwise, and the means of its scores, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval_suite.judge.rubric import DIMENSIONS, HIGHEST, LOWEST
from eval_suite.statistics import Interval, bootstrap

LEVELS = HIGHEST - LOWEST + 1
MEAN = "Mean"
CHANGED, EXACT, SHIFT, KAPPA = "changed", "exact agreement", "mean shift", "quadratic-weighted kappa"


@dataclass(frozen=True)
class MeanScores:
    """Scores as `eval_suite.statistics` wants them.

    Attributes:
        scores_by_row: float64 [R, 4], 1 to 5, in the order of `DIMENSIONS`.
    """

    scores_by_row: np.ndarray

    def matrix(self) -> np.ndarray:
        """float64 [R, 5], the last column ones."""
        return np.hstack([self.scores_by_row, np.ones((len(self.scores_by_row), 1))])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """The mean of each dimension and of all four from sums over rows, [..., 5] -> name -> [...]."""
        means = sums[..., :-1] / sums[..., -1:]
        found = {name: means[..., column] for column, name in enumerate(DIMENSIONS.values())}
        return {**found, MEAN: means.mean(axis=-1)}


@dataclass(frozen=True)
class AgreementCounts:
    """Two scores of each row as `eval_suite.statistics` wants them.

    Attributes:
        first: int [R, D], 1 to 5.
        second: int [R, D], given to the same rows at another asking.
    """

    first: np.ndarray
    second: np.ndarray

    def matrix(self) -> np.ndarray:
        """How often a row has each pair of scores (first, second), float64 [R, 25]."""
        pairs = (self.first - LOWEST) * LEVELS + (self.second - LOWEST)
        return np.stack([np.bincount(row, minlength=LEVELS**2) for row in pairs]).astype(np.float64)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Share changed and equal, mean of second minus first, kappa, from summed pairs, [..., 25] -> name -> [...].

        Kappa is Cohen's with quadratic weights (Cohen 1968), 0 where it is not defined (every score the same): nothing
        beyond chance was shown.
        """
        counts = sums.reshape(*sums.shape[:-1], LEVELS, LEVELS)
        total = counts.sum(axis=(-2, -1))
        level = np.arange(LEVELS)
        difference = level[None, :] - level[:, None]
        exact = np.trace(counts, axis1=-2, axis2=-1) / total
        by_chance = counts.sum(axis=-1)[..., :, None] * counts.sum(axis=-2)[..., None, :] / total[..., None, None]
        seen, expected = ((difference**2 * table).sum(axis=(-2, -1)) for table in (counts, by_chance))
        kappa = np.where(expected > 0, 1 - seen / np.where(expected > 0, expected, 1), 0.0)
        return {
            CHANGED: 1 - exact,
            EXACT: exact,
            SHIFT: (difference * counts).sum(axis=(-2, -1)) / total,
            KAPPA: kappa,
        }


def mean_intervals(scores: np.ndarray, patients: Sequence[str], samples: int, seed: int) -> dict[str, Interval]:
    """The mean of each dimension and of all, with bootstrap intervals over whole patients.

    Args:
        scores: [R, 4].
        patients: R ids.
        samples: draws.
        seed: of the draws.

    Returns:
        Printed name -> interval.
    """
    return bootstrap(MeanScores(scores), patients, samples=samples, seed=seed)


def agreement(
    first: np.ndarray, second: np.ndarray, patients: Sequence[str], samples: int, seed: int
) -> dict[str, dict[str, Interval]]:
    """How two askings agree, for all dimensions together and for each.

    Args:
        first: int [R, 4], 1 to 5.
        second: int [R, 4], of the same rows.
        patients: R ids.
        samples: draws of whole patients.
        seed: of the draws.

    Returns:
        "all four" or printed name of a dimension -> measure -> interval; kappa is nan where it is not defined.
    """
    parts = {"all four": slice(None)} | {name: slice(i, i + 1) for i, name in enumerate(DIMENSIONS.values())}
    found = {}
    for name, columns in parts.items():
        one, two = first[:, columns], second[:, columns]
        measures = bootstrap(AgreementCounts(one, two), patients, samples=samples, seed=seed)
        if np.unique([one, two]).size == 1:
            measures[KAPPA] = Interval(*[float("nan")] * 3)
        found[name] = measures
    return found
