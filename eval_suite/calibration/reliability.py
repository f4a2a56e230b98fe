"""Whether a confidence of .8 means that .8 of what is said is right: reliability, its error, and isotonic regression.

Reliability diagrams and the expected calibration error are those of Naeini et al. (2015) and Guo et al. (2017,
arXiv:1706.04599), here in bins of equal counts. "Right" may be a share, as a report's F1 is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from dataset_scripts.errors import EcgInputError
from eval_suite.statistics import Interval, bootstrap

BINS = 10
_BLOCK = 100  # draws at a time, so that a large archive fits in memory

DEFINITIONS = {
    "reliability": f"rows in {BINS} bins of as equal counts as equal confidences allow: mean confidence and mean of "
    "1 - error; after isotonic regression in the same bins",
    "calibration error": "mean over the rows of the distance between a bin's mean confidence and what is observed "
    "(expected calibration error); without an interval, as its draws lie above it",
    "calibration error by chance": "its expectation were the confidence perfectly calibrated: the mean over draws in "
    "which each patient's distances from the mean of their bins keep or change their sign (wild cluster bootstrap)",
    "isotonic": "the confidence replaced by a non-decreasing function of it, fitted (isotonic regression) to 1 - error "
    "on the other half of the patients",
}


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram.

    Attributes:
        low: least confidence in it.
        high: greatest.
        rows: in it.
        confidence: mean.
        observed: mean of 1 - error.
    """

    low: float
    high: float
    rows: int
    confidence: float
    observed: Interval

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "observed": self.observed._asdict()}


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram.

    Attributes:
        bins: by rising confidence.
        error: the expected calibration error. A bootstrap adds the chance that is in it a second time, so that its
            interval would lie too high; `by_chance` stands beside it instead.
        by_chance: what the error would be on average were the confidence perfectly calibrated.
    """

    bins: tuple[Bin, ...]
    error: float
    by_chance: float

    def error_json(self) -> dict[str, float | None]:
        """The error as a plain interval without bounds, and what chance makes of it."""
        return {"value": self.error, "low": None, "high": None, "by_chance": self.by_chance}


def reliability(
    confidence: np.ndarray,
    errors: np.ndarray,
    patients: Sequence[str],
    *,
    binned_by: np.ndarray | None = None,
    bins: int = BINS,
    samples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Confidence against what is observed, with intervals over whole patients.

    The error expected by chance is of a wild bootstrap (Wu 1986), clustered as in Cameron, Gelbach and Miller (2008).

    Args:
        confidence: float [rows], 0..1.
        errors: float [rows], 0..1.
        patients: one id a row.
        binned_by: float [rows], a confidence to bin by in place of this one, so that two can be held against each
            other; None bins by this one.
        bins: of equal counts; fewer where many rows have one confidence.
        samples: bootstrap draws.
        seed: of the draws.

    Raises:
        EcgInputError: no rows, other numbers of rows, fewer than one bin, or as `bootstrap`.
    """
    _check(confidence, errors)
    if bins < 1:
        raise EcgInputError(f"{bins} bins, expected at least 1; the default is {BINS}")
    place = equal_count_bins(confidence if binned_by is None else binned_by, bins)
    found = bootstrap(_BinnedRows(1 - errors, place), patients, samples=samples, seed=seed)
    made = []
    for number in range(place.max() + 1):
        inside = confidence[place == number]
        observed = found[f"bin {number}"]
        made.append(Bin(float(inside.min()), float(inside.max()), len(inside), float(inside.mean()), observed))
    apart = confidence - (1 - errors)
    error = float(np.abs(np.bincount(place, weights=apart)).sum() / len(apart))
    return Reliability(tuple(made), error, _error_by_chance(apart, place, patients, samples, seed))


def _error_by_chance(apart: np.ndarray, place: np.ndarray, patients: Sequence[str], samples: int, seed: int) -> float:
    """Mean calibration error of draws without any true one.

    Args:
        apart: float [rows], confidence minus right.
        place: int64 [rows], bins.
        patients: one id a row.
        samples: draws.
        seed: of the draws.
    """
    counts = np.bincount(place)
    centred = apart - (np.bincount(place, weights=apart) / counts)[place]
    # The mean of n rows takes up 1/n of their spread.
    centred *= np.sqrt(counts / np.maximum(counts - 1, 1))[place]
    ids, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    sums = np.zeros((len(ids), len(counts)))
    np.add.at(sums, (cluster, place), centred)
    generator = np.random.default_rng(seed)
    total = 0.0
    for start in range(0, samples, _BLOCK):
        signs = generator.choice([-1.0, 1.0], size=(min(_BLOCK, samples - start), len(ids)))
        total += np.abs(signs @ sums).sum()
    return float(total / samples / len(apart))


def equal_count_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each row, counted from 0 by rising confidence; equal confidences share one, no bin is empty.

    Args:
        confidence: float [rows].
        bins: asked for.

    Returns:
        int64 [rows].
    """
    _, group, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = (counts.cumsum() - counts / 2) / len(confidence)
    wanted = (middle * bins).astype(int)
    return np.unique(wanted, return_inverse=True)[1][group]


@dataclass(frozen=True)
class _BinnedRows:
    """For `bootstrap`; all [rows]."""

    right: np.ndarray
    place: np.ndarray

    def matrix(self) -> np.ndarray:
        """Rows and right of each bin, [rows, 2 * bins]."""
        inside = np.eye(self.place.max() + 1)[self.place]
        return np.hstack([inside, inside * self.right[:, None]])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """What is observed in each bin, NaN in an empty one."""
        rows, right = np.split(sums, 2, axis=-1)
        observed = np.divide(right, rows, out=np.full(rows.shape, np.nan), where=rows > 0)
        return {f"bin {number}": observed[..., number] for number in range(rows.shape[-1])}


@dataclass(frozen=True)
class IsotonicMap:
    """A rising function from raw to calibrated confidence.

    Attributes:
        confidence: float [knots], rising.
        right: float [knots], not falling.
    """

    confidence: np.ndarray
    right: np.ndarray

    def __call__(self, confidence: np.ndarray) -> np.ndarray:
        """Calibrated confidences, linear between the knots, constant outside them."""
        return np.interp(confidence, self.confidence, self.right)


def fit_isotonic(confidence: np.ndarray, errors: np.ndarray) -> IsotonicMap:
    """The rising function nearest to 1 - error in the mean square (pool adjacent violators).

    Zadrozny and Elkan (2002) calibrate classifiers so.

    Args:
        confidence: float [rows].
        errors: float [rows], 0..1.

    Raises:
        EcgInputError: no rows, or other numbers of rows.
    """
    _check(confidence, errors)
    knots, group, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=1 - errors) / counts
    return IsotonicMap(knots, isotonic_regression(right, weights=counts).x)


def _check(confidence: np.ndarray, errors: np.ndarray) -> None:
    if not len(errors) or len(confidence) != len(errors):
        raise EcgInputError(
            f"{len(confidence)} confidences and {len(errors)} errors, expected as many of each and at least one"
        )
