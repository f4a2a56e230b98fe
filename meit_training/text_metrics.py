"""The evaluation's text metrics, in the log of a training."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizerBase

from dataset_scripts.record import EcgInputError


def text_metrics_arguments(
    wanted: bool, tokenizer: PreTrainedTokenizerBase, *, encoder_decoder: bool = False
) -> dict[str, Any]:
    """Arguments for a `Trainer` with which it logs text metrics at each evaluation.

    Each token is guessed after the true text so far: the scores lie far above those of generated reports, and their
    names begin with "teacher_forced_". Of the logits only the likeliest token is kept, so that memory does not grow by
    the vocabulary.

    Args:
        wanted: False gives no arguments, and needs no package of the evaluation.
        tokenizer: of the model.
        encoder_decoder: whether the model is one.

    Raises:
        EcgInputError: a package of the evaluation is not installed.
    """
    if not wanted:
        return {}
    try:
        from eval_suite.metrics.trainer import compute_metrics, greedy_ids
    except ImportError as error:
        raise EcgInputError(
            f'eval_text_metrics is set, and the evaluation cannot be imported ({error}); pip install "meit-ecg[eval]", '
            "or leave it out"
        ) from error
    return {
        "compute_metrics": compute_metrics(tokenizer, encoder_decoder=encoder_decoder),
        "preprocess_logits_for_metrics": greedy_ids,
    }
