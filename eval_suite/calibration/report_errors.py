"""How wrong each single report is, 0 to 1: what a model's confidence in it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import CRITICAL, State
from eval_suite.metrics.pair_scores import score_pairs
from eval_suite.metrics.text import rouge_scores, token_pairs


@dataclass(frozen=True)
class ReportErrors:
    """The errors of every report.

    Attributes:
        errors: name in `eval_suite.calibration.abstention.ERRORS` -> float64 [rows], 0 (right) to 1.
        critical: bool [rows], whether the reference affirms a critical finding.
    """

    errors: dict[str, np.ndarray]
    critical: np.ndarray


def report_errors(predictions: Sequence[str], references: Sequence[str]) -> ReportErrors:
    """Read the findings of both texts and hold the texts against each other.

    Args:
        predictions: one text a row; an empty one states nothing.
        references: one text a row, none empty.

    Raises:
        EcgInputError: no rows, other numbers of rows, something that is no text, or an empty reference.
    """
    pairs = token_pairs(predictions, references)
    texts = tqdm(dict.fromkeys([*predictions, *references]), desc="findings", unit=" texts", delay=2.0, leave=False)
    found = {text: extract_findings(text) for text in texts}
    rows = [(found[guess], found[truth]) for guess, truth in zip(predictions, references, strict=True)]
    errors = {
        "findings": np.array([_findings_error(guess, truth) for guess, truth in rows]),
        "critical": np.array([float(_misses(guess, truth) or _misses(truth, guess)) for guess, truth in rows]),
        "text": 1 - score_pairs(pairs, rouge_scores, "ROUGE-L")[:, 0],
    }
    return ReportErrors(errors, np.array([bool(_critical(truth)) for _, truth in rows]))


def _findings_error(guess: Mapping[str, State], truth: Mapping[str, State]) -> float:
    """1 - F1 of the pairs (finding, state)."""
    stated = len(guess) + len(truth)
    return 1 - 2 * len(guess.items() & truth.items()) / stated if stated else 0.0


def _critical(found: Mapping[str, State]) -> set[str]:
    return {name for name in CRITICAL if found.get(name) == "present"}


def _misses(guess: Mapping[str, State], truth: Mapping[str, State]) -> bool:
    """Whether a critical finding that one affirms is denied or left out by the other."""
    return any(guess.get(name, "absent") == "absent" for name in _critical(truth))
