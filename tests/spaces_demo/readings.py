"""A reading made without a model, to write downloads of."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ecg_files.ecg_file import EcgFile
from modeling_meit.ecg_signal import STANDARD_LEADS
from spaces_demo.engine.states import ReportOptions, ReportState, Sentence
from spaces_demo.reading import Reading, make_reading
from tests.made_up_ecg import made_up_ecg

DRAFT = "Sinus rhythm, rate 60. QRS duration 180 ms. No infarction."


def sentences(text: str = DRAFT, confidence: float = 0.8) -> tuple[Sentence, ...]:
    """One for each full stop."""
    found, start = [], 0
    for part in text.split(". "):
        end = min(start + len(part) + 2, len(text))
        found.append(Sentence(text[start:end], start, end, confidence, 4))
        start = end
    return tuple(found)


def reading(text: str = DRAFT, name: str = "made_up", **state: Any) -> Reading:
    """Of the made-up ECG, by no model."""
    record = EcgFile(made_up_ecg(), 500.0, STANDARD_LEADS, name, "WFDB", ("III was computed from I and II.",))
    said: dict[str, Any] = {
        "text": text,
        "done": True,
        "stopped": False,
        "confidence": 0.75,
        "sentences": sentences(text),
        "waiting": 0,
        "model": "some-model",
        "warnings": ("resampled from 500 Hz to the model's 100 Hz",),
        "abstention": {"threshold": 0.9, "error": "wer"},
        "abstains": True,
        "first_token_s": 0.1,
        "total_s": 0.4,
    }
    made = make_reading(
        record, ReportState(**{**said, **state}), prompt="Write the report.", options=ReportOptions(), start_s=2.5
    )
    assert made.created <= datetime.now(timezone.utc)
    return made
