"""Every control that takes its reports from the training split, and what a table says of the controls in it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import datasets

from dataset_scripts.errors import EcgInputError
from eval_suite.controls.baselines import LANGUAGE_TOLD, MOST_FREQUENT, RANDOM, baseline_predictions
from eval_suite.controls.embeddings import NoEcgEncoderError, ecg_embeddings
from eval_suite.controls.retrieval import NEAREST, SAME_CODES, nearest_reports, reports_by_codes
from eval_suite.report_model import ReportModel
from eval_suite.rows import ARCHIVE_COLUMNS, TEXT_COLUMNS, DataSource, ReportRows, load_split, report_rows

logger = logging.getLogger(__name__)

BLANK = ", blank ECG"
SHUFFLED = ", shuffled ECG"
_SAYS = {
    BLANK: "the system shown ECG values of zeros, put in after the extractor",
    SHUFFLED: "the system shown another patient's record of the split",
    MOST_FREQUENT: "the commonest training report for every row",
    RANDOM: "a random training report",
    NEAREST: "that of the training ECG nearest by the cosine of the embeddings of {encoder}",
    SAME_CODES: "the commonest training report with the row's set of SCP codes, else with the most similar sets",
    LANGUAGE_TOLD: "among the reports in the row's language",
}


@dataclass(frozen=True)
class TrainingReports:
    """The training split as the controls see it.

    Attributes:
        rows: its text side.
        dataset: its signals; None where no control looks at them.
        name: of its data set, where that is not the one that is scored.
        left_out: rows of the split that `apart_from` took away.
    """

    rows: ReportRows
    dataset: datasets.Dataset | None
    name: str | None
    left_out: int = 0

    @classmethod
    def load(
        cls,
        data: str | Path | DataSource,
        train_data: str | Path | DataSource | None,
        text_column: str,
        *,
        signals: bool,
    ) -> TrainingReports:
        """Open the `train` split of `train_data`, or of `data`.

        Raises:
            EcgInputError: as `load_split` and `report_rows`.
        """
        source = DataSource.of(data if train_data is None else train_data)
        columns = (*TEXT_COLUMNS, *(("signal", "sampling_rate") if signals else ()), text_column)
        dataset = load_split(source, "train", columns, wanted=ARCHIVE_COLUMNS)
        elsewhere = source != DataSource.of(data)
        return cls(report_rows(dataset, text_column), dataset if signals else None, source.name if elsewhere else None)

    def apart_from(self, scored: ReportRows) -> TrainingReports:
        """Without every row whose record or patient is to be scored: a control must not find the row itself.

        Raises:
            EcgInputError: nothing is left.
        """
        records, patients = set(scored.ecg_ids), set(scored.patient_ids)
        places = [
            place
            for place, (record, patient) in enumerate(zip(self.rows.ecg_ids, self.rows.patient_ids, strict=True))
            if record not in records and patient not in patients
        ]
        if not places:
            raise EcgInputError(
                f"all {len(self.rows):,} training rows are of records or patients to be scored, so nothing is left for "
                "baselines and retrieval; score another split, fewer rows, or name other training data"
            )
        taken = len(self.rows) - len(places)
        if not taken:
            return self
        signals = None if self.dataset is None else self.dataset.select(places)
        return replace(self, rows=self.rows.select(places), dataset=signals, left_out=taken)

    def notes(self) -> dict[str, str]:
        """What a table must say of these reports, label -> text."""
        if not self.left_out:
            return {}
        all_rows = self.left_out + len(self.rows)
        return {
            "training reports left out": f"{self.left_out:,} of {all_rows:,}, as their record or patient is among the "
            "scored rows"
        }

    def controls(
        self, rows: ReportRows, seed: int, encoder: ReportModel | None, dataset: datasets.Dataset, out: Path | None
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """What each control predicts for some rows.

        Args:
            rows: to be predicted, the first of `dataset`.
            seed: of the random reports.
            encoder: finds the nearest training ECG; None leaves that control out.
            dataset: the rows' signals, where there is an encoder.
            out: folder for the embeddings; None keeps none.

        Returns:
            Control's name -> one report a row; and label -> text of a control that had to be left out.

        Raises:
            EcgInputError: as `ecg_embeddings`.
        """
        found = baseline_predictions(rows, self.rows, seed)
        left_out = {}
        if encoder is not None and self.dataset is not None:
            files = [None, None] if out is None else [out / "embeddings-train.parquet", out / "embeddings.parquet"]
            try:
                train = ecg_embeddings(encoder, self.dataset, files[0], name="train")
                own = ecg_embeddings(encoder, dataset, files[1], limit=len(rows), name="rows to score")
                found |= nearest_reports(rows, self.rows, own, train)
            except NoEcgEncoderError as reason:
                logger.warning("%s", reason)
                left_out[NEAREST] = f"left out: {reason}"
        return {**found, **reports_by_codes(rows, self.rows)}, left_out


def describe_controls(names: Iterable[str], encoder: str | None) -> str:
    """What the controls among some systems are, for a table's notes.

    Args:
        names: of the systems.
        encoder: the model that embeds ECGs, where there is one.
    """
    names = list(names)
    said = {key.removeprefix(", "): text for key, text in _SAYS.items() if any(key in name for name in names)}
    return "; ".join(f"{label}: {text.format(encoder=encoder)}" for label, text in said.items())
