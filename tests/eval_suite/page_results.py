"""Made-up results folders in the files' schemas, for the tests of the page."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SYSTEMS = ("model", "model, blank ECG", "model, shuffled ECG", "random report, told")
EVIL = "<script>alert(1)</script>"


def interval(value: float, half: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def conditions(**changed: Any) -> dict[str, Any]:
    return {
        "system": "tiny-model, sha256 of its files 0123456789abcdef, float32",
        "data": "made-up",
        "split": "validation",
        "rows": 321,
        "rows_in_split": 2345,
        "patients": 123,
        "text_column": "report",
        "language_told": True,
        "seed": 0,
        "samples": 1000,
        "protocol": {"name": "strict", "version": 1, "rules": "the answer alone"},
        "definitions": {"protocol": "strict version 1: the answer alone", "BLEU": "corpus level <b>"},
    } | changed


def scores() -> dict[str, Any]:
    text = {
        system: {
            "BLEU-4": interval(0.4123 - 0.1 * i),
            "ROUGE-L": interval(0.6234 - 0.1 * i),
            "CIDEr-D": interval(3.5 - i),
        }
        for i, system in enumerate(SYSTEMS)
    }
    labels = {
        system: {
            "micro F1": interval(0.7345 - 0.1 * i),
            "macro F1": interval(0.5456 - 0.1 * i),
            "critical missed": interval(0.2567 + 0.1 * i),
            "critical invented": interval(0.1678 + 0.1 * i),
        }
        for i, system in enumerate(SYSTEMS)
    }
    minus = {
        system: {name: interval(0.1 * i - (0.1 if name == "CIDEr-D" else 0)) for name in text[system]}
        for i, system in enumerate(SYSTEMS)
        if i
    }
    return {
        "schema": 2,
        "task": "quality",
        "conditions": conditions(),
        "systems": text,
        "paired_differences": minus,
        "findings": {
            "systems": labels,
            "paired_differences": {
                system: {name: interval(0.1 * i) for name in labels[system]} for i, system in enumerate(SYSTEMS) if i
            },
            "by_finding": {
                "sinus_rhythm": {"precision": 0.9111, "recall": 0.8222, "F1": interval(0.8644), "support": 250},
                "atrial_fibrillation": {"precision": 0.7333, "recall": 0.6444, "F1": interval(0.6860), "support": 40},
                "long_qt": {"precision": 0.0, "recall": 0.0, "F1": 0.0, "support": 2},
            },
            "counts": {
                "critical_missed": 11,
                "critical_stated": 43,
                "critical_invented": 7,
                "critical_predicted": 42,
            },
        },
        "codes": {
            "systems": {
                "model": {"superclass macro F1": interval(0.5789)},
                "the true report": {"superclass macro F1": interval(0.6891)},
            },
            "paired_differences": {"the true report": {"superclass macro F1": interval(-0.11)}},
            "by_finding": {"NORM": {"precision": 0.81, "recall": 0.82, "F1": interval(0.8154), "support": 140}},
            "counts": {},
        },
        "protocols": {
            "strict": {"model": {"BLEU-4": 0.4123}, "random report, told": {"BLEU-4": 0.1123}},
            "meit-release": {"model": {"BLEU-4": 0.5321, "CIDEr-D": None}, "random report, told": {"BLEU-4": 0.4432}},
        },
        "leakage": {
            "rows": {"reference seen in training": 200, "reference not seen": 121},
            "share": interval(0.6231),
            "scores": {
                "reference seen in training": {"BLEU-4": interval(0.5013)},
                "reference not seen": {"BLEU-4": interval(0.3017)},
            },
            "findings": {
                "reference seen in training": {"micro F1": interval(0.8019)},
                "reference not seen": {"micro F1": interval(0.6023)},
            },
        },
        "memorisation": {
            "outputs_repeating_rare": 0.1813,
            "references_repeating_rare": 0.1611,
            "rare_texts": 900,
            "rare_below": 10,
        },
    }


def _point(level: float, label: str, lost: float) -> dict[str, Any]:
    return {
        "level": level,
        "label": label,
        "scores": {
            "BLEU-4": interval(0.4123 - lost),
            "ROUGE-L": interval(0.6234 - lost),
            "findings micro F1": interval(0.7345 - lost),
        },
        "drop": {"BLEU-4": interval(lost), "ROUGE-L": interval(lost), "findings micro F1": interval(lost)},
    }


def robustness() -> dict[str, Any]:
    floor = {"BLEU-4": interval(0.1123), "ROUGE-L": interval(0.3234), "findings micro F1": interval(0.3345)}
    return {
        "schema": 1,
        "task": "robustness",
        "conditions": conditions(definitions={"noise": "drawn by seed and ecg_id"}),
        "clean": {"BLEU-4": interval(0.4123), "ROUGE-L": interval(0.6234), "findings micro F1": interval(0.7345)},
        "floor": floor,
        "curves": {
            "gaussian": {
                "title": "Gaussian noise",
                "parameter": "signal-to-noise ratio",
                "unit": "dB",
                "description": "White noise in every lead.",
                "points": [_point(20, "20 dB", 0.0125), _point(10, "10 dB", 0.0875), _point(0, "0 dB", 0.2625)],
            },
            "lead_swap": {
                "title": "Lead swap",
                "parameter": "electrodes",
                "unit": "",
                "description": "two electrodes exchanged",
                "categorical": True,
                "points": [
                    _point(0, "right arm and left arm", 0.2),
                    _point(1, "V1 and V2", 0.03),
                    _point(2, "left arm and left leg", 0.1),
                ],
            },
        },
    }


def _bins(slope: float) -> list[dict[str, Any]]:
    return [
        {
            "low": place / 4,
            "high": (place + 1) / 4,
            "rows": 80 + place,
            "confidence": place / 4 + 0.1,
            "observed": interval(slope * place / 4 + 0.1),
        }
        for place in range(4)
    ]


def calibration() -> dict[str, Any]:
    return {
        "schema": 1,
        "task": "calibration",
        "conditions": conditions(definitions={"curve": "mean error of the answered"}),
        "confidence": "exponential of the mean log-probability",
        "errors": {"findings": "one minus the micro F1 of the row's findings"},
        "selective": {
            "findings": {
                "points": [
                    {"share": share, "threshold": 1.0 - share / 2, "error": interval(0.3 * share)}
                    for share in (0.25, 0.5, 0.75, 1.0)
                ],
                "area": interval(0.1876),
                "random_area": 0.3,
                "best_area": 0.0765,
                "gain": interval(0.4321),
            }
        },
        "reliability": {"findings": _bins(0.8), "findings, isotonic": _bins(1.0)},
        "calibration_error": {
            name: {"value": value, "low": None, "high": None, "by_chance": 0.0211}
            for name, value in {"findings": 0.0654, "findings, isotonic": 0.0321}.items()
        },
        "abstention": {
            "threshold": 0.8125,
            "target": {"error": "findings", "at_most": 0.2, "chance": 0.1},
            "chosen_on": {"data": "made-up", "split": "train", "rows": 500},
            "measured_on": {"share": interval(0.7135), "error": interval(0.1975), "rows": 321, "patients": 123},
        },
    }


def judge() -> dict[str, Any]:
    grades = {"Completeness": interval(3.4137), "Mean": interval(3.6715)}
    return {
        "conditions": {"judge": "some-model at localhost", "evaluated": "predictions.parquet"},
        "systems": {"predictions.parquet (500 rows)": grades, "the reference itself (100 rows)": grades},
        "paired_differences": {"the reference itself": {"Completeness": interval(-1.5, 0.1), "Mean": interval(0.01)}},
        "checks": {"candidate first": {"all four": {"exact agreement": interval(0.9123), "kappa": None}}},
        "failures": [{"system": "x", "question": "plain", "ecg_id": "1", "reason": "said 'secret words'"}],
        "usage": {},
    }


# ecg_id, reference, prediction, confidence
ROWS = (
    ("r0", "Sinus rhythm. Normal ECG.", "Sinus rhythm. Normal ECG.", 0.99),
    ("r1", "Atrial fibrillation. Left axis deviation.", "Sinus rhythm. Left axis deviation.", 0.80),
    ("r2", "Sinus bradycardia.", "Atrial fibrillation.", 0.90),
    ("r3", "Sinus rhythm, right bundle branch block.", f"Sinus rhythm {EVIL}.", 0.70),
    ("r4", "Sinus rhythm. Left ventricular hypertrophy.", "", None),
    ("r5", "Thank you.", "Good day.", 0.5),
)

FILES = {"scores": scores, "robustness": robustness, "calibration": calibration, "judge": judge}


def write_results(folder: Path, *kinds: str, predictions: bool = True) -> Path:
    """A results folder with some of the four files, all for none named."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds or FILES:
        (folder / f"{kind}.json").write_text(json.dumps(FILES[kind]()), encoding="utf-8")
    if predictions:
        ecg_ids, references, texts, confidence = zip(*ROWS, strict=True)
        table = pa.table(
            {
                "ecg_id": list(ecg_ids),
                "patient_id": [f"patient-{name}" for name in ecg_ids],
                "prompt": ["Write the report."] * len(ROWS),
                "reference": list(references),
                "prediction": list(texts),
                "confidence": pa.array(confidence, pa.float64()),
            }
        )
        pq.write_table(table, folder / "predictions.parquet")
    return folder


def write_changed(folder: Path, kind: str, *places: tuple[str, ...], value: object = None) -> Path:
    """The results of one kind with a value elsewhere; no value takes the field away."""
    content = FILES[kind]()
    for place in places:
        part = content
        for key in place[:-1]:
            part = part[key]
        if value is None:
            del part[place[-1]]
        else:
            part[place[-1]] = value
    (folder / f"{kind}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
