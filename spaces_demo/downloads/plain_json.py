"""A reading as JSON: all of it but the signal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ecg_image.page import RESEARCH_USE_NOTICE

if TYPE_CHECKING:
    from spaces_demo.reading import Reading

SCHEMA = "meit-ecg reading 1"
"""Named in every file; the number grows when a field changes its meaning or goes."""


def as_json(reading: Reading) -> dict[str, Any]:
    """Plain JSON values under the names that `Reading` has; docs/demo-api.md says what each is."""
    record = reading.record
    return {
        "schema": SCHEMA,
        "notice": RESEARCH_USE_NOTICE,
        "written_by_ai": True,
        "created": reading.created.isoformat(timespec="seconds"),
        "model": reading.model,
        "report": reading.text,
        "draft": reading.draft,
        "edited": reading.edited,
        "changes": [asdict(change) for change in reading.changes],
        "stopped": reading.stopped,
        "confidence": reading.confidence,
        "sentences": [asdict(sentence) for sentence in reading.sentences],
        "abstains": reading.abstains,
        "abstention": None if reading.abstention is None else dict(reading.abstention),
        "findings": dict(reading.findings),
        "measurements": asdict(reading.measurements),
        "comparisons": [asdict(comparison) for comparison in reading.comparisons],
        "quality": [asdict(remark) for remark in reading.quality],
        "warnings": list(reading.warnings),
        "prompt": reading.prompt,
        "options": asdict(reading.options),
        "record": {
            "name": record.name,
            "format": record.format,
            "sampling_rate": record.sampling_rate,
            "start_s": reading.start_s,
            "duration_s": record.duration,
            "leads": list(record.lead_names),
            "notes": list(record.notes),
        },
    }
