"""Predictors that see no ECG: what a score is worth is how far it lies above them."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Sequence

from eval_suite.rows import ReportRows

logger = logging.getLogger(__name__)

MOST_FREQUENT = "most frequent report"
RANDOM = "random report"
LANGUAGE_TOLD = ", told"


def baseline_predictions(rows: ReportRows, train: ReportRows, seed: int = 0) -> dict[str, list[str]]:
    """The four controls that every table shows beside the model.

    A language that the training reports lack is treated as if it had not been told; a warning counts those rows.

    Args:
        rows: to be predicted; of them only `ecg_ids` and, where told, `languages` are looked at.
        train: the `train` split, in the same text column.
        seed: of the random reports. A row's draw depends on the seed and its `ecg_id` alone, so scoring fewer rows
            leaves it as it was.

    Returns:
        Control's name -> one report a row.
    """
    by_language: dict[str, list[str]] = {}
    for language, report in zip(train.languages, train.reports, strict=True):
        by_language.setdefault(language, []).append(report)
    unknown = sum(language not in by_language for language in rows.languages)
    if unknown:
        logger.warning("rows in a language that no training report is in, so not told: %d", unknown)
    frequent = {language: most_frequent(reports) for language, reports in by_language.items()}
    overall = most_frequent(train.reports)
    told_pools = [by_language.get(language, train.reports) for language in rows.languages]
    return {
        MOST_FREQUENT: [overall] * len(rows),
        MOST_FREQUENT + LANGUAGE_TOLD: [frequent.get(language, overall) for language in rows.languages],
        RANDOM: [_draw(train.reports, ecg_id, seed) for ecg_id in rows.ecg_ids],
        RANDOM + LANGUAGE_TOLD: [
            _draw(pool, ecg_id, seed) for pool, ecg_id in zip(told_pools, rows.ecg_ids, strict=True)
        ],
    }


def most_frequent(reports: Sequence[str]) -> str:
    """The commonest text; of several, the first in the alphabet."""
    counts = Counter(reports)
    most = max(counts.values())
    return min(text for text, count in counts.items() if count == most)


def _draw(reports: Sequence[str], ecg_id: str, seed: int) -> str:
    return random.Random(f"{seed}/{ecg_id}").choice(reports)
