"""Any folder of WFDB records with one CSV table that says whose they are and what their reports say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.reports.cleaning import clean
from dataset_scripts.reports.language import LANGUAGES, detect_language
from dataset_scripts.signals.length import to_length
from dataset_scripts.sources.licences import licence_of
from dataset_scripts.sources.table import read_table, record_path, tidy_id
from dataset_scripts.sources.unreadable import naming
from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_record import read_wfdb
from dataset_scripts.sources.wfdb_start import START_SECONDS, is_longer, read_wfdb_start

TABLE = "records.csv"
FOLDS = range(1, 11)
_NEEDED = ("record", "patient_id", "report")
_SEX = {"male": "male", "m": "male", "female": "female", "f": "female", "": None, "unknown": None}
_LANGUAGES = (*LANGUAGES, "other")
_MEASUREMENT = re.compile(r"[a-z][a-z0-9_]*_(?:ms|bpm|deg|cm|kg|mv)")
_HINT = "save it as UTF-8 with commas between the cells, and quotation marks around one that holds a comma"
_LINE_BREAKS = 100  # of a report, which may be a page
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


class WfdbFolderSource:
    """A folder of one's own.

    The table has the columns `record` (the path within the folder, without ending), `patient_id` and `report`, and may
    have `ecg_id` (by default the record's path), `fold` (1 to 10), `age` (years), `sex`, `language` and measurements:
    any column whose name ends in a unit (_ms, _bpm, _deg, _cm, _kg, _mv). An empty cell is an unknown value.

    Args:
        src: the folder.
        sampling_rate: in Hz; records of another one are resampled.
        table: the table's path within the folder.
        name: of the archive with its version, as rows carry it in `source`.
        title: its name in words; by default `name`, or the folder's where that is not given.
        description: for the data card.
        licence: its identifier on the Hub.
        citation: BibTeX; may be empty.
        homepage: where the archive is to be had.
        public: whether its signals may be published.

    Raises:
        EcgInputError: no such folder or table, or an argument outside what is said above.
    """

    name = "wfdb-folder"
    title = "A folder of WFDB records"
    description = "Twelve-lead ECGs with reports from a folder of WFDB records."
    licence = "other"
    licence_name, licence_link, licence_condition = licence_of(licence)
    patients_unknown = ""
    citation = ""
    homepage: str | None = None
    signals_public = False
    sampling_rates: tuple[int, ...] = (100, 250, 500)

    def __init__(
        self,
        src: Path | None,
        sampling_rate: int = 100,
        table: str = TABLE,
        name: str = name,
        title: str | None = None,
        description: str = description,
        licence: str = licence,
        citation: str = citation,
        homepage: str | None = homepage,
        public: bool = signals_public,
    ) -> None:
        if isinstance(sampling_rate, bool) or not isinstance(sampling_rate, int) or sampling_rate <= 0:
            raise EcgInputError(f"sampling rate {sampling_rate!r}, expected a positive whole number of Hz")
        if src is None:
            raise EcgInputError(f"wfdb-folder needs its folder, the one that holds {table}; give it with --src")
        if not _NAME.fullmatch(name):
            raise EcgInputError(
                f"name {name!r}, expected lower-case letters, digits and '.-_', as in 'my-hospital-1.0'"
            )
        if not isinstance(public, bool):
            raise EcgInputError(f"public is {public!r}, expected true or false")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        self.sampling_rates = tuple(sorted({*type(self).sampling_rates, sampling_rate}))  # any rate will do
        self.table = record_path(self.src, table, "table")
        self.name = name
        self.title = title or (name if name != type(self).name else self.src.resolve().name or type(self).title)
        self.description = description
        self.licence = licence
        self.licence_name, self.licence_link, self.licence_condition = licence_of(licence)
        self.citation = citation
        self.homepage = homepage
        self.signals_public = public
        if not self.table.is_file():
            raise EcgInputError(
                f"there is no {self.table}; write a table with the columns {', '.join(_NEEDED)}, or name it with table="
            )

    def index(self) -> Iterator[dict[str, Any]]:
        """Yields the table's rows in its order.

        Raises:
            EcgInputError: the table is damaged or lacks a column, a cell cannot be, or a record stands twice; the
                message names the record.
        """
        seen: set[int] = set()  # of the paths' hashes, which take less memory than the paths
        for row in read_table(self.table, _NEEDED, _HINT, _LINE_BREAKS):
            try:
                entry = self._entry(row)
                place = hash(tidy_id(entry["record"]))
                if place in seen:
                    raise ValueError("the record stands in an earlier row too; keep one of them")
            except ValueError as error:
                raise EcgInputError(f"{self.table}, record {row['record']!r}: {error}; correct the table") from error
            seen.add(place)
            yield entry

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one record of `index`; of a long one, no more of its samples than are kept.

        Raises:
            EcgInputError: the record leads outside the folder, is missing or damaged, or has no twelve standard leads.
        """
        record = record_path(self.src, row["record"])
        check_wfdb(record)
        if is_longer(record, START_SECONDS):
            signal, rate, _ = read_wfdb_start(record, START_SECONDS)
        else:
            signal, rate = read_wfdb(record)
        with naming(row["record"]):
            kept = to_length(signal, rate, self.sampling_rate)
        report = row["report"]
        return EcgRecord(
            ecg_id=row["ecg_id"],
            patient_id=row["patient_id"],
            signal=kept,
            sampling_rate=self.sampling_rate,
            report=report,
            language=row.get("language") or detect_language(clean(report)),
            source=self.name,
            fold=row.get("fold"),
            age=row.get("age"),
            sex=row.get("sex"),
            measurements=row["measurements"],
        )

    def _entry(self, row: Mapping[str, str]) -> dict[str, Any]:
        record = row["record"].strip()
        record_path(self.src, record)
        entry: dict[str, Any] = {
            "ecg_id": tidy_id(row.get("ecg_id", "")) or tidy_id(record),
            "patient_id": tidy_id(row["patient_id"]),
            "record": record,
            "report": row["report"],
            "measurements": {
                name: _number(name, cell) for name, cell in row.items() if cell and _MEASUREMENT.fullmatch(name)
            },
        }
        if not entry["patient_id"]:
            raise ValueError("no patient_id; splits are made by patient, so give each record one")
        if fold := row.get("fold"):
            number = _number("fold", fold)
            if number not in FOLDS:
                raise ValueError(f"fold {fold!r}, expected a whole number from 1 to 10")
            entry["fold"] = int(number)
        if age := row.get("age"):
            entry["age"] = _number("age", age)
        sex = (row.get("sex") or "").strip().lower()
        if sex not in _SEX:
            raise ValueError(f"sex {row['sex']!r}, expected male, female or an empty cell")
        entry["sex"] = _SEX[sex]
        if language := row.get("language"):
            if language not in _LANGUAGES:
                raise ValueError(f"language {language!r}, expected one of {', '.join(_LANGUAGES)}")
            entry["language"] = language
        return entry


def _number(name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError as error:
        raise ValueError(f"{name} is {cell!r}, expected a number with a decimal point") from error
    if not math.isfinite(number):
        raise ValueError(f"{name} is {cell!r}; leave the cell of an unknown value empty")
    return number
