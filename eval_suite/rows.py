"""The rows to evaluate: one split of a data set, opened with `datasets`, with the columns the evaluation needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from dataset_scripts.open_split import columns_of, open_split
from dataset_scripts.record import EcgInputError

TEXT_COLUMNS = ("ecg_id", "patient_id", "language")
SIGNAL_COLUMNS = ("signal", "sampling_rate", "prompt")
#: What only some archives have; read where it is there.
ARCHIVE_COLUMNS = ("scp_codes", "measurements")


@dataclass(frozen=True)
class ReportRows:
    """The text side of a split; all lists are aligned.

    Attributes:
        ecg_ids: unique.
        patient_ids: one a row.
        languages: "de", "en", "sv" or "other".
        reports: the text column asked for.
        codes: SCP codes of each row; None where no row has one.
        measurements: name -> value of each row; None where no row has one.
    """

    ecg_ids: list[str]
    patient_ids: list[str]
    languages: list[str]
    reports: list[str]
    codes: list[frozenset[str]] | None = None
    measurements: list[dict[str, float]] | None = None

    def __len__(self) -> int:
        return len(self.ecg_ids)

    def head(self, limit: int | None) -> ReportRows:
        """The first `limit` rows; all for None.

        Raises:
            EcgInputError: the limit is not positive.
        """
        check_limit(limit)
        return self if limit is None else self.select(range(min(limit, len(self))))

    def select(self, places: Sequence[int]) -> ReportRows:
        """Just these rows, in this order."""
        return ReportRows(
            [self.ecg_ids[place] for place in places],
            [self.patient_ids[place] for place in places],
            [self.languages[place] for place in places],
            [self.reports[place] for place in places],
            None if self.codes is None else [self.codes[place] for place in places],
            None if self.measurements is None else [self.measurements[place] for place in places],
        )


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


def load_split(
    data: str | Path | DataSource, split: str, columns: Sequence[str], *, wanted: Sequence[str] = ()
) -> datasets.Dataset:
    """One split with just these columns; others are not read.

    Args:
        data: folder, Hub id or `DataSource` of the data set.
        split: its name.
        columns: that it must have.
        wanted: further columns, taken where the split has them.

    Raises:
        EcgInputError: no such folder or data set, split or column.
    """
    source = DataSource.of(data)
    if wanted:
        present = columns_of(source.place, split, source.config, source.revision)
        columns = [*columns, *(column for column in wanted if column in present)]
    return open_split(source.place, split, columns, source.config, source.revision, columns=list(columns))


def report_rows(rows: datasets.Dataset, text_column: str) -> ReportRows:
    """The text side of a loaded split.

    Raises:
        EcgInputError: no rows, an `ecg_id` twice, or a row without `ecg_id` or `patient_id`.
    """
    for column in ("ecg_id", "patient_id"):
        if None in (values := list(rows[column])):
            raise EcgInputError(
                f"row {values.index(None)} (counted from 0) has no {column}, expected one in every row: leaving out "
                "rows of the same patient and drawing whole patients depend on it; fill it in or drop the row"
            )
    ecg_ids, patient_ids, languages = (list(map(str, rows[column])) for column in TEXT_COLUMNS)
    if not ecg_ids:
        raise EcgInputError("the split has no rows, expected at least one; build the data set again")
    if len(set(ecg_ids)) != len(ecg_ids):
        twice = next(ecg_id for ecg_id in ecg_ids if ecg_ids.count(ecg_id) > 1)
        raise EcgInputError(f"the split has ecg_id {twice} twice, expected each once; build the data set again")
    return ReportRows(
        ecg_ids,
        patient_ids,
        languages,
        ["" if text is None else text for text in rows[text_column]],
        _codes(rows),
        _measurements(rows),
    )


def load_reports(data: str | Path | DataSource, split: str, text_column: str = "report") -> ReportRows:
    """The text side of a split, with codes and measurements where it has them, signals unread.

    Raises:
        EcgInputError: as `load_split` and `report_rows`.
    """
    return report_rows(load_split(data, split, (*TEXT_COLUMNS, text_column), wanted=ARCHIVE_COLUMNS), text_column)


def _codes(rows: datasets.Dataset) -> list[frozenset[str]] | None:
    if "scp_codes" not in rows.column_names:
        return None
    codes = [frozenset(entry["code"] for entry in _entries(row)) for row in rows["scp_codes"]]
    return codes if any(codes) else None


def _measurements(rows: datasets.Dataset) -> list[dict[str, float]] | None:
    if "measurements" not in rows.column_names:
        return None
    measured = [
        {entry["name"]: entry["value"] for entry in _entries(row) if entry["value"] is not None}
        for row in rows["measurements"]
    ]
    return measured if any(measured) else None


def _entries(row: Iterable[Mapping[str, Any]] | None) -> Iterable[Mapping[str, Any]]:
    return row or ()
