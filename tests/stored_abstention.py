"""A threshold as `meit calibrate` stores it with a model."""

from __future__ import annotations

from typing import Any

from eval_suite.confidence import CONFIDENCE


def stored_abstention(threshold: float, dtype: str, **changes: Any) -> dict[str, Any]:
    """`MeitConfig.abstention`: figures of no real model, but for what is given."""
    return {
        "confidence": CONFIDENCE,
        "threshold": threshold,
        "error": "findings",
        "target": 0.3,
        "chance": 0.1,
        "share_answered": {"value": 0.61, "low": 0.58, "high": 0.64},
        "error_answered": {"value": 0.246, "low": 0.22, "high": 0.27},
        "data": "some-set",
        "split": "validation",
        "text_column": "report",
        "language_told": True,
        "languages": {"en": 1.0},
        "dtype": dtype,
        "rows": 1072,
        "patients": 960,
    } | changes
