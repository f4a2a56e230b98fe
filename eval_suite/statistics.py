"""Bootstrap intervals clustered by patient, and paired differences between two systems over the same rows.

A patient's recordings and reports resemble each other, so rows are not independent: whole patients are drawn with
replacement (Field and Welsh 2007, cluster bootstrap), and the interval is the percentile interval of Efron (1979).
Everything is computed from per-row sums, so a thousand draws cost one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from dataset_scripts.record import EcgInputError

_BLOCK = 100  # draws weighed at a time: keeps the weights of a million patients in memory


class RowStatistics(Protocol):
    """What each row of an evaluation adds to its scores, as text metrics, findings and the judge have it."""

    def matrix(self) -> np.ndarray:
        """float64 [rows, columns]; sums over rows are meaningful."""

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Scores from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...]."""


class Interval(NamedTuple):
    """A value with its percentile bootstrap interval."""

    value: float
    low: float
    high: float


def bootstrap(
    statistics: RowStatistics, patients: Sequence[str], *, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """Every metric with its interval, patients drawn with replacement.

    Args:
        statistics: of R rows.
        patients: R patient ids, aligned with the rows.
        samples: draws.
        seed: the same seed and patients give the same draws, whatever the system.
        level: coverage of the interval.

    Returns:
        Metric name -> interval; the value is the metric on all rows, not the mean of the draws.

    Raises:
        EcgInputError: patients and rows differ in number, or too few draws.
    """
    names, value, draws = _draws(statistics, patients, samples, seed)
    return _intervals(names, value, draws, level)


def paired_difference(
    a: RowStatistics,
    b: RowStatistics,
    patients: Sequence[str],
    *,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """`a` minus `b` on the same rows, with the interval of the difference: both see the same drawn patients.

    An interval that leaves out 0 says that the systems differ at the level asked for.

    Raises:
        EcgInputError: as `bootstrap`.
    """
    names, value_a, draws_a = _draws(a, patients, samples, seed)
    _, value_b, draws_b = _draws(b, patients, samples, seed)
    return _intervals(names, value_a - value_b, draws_a - draws_b, level)


def _draws(
    statistics: RowStatistics, patients: Sequence[str], samples: int, seed: int
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Metric names, their values [metrics] and their values in each draw [samples, metrics]."""
    matrix = statistics.matrix()
    if len(patients) != len(matrix):
        raise EcgInputError(f"{len(patients)} patient ids for {len(matrix)} rows, expected one a row")
    if samples < 2:
        raise EcgInputError(f"{samples} bootstrap samples, expected at least 2; the default is 1000")
    ids, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    sums = np.zeros((len(ids), matrix.shape[1]))
    np.add.at(sums, cluster, matrix)
    value = statistics.scores(matrix.sum(axis=0))
    drawn = np.concatenate([weights @ sums for weights in _weights(len(ids), samples, seed)])
    draws = statistics.scores(drawn)
    return list(value), np.array(list(value.values())), np.stack(list(draws.values()), axis=1)


def _weights(clusters: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each cluster is drawn, float64 [<= _BLOCK, clusters] at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - start)
        yield generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=size).astype(np.float64)


def _intervals(names: Sequence[str], value: np.ndarray, draws: np.ndarray, level: float) -> dict[str, Interval]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: Interval(*map(float, row)) for name, *row in zip(names, value, low, high, strict=True)}
