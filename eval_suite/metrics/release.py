"""The protocol `meit-release`: scores as MEIT's released code computes them (arXiv 2403.04945 and its repository).

Kept so that a reader can set an honest number beside the kind that was published; written from a description of that
code, none of which is here. What it does otherwise than `strict`, each point of which moves the numbers:

* BLEU is pycocoevalcap's of every batch of 32 rows, then the mean of the batches.
* Tokens are what white space separates after " ." was put for "."; letters keep their case.
* The tag `<|assistant|>:`, or the whole prompt, stands before both texts and is scored with them.
* CIDEr-D counts every n-gram as if it were in one reference: rare words weigh no more than common ones.
* ROUGE comes from the package `rouge`, which compares sets of n-grams and splits sentences at full stops.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from rouge import Rouge

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.template import as_prompt_completion
from eval_suite.metrics.cider import cider_rows
from eval_suite.metrics.nltk_meteor import meteor
from eval_suite.metrics.pair_scores import BLEU_COLUMNS, ORDERS, Pair, bleu_counts, score_pairs
from eval_suite.metrics.text import TextStatistics, check_texts, meteor_definition, meteor_name, tokenize

BATCH = 32
TAG = "<|assistant|>:"
_ROUGE_NAMES = {"rouge-l": "ROUGE-L", "rouge-1": "ROUGE-1", "rouge-2": "ROUGE-2"}
#: The intervals need rows x batches counts in memory: 2 GB at this many rows.
_MOST_ROWS = 28_000


def release_text(report: str, prompt: str | None = None) -> str:
    """What the released code scores: the report behind the tag or behind the whole prompt.

    Args:
        report: a prediction or a reference; one without a word stays empty, so that it earns nothing by what would
            stand before it.
        prompt: to stand before it in the paper's template; None leaves only the tag.
    """
    if not tokenize(report):
        return ""
    if prompt is None:
        return f"{TAG} {report}"
    return "".join(as_prompt_completion(prompt, report).values())


def release_tokens(text: str) -> tuple[str, ...]:
    """Tokens of a `release_text` as the released code has them: between white space after " ." for "."."""
    return tuple(text.replace(".", " .").split())


def release_definitions(prompt_left_in: bool) -> dict[str, str]:
    """What each column is under the protocol, with the versions of the libraries that computed it."""
    left_in = "the whole prompt in the paper's tags" if prompt_left_in else f"the tag {TAG}"
    return {
        "tokenisation": f'between white space after " ." for ".", case kept; {left_in} is scored with both '
        "texts (an empty output scores 0 all the same)",
        "BLEU": f"as pycocoevalcap 1.2 computes it on every batch of {BATCH} rows, then the mean of the batches",
        "METEOR": meteor_definition(),
        "ROUGE": f"mean of rows' F1, package rouge {version('rouge')}: sets of n-grams, sentences split at full stops",
        "CIDEr-D": "mean of rows, sigma 6, clipped, every document frequency 1, so no weight for rare words",
    }


@dataclass(frozen=True)
class ReleaseStatistics(TextStatistics):
    """What each row adds to the metrics, BLEU's counts to its own batch of 32 rows.

    Attributes:
        bleu_counts: float64 [rows, 10], as in `TextStatistics`.
        row_scores: metric name -> float64 [rows].
    """

    def matrix(self) -> np.ndarray:
        """The statistics side by side, float64 [rows, 10 x batches + metrics + 1]; sums over rows are meaningful.

        Raises:
            EcgInputError: more rows than fit in memory that way.
        """
        rows = len(self.bleu_counts)
        if rows > _MOST_ROWS:
            raise EcgInputError(
                f"intervals of batch-wise BLEU for {rows:,} rows, expected at most {_MOST_ROWS:,}; take values() alone"
            )
        wide = np.zeros((rows, self._batches(), BLEU_COLUMNS))
        wide[np.arange(rows), np.arange(rows) // BATCH] = self.bleu_counts
        means = np.stack([*self.row_scores.values(), np.ones(rows)], axis=1)
        return np.hstack([wide.reshape(rows, -1), means])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...], in table order.

        A batch of which a bootstrap draw holds no row is left out of that draw's mean.
        """
        width = self._batches() * BLEU_COLUMNS
        counts = sums[..., :width].reshape(*sums.shape[:-1], -1, BLEU_COLUMNS)
        found = _mean_batch_bleu(counts)
        for column, name in enumerate(self.row_scores, start=width):
            found[name] = sums[..., column] / sums[..., -1]
        return found

    def values(self) -> dict[str, float]:
        """Every metric over all rows, in table order."""
        starts = np.arange(0, len(self.bleu_counts), BATCH)
        found = _mean_batch_bleu(np.add.reduceat(self.bleu_counts, starts, axis=0))
        found.update({name: rows.mean() for name, rows in self.row_scores.items()})
        return {name: float(value) for name, value in found.items()}

    def _batches(self) -> int:
        return -(-len(self.bleu_counts) // BATCH)


def release_texts(
    predictions: Sequence[str], references: Sequence[str], prompts: Sequence[str] | None = None
) -> tuple[list[str], list[str]]:
    """The two texts of every row as the released code scores them.

    Args:
        predictions: the model's answers alone, one a row.
        references: one a row.
        prompts: the user's turn of every row, to be left in both texts; None leaves only the tag in.

    Raises:
        EcgInputError: as `check_texts`, or a prompt is missing.
    """
    check_texts(predictions, references)
    if prompts is None:
        return [release_text(text) for text in predictions], [release_text(text) for text in references]
    if len(prompts) != len(references):
        raise EcgInputError(f"{len(prompts)} prompts for {len(references)} references, expected one a row")
    for row, prompt in enumerate(prompts):
        if not (isinstance(prompt, str) and prompt.strip()):
            raise EcgInputError(
                f"the prompt of row {row} (counted from 0) is {prompt!r}, expected the text that the model was given; "
                "score with the protocol that leaves only the tag in"
            )
    return list(map(release_text, predictions, prompts)), list(map(release_text, references, prompts))


def release_statistics(predictions: Sequence[str], references: Sequence[str]) -> ReleaseStatistics:
    """Score every row once.

    Args:
        predictions: as `release_texts` gives them; an empty one scores zero.
        references: the same; in this order they make the batches.
    """
    hypotheses = list(map(release_tokens, predictions))
    targets = list(map(release_tokens, references))
    found = score_pairs(list(zip(hypotheses, targets, strict=True)), _pair_scores, "BLEU, METEOR, ROUGE as released")
    row_scores = dict(zip((meteor_name(), *_ROUGE_NAMES.values()), found[:, BLEU_COLUMNS:].T, strict=True))
    row_scores["CIDEr-D"] = cider_rows(hypotheses, targets, idf=False)
    return ReleaseStatistics(bleu_counts=found[:, :BLEU_COLUMNS], row_scores=row_scores)


@functools.cache
def _rouge() -> Rouge:
    return Rouge(metrics=list(_ROUGE_NAMES), stats=["f"])


def _pair_scores(pair: Pair) -> list[float]:
    hypothesis, target = pair
    # The package refuses an empty text.
    overlap = _rouge().get_scores(" ".join(hypothesis), " ".join(target))[0] if hypothesis else None
    rouge = [overlap[name]["f"] if overlap else 0.0 for name in _ROUGE_NAMES]
    return [*bleu_counts(pair), meteor(hypothesis, target), *rouge]


def _mean_batch_bleu(counts: np.ndarray) -> dict[str, np.ndarray]:
    """BLEU-1 to 4 from the counts of batches, [..., batches, 10] -> name -> [...], smoothed as pycocoevalcap does."""
    small, tiny = 1e-9, 1e-15
    predicted, reference = counts[..., 0], counts[..., 1]
    drawn = reference > 0
    ratio = (predicted + tiny) / (reference + small)
    brevity = np.minimum(1.0, np.exp(1.0 - 1.0 / ratio))
    precision = (counts[..., 2 : 2 + ORDERS] + tiny) / (counts[..., 2 + ORDERS :] + small)
    product = np.cumprod(precision, axis=-1)
    return {
        f"BLEU-{order}": (product[..., order - 1] ** (1 / order) * brevity * drawn).sum(axis=-1) / drawn.sum(axis=-1)
        for order in range(1, ORDERS + 1)
    }
