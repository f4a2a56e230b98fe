"""Report quality (tables 1 and 2 of the paper): the evaluated system beside its controls, in every kind of score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from dataset_scripts.instructions.prompts import without_language
from dataset_scripts.record import EcgInputError
from eval_suite.controls.ecgs import EcgControl, shuffled_partners
from eval_suite.controls.reports import BLANK, SHUFFLED, TrainingReports
from eval_suite.generate import generate_predictions, prompts_to_use
from eval_suite.metrics.bertscore import BertScore
from eval_suite.predictions import align, keep_beside_scores, read_predictions
from eval_suite.protocol import STRICT, Protocol, find_protocol
from eval_suite.quality_scores import QualityScores
from eval_suite.report_model import ReportModel
from eval_suite.rows import (
    ARCHIVE_COLUMNS,
    SIGNAL_COLUMNS,
    TEXT_COLUMNS,
    DataSource,
    ReportRows,
    load_split,
    report_rows,
)
from eval_suite.scorable import check_scorable
from eval_suite.tasks.beside_controls import score_beside_controls

_FILES = {
    "true": "predictions.parquet",
    "blank": "predictions-blank.parquet",
    "shuffled": "predictions-shuffled.parquet",
}
_ECG = {"true": "", "blank": BLANK, "shuffled": SHUFFLED}


def run_quality(
    model: str | Path,
    data: str | Path | DataSource,
    split: str,
    out: str | Path,
    *,
    train_data: str | Path | DataSource | None = None,
    text_column: str = "report",
    language_told: bool = True,
    limit: int | None = None,
    protocol: Protocol | str = STRICT,
    all_protocols: bool = False,
    bertscore: BertScore | None = None,
    nearest_ecg: bool = True,
    batch_size: int = 64,
    generation: Mapping[str, Any] | None = None,
    seed: int = 0,
    samples: int = 1000,
    device: str | None = None,
    dtype: str | None = None,
) -> QualityScores:
    """Generate with the true, blank and shuffled ECGs, score beside the other controls, write everything to `out`.

    Writes `predictions.parquet`, `predictions-blank.parquet`, `predictions-shuffled.parquet`, `embeddings.parquet`,
    `embeddings-train.parquet`, `scores.json` and `table.md`. Predictions and embeddings already in `out` are used again
    if model, rows and settings are the same, so a cut evaluation goes on where it stopped.

    Args:
        model: folder or Hub id, or the folder of a PEFT adapter.
        data: folder, Hub id or `DataSource` of the data set.
        split: to be scored.
        out: folder for the results.
        train_data: whose `train` split baselines, retrieval and leakage look at; None: that of `data`.
        text_column: the reference and what the baselines draw from, "report", "report_raw" or "report_en".
        language_told: whether the prompts name the report's language.
        limit: score only the first rows.
        protocol: by which they are scored, itself or its name; it changes no prediction.
        all_protocols: give the values of every protocol beside those of `protocol`.
        bertscore: adds its columns.
        nearest_ecg: whether to embed the training ECGs for the control "report of the nearest ECG".
        batch_size: rows generated at a time.
        generation: arguments for `generate`; what it leaves out is the model's own generation_config's.
        seed: of shuffling, baselines, sampling and bootstrap.
        samples: bootstrap draws.
        device: "cpu", "cuda", …; None takes CUDA where there is one.
        dtype: None is float32 on a CPU and bfloat16 elsewhere.

    Raises:
        EcgInputError: as `find_protocol`, `load_split`, `TrainingReports.apart_from`, `check_scorable` and
            `shuffled_partners`, before anything is generated; as `generate_predictions` and `score_systems`.
    """
    protocol = find_protocol(protocol)
    out = Path(out)
    if out.is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    training = TrainingReports.load(data, train_data, text_column, signals=nearest_ecg)
    dataset = load_split(data, split, (*TEXT_COLUMNS, *SIGNAL_COLUMNS, text_column), wanted=ARCHIVE_COLUMNS)
    rows = report_rows(dataset, text_column)
    scored = rows.head(limit)
    training = training.apart_from(scored)
    check_scorable(scored, samples, protocol, bertscore)
    shuffled_partners(rows.patient_ids, seed)  # refuses a split of one patient
    opened = ReportModel(model, device=device, dtype=dtype)
    predictions = {
        f"model{_ECG[ecg]}": generate_predictions(
            opened,
            dataset,
            out / _FILES[ecg],
            ecg=ecg,
            text_column=text_column,
            language_told=language_told,
            batch_size=batch_size,
            generation=generation,
            seed=seed,
            limit=limit,
        )
        for ecg in get_args(EcgControl)
    }
    system = opened.described
    if generation:
        system += f", generation {json.dumps(dict(generation), sort_keys=True)}"
    scores = score_beside_controls(
        system,
        predictions,
        DataSource.of(data),
        split,
        rows,
        dataset,
        training,
        opened if nearest_ecg else None,
        out,
        prompts_to_use(list(dataset["prompt"])[:limit], scored.languages, language_told),
        text_column=text_column,
        language_told=language_told,
        limit=limit,
        protocol=protocol,
        all_protocols=all_protocols,
        bertscore=bertscore,
        seed=seed,
        samples=samples,
    )
    scores.write(out)
    return scores


def score_predictions(
    predictions: str | Path,
    data: str | Path | DataSource,
    split: str,
    *,
    out: str | Path | None = None,
    train_data: str | Path | DataSource | None = None,
    text_column: str = "report",
    language_told: bool | None = None,
    limit: int | None = None,
    protocol: Protocol | str = STRICT,
    all_protocols: bool = False,
    bertscore: BertScore | None = None,
    encoder: str | Path | None = None,
    seed: int = 0,
    samples: int = 1000,
) -> QualityScores:
    """Score the predictions of any system beside the controls.

    Files beside it whose names end in "-blank" and "-shuffled" are scored as the system's own controls.

    Args:
        predictions: `.parquet` or `.csv` with `ecg_id` and `prediction`, one for every row to score.
        data: folder, Hub id or `DataSource` of the data set; references come from here, whatever the file says.
        split: to be scored.
        out: folder for `scores.json`, `table.md` and, where it is not the file that was given, `predictions.parquet`
            with the references; None writes nothing.
        train_data: whose `train` split baselines, retrieval and leakage look at; None: that of `data`.
        text_column: the reference.
        language_told: whether the system was told the report's language, for the table; None: not stated.
        limit: score only the first rows of the split; predictions of its other rows are passed over.
        protocol: by which they are scored, itself or its name. The prompts of `meit-release-prompt` are the data
            set's, whatever the file says; with language_told=False without the language.
        all_protocols: give the values of every protocol beside those of `protocol`.
        bertscore: adds its columns.
        encoder: folder or Hub id of a model whose encoder finds the nearest training ECG; None leaves that control
            out. Embeddings are kept in `out`.
        seed: of baselines and bootstrap.
        samples: bootstrap draws.

    Raises:
        EcgInputError: as `find_protocol`, `read_predictions`, `load_split`, `TrainingReports.apart_from`,
            `check_scorable`, `align`, `keep_beside_scores` and `score_systems`.
    """
    protocol = find_protocol(protocol)
    path = Path(predictions)
    given = read_predictions(path)
    training = TrainingReports.load(data, train_data, text_column, signals=encoder is not None)
    signals = SIGNAL_COLUMNS if encoder is not None else ()
    prompted = ("prompt",) if all_protocols or protocol.left_in == "prompt" else ()
    needed = dict.fromkeys((*TEXT_COLUMNS, *signals, *prompted, text_column))
    dataset = load_split(data, split, tuple(needed), wanted=ARCHIVE_COLUMNS)
    rows = report_rows(dataset, text_column)
    scored = rows.head(limit)
    training = training.apart_from(scored)
    check_scorable(scored, samples, protocol, bertscore)
    texts = {path.name: _align(path, given, rows, scored)}
    for ending in ("blank", "shuffled"):
        beside = path.with_name(f"{path.stem}-{ending}{path.suffix}")
        if beside.is_file():
            texts[path.name + _ECG[ending]] = _align(beside, read_predictions(beside), rows, scored)
    prompts = list(dataset["prompt"])[:limit] if prompted else None
    if prompts and language_told is False:
        prompts = list(map(without_language, prompts))
    if out is not None:
        columns = {
            "ecg_id": scored.ecg_ids,
            "patient_id": scored.patient_ids,
            "prompt": [None] * len(scored) if prompts is None else prompts,
            "reference": scored.reports,
            "prediction": texts[path.name],
        }
        keep_beside_scores(path, Path(out), columns)
    scores = score_beside_controls(
        path.name,
        texts,
        DataSource.of(data),
        split,
        rows,
        dataset,
        training,
        None if encoder is None else ReportModel(encoder),
        None if out is None else Path(out),
        prompts,
        text_column=text_column,
        language_told=language_told,
        limit=limit,
        protocol=protocol,
        all_protocols=all_protocols,
        bertscore=bertscore,
        seed=seed,
        samples=samples,
    )
    if out is not None:
        scores.write(Path(out))
    return scores


def _align(path: Path, given: Mapping[str, str], rows: ReportRows, scored: ReportRows) -> list[str]:
    """The predictions of the rows to score; those of other rows of the split are passed over."""
    others = set(rows.ecg_ids).difference(scored.ecg_ids)
    return align(path, {ecg_id: text for ecg_id, text in given.items() if ecg_id not in others}, scored.ecg_ids)
