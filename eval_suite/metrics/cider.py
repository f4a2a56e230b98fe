"""CIDEr-D (Vedantam, Zitnick and Parikh 2015) of all rows at once, by sparse matrices: one reference a row.

The same definition as pycocoevalcap's, which weighs n-grams one by one in Python; the tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

_ORDERS = 4
_SIGMA = 6.0

Tokens = Sequence[str]


def cider_rows(hypotheses: Sequence[Tokens], targets: Sequence[Tokens], *, idf: bool = True) -> np.ndarray:
    """CIDEr-D of each row: n-grams of 1 to 4 tokens, sigma 6, clipped counts.

    Args:
        hypotheses: tokens of each prediction.
        targets: tokens of each reference, aligned.
        idf: weigh an n-gram by the share of the references that have it; False counts it as if one alone had it.

    Returns:
        float64 [rows], 0 to 10; 0 for a single row, whose n-grams all are in every reference.
    """
    # pycocoevalcap counts bigrams here: the same difference, but for empty texts, which score 0 anyway.
    lengths = [np.array([len(row) for row in side]) for side in (hypotheses, targets)]
    penalty = np.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * _SIGMA**2))
    similarity = np.mean([_similarity(hypotheses, targets, order, idf) for order in range(1, _ORDERS + 1)], axis=0)
    return 10.0 * similarity * penalty


def _similarity(hypotheses: Sequence[Tokens], targets: Sequence[Tokens], order: int, idf: bool) -> np.ndarray:
    """Clipped cosine between the tf-idf vectors of n-grams of one order, float64 [rows]."""
    vocabulary: dict[tuple[str, ...], int] = {}
    predicted, reference = (_term_counts(side, order, vocabulary) for side in (hypotheses, targets))
    predicted.resize(len(hypotheses), len(vocabulary))
    reference.resize(len(targets), len(vocabulary))
    containing = np.bincount(reference.indices, minlength=len(vocabulary)) if idf else np.ones(len(vocabulary))
    weights = sparse.diags_array(np.log(len(targets)) - np.log(np.maximum(containing, 1.0)))
    predicted, reference = predicted @ weights, reference @ weights
    # The weights are not negative, so the smaller of the two is 0 wherever one text lacks the n-gram.
    overlap = np.asarray(predicted.minimum(reference).multiply(reference).sum(axis=1)).ravel()
    norms = linalg.norm(predicted, axis=1) * linalg.norm(reference, axis=1)
    return np.divide(overlap, norms, out=np.zeros(len(targets)), where=norms > 0)


def _term_counts(side: Sequence[Tokens], order: int, vocabulary: dict[tuple[str, ...], int]) -> sparse.csr_array:
    """How often each row has each n-gram, [rows, n-grams so far]; new n-grams are added to the vocabulary."""
    columns: list[int] = []
    ends = [0]
    for row in side:
        columns += [
            vocabulary.setdefault(tuple(row[start : start + order]), len(vocabulary))
            for start in range(len(row) - order + 1)
        ]
        ends.append(len(columns))
    counts = sparse.csr_array(
        (np.ones(len(columns)), np.array(columns, dtype=np.int64), np.array(ends)), shape=(len(side), len(vocabulary))
    )
    counts.sum_duplicates()
    return counts
