"""The area under the ROC curve of many labels, with an interval that draws whole patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def weighted_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Chance that a positive row scores above a negative one, ties counting half, for several weightings at once.

    Args:
        labels: [R], above 0 where positive.
        scores: [R].
        weights: [W, R], how often each row counts.

    Returns:
        float64 [W]; NaN where a weighting leaves out every positive or every negative row.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)  # first row of each distinct score
    positive = np.where(labels > 0, weights, 0.0)[:, order]
    negative = np.where(labels > 0, 0.0, weights)[:, order]
    positive, negative = np.add.reduceat(positive, starts, axis=1), np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(1) * negative.sum(1)
    return np.divide((positive * below).sum(1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def auroc_by_label(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """`weighted_auroc` of every column: [R, C] and [R, C] -> [W, C]; W = 1 without weights."""
    weights = np.ones((1, len(labels))) if weights is None else weights
    return np.stack([weighted_auroc(labels[:, c], scores[:, c], weights) for c in range(labels.shape[1])], axis=1)


def macro_auroc_interval(
    labels: np.ndarray, scores: np.ndarray, patients: Sequence[str], samples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of the mean over labels, patients drawn with replacement (Field and Welsh, 2007).

    A label without a positive or a negative row in a draw is left out of that draw's mean.
    """
    ids, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=samples)
    macro = np.nanmean(auroc_by_label(labels, scores, drawn[:, patient].astype(np.float64)), axis=1)
    ends: np.ndarray = np.nanquantile(macro, [0.025, 0.975])
    return float(ends[0]), float(ends[1])
