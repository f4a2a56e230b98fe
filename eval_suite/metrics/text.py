"""Text metrics of the paper's tables 1 and 2 on one pinned tokenisation: the protocol `strict`.

BLEU's counts come from sacrebleu, METEOR from nltk, ROUGE from rouge_score, CIDEr-D equals pycocoevalcap's. Every
metric is first brought to per-row sufficient statistics that may be added up, so that a bootstrap over rows never runs
a library again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.cider import cider_rows
from eval_suite.metrics.nltk_meteor import meteor
from eval_suite.metrics.pair_scores import BLEU_COLUMNS, ORDERS, Pair, bleu_counts, score_pairs
from eval_suite.metrics.wordnet import load_wordnet

TOKEN_PATTERN = r"\w+|[^\w\s]"
_TOKEN = re.compile(TOKEN_PATTERN)
ROUGE_NAMES = {"rougeL": "ROUGE-L", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2"}


def tokenize(text: str) -> list[str]:
    r"""Tokens for scoring: Unicode `\w+|[^\w\s]` on the lower-cased text."""
    return _TOKEN.findall(text.lower())


def meteor_name() -> str:
    """The METEOR column's name, which says so where WordNet is not installed."""
    return "METEOR" if load_wordnet() else "METEOR (no WordNet)"


def meteor_definition() -> str:
    """How METEOR is computed here, with the versions of nltk and WordNet."""
    wordnet = load_wordnet()
    synonyms = f"exact, stem and WordNet {wordnet.get_version()} synonyms" if wordnet else "exact and stem, no WordNet"
    return f"mean of rows, Porter stemmer, {synonyms}; nltk {version('nltk')} (not the 1.5 jar)"


def metric_names() -> tuple[str, ...]:
    """The columns in the order of the paper's tables; "Exact" is the share of reports right in every token."""
    bleu = (f"BLEU-{order + 1}" for order in range(ORDERS))
    return (*bleu, meteor_name(), "ROUGE-L", "ROUGE-1", "ROUGE-2", "CIDEr-D", "Exact")


def metric_definitions() -> dict[str, str]:
    """What each column is, with the versions of the libraries that computed it."""
    return {
        "tokenisation": rf"lower-cased, Unicode regular expression {TOKEN_PATTERN}, the same for every metric",
        "BLEU": f"corpus level, no smoothing (0 if an order has no match); sacrebleu {version('sacrebleu')}, "
        "tokenize=none",
        "METEOR": meteor_definition(),
        "ROUGE": f"mean of rows' F1, unstemmed, rouge_score {version('rouge_score')} with the tokenizer above",
        "CIDEr-D": "mean of rows, sigma 6, clipped, document frequency from the evaluated references (held fixed in "
        "the bootstrap); own code, equal to pycocoevalcap 1.2",
        "Exact": "share of rows whose tokens all equal the reference's",
    }


@dataclass(frozen=True)
class TextStatistics:
    """What each row adds to the metrics.

    Attributes:
        bleu_counts: float64 [rows, 10]: prediction length, reference length, matched 1- to 4-grams, predicted 1- to
            4-grams.
        row_scores: metric name -> float64 [rows], for the metrics that are means over rows, in the table's order.
    """

    bleu_counts: np.ndarray
    row_scores: dict[str, np.ndarray]

    def matrix(self) -> np.ndarray:
        """The statistics side by side, float64 [rows, 10 + metrics + 1], the last column ones; sums are meaningful."""
        ones = np.ones((len(self.bleu_counts), 1))
        return np.hstack([self.bleu_counts, np.stack(list(self.row_scores.values()), axis=1), ones])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...], in table order."""
        found = {f"BLEU-{order}": bleu_from_counts(sums[..., :BLEU_COLUMNS], order) for order in range(1, ORDERS + 1)}
        for column, name in enumerate(self.row_scores, start=BLEU_COLUMNS):
            found[name] = sums[..., column] / sums[..., -1]
        return found

    def values(self) -> dict[str, float]:
        """Every metric over all rows, in table order."""
        return {name: float(value) for name, value in self.scores(self.matrix().sum(axis=0)).items()}


def bleu_from_counts(counts: np.ndarray, order: int = ORDERS) -> np.ndarray:
    """Corpus BLEU up to n-grams of `order`, unsmoothed (Papineni et al. 2002).

    Args:
        counts: [..., 10], laid out as in `TextStatistics.bleu_counts`, summed over the rows.
        order: 1 to 4.

    Returns:
        [...], in 0..1; 0 where some order has no match.
    """
    predicted, reference = counts[..., 0], counts[..., 1]
    matched, total = counts[..., 2 : 2 + order], counts[..., 2 + ORDERS : 2 + ORDERS + order]
    possible = (matched > 0).all(axis=-1)
    # Where BLEU is 0 the logarithms are taken of 1 and the result thrown away.
    precision = np.where(possible[..., None], matched, 1) / np.where(possible[..., None], total, 1)
    brevity = np.minimum(0.0, 1.0 - reference / np.where(possible, predicted, 1))
    return np.where(possible, np.exp(np.log(precision).mean(axis=-1) + brevity), 0.0)


def check_texts(predictions: Sequence[str], references: Sequence[str]) -> None:
    """Refuse what cannot be scored.

    Raises:
        EcgInputError: no rows, different lengths, something that is not text, or a reference without a token.
    """
    if len(predictions) != len(references) or not references:
        raise EcgInputError(
            f"{len(predictions)} predictions for {len(references)} references, expected as many of each and at least "
            "one; pass one prediction a row"
        )
    for kind, texts in (("prediction", predictions), ("reference", references)):
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise EcgInputError(
                    f"the {kind} of row {row} (counted from 0), {text!r}, is not text; give a string, '' for no output"
                )
            if kind == "reference" and not tokenize(text):
                raise EcgInputError(
                    f"the reference of row {row} (counted from 0) is empty: {text!r}; leave the row out, or choose "
                    "another text column or split"
                )


def token_pairs(predictions: Sequence[str], references: Sequence[str]) -> list[Pair]:
    """Tokens of each prediction and of its reference, in pairs.

    Raises:
        EcgInputError: as `check_texts`.
    """
    check_texts(predictions, references)
    return [(tuple(tokenize(p)), tuple(tokenize(r))) for p, r in zip(predictions, references, strict=True)]


def exact_rows(pairs: Sequence[Pair]) -> np.ndarray:
    """1 for each pair whose tokens are equal, else 0, float64 [rows]."""
    return np.array([float(hypothesis == target) for hypothesis, target in pairs])


def text_statistics(predictions: Sequence[str], references: Sequence[str]) -> TextStatistics:
    """Score every row once.

    Args:
        predictions: one text a row; an empty one scores zero.
        references: one text a row, aligned with `predictions`.

    Raises:
        EcgInputError: as `check_texts`.
    """
    pairs = token_pairs(predictions, references)
    found = score_pairs(pairs, _pair_scores, "BLEU, METEOR, ROUGE")
    row_scores = dict(zip((meteor_name(), *ROUGE_NAMES.values()), found[:, BLEU_COLUMNS:].T, strict=True))
    row_scores["CIDEr-D"] = cider_rows(*zip(*pairs, strict=True))
    row_scores["Exact"] = exact_rows(pairs)
    return TextStatistics(bleu_counts=found[:, :BLEU_COLUMNS], row_scores=row_scores)


def text_metrics(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Every text metric over the corpus, as fractions (CIDEr-D 0..10), keyed and ordered as `metric_names()`.

    Raises:
        EcgInputError: as `text_statistics`.
    """
    return text_statistics(predictions, references).values()


class _SplitTokenizer:
    """rouge_score's tokenizer interface for text that is already tokens joined by spaces."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


@functools.cache
def _rouge() -> RougeScorer:
    return RougeScorer(list(ROUGE_NAMES), tokenizer=_SplitTokenizer())


def meteor_scores(pair: Pair) -> list[float]:
    """METEOR of one pair, in a list for `score_pairs`."""
    return [meteor(*pair)]


def rouge_scores(pair: Pair) -> list[float]:
    """F1 of one pair's ROUGE-L, ROUGE-1 and ROUGE-2, from rouge_score."""
    hypothesis, target = pair
    overlap = _rouge().score(" ".join(target), " ".join(hypothesis))
    return [overlap[name].fmeasure for name in ROUGE_NAMES]


def _pair_scores(pair: Pair) -> list[float]:
    return [*bleu_counts(pair), *meteor_scores(pair), *rouge_scores(pair)]
