"""The rows where the model did worst: their texts with what matches, and the findings of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import CRITICAL, FINDINGS, State
from eval_suite.findings.scores import finding_statistics
from eval_suite.page.highlight import Span, matching_spans
from eval_suite.page.values import spoken
from eval_suite.predictions import COLUMNS

_TEXTS = ("prediction", "reference")
Fate = Literal["missed", "invented", "other state", "matched"]
_FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True)
class Chip:
    """A finding of a case.

    Attributes:
        name: in words.
        fate: whether the prediction has it as the reference has it.
        state: what is said of it where that is not simply "present".
        critical: whether missing or inventing it may harm a patient at once.
    """

    name: str
    fate: Fate
    state: str
    critical: bool


@dataclass(frozen=True)
class Case:
    """A row.

    Attributes:
        ecg_id: of the recording.
        f1: micro F1 of its findings.
        confidence: the model's, None where the file has none.
        alarm: "critical finding missed", "critical finding invented", both, or "".
        reference: the true report, cut where it matches.
        prediction: the model's, likewise.
        chips: the findings of both.
        drawing: an SVG of the recording, None where it was not asked for.
    """

    ecg_id: str
    f1: float
    confidence: float | None
    alarm: str
    reference: Sequence[Span]
    prediction: Sequence[Span]
    chips: Sequence[Chip]
    drawing: str | None = None

    def drawn(self, drawing: str) -> Case:
        """The same with a drawing."""
        return replace(self, drawing=drawing)


def worst_cases(path: Path, count: int, leave_out: Collection[str] = ()) -> list[Case]:
    """The rows to look at first: up to half of them with a critical finding missed or invented, then the lowest F1.

    A row's F1 is the micro F1 of its findings; rows where neither text states any are left out. Among equals the one
    that the model was surest of comes first.

    Args:
        path: of a `predictions.parquet`.
        count: of rows.
        leave_out: ecg_ids of rows to pass over.

    Raises:
        EcgInputError: the file is damaged or lacks a column, or has none of the rows to leave out.
    """
    table = read_cases(path)
    predictions, references = (["" if text is None else str(text) for text in table[name]] for name in _TEXTS)
    if not references:
        return []
    statistics = finding_statistics(predictions, references)
    scores = statistics.scores(statistics.matrix())  # of each row alone
    f1, missed, invented = (scores[name] for name in ("micro F1", "critical missed", "critical invented"))
    speaks = (statistics.predicted.sum(axis=1) + statistics.stated.sum(axis=1)) > 0
    confidence = np.array([np.nan if value is None else value for value in table["confidence"]], dtype=np.float64)
    surest = -np.nan_to_num(confidence)
    ecg_ids = list(map(str, table["ecg_id"]))

    unknown = sorted(set(leave_out) - set(ecg_ids))
    if unknown:
        raise EcgInputError(f"{path} has no ECG {unknown[0]} to leave out; name cases by the ecg_id that stands there")
    open_to = [row for row in np.flatnonzero(speaks).tolist() if ecg_ids[row] not in leave_out]
    order = sorted(open_to, key=lambda row: (f1[row], surest[row], ecg_ids[row]))
    critical = [row for row in order if missed[row] > 0 or invented[row] > 0][: (count + 1) // 2]
    others = [row for row in order if row not in critical and f1[row] < 1]
    chosen = [*critical, *others][:count]
    return [
        _case(
            ecg_ids[row],
            references[row],
            predictions[row],
            float(f1[row]),
            None if np.isnan(confidence[row]) else float(confidence[row]),
            bool(missed[row] > 0),
            bool(invented[row] > 0),
        )
        for row in chosen
    ]


def _case(
    ecg_id: str, reference: str, prediction: str, f1: float, confidence: float | None, missed: bool, invented: bool
) -> Case:
    what = " and ".join(word for word, holds in (("missed", missed), ("invented", invented)) if holds)
    spans = matching_spans(reference, prediction)
    return Case(
        ecg_id, f1, confidence, f"critical finding {what}" if what else "", *spans, chips(reference, prediction)
    )


def chips(reference: str, prediction: str) -> list[Chip]:
    """The findings of two reports with what became of them: what is wrong first, else in the order of the list."""
    truth, guess = extract_findings(reference), extract_findings(prediction)
    held = [row.name for row in FINDINGS if row.name in truth or row.name in guess]
    found = [Chip(spoken(name), *_fate(truth.get(name), guess.get(name)), name in CRITICAL) for name in held]
    return sorted(found, key=lambda chip: _FATES.index(chip.fate))


def _fate(truth: State | None, guess: State | None) -> tuple[Fate, str]:
    if truth == guess:
        return "matched", "" if truth == "present" else str(truth)
    if truth is None:
        return "invented", "" if guess == "present" else str(guess)
    if guess is None:
        return "missed", "" if truth == "present" else str(truth)
    return "other state", f"{guess}, reference {truth}"


def read_cases(path: Path) -> dict[str, list[Any]]:
    """The columns `ecg_id`, `prediction`, `reference` and `confidence` of a `predictions.parquet`.

    Raises:
        EcgInputError: the file is damaged or lacks a column.
    """
    needed = ["ecg_id", *_TEXTS, "confidence"]
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as cause:
        raise EcgInputError(f"{path} is not a Parquet file ({cause}); make the predictions again") from cause
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise EcgInputError(
            f"{path} lacks {', '.join(missing)}, expected the columns {', '.join(COLUMNS)} as `meit eval quality` "
            "writes them; predict again, or leave --worst and --data out"
        )
    found: dict[str, list[Any]] = table.select(needed).to_pydict()
    return found
