"""Selective generation: how the error falls when only the reports a model is surest of are answered.

The curve of error against share answered is El-Yaniv and Wiener's (2010) risk-coverage curve, for neural networks in
Geifman and El-Yaniv (2017, arXiv:1705.08500); the area under it and the best possible area are Geifman, Uziel and
El-Yaniv's (2019, arXiv:1805.08206). Reports of equal confidence are answered together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from eval_suite.statistics import Interval

POINTS = 100
_CELLS = 10_000_000  # of a block of drawn weights, so that a large archive fits in memory

DEFINITIONS = {
    "curve": "mean error of the reports answered, the most confident first, those of equal confidence together",
    "area": "under the curve: the mean, over the rows, of the error among all that are at least as confident; the "
    "random order's is the mean error, the best order's that of an order by the error itself",
    "gain": "(random area - area) / (random area - best area): 1 is the best order, 0 no better than chance",
}


@dataclass(frozen=True)
class CurvePoint:
    """One point of a curve.

    Attributes:
        share: of the reports that is answered, 0..1.
        threshold: the confidence that an answered report has at least.
        error: mean among the answered.
    """

    share: float
    threshold: float
    error: Interval


@dataclass(frozen=True)
class SelectiveCurve:
    """Error against share answered.

    Attributes:
        points: at most `POINTS`, evenly spread, by growing share; the last one answers everything.
        area: under the curve.
        random_area: of answering in random order: the mean error.
        best_area: of answering in the order of the errors themselves.
        gain: how much of the way from the random to the best area the confidence goes; NaN if all errors are equal.
    """

    points: tuple[CurvePoint, ...]
    area: Interval
    random_area: float
    best_area: float
    gain: Interval

    def tenths(self) -> tuple[CurvePoint, ...]:
        """Of each tenth of the reports the first point that answers as much; ten, or fewer where many are equal."""
        wanted = (next(p for p in self.points if p.share >= tenth / 10 - 1e-9) for tenth in range(1, 11))
        return tuple(dict.fromkeys(wanted))

    def to_json(self) -> dict[str, Any]:
        """As plain values; NaN where something is not defined."""
        return {
            "points": [asdict(point) | {"error": point.error._asdict()} for point in self.points],
            "area": self.area._asdict(),
            "random_area": self.random_area,
            "best_area": self.best_area,
            "gain": self.gain._asdict(),
        }


def selective_curve(
    confidence: np.ndarray, errors: np.ndarray, patients: Sequence[str], *, samples: int = 1000, seed: int = 0
) -> SelectiveCurve:
    """The curve with its intervals, 95 % percentile bootstrap over whole patients as in `eval_suite.statistics`.

    As there, draws in which a value is not defined are left out; the bounds are NaN where none is left, and with a
    single patient.

    Args:
        confidence: float [rows], the greater the surer.
        errors: float [rows], 0..1.
        patients: one id a row.
        samples: bootstrap draws.
        seed: of the draws.

    Raises:
        EcgInputError: no rows, other numbers of rows, or fewer than two draws.
    """
    rows = len(errors)
    if not rows or len(confidence) != rows or len(patients) != rows:
        given = f"{len(confidence)} confidences, {rows} errors and {len(patients)} patient ids"
        raise EcgInputError(f"{given}, expected as many of each and at least one")
    if samples < 2:
        raise EcgInputError(f"{samples} bootstrap samples, expected at least 2; the default is 1000")
    order = np.argsort(-confidence, kind="stable")
    ranked = _Ranked(confidence[order], errors[order])
    value = ranked.summary(np.ones((1, rows)))[0]
    drawn = np.concatenate([ranked.summary(weights[:, order]) for weights in patient_draws(patients, samples, seed)])
    if len(set(patients)) < 2:  # every draw is the same patient: that says nothing of others
        drawn[:] = np.nan
    *points, area, gain = (_interval(number, column) for number, column in zip(value, drawn.T, strict=True))
    return SelectiveCurve(
        points=tuple(
            CurvePoint((place + 1) / rows, float(ranked.confidence[place]), error)
            for place, error in zip(ranked.places, points, strict=True)
        ),
        area=area,
        random_area=float(errors.mean()),
        best_area=float(_running_mean(np.sort(errors)[None], np.ones((1, rows))).mean()),
        gain=gain,
    )


def patient_draws(patients: Sequence[str], samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row is drawn when whole patients are drawn with replacement, float64 [<= samples, rows] a time."""
    ids, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // len(cluster))
    for start in range(0, samples, block):
        size = min(block, samples - start)
        drawn = generator.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=size)
        yield drawn[:, cluster].astype(np.float64)


class _Ranked:
    """Rows, the most confident first.

    Attributes:
        confidence: [rows], falling.
        places: [points], the last rows of the groups of equal confidence that the curve shows.
    """

    def __init__(self, confidence: np.ndarray, errors: np.ndarray) -> None:
        self.confidence = confidence
        self._errors = errors
        rows = len(errors)
        last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
        self._group_end = last[np.searchsorted(last, np.arange(rows))]
        wanted = np.ceil(np.arange(1, POINTS + 1) * rows / POINTS).astype(int) - 1
        self.places = np.unique(self._group_end[wanted])
        self._by_error = np.argsort(errors, kind="stable")

    def summary(self, weights: np.ndarray) -> np.ndarray:
        """Weights [draws, rows] -> error at each place, area and gain, [draws, points + 2]."""
        running = _running_mean(self._errors, weights)
        total = weights.sum(axis=1)
        # A row without weight adds nothing, also where nothing before it has any.
        area = np.where(weights > 0, weights * running[:, self._group_end], 0).sum(axis=1) / total
        chosen = weights[:, self._by_error]
        ideal = _running_mean(self._errors[self._by_error], chosen)
        best = np.where(chosen > 0, chosen * ideal, 0).sum(axis=1) / total
        chance = running[:, -1]
        possible = chance - best
        gain = np.divide(chance - area, possible, out=np.full(len(weights), np.nan), where=possible > 1e-12)
        return np.column_stack([running[:, self.places], area, gain])


def _running_mean(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of the errors up to each row, [draws, rows]; NaN where nothing up to there has weight."""
    answered = weights.cumsum(axis=1)
    summed = (weights * errors).cumsum(axis=1)
    return np.divide(summed, answered, out=np.full(weights.shape, np.nan), where=answered > 0)


def _interval(value: float, draws: np.ndarray) -> Interval:
    """Of the draws in which the value is defined."""
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        return Interval(float(value), np.nan, np.nan)
    return Interval(float(value), *map(float, np.quantile(draws, [0.025, 0.975])))
