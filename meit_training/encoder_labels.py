"""What an ECG encoder is taught from a data set's SCP codes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset_scripts.record import EcgInputError

from .superclasses import SUPERCLASSES, superclasses_of

LABELS = ("statements", "superclasses")


@dataclass
class LabelArguments:
    """What is learnt, and what is scored at the end.

    Attributes:
        labels: "statements", every SCP statement that is common enough; or "superclasses", NORM, MI, STTC, CD and HYP
            (Strodthoff et al., 2021), for which a record without any is left out, as in that benchmark.
        min_records: a statement needs so many training records.
        evaluate_split: a split, such as validation, that is scored once, at the end.
    """

    labels: str = "statements"
    min_records: int = 25
    evaluate_split: str | None = None


def statements_of(rows: Any) -> list[set[str]]:
    """The SCP statements of each row, whatever their likelihood (Strodthoff et al., 2021, task "all").

    Raises:
        EcgInputError: for a data set without the column.
    """
    if "scp_codes" not in rows.column_names:
        raise EcgInputError(f"the data set has no column scp_codes, only {', '.join(rows.column_names)}; use PTB-XL")
    return [{code["code"] for code in codes} for codes in rows["scp_codes"]]


def label_names(arguments: LabelArguments, found: list[set[str]], held_out: np.ndarray) -> list[str]:
    """The labels to learn, in the order of the classifier's logits.

    Args:
        arguments: say which.
        found: the statements of each training row.
        held_out: bool [rows], True for those that are not learnt from.

    Raises:
        EcgInputError: for another kind of labels, or where no statement is common enough.
    """
    if arguments.labels not in LABELS:
        raise EcgInputError(f"labels is {arguments.labels!r}, expected one of {', '.join(LABELS)}")
    if arguments.labels == "superclasses":
        return list(SUPERCLASSES)
    counts = Counter(code for codes, out in zip(found, held_out, strict=True) if not out for code in codes)
    names = sorted(code for code, count in counts.items() if count >= arguments.min_records)
    if not names:
        raise EcgInputError(f"no statement has min_records={arguments.min_records} records; lower it")
    return names


def label_matrix(arguments: LabelArguments, names: list[str], found: list[set[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Float32 [rows, labels] of 0 and 1, and which rows count: bool [rows]."""
    superclasses = arguments.labels == "superclasses"
    sets = [superclasses_of(codes) for codes in found] if superclasses else found
    matrix = np.array([[name in codes for name in names] for codes in sets], dtype=np.float32).reshape(-1, len(names))
    return matrix, matrix.any(1) if superclasses else np.ones(len(found), dtype=bool)
