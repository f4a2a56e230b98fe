"""What every download says of where its text came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spaces_demo.reading import Reading

MEASURES = {
    "heart_rate_bpm": ("Heart rate", "/min"),
    "rr_variation_ms": ("RR variation", "ms"),
    "pr_interval_ms": ("PR interval", "ms"),
    "qrs_duration_ms": ("QRS duration", "ms"),
    "qt_interval_ms": ("QT interval", "ms"),
    "qtc_bazett_ms": ("QTc interval, Bazett", "ms"),
    "qtc_fridericia_ms": ("QTc interval, Fridericia", "ms"),
    "qrs_axis_deg": ("QRS axis", "deg"),
}
"""Measurement -> its label and its unit in UCUM."""


def measured(reading: Reading) -> dict[str, float]:
    """The measurements that could be made, by their names in `MEASURES`."""
    values = {name: getattr(reading.measurements, name) for name in MEASURES}
    return {name: value for name, value in values.items() if value is not None}


def origin(reading: Reading) -> str:
    """One or two sentences: an AI model wrote it, which, and whether a person changed it."""
    confidence = "" if reading.confidence is None else f" with confidence {reading.confidence:.4f}"
    stopped = " It was stopped before its end." if reading.stopped else ""
    count = len(reading.changes)
    edited = (
        f" A person changed it in {count} place{'s' if count > 1 else ''}; the draft is kept below."
        if reading.edited
        else " No person has checked or changed it."
    )
    return f"Draft written by the AI model {reading.model}{confidence}.{stopped}{edited}"


def abstention(reading: Reading) -> str:
    """That the model had better not answer; empty where it may, or has no threshold."""
    if not reading.abstains or reading.abstention is None or reading.confidence is None:
        return ""
    return (
        f"The model abstains: its confidence {reading.confidence:.4f} is below its threshold "
        f"{reading.abstention['threshold']:.4f}. Do not rely on the text."
    )
