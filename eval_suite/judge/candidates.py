"""The reports to judge: a system's, from a file or made now, and those of the controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eval_suite.controls.baselines import LANGUAGE_TOLD, MOST_FREQUENT, RANDOM, baseline_predictions
from eval_suite.controls.ecgs import EcgControl
from eval_suite.generate import ReportModel, generate_predictions
from eval_suite.judge.drawn_rows import DrawnRows
from eval_suite.predictions import align, read_predictions
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, DataSource, ReportRows, load_reports, load_split

SHUFFLED = "shuffled ECG"
CEILING = "the reference itself"


@dataclass(frozen=True)
class Candidates:
    """A system's reports.

    Attributes:
        name: in the table.
        described: which system exactly.
        language_told: "yes", "no" or "not stated".
        reports: one for each drawn row.
        shuffled: of the rows that the controls have, each with another patient's ECG; None where there are none.
    """

    name: str
    described: str
    language_told: str
    reports: list[str]
    shuffled: list[str] | None


def candidates_from_file(path: Path, given: Mapping[str, str], drawn: DrawnRows, some: ReportRows) -> Candidates:
    """The drawn rows' reports in a file of predictions, and in the one beside it that ends in "-shuffled".

    Args:
        path: of the file.
        given: what `read_predictions` found in it.
        drawn: the rows to judge.
        some: of these, the rows that the controls have.

    Raises:
        EcgInputError: a drawn row has no prediction, or a prediction's row is not in the split.
    """
    beside = path.with_name(f"{path.stem}-shuffled{path.suffix}")
    shuffled = _take(beside, read_predictions(beside), drawn, some) if beside.is_file() else None
    return Candidates(path.name, path.name, "not stated", _take(path, given, drawn, drawn.rows), shuffled)


def candidates_of_model(
    model: ReportModel,
    data: DataSource,
    split: str,
    drawn: DrawnRows,
    number: int,
    out: Path,
    *,
    text_column: str,
    language_told: bool,
    batch_size: int,
    seed: int,
) -> Candidates:
    """Generates the reports of the drawn rows, or takes those that `out` has under the same settings.

    Args:
        model: is asked for them.
        data: the data set.
        split: that the rows were drawn from.
        drawn: the rows to judge.
        number: of these, how many of the first the controls have.
        out: folder for the two files of predictions.
        text_column: kept beside the predictions.
        language_told: whether the prompts name the report's language.
        batch_size: rows at a time.
        seed: of the shuffling.

    Raises:
        EcgInputError: as `generate_predictions`.
    """
    rows = load_split(data, split, (*TEXT_COLUMNS, *SIGNAL_COLUMNS, text_column)).select(drawn.positions)

    def reports(ecg: EcgControl, file: str, limit: int | None) -> list[str]:
        return generate_predictions(
            model,
            rows,
            out / file,
            ecg=ecg,
            text_column=text_column,
            language_told=language_told,
            batch_size=batch_size,
            seed=seed,
            limit=limit,
        )

    return Candidates(
        model.folder.name,
        model.described,
        "yes" if language_told else "no",
        reports("true", "judged-predictions.parquet", None),
        reports("shuffled", "judged-predictions-shuffled.parquet", number),
    )


def control_reports(
    candidates: Candidates, data: DataSource, some: ReportRows, text_column: str, seed: int
) -> dict[str, list[str]]:
    """The controls' reports: what a judge's mean must lie above, and the most that it gives.

    Raises:
        EcgInputError: the data set has no `train` split.
    """
    baselines = baseline_predictions(some, load_reports(data, "train", text_column), seed)
    found = {name: baselines[name] for name in (MOST_FREQUENT, RANDOM + LANGUAGE_TOLD)}
    if candidates.shuffled is not None:
        found[f"{candidates.name}, {SHUFFLED}"] = candidates.shuffled
    return {**found, CEILING: some.reports}


def _take(path: Path, given: Mapping[str, str], drawn: DrawnRows, rows: ReportRows) -> list[str]:
    """The predictions of just these rows; one for another row of the split is passed over."""
    elsewhere = (drawn.others | frozenset(drawn.rows.ecg_ids)) - frozenset(rows.ecg_ids)
    kept = {ecg_id: text for ecg_id, text in given.items() if ecg_id not in elsewhere}
    return align(path, kept, rows.ecg_ids)
