"""The rows to evaluate: one split of a data set, opened with `datasets`, with the columns the evaluation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets

from dataset_scripts.open_split import open_split
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


@dataclass(frozen=True)
class DataSource:
    """Where a data set lies.

    Attributes:
        place: a folder that `meit build` wrote, or a Hub id.
        config: which of a repository's data sets; None where there is one.
        revision: branch, tag or commit on the Hub.
    """

    place: str
    config: str | None = None
    revision: str | None = None

    @classmethod
    def of(cls, data: str | Path | DataSource) -> DataSource:
        """Of a folder or Hub id given alone."""
        return data if isinstance(data, DataSource) else cls(str(data))

    @property
    def name(self) -> str:
        """For a table: of a folder only its last name, as its path says nothing to who reads the table elsewhere."""
        place = Path(self.place).resolve().name if Path(self.place).is_dir() else self.place
        return " ".join(part for part in (place, self.config, self.revision) if part)


def load_split(data: str | Path | DataSource, split: str, columns: Sequence[str]) -> datasets.Dataset:
    """One split with just these columns; others are not read.

    Raises:
        EcgInputError: no such folder or data set, split or column.
    """
    source = DataSource.of(data)
    return open_split(source.place, split, columns, source.config, source.revision, columns=list(columns))


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


def load_reports(data: str | Path | DataSource, split: str, text_column: str = "report") -> ReportRows:
    """The text side of a split, signals unread.

    Raises:
        EcgInputError: as `load_split` and `report_rows`.
    """
    return report_rows(load_split(data, split, (*TEXT_COLUMNS, text_column)), text_column)
