"""The text metrics inside a `Trainer`: `compute_metrics=compute_metrics(tokenizer)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.text import text_metrics

IGNORED = -100
#: Before the name of every metric that is not of whole generated answers.
TEACHER_FORCED = "teacher_forced_"


def greedy_ids(logits: torch.Tensor | tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
    """The likeliest token at each place: `preprocess_logits_for_metrics` of a Trainer, which would else keep logits.

    Args:
        logits: [batch, length, vocabulary], or a tuple that begins with them.
        labels: not looked at.

    Returns:
        int64 [batch, length].
    """
    return (logits if isinstance(logits, torch.Tensor) else logits[0]).argmax(dim=-1)


def compute_metrics(
    tokenizer: Any, *, generated: bool = False, encoder_decoder: bool = False
) -> Callable[[Any], dict[str, float]]:
    """The strict protocol's text metrics from token ids, as `Trainer(compute_metrics=...)` takes it.

    Args:
        tokenizer: decodes both sides; special tokens are left out.
        generated: whether the predictions are whole generated answers (`Seq2SeqTrainer` with
            `predict_with_generate`). False: each is the likeliest next token after the true text so far, from
            `greedy_ids`; such scores lie far above those of generated reports and serve to compare steps of one run, so
            that their names begin with "teacher_forced_".
        encoder_decoder: whether a guess stands at its own place, as an encoder-decoder's do, and not one place before,
            as a decoder's; of no matter to what is generated.

    Returns:
        A function of an `EvalPrediction` with `predictions` int [rows, length] and `label_ids` int [rows, length],
        -100 where there is nothing to learn. It raises EcgInputError where the predictions are no token ids or a row
        has no label.
    """

    def metrics(evaluation: Any) -> dict[str, float]:
        predictions, labels = np.asarray(evaluation.predictions), np.asarray(evaluation.label_ids)
        if predictions.ndim != 2 or not np.issubdtype(predictions.dtype, np.integer):
            raise EcgInputError(
                f"predictions of shape {predictions.shape} and type {predictions.dtype}, expected token ids [rows, "
                "length]; give the trainer preprocess_logits_for_metrics=greedy_ids or predict_with_generate=True"
            )
        if not generated:
            if not encoder_decoder:
                predictions, labels = predictions[:, :-1], labels[:, 1:]
            predictions = np.where(labels == IGNORED, IGNORED, predictions)
        found = text_metrics(_texts(tokenizer, predictions), _texts(tokenizer, labels))
        return found if generated else {f"{TEACHER_FORCED}{name}": value for name, value in found.items()}

    return metrics


def _texts(tokenizer: Any, ids: np.ndarray) -> list[str]:
    return [tokenizer.decode(row[row != IGNORED].tolist(), skip_special_tokens=True) for row in ids]
