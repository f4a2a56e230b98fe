"""MIMIC-IV-ECG 1.0 as PhysioNet lays it out: two tables, joined by study, beside `files/pNNNN/pNNNNNNNN/sNNNNNNNN/`.

Gow et al. 2023, PhysioNet, doi 10.13026/4nqg-sb35; columns: https://mimic.mit.edu/docs/iv/modules/ecg/.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.signals.length import to_length
from dataset_scripts.sources.licences import LICENCES
from dataset_scripts.sources.table import plain_id, read_table, record_path, require_table
from dataset_scripts.sources.wfdb_record import read_wfdb

RECORDS = "record_list.csv"
MEASUREMENTS = "machine_measurements.csv"
NATIVE_RATE = 500  # Hz
DURATION = 10  # seconds, of every record

_SENTINELS = (29999, 32767, 65535)  # what the machines write where they have measured nothing

_TIMES = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
_AXES = ("p_axis", "qrs_axis", "t_axis")
_QUALITY = ("bandwidth", "filtering")
_STATEMENT = re.compile(r"report_\d+")

# Outside of these no heart beats, and a value is a failed measurement that no sentinel marks. The limits are wide on
# purpose: they part the impossible from the possible, not the abnormal from the normal.
_POSSIBLE = {
    "rr_interval_ms": (150, 6000),
    "p_duration_ms": (10, 300),
    "pr_interval_ms": (20, 1000),
    "qrs_duration_ms": (20, 400),
    "qt_interval_ms": (100, 1200),
    "qtc_bazett_ms": (150, 1200),
}


class MimicIvEcgSource:
    """MIMIC-IV-ECG 1.0: 800,035 ten-second ECGs of 161,352 patients with the machine's statements and measurements.

    Args:
        src: the unpacked archive, the folder that holds `record_list.csv`.
        sampling_rate: 500 Hz, the archive's own, or 100 Hz, to which the records are resampled.

    Raises:
        EcgInputError: not such a folder, or another sampling rate.
    """

    name = "mimic-iv-ecg-1.0"
    title = "MIMIC-IV-ECG: Diagnostic Electrocardiogram Matched Subset"
    description = (
        "MIMIC-IV-ECG: ten-second diagnostic 12-lead ECGs of patients of the Beth Israel Deaconess Medical Center, "
        "taken from 2008 to 2019 and shifted in time, each with the statements and the global measurements that the "
        "recording machine made. The statements were not confirmed by a physician; the cardiologists' notes are not "
        "part of the archive."
    )
    licence = "odbl"
    licence_name, licence_link, licence_condition = LICENCES[licence]
    patients_unknown = ""
    homepage = "https://physionet.org/content/mimic-iv-ecg/1.0/"
    signals_public = False
    citation = (
        "@misc{gow2023mimicivecg,\n"
        "  title = {{MIMIC-IV-ECG}: Diagnostic Electrocardiogram Matched Subset (version 1.0)},\n"
        "  author = {Gow, Brian and Pollard, Tom and Nathanson, Larry A. and Johnson, Alistair and Moody, Benjamin and "
        "Fernandes, Chrystinne and Greenbaum, Nathaniel and Waks, Jonathan W. and Eslami, Parastou and "
        "Carbonati, Tanner and Chaudhari, Ashish and Herbst, Elizabeth and Moukheiber, Dana and Berkowitz, Seth and "
        "Mark, Roger and Horng, Steven},\n"
        "  publisher = {PhysioNet},\n  year = {2023},\n  doi = {10.13026/4nqg-sb35}\n}"
    )
    sampling_rates = (100, NATIVE_RATE)

    def __init__(self, src: Path | None, sampling_rate: int = 100) -> None:
        if sampling_rate not in self.sampling_rates:
            raise EcgInputError(f"MIMIC-IV-ECG is read at 100 or 500 Hz, not at {sampling_rate}; choose one of the two")
        if src is None:
            raise EcgInputError(f"MIMIC-IV-ECG needs its folder, the one that holds {RECORDS}; give it with --src")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        require_table(self.src, RECORDS)

    def index(self) -> Iterator[dict[str, Any]]:
        """Yields `record_list.csv` in its order, each study with what the machine said of it.

        The tables are joined by `study_id` in a temporary SQLite file, so memory does not grow with them. A study
        without a row of measurements has no statement; a row of measurements without a record is left out.

        Raises:
            EcgInputError: a table is missing, damaged or lacks a column; a study is there twice, or belongs to another
                patient in the other table.
        """
        # An empty name: a database of its own on disk, which SQLite deletes when it is closed.
        with closing(sqlite3.connect("", isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("BEGIN")
            for table, rows in (("record", self._records()), ("machine", self._measured())):
                db.execute(f"CREATE TABLE {table} (study INTEGER, patient TEXT, entry TEXT)")
                db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
            for table, file in (("record", RECORDS), ("machine", MEASUREMENTS)):
                try:
                    db.execute(f"CREATE UNIQUE INDEX {table}_study ON {table} (study)")
                except sqlite3.IntegrityError as error:
                    twice = f"SELECT study FROM {table} GROUP BY study HAVING COUNT(*) > 1 LIMIT 1"
                    study = db.execute(twice).fetchone()[0]
                    raise EcgInputError(
                        f"{self.src / file} has study {study} more than once; remove one of its rows"
                    ) from error
            joined = db.execute(
                "SELECT record.study, record.patient, record.entry, machine.patient, machine.entry "
                "FROM record LEFT JOIN machine USING (study) ORDER BY record.rowid"
            )
            for study, patient, path, machine_patient, machine in joined:
                if machine is not None and machine_patient != patient:
                    raise EcgInputError(
                        f"study {study} is of patient {patient} in {RECORDS} and of {machine_patient} in "
                        f"{MEASUREMENTS}; download both tables again"
                    )
                said = json.loads(machine) if machine is not None else {"statements": [], "machine": {}}
                yield {"ecg_id": str(study), "patient_id": patient, "path": path, **said}

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one record of `index`.

        Raises:
            EcgInputError: its files are missing or damaged, or a measurement is no number; the message names the study.
        """
        try:
            record = record_path(self.src, row["path"])
            signal, rate = read_wfdb(record)
            samples = DURATION * NATIVE_RATE
            if rate != NATIVE_RATE or signal.shape[1] != samples:
                raise EcgInputError(
                    f"record {record}: {signal.shape[1]} samples at {rate} Hz, expected {samples} at {NATIVE_RATE} Hz; "
                    "download it again"
                )
            measurements = measurements_of(row["machine"])
        except EcgInputError as error:
            raise EcgInputError(f"study {row['ecg_id']}: {error}") from error
        text = sentences(row["statements"])
        return EcgRecord(
            ecg_id=row["ecg_id"],
            patient_id=row["patient_id"],
            signal=to_length(signal, rate, self.sampling_rate, DURATION),
            sampling_rate=self.sampling_rate,
            report="\n".join(row["statements"]),
            text=text,
            language="en",  # all of the archive is
            source=self.name,
            measurements=measurements,
            quality={key: row["machine"][key] for key in _QUALITY if key in row["machine"]},
        )

    def _records(self) -> Iterator[tuple[int, str, str]]:
        table = self.src / RECORDS
        for row in read_table(table, ("subject_id", "study_id", "path")):
            study, patient = _ids(table, row)
            yield study, patient, row["path"]

    def _measured(self) -> Iterator[tuple[int, str, str]]:
        table = self.src / MEASUREMENTS
        kept = (*_QUALITY, *_TIMES, *_AXES)
        statements: list[str] = []
        for row in read_table(table, ("subject_id", "study_id", "report_0", *kept)):
            study, patient = _ids(table, row)
            statements = statements or sorted(filter(_STATEMENT.fullmatch, row), key=lambda name: int(name[7:]))
            entry = {
                "statements": [row[name] for name in statements if row[name].strip()],
                "machine": {name: row[name].strip() for name in kept if row[name].strip()},
            }
            yield study, patient, json.dumps(entry, ensure_ascii=False)


def sentences(statements: Iterable[str]) -> str:
    """Joins a machine's statements to one text in which each ends in a full stop, and white space is collapsed."""
    ended = []
    for statement in statements:
        text = " ".join(statement.split()).rstrip(" ,;:")
        if text:
            ended.append(text if text[-1] in ".!?" else f"{text}.")
    return " ".join(ended)


def measurements_of(machine: Mapping[str, str]) -> dict[str, float]:
    """Turns a row's times and axes into named measurements; what was not measured or cannot be is left out.

    Args:
        machine: column of `machine_measurements.csv` -> cell, empty ones left out. Times are in ms, P, QRS and T from
            the start of the machine's median beat.

    Returns:
        Intervals in ms (QTc by Bazett: QT / sqrt(RR in s)), rate in beats a minute, axes in degrees from -180 to 180.

    Raises:
        EcgInputError: a cell is no number.
    """
    measured = {}
    for name in (*_TIMES, *_AXES):
        if (cell := machine.get(name)) is None:
            continue
        try:
            value = float(cell)
        except ValueError as error:
            raise EcgInputError(f"{name} is {cell!r}, expected a number; download {MEASUREMENTS} again") from error
        limits = (-360, 360) if name in _AXES else (0, 10_000)
        if value not in _SENTINELS and limits[0] <= value <= limits[1]:
            measured[name] = value

    values: dict[str, float] = {}

    def interval(name: str, start: str, end: str) -> None:
        if start in measured and end in measured:
            values[name] = measured[end] - measured[start]

    if "rr_interval" in measured:
        values["rr_interval_ms"] = measured["rr_interval"]
    interval("p_duration_ms", "p_onset", "p_end")
    interval("pr_interval_ms", "p_onset", "qrs_onset")
    interval("qrs_duration_ms", "qrs_onset", "qrs_end")
    interval("qt_interval_ms", "qrs_onset", "t_end")
    values = {name: value for name, value in values.items() if _is_possible(name, value)}
    if rr := values.get("rr_interval_ms"):
        values["heart_rate_bpm"] = round(60_000 / rr, 1)
        if qt := values.get("qt_interval_ms"):
            corrected = round(qt / (rr / 1000) ** 0.5, 1)
            if _is_possible("qtc_bazett_ms", corrected):
                values["qtc_bazett_ms"] = corrected
    for name in _AXES:
        if name in measured:
            values[f"{name}_deg"] = _turned(measured[name])
    return values


def _is_possible(name: str, value: float) -> bool:
    low, high = _POSSIBLE[name]
    return low <= value <= high


def _turned(degrees: float) -> float:
    """Returns the same direction between -180 and 180 degrees; machines write 270 as well as -90."""
    return degrees if -180 <= degrees <= 180 else (degrees + 180) % 360 - 180


def _ids(table: Path, row: Mapping[str, str]) -> tuple[int, str]:
    try:
        return int(plain_id(row["study_id"])), plain_id(row["subject_id"])
    except ValueError as error:
        raise EcgInputError(
            f"{table}: study {row['study_id']!r} of patient {row['subject_id']!r} ({error}); download the table again"
        ) from error
