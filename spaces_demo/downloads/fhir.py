"""A reading as an HL7 FHIR R4 DiagnosticReport: a preliminary one, by an AI, of no patient.

It names no patient, no person and no file: whoever files it adds the subject. Codes are given where the terminology has
one for just this: LOINC for the study and the measurements, HL7 v2 table 0074 for the section, HL7's "Artificial
Intelligence asserted" as security label (as the guide AI Transparency on FHIR uses it). Findings are text: mapping the
model's words to SNOMED CT would claim more than it said.
"""

from __future__ import annotations

import re
from datetime import timezone
from html import escape
from typing import TYPE_CHECKING, Any

from ecg_image.page import RESEARCH_USE_NOTICE
from spaces_demo.downloads.wording import MEASURES, abstention, measured, origin

if TYPE_CHECKING:
    from spaces_demo.reading import Reading

_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_STUDY = "11524-6"
_LOINC_OF = {
    "heart_rate_bpm": "8867-4",
    "pr_interval_ms": "8625-6",
    "qrs_duration_ms": "8633-0",
    "qt_interval_ms": "8634-8",
    "qtc_bazett_ms": "76635-2",
    "qtc_fridericia_ms": "76634-5",
    "qrs_axis_deg": "8632-2",
}
_SECTION = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "EC"}
_WRITTEN_BY_AI = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_FORBIDDEN = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]")
_METHOD = "Measured from the signal by the delineation of meit-ecg, not by the AI model"


def as_fhir(reading: Reading) -> dict[str, Any]:
    """A DiagnosticReport with what was measured as contained Observations, ready for `json.dumps`."""
    values = measured(reading)
    contained = [_model(reading), _confidence(reading), *(_observation(name, value) for name, value in values.items())]
    issued = reading.created.astimezone(timezone.utc).isoformat(timespec="seconds")
    present = [name for name, state in reading.findings.items() if state == "present"]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "meta": {"security": [_WRITTEN_BY_AI]},
        "language": "en",
        "text": {"status": "generated", "div": _narrative(reading)},
        "contained": contained,
        "status": "preliminary",
        "category": [{"coding": [_SECTION], "text": "Electrocardiography"}],
        "code": {"coding": [{"system": _LOINC, "code": _STUDY}], "text": "12-lead ECG, draft report by an AI model"},
        "issued": issued,
        "result": [{"reference": f"#{each['id']}"} for each in contained if each["resourceType"] == "Observation"],
        "conclusion": _allowed(
            "\n\n".join(filter(None, [abstention(reading), reading.text, origin(reading), RESEARCH_USE_NOTICE]))
        ),
    }
    if present:
        report["conclusionCode"] = [{"text": name.replace("_", " ")} for name in present]
    return report


def _model(reading: Reading) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "model",
        "deviceName": [{"name": reading.model, "type": "model-name"}],
        "type": {"text": "AI model that writes ECG reports"},
        "note": [{"text": RESEARCH_USE_NOTICE}],
    }


def _confidence(reading: Reading) -> dict[str, Any]:
    """What names the model as the author, and how sure it was."""
    said: dict[str, Any] = (
        {"dataAbsentReason": {"text": "The report was stopped before its end"}}
        if reading.confidence is None
        else {"valueQuantity": {"value": round(reading.confidence, 6), "unit": "1", "system": _UCUM, "code": "1"}}
    )
    return {
        "resourceType": "Observation",
        "id": "confidence",
        "meta": {"security": [_WRITTEN_BY_AI]},
        "status": "preliminary",
        "code": {"text": "Confidence of the AI model in its draft (geometric mean of its tokens' probabilities)"},
        "device": {"reference": "#model"},
        **said,
    }


def _observation(name: str, value: float) -> dict[str, Any]:
    label, unit = MEASURES[name]
    code: dict[str, Any] = {"text": label}
    if name in _LOINC_OF:
        code["coding"] = [{"system": _LOINC, "code": _LOINC_OF[name]}]
    return {
        "resourceType": "Observation",
        "id": name.replace("_", "-"),
        "status": "preliminary",
        "code": code,
        "method": {"text": _METHOD},
        "valueQuantity": {"value": round(value, 1), "unit": unit, "system": _UCUM, "code": unit},
    }


def _narrative(reading: Reading) -> str:
    """XHTML: notice, origin, report, and the draft with every change where a person edited it."""
    lines = [("b", RESEARCH_USE_NOTICE), ("p", origin(reading)), ("p", abstention(reading)), ("p", reading.text)]
    if reading.edited:
        lines.append(("p", f"Draft of the model: {reading.draft}"))
        lines += [
            ("p", f"Changed {change.at}: “{change.before.strip()}” became “{change.after.strip()}”")
            for change in reading.changes
        ]
    lines += [("p", remark.text) for remark in reading.quality]
    shown = "".join(f"<{tag}>{escape(_allowed(text))}</{tag}>" for tag, text in lines if text)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{shown}</div>'


def _allowed(text: str) -> str:
    """The text without what neither XML nor a string of FHIR may hold: control characters, halves of characters."""
    return _FORBIDDEN.sub("", text)
