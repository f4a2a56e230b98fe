"""The rows to evaluate: one split of a data set, opened with `datasets`, with the columns the evaluation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets

from dataset_scripts.record import EcgInputError

TEXT_COLUMNS = ("ecg_id", "patient_id", "language")
SIGNAL_COLUMNS = ("signal", "sampling_rate", "prompt")


@dataclass(frozen=True)
class ReportRows:
    """The text side of a split; all lists are aligned.

    Attributes:
        ecg_ids: unique.
        patient_ids: one a row.
        languages: "de", "en", "sv" or "other".
        reports: the text column asked for.
    """

    ecg_ids: list[str]
    patient_ids: list[str]
    languages: list[str]
    reports: list[str]

    def __len__(self) -> int:
        return len(self.ecg_ids)

    def head(self, limit: int | None) -> ReportRows:
        """The first `limit` rows; all for None.

        Raises:
            EcgInputError: the limit is not positive.
        """
        check_limit(limit)
        return ReportRows(self.ecg_ids[:limit], self.patient_ids[:limit], self.languages[:limit], self.reports[:limit])


def check_limit(limit: int | None) -> None:
    """Refuse a row limit that is not positive; None means every row.

    Raises:
        EcgInputError: as said.
    """
    if limit is not None and limit < 1:
        raise EcgInputError(f"limit {limit}, expected a positive number of rows; leave it out to take every row")


def load_split(data: str | Path, split: str, columns: Sequence[str]) -> datasets.Dataset:
    """One split with just these columns.

    Args:
        data: a folder that `meit build` wrote, or a Hub id.
        split: "train", "validation" or "test".
        columns: those needed; others are not read.

    Raises:
        EcgInputError: no such folder or data set, split or column.
    """
    data = str(data)
    if Path(data).is_file():
        raise EcgInputError(f"{data} is a file, expected the folder of a data set as `meit build` writes it")
    try:
        available = sorted(datasets.get_dataset_split_names(data))
    except (
        FileNotFoundError,
        datasets.exceptions.DatasetNotFoundError,
        datasets.data_files.EmptyDatasetError,
    ) as cause:
        raise EcgInputError(
            f"{data} holds no data set that can be reached, expected a folder of Parquet shards as `meit build` writes "
            "it, or a Hub id"
        ) from cause
    if split not in available:
        raise EcgInputError(f"{data} has no split {split!r}, only {', '.join(available)}; name one of these")
    stream = datasets.load_dataset(data, split=split, streaming=True)
    present = stream.column_names or list(next(iter(stream), {}))
    missing = [column for column in columns if column not in present]
    if missing:
        raise EcgInputError(
            f"{data}, split {split}, lacks the column {', '.join(missing)}; it has {', '.join(sorted(present))}"
        )
    return datasets.load_dataset(data, split=split, columns=list(columns))


def report_rows(rows: datasets.Dataset, text_column: str) -> ReportRows:
    """The text side of a loaded split.

    Raises:
        EcgInputError: no rows, or an `ecg_id` twice.
    """
    ecg_ids, patient_ids, languages = (list(map(str, rows[column])) for column in TEXT_COLUMNS)
    if not ecg_ids:
        raise EcgInputError("the split has no rows, expected at least one; build the data set again")
    if len(set(ecg_ids)) != len(ecg_ids):
        twice = next(ecg_id for ecg_id in ecg_ids if ecg_ids.count(ecg_id) > 1)
        raise EcgInputError(f"the split has ecg_id {twice} twice, expected each once; build the data set again")
    return ReportRows(ecg_ids, patient_ids, languages, ["" if text is None else text for text in rows[text_column]])


def load_reports(data: str | Path, split: str, text_column: str = "report") -> ReportRows:
    """The text side of a split, signals unread.

    Raises:
        EcgInputError: as `load_split` and `report_rows`.
    """
    return report_rows(load_split(data, split, (*TEXT_COLUMNS, text_column)), text_column)
