"""One family of the `strict` metrics at a time, for the `evaluate` modules in the folders beside this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import datasets
import evaluate
import numpy as np

from eval_suite.metrics.cider import cider_rows
from eval_suite.metrics.pair_scores import ORDERS, Pair, bleu_counts, score_pairs
from eval_suite.metrics.text import (
    ROUGE_NAMES,
    bleu_from_counts,
    exact_rows,
    meteor_name,
    meteor_scores,
    metric_definitions,
    rouge_scores,
    token_pairs,
)


def _bleu(pairs: Sequence[Pair]) -> dict[str, float]:
    counts = score_pairs(pairs, bleu_counts, "BLEU").sum(axis=0)
    return {f"BLEU-{order}": float(bleu_from_counts(counts, order)) for order in range(1, ORDERS + 1)}


def _meteor(pairs: Sequence[Pair]) -> dict[str, float]:
    return {meteor_name(): float(score_pairs(pairs, meteor_scores, "METEOR").mean())}


def _rouge(pairs: Sequence[Pair]) -> dict[str, float]:
    means = score_pairs(pairs, rouge_scores, "ROUGE").mean(axis=0)
    return dict(zip(ROUGE_NAMES.values(), map(float, means), strict=True))


def _cider_d(pairs: Sequence[Pair]) -> dict[str, float]:
    return {"CIDEr-D": float(np.mean(cider_rows(*zip(*pairs, strict=True))))}


def _exact(pairs: Sequence[Pair]) -> dict[str, float]:
    return {"Exact": float(exact_rows(pairs).mean())}


#: Family, as `metric_definitions` names it -> its metrics over token pairs.
FAMILIES: dict[str, Callable[[Sequence[Pair]], dict[str, float]]] = {
    "BLEU": _bleu,
    "METEOR": _meteor,
    "ROUGE": _rouge,
    "CIDEr-D": _cider_d,
    "Exact": _exact,
}


class FamilyMetric(evaluate.Metric):
    """One of `FAMILIES` as a module of the library `evaluate`: strings in, the strict protocol's columns out."""

    family: str
    citation: str = ""

    def _info(self) -> evaluate.MetricInfo:
        definitions = metric_definitions()
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=f"{definitions[self.family]}. Tokens: {definitions['tokenisation']}.",
            citation=self.citation,
            inputs_description="predictions, references: one text a row each; an empty prediction scores zero, an "
            "empty reference is refused.",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        return FAMILIES[self.family](token_pairs(predictions, references))
