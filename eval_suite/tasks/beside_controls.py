"""The last step of every evaluation of quality: the system's reports beside the controls, all scored alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import datasets

from eval_suite.controls.reports import TrainingReports, describe_controls
from eval_suite.metrics.bertscore import BertScore
from eval_suite.protocol import Conditions, Protocol
from eval_suite.quality_scores import QualityScores
from eval_suite.report_model import ReportModel
from eval_suite.rows import DataSource, ReportRows
from eval_suite.scorecard import definitions, score_systems


def score_beside_controls(
    system: str,
    predictions: Mapping[str, list[str]],
    data: DataSource,
    split: str,
    rows: ReportRows,
    dataset: datasets.Dataset,
    training: TrainingReports,
    encoder: ReportModel | None,
    out: Path | None,
    prompts: list[str] | None,
    *,
    text_column: str,
    language_told: bool | None,
    limit: int | None,
    protocol: Protocol,
    all_protocols: bool,
    bertscore: BertScore | None,
    seed: int,
    samples: int,
) -> QualityScores:
    """Score the evaluated system beside its own controls and those of the training reports.

    Args:
        system: what is evaluated, for the table.
        predictions: system -> one text a row to score, the evaluated system first, then the same on other ECGs.
        data: the data set.
        split: that is scored.
        rows: of the whole split.
        dataset: its signals, where there is an encoder.
        training: apart from the rows to score.
        encoder: finds the nearest training ECG; None leaves that control out.
        out: folder for the embeddings; None keeps none.
        prompts: one a row to score, for a protocol that scores them.
        text_column: the reference.
        language_told: whether the prompts name the report's language; None: not stated.
        limit: only the first rows are scored.
        protocol: by which they are scored.
        all_protocols: give every protocol's values too.
        bertscore: adds its columns.
        seed: of baselines and bootstrap.
        samples: bootstrap draws.

    Raises:
        EcgInputError: as `TrainingReports.controls` and `score_systems`.
    """
    scored = rows.head(limit)
    controls, left_out = training.controls(scored, seed, encoder, dataset, out)
    everything = {**predictions, **controls}
    conditions = Conditions(
        system=system,
        data=data.name,
        split=split,
        rows=len(scored),
        rows_in_split=len(rows),
        patients=len(set(scored.patient_ids)),
        text_column=text_column,
        language_told=language_told,
        seed=seed,
        samples=samples,
        protocol=protocol,
        controls=describe_controls(everything, None if encoder is None else encoder.described),
        train_data=training.name,
        more={**training.notes(), **left_out, **definitions(scored, bertscore)},
    )
    return score_systems(
        everything,
        scored,
        training.rows,
        conditions,
        prompts=prompts,
        bertscore=bertscore,
        all_protocols=all_protocols,
    )
