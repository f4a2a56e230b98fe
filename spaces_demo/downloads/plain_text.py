"""A reading as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecg_image.page import RESEARCH_USE_NOTICE
from spaces_demo.downloads.wording import MEASURES, abstention, measured, origin

if TYPE_CHECKING:
    from spaces_demo.reading import Reading


def as_text(reading: Reading) -> str:
    """The report with its origin, what was measured, and the research-use notice first and last."""
    record = reading.record
    until = reading.start_s + record.duration
    heading = [
        RESEARCH_USE_NOTICE,
        "",
        f"ECG {record.name} ({record.format}), {reading.start_s:g} to {until:g} s at {record.sampling_rate:g} Hz",
        f"Read {reading.created.isoformat(timespec='seconds')}",
        origin(reading),
    ]
    parts = [
        *heading,
        *_block("", [abstention(reading)] if abstention(reading) else []),
        *_block("Report", [reading.text]),
        *_block("Draft of the model", [reading.draft] if reading.edited else []),
        *_block("Changes", [_change(change.before, change.after, change.at) for change in reading.changes]),
        *_block(
            "Measured from the signal, not by the model",
            [f"{MEASURES[name][0]}: {value:.0f} {MEASURES[name][1]}" for name, value in measured(reading).items()],
        ),
        *_block("Report and measurement disagree", [each.why for each in reading.comparisons if each.agrees is False]),
        *_block(
            "Findings in the report", [f"{name.replace('_', ' ')}: {state}" for name, state in reading.findings.items()]
        ),
        *_block("Signal quality", [remark.text for remark in reading.quality]),
        *_block("About the recording", [*record.notes, *reading.warnings]),
        *_block("Asked", [reading.prompt]),
        "",
        RESEARCH_USE_NOTICE,
    ]
    return "\n".join(parts) + "\n"


def _block(title: str, lines: list[str]) -> list[str]:
    """Nothing where there are no lines."""
    return ["", *([title, "-" * len(title)] if title else []), *lines] if lines else []


def _change(before: str, after: str, at: str) -> str:
    return f"{at}: {before.strip() or '(nothing)'} -> {after.strip() or '(nothing)'}"
