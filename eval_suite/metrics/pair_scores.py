"""What depends on a prediction and its reference alone: BLEU's counts, METEOR and ROUGE, each pair scored once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from tqdm import tqdm

ORDERS = 4
#: Columns of BLEU's counts: prediction length, reference length, matched 1- to 4-grams, predicted 1- to 4-grams.
BLEU_COLUMNS = 2 + 2 * ORDERS

Pair = tuple[tuple[str, ...], tuple[str, ...]]


def score_pairs(pairs: Sequence[Pair], score: Callable[[Pair], Sequence[float]], description: str) -> np.ndarray:
    """One row of scores a pair; pairs that come again are scored once. A bar shows the progress after two seconds.

    Args:
        pairs: tokens of the prediction, tokens of the reference.
        score: scores of a pair, always as many.
        description: of the bar.

    Returns:
        float64 [pairs, scores].
    """
    index = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
    bar = tqdm(index, desc=description, unit=" pairs", delay=2.0, leave=False)
    return np.array([score(pair) for pair in bar], dtype=np.float64)[[index[pair] for pair in pairs]]


@functools.cache
def _bleu() -> BLEU:
    # effective_order only quiets sacrebleu's warning on single sentences; the counts, all we take, are the same.
    return BLEU(tokenize="none", smooth_method="none", effective_order=True)


def bleu_counts(pair: Pair) -> list[float]:
    """The counts of one pair that BLEU adds up over a corpus, as `BLEU_COLUMNS` says, from sacrebleu."""
    hypothesis, target = pair
    counts = _bleu().sentence_score(" ".join(hypothesis), [" ".join(target)])
    return [counts.sys_len, counts.ref_len, *counts.counts, *counts.totals]
