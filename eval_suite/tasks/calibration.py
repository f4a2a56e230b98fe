"""Calibration: what a model's confidence says of its errors, and the threshold below which it had better not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dataset_scripts.errors import EcgInputError
from eval_suite.calibration.abstention import (
    Choice,
    Measured,
    Target,
    choose_threshold,
    measure_threshold,
    patient_half,
)
from eval_suite.calibration.conditions import CalibrationConditions
from eval_suite.calibration.reliability import Reliability, fit_isotonic, reliability
from eval_suite.calibration.report_errors import report_errors
from eval_suite.calibration.scores import Abstention, CalibrationScores
from eval_suite.calibration.selective import selective_curve
from eval_suite.calibration.stored_threshold import check_storable, how_asked, store_threshold
from eval_suite.comparing.compared_side import described_model
from eval_suite.confidence import CONFIDENCE, CONFIDENCE_DEFINITION
from eval_suite.predictions import align, read_confidences, read_predictions, read_settings
from eval_suite.rows import DataSource, load_reports

_FILE = "predictions.parquet"


def run_calibration(
    predictions: str | Path,
    data: str | Path | DataSource,
    split: str,
    *,
    out: str | Path | None = None,
    target: Target | None = None,
    store: str | Path | None = None,
    text_column: str = "report",
    limit: int | None = None,
    seed: int = 0,
    samples: int = 1000,
) -> CalibrationScores:
    """Hold the confidences of predictions against their errors; choose, measure and store a threshold if asked.

    Patients are halved by seed: one half chooses the threshold and fits the isotonic regressions, the other measures
    both. The curves are of all rows.

    Args:
        predictions: a results folder of `meit eval quality`, or a `.parquet` or `.csv` with `ecg_id`, `prediction` and
            `confidence`, one for every row.
        data: folder, Hub id or `DataSource` of the data set; references come from here, whatever the file says.
        split: that was predicted.
        out: folder for `calibration.json` and `calibration.md`; None writes nothing.
        target: of the reports answered; None chooses no threshold.
        store: folder of the model that made the predictions, into whose config.json the threshold is written. Nothing
            is stored where no threshold meets the target.
        text_column: the reference.
        limit: the file holds only the first rows.
        seed: of the halves and of the intervals.
        samples: bootstrap draws.

    Raises:
        EcgInputError: as `read_predictions`, `read_confidences`, `align`, `load_split` and `check_storable`; or a model
            to store into without a target.
    """
    if out is not None and Path(out).is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    path = Path(predictions) / _FILE if Path(predictions).is_dir() else Path(predictions)
    if store is not None:
        if target is None:
            raise EcgInputError("a threshold is to be stored, but no target was given that it should meet; give one")
        check_storable(store, path, split)
    texts, sure = read_predictions(path), read_confidences(path)
    rows = load_reports(data, split, text_column)
    scored = rows.head(limit)
    confidence = np.array(align(path, sure, scored.ecg_ids))
    asked = {} if store is None else how_asked(path, scored)
    judged = report_errors(align(path, texts, scored.ecg_ids), scored.reports)
    errors = judged.errors
    patients = np.asarray(scored.patient_ids)
    first = patient_half(scored.patient_ids, seed)

    drawn = _Drawn(confidence, patients, first, samples, seed)
    found = None if target is None else _threshold(drawn, errors[target.error], target)
    conditions = CalibrationConditions(
        system=_system(path),
        data=DataSource.of(data).name,
        split=split,
        rows=len(scored),
        rows_in_split=len(rows),
        patients=len(set(scored.patient_ids)),
        text_column=text_column,
        confidence=_confidence(path),
        seed=seed,
        samples=samples,
    )
    curves = {
        name: selective_curve(confidence, values, scored.patient_ids, samples=samples, seed=seed)
        for name, values in tqdm(errors.items(), desc="selective curves", delay=2.0, leave=False)
    }
    scores = CalibrationScores(
        conditions=conditions,
        selective=curves,
        critical={
            point.share: drawn.measured(point.threshold, errors["critical"], judged.critical)
            for point in (curves["critical"].tenths() if judged.critical.any() else ())
        },
        reliability=_reliabilities(drawn, errors),
        target=target,
        abstention=found if isinstance(found, Abstention) else None,
        missed=found if isinstance(found, Choice) else None,
    )
    if out is not None:
        scores.write(Path(out))
    if store is not None and scores.abstention is not None:
        store_threshold(store, path, scores.abstention.for_config(conditions) | asked)
    return scores


def _settings(path: Path) -> dict[str, Any]:
    """What `meit eval quality` recorded in the predictions that it made; empty for those of others."""
    settings = read_settings(path) if path.suffix == ".parquet" else None
    return settings if settings and "model" in settings else {}


def _confidence(path: Path) -> str:
    return f"{CONFIDENCE}: {CONFIDENCE_DEFINITION}" if _settings(path) else "as the file states it"


def _system(path: Path) -> str:
    return ", ".join(filter(None, (path.name, described_model(path))))


@dataclass(frozen=True)
class _Drawn:
    """The rows, halved; the arrays are [rows]."""

    confidence: np.ndarray
    patients: np.ndarray
    first: np.ndarray
    samples: int
    seed: int

    def measured(self, threshold: float, errors: np.ndarray, rows: np.ndarray) -> Measured:
        """The threshold on some rows, bool [rows]."""
        return measure_threshold(
            threshold,
            self.confidence[rows],
            errors[rows],
            self.patients[rows].tolist(),
            samples=self.samples,
            seed=self.seed,
        )


def _threshold(drawn: _Drawn, errors: np.ndarray, target: Target) -> Abstention | Choice:
    """Chosen on the first half and measured on the second; what was tried where none meets the target."""
    first = drawn.first
    patients = drawn.patients[first].tolist()
    choice = choose_threshold(drawn.confidence[first], errors[first], patients, target)
    if choice.chosen is None:
        return choice
    measured = drawn.measured(choice.chosen.threshold, errors, ~first)
    return Abstention(target, choice.chosen, len(patients), len(set(patients)), measured)


def _reliabilities(drawn: _Drawn, errors: Mapping[str, np.ndarray]) -> dict[str, Reliability]:
    """Of the second half: of each error that of the confidence itself, and of its isotonic regression."""
    first, rest = drawn.first, ~drawn.first
    patients = drawn.patients[rest].tolist()
    found = {}
    for name, values in errors.items():
        fitted = fit_isotonic(drawn.confidence[first], values[first])
        raw = drawn.confidence[rest]
        for key, sure in ((name, raw), (f"{name}, isotonic", fitted(raw))):
            found[key] = reliability(
                sure, values[rest], patients, binned_by=raw, samples=drawn.samples, seed=drawn.seed
            )
    return found
