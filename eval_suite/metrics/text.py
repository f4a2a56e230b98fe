"""Text metrics of the paper's tables 1 and 2, on one pinned tokenisation, from the field's own libraries.

BLEU counts come from sacrebleu, METEOR from nltk, ROUGE from rouge_score, CIDEr-D from pycocoevalcap. Every metric is
first brought to per-row sufficient statistics that may be added up, so that a bootstrap over rows never runs a
library again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import SimpleNamespace

import nltk
import numpy as np
from nltk.translate.meteor_score import single_meteor_score
from pycocoevalcap.cider.cider_scorer import CiderScorer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from dataset_scripts.record import EcgInputError
from eval_suite.metrics.wordnet import load_wordnet

TOKEN_PATTERN = r"\w+|[^\w\s]"
_TOKEN = re.compile(TOKEN_PATTERN)
_ORDERS = 4
_ROUGE_NAMES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


def tokenize(text: str) -> list[str]:
    r"""Tokens for scoring: Unicode `\w+|[^\w\s]` on the lower-cased text."""
    return _TOKEN.findall(text.lower())


def meteor_name() -> str:
    """The METEOR column's name, which says so where WordNet is not installed."""
    return "METEOR" if load_wordnet() else "METEOR (no WordNet)"


def metric_names() -> tuple[str, ...]:
    """The columns in the order of the paper's tables; "Exact" is the share of reports right in every token."""
    bleu = (f"BLEU-{order + 1}" for order in range(_ORDERS))
    return (*bleu, meteor_name(), "ROUGE-L", "ROUGE-1", "ROUGE-2", "CIDEr-D", "Exact")


def metric_definitions() -> dict[str, str]:
    """What each column is, with the versions of the libraries that computed it."""
    wordnet = load_wordnet()
    synonyms = f"exact, stem and WordNet {wordnet.get_version()} synonyms" if wordnet else "exact and stem, no WordNet"
    return {
        "tokenisation": rf"lower-cased, Unicode regular expression {TOKEN_PATTERN}, the same for every metric",
        "BLEU": f"corpus level, no smoothing (0 if an order has no match); sacrebleu {version('sacrebleu')}, "
        "tokenize=none",
        "METEOR": f"mean of rows, Porter stemmer, {synonyms}; nltk {version('nltk')} (not the 1.5 jar)",
        "ROUGE": f"mean of rows' F1, unstemmed, rouge_score {version('rouge_score')} with the tokenizer above",
        "CIDEr-D": "mean of rows, sigma 6, clipped, document frequency from the evaluated references (held fixed in "
        f"the bootstrap); pycocoevalcap {version('pycocoevalcap')}",
        "Exact": "share of rows whose tokens all equal the reference's",
    }


@dataclass(frozen=True)
class TextStatistics:
    """What each row adds to the metrics.

    Attributes:
        bleu_counts: float64 [rows, 10]: prediction length, reference length, matched 1- to 4-grams, predicted 1- to
            4-grams.
        row_scores: metric name -> float64 [rows], for the metrics that are means over rows.
    """

    bleu_counts: np.ndarray
    row_scores: dict[str, np.ndarray]

    def matrix(self) -> np.ndarray:
        """The statistics side by side, float64 [rows, 10 + metrics + 1], the last column ones; sums are meaningful."""
        ones = np.ones((len(self.bleu_counts), 1))
        return np.hstack([self.bleu_counts, np.stack(list(self.row_scores.values()), axis=1), ones])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...], in table order."""
        width = self.bleu_counts.shape[1]
        found = {f"BLEU-{order}": bleu_from_counts(sums[..., :width], order) for order in range(1, _ORDERS + 1)}
        for column, name in enumerate(self.row_scores):
            found[name] = sums[..., width + column] / sums[..., -1]
        return {name: found[name] for name in metric_names()}


def bleu_from_counts(counts: np.ndarray, order: int = _ORDERS) -> np.ndarray:
    """Corpus BLEU up to n-grams of `order`, unsmoothed (Papineni et al. 2002).

    Args:
        counts: [..., 10], laid out as in `TextStatistics.bleu_counts`, summed over the rows.
        order: 1 to 4.

    Returns:
        [...], in 0..1; 0 where some order has no match.
    """
    predicted, reference = counts[..., 0], counts[..., 1]
    matched, total = counts[..., 2 : 2 + order], counts[..., 2 + _ORDERS : 2 + _ORDERS + order]
    possible = (matched > 0).all(axis=-1)
    # Where BLEU is 0 the logarithms are taken of 1 and the result thrown away.
    precision = np.where(possible[..., None], matched, 1) / np.where(possible[..., None], total, 1)
    brevity = np.minimum(0.0, 1.0 - reference / np.where(possible, predicted, 1))
    return np.where(possible, np.exp(np.log(precision).mean(axis=-1) + brevity), 0.0)


def text_statistics(predictions: Sequence[str], references: Sequence[str]) -> TextStatistics:
    """Score every row once.

    Args:
        predictions: one text a row; an empty one scores zero.
        references: one text a row, aligned with `predictions`.

    Raises:
        EcgInputError: no rows, different lengths, something that is not text, or no reference with a token in it.
    """
    if len(predictions) != len(references) or not references:
        raise EcgInputError(
            f"{len(predictions)} predictions for {len(references)} references, expected as many of each and at least "
            "one; pass one prediction a row"
        )
    for text in (*predictions, *references):
        if not isinstance(text, str):
            raise EcgInputError(f"{text!r} is not text; every prediction and reference must be a string")
    hypotheses = [tuple(tokenize(text)) for text in predictions]
    targets = [tuple(tokenize(text)) for text in references]
    if not any(targets):
        raise EcgInputError("every reference is empty, expected report text; choose another text column or split")
    pairs = list(zip(hypotheses, targets, strict=True))
    index = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
    # A row's BLEU counts, METEOR and ROUGE depend on its pair alone, and reports repeat: score each pair once.
    unique = np.array([_pair_scores(*pair) for pair in index])[[index[pair] for pair in pairs]]
    width = 2 + 2 * _ORDERS
    row_scores = dict(zip((meteor_name(), *_ROUGE_NAMES.values()), unique[:, width:].T, strict=True))
    row_scores["CIDEr-D"] = _cider_rows(hypotheses, targets)
    row_scores["Exact"] = np.array([float(hypothesis == target) for hypothesis, target in pairs])
    return TextStatistics(bleu_counts=unique[:, :width], row_scores=row_scores)


def text_metrics(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Every text metric over the corpus, as fractions (CIDEr-D 0..10), keyed and ordered as `metric_names()`.

    Raises:
        EcgInputError: as `text_statistics`.
    """
    statistics = text_statistics(predictions, references)
    return {name: float(value) for name, value in statistics.scores(statistics.matrix().sum(axis=0)).items()}


class _SplitTokenizer:
    """rouge_score's tokenizer interface for text that is already tokens joined by spaces."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


@functools.cache
def _scorers() -> tuple[BLEU, RougeScorer, SimpleNamespace, SimpleNamespace]:
    """sacrebleu, rouge_score, and the two things nltk's METEOR asks, a stemmer and WordNet, each word asked once."""
    # effective_order only quiets sacrebleu's warning on single sentences; the counts, all we take, are the same.
    bleu = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    rouge = RougeScorer(list(_ROUGE_NAMES), tokenizer=_SplitTokenizer())
    wordnet = load_wordnet()
    stemmer = SimpleNamespace(stem=functools.cache(nltk.stem.PorterStemmer().stem))
    synonyms = SimpleNamespace(synsets=functools.cache(wordnet.synsets if wordnet else lambda word: []))
    return bleu, rouge, stemmer, synonyms


def _pair_scores(hypothesis: tuple[str, ...], target: tuple[str, ...]) -> list[float]:
    bleu, rouge, stemmer, wordnet = _scorers()
    predicted, reference = " ".join(hypothesis), " ".join(target)
    counts = bleu.sentence_score(predicted, [reference])
    overlap = rouge.score(reference, predicted)
    return [
        counts.sys_len,
        counts.ref_len,
        *counts.counts,
        *counts.totals,
        single_meteor_score(target, hypothesis, stemmer=stemmer, wordnet=wordnet),
        *(overlap[name].fmeasure for name in _ROUGE_NAMES),
    ]


def _cider_rows(hypotheses: Sequence[tuple[str, ...]], targets: Sequence[tuple[str, ...]]) -> np.ndarray:
    """CIDEr-D of each row (Vedantam et al. 2015), given all of the references for the document frequencies."""
    scorer = CiderScorer(n=_ORDERS, sigma=6.0)
    for hypothesis, target in zip(hypotheses, targets, strict=True):
        scorer += (" ".join(hypothesis), [" ".join(target)])
    return np.asarray(scorer.compute_score()[1], dtype=np.float64)
