"""Does a model recite? The share of its outputs that repeat a rare training report word for word.

Common reports ("sinus rhythm. normal ecg.") are repeated by any good model and say nothing of a patient; a text that
few patients share does. Some of it is chance, so the same share of the split's true reports stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval_suite.metrics.text import tokenize
from eval_suite.rows import ReportRows


def memorisation(
    predictions: Sequence[str], references: Sequence[str], train: ReportRows, *, rare_below: int = 10
) -> dict[str, float | int]:
    """Shares of outputs and of true reports that equal a rare training report in every token.

    Args:
        predictions: the model's outputs, one a row.
        references: the rows' true reports.
        train: the training split in the text column the model learned.
        rare_below: a training text is rare where it occurs for fewer patients than this.

    Returns:
        `outputs_repeating_rare`, `references_repeating_rare` (shares in 0..1), `rare_texts` (distinct) and
        `rare_below`.
    """
    patients: dict[tuple[str, ...], set[str]] = {}
    for patient, report in zip(train.patient_ids, train.reports, strict=True):
        patients.setdefault(tuple(tokenize(report)), set()).add(patient)
    rare = {tokens for tokens, having in patients.items() if len(having) < rare_below}

    def share(texts: Sequence[str]) -> float:
        return sum(tuple(tokenize(text)) in rare for text in texts) / len(texts)

    return {
        "outputs_repeating_rare": share(predictions),
        "references_repeating_rare": share(references),
        "rare_texts": len(rare),
        "rare_below": rare_below,
    }
