"""Bootstrap intervals clustered by patient, and paired differences and tests between two systems over the same rows.

A patient's recordings and reports resemble each other, so rows are not independent: whole patients are drawn with
replacement (Field and Welsh 2007, cluster bootstrap), and the interval is the percentile interval of Efron (1979).
Everything is computed from per-row sums, so a thousand draws cost one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        Metric name -> interval; the value is the metric on all rows, not the mean of the draws. Draws in which a
        metric is not defined (0 of 0) are left out; the bounds are NaN where none is left, and with a single patient.

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

    An interval that leaves out 0 says that the systems differ at the level asked for; its bounds may be NaN, as those
    of `bootstrap`.

    Raises:
        EcgInputError: as `bootstrap`.
    """
    names, value_a, draws_a = _draws(a, patients, samples, seed)
    _, value_b, draws_b = _draws(b, patients, samples, seed)
    return _intervals(names, value_a - value_b, draws_a - draws_b, level)


def permutation_test(
    a: RowStatistics, b: RowStatistics, patients: Sequence[str], *, draws: int = 10_000, seed: int = 0
) -> dict[str, float]:
    """How often chance alone would part two systems as far as they are, per metric.

    Were it all the same which system wrote what, swapping both systems' outputs for a patient would change nothing.
    Each draw swaps those of every patient with probability one half, whole patients as their rows resemble each other,
    and computes both systems' metrics anew from the sums (approximate randomisation: Noreen 1989; for corpus metrics
    Riezler and Maxwell 2005).

    Args:
        a: of R rows.
        b: of the same rows, with the same columns.
        patients: R patient ids, aligned with the rows.
        draws: random swaps; the least p-value is 1 / (draws + 1).
        seed: the same seed and patients give the same swaps, whatever the systems.

    Returns:
        Metric name -> two-sided p-value, (1 + draws that part them as far) / (1 + draws): valid, never 0.

    Raises:
        EcgInputError: patients and rows differ in number, the two have other rows or columns, or no draws.
    """
    if draws < 1:
        raise EcgInputError(f"{draws} random swaps, expected at least 1; the default is 10000")
    matrix_a, matrix_b = a.matrix(), b.matrix()
    if matrix_a.shape != matrix_b.shape:
        raise EcgInputError(
            f"statistics of shape {matrix_a.shape} and {matrix_b.shape}, expected those of the same rows and metrics"
        )
    moved = _patient_sums(matrix_b - matrix_a, patients)
    total_a, total_b = matrix_a.sum(axis=0), matrix_b.sum(axis=0)
    found = {name: value - b.scores(total_b)[name] for name, value in a.scores(total_a).items()}
    # Sums added in another order differ in their last bits: such a draw is as far apart. So is one without a value.
    least = {name: abs(value) * (1 - 1e-9) - 1e-12 for name, value in found.items()}
    hits = dict.fromkeys(found, 0)
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        swapped = generator.integers(0, 2, size=(min(_BLOCK, draws - start), len(moved))).astype(np.float64)
        across = swapped @ moved
        first, second = a.scores(total_a + across), b.scores(total_b - across)
        for name, values in first.items():
            hits[name] += int((~(np.abs(values - second[name]) < least[name])).sum())
    return {name: (1 + count) / (1 + draws) for name, count in hits.items()}


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values corrected for their number, the family-wise error held (Holm 1979), in the order given.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none is less than one before it, nor above 1.
    """
    adjusted, highest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _draws(
    statistics: RowStatistics, patients: Sequence[str], samples: int, seed: int
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Metric names, their values [metrics] and their values in each draw [samples, metrics]."""
    if samples < 2:
        raise EcgInputError(f"{samples} bootstrap samples, expected at least 2; the default is 1000")
    matrix = statistics.matrix()
    sums = _patient_sums(matrix, patients)
    value = statistics.scores(matrix.sum(axis=0))
    if len(sums) < 2:  # every draw is the same patient: that says nothing of others
        return list(value), np.array(list(value.values())), np.full((samples, len(value)), np.nan)
    drawn = np.concatenate([weights @ sums for weights in _weights(len(sums), samples, seed)])
    draws = statistics.scores(drawn)
    return list(value), np.array(list(value.values())), np.stack(list(draws.values()), axis=1)


def _patient_sums(matrix: np.ndarray, patients: Sequence[str]) -> np.ndarray:
    """The rows of each patient added up, float64 [patients, columns], patients in the order of their ids."""
    if len(patients) != len(matrix):
        raise EcgInputError(f"{len(patients)} patient ids for {len(matrix)} rows, expected one a row")
    ids, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    sums = np.zeros((len(ids), matrix.shape[1]))
    np.add.at(sums, cluster, matrix)
    return sums


def _weights(clusters: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each cluster is drawn, float64 [<= _BLOCK, clusters] at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - start)
        yield generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=size).astype(np.float64)


def _intervals(names: Sequence[str], value: np.ndarray, draws: np.ndarray, level: float) -> dict[str, Interval]:
    bounds = np.full((2, len(names)), np.nan)
    known = ~np.isnan(draws).all(axis=0)
    if known.any():
        bounds[:, known] = np.nanquantile(draws[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: Interval(*map(float, row)) for name, *row in zip(names, value, *bounds, strict=True)}
