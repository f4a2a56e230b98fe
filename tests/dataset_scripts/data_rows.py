"""Rows of a data set, made up."""

from __future__ import annotations

from typing import Any

from dataset_scripts.signals.quality import FEATURES


def data_row(ecg_id: str, patient_id: str, report: str = "sinus rhythm.", **columns: Any) -> dict[str, Any]:
    """All columns of a row but its signal."""
    return {
        "ecg_id": ecg_id,
        "patient_id": patient_id,
        "sampling_rate": 100,
        "report_raw": report,
        "report": report,
        "report_en": report,
        "language": "en",
        "prompt": "Report this ECG.",
        "completion": report,
        "questions": [],
        "age": 60.0,
        "sex": "female",
        "scp_codes": [],
        "labels": [],
        "measurements": [],
        "quality": [],
        "signal_quality": {
            **dict.fromkeys(FEATURES),
            "missing_share": 0.0,
            "flat_leads": [],
            "missing_leads": [],
            "saturated_leads": [],
            "lead_verdict": "consistent",
            "suspected_swap": "",
        },
        "source": "made-up",
        **columns,
    }
