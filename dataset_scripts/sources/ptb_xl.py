"""PTB-XL as PhysioNet lays it out: `ptbxl_database.csv` beside `records100/` and `records500/`.

Wagner et al. 2020, Scientific Data 7:154, doi 10.1038/s41597-020-0495-6; archive doi 10.13026/kfzx-aw45.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dataset_scripts.record import EcgInputError, EcgRecord, Label
from dataset_scripts.reports.cleaning import clean
from dataset_scripts.reports.language import detect_language
from dataset_scripts.sources.licences import LICENCES
from dataset_scripts.sources.table import plain_id, record_path, require_table, table_rows
from dataset_scripts.sources.wfdb_record import read_wfdb

TABLE = "ptbxl_database.csv"
DURATION = 10  # seconds, of every record
VERSIONS = ("1.0.1", "1.0.2", "1.0.3")

HEART_AXIS = {
    "MID": "normal_axis",
    "LAD": "left_axis_deviation",
    "ALAD": "extreme_left_axis_deviation",
    "RAD": "right_axis_deviation",
    "ARAD": "extreme_right_axis_deviation",
    "AXL": "horizontal_axis",
    "AXR": "vertical_axis",
    "SAG": "sagittal_axis",
}
"""The archive's codes of the electrical axis (table 10 of the paper); it took them from the reports automatically."""

INFARCTION_STADIUM = {
    "Stadium I": "infarction_stage_acute",
    "Stadium I-II": "infarction_stage_acute_to_subacute",
    "Stadium II": "infarction_stage_subacute",
    "Stadium II-III": "infarction_stage_subacute_to_chronic",
    "Stadium III": "infarction_stage_chronic",
}
"""Table 11 of the paper; "unknown" says nothing and becomes no label."""

_FILE_COLUMN = {100: "filename_lr", 500: "filename_hr"}
_IDS = ("ecg_id", "patient_id", "strat_fold")
_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "report", "scp_codes", "strat_fold", *_FILE_COLUMN.values())
_SEX = {"0": "male", "1": "female"}
_MEASUREMENTS = {"height": "height_cm", "weight": "weight_kg"}
_QUALITY = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems", "validated_by_human")

# Column -> the code system of its labels, and their names.
_LABELLED = {
    "heart_axis": ("ptb-xl-heart-axis", HEART_AXIS),
    "infarction_stadium1": ("ptb-xl-infarction-stadium", INFARCTION_STADIUM),
    "infarction_stadium2": ("ptb-xl-infarction-stadium", INFARCTION_STADIUM),
}

_READ = ("age", "sex", "report", "scp_codes", *_LABELLED, *_FILE_COLUMN.values(), *_MEASUREMENTS, *_QUALITY)

# What tells the versions apart, by the archive's own changelogs: 1.0.2 drops 36 records that are there twice and 1.0.3
# drops two more of three equal ones. A file names its version; a table shows it by a record that a later one lacks.
_CHANGELOGS = {"ptbxl_v103_changelog.txt": "1.0.3", "ptbxl_v102_changelog.txt": "1.0.2"}
_NOT_IN_1_0_2 = {
    137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462, 2506, 2511, 3795, 3798, 3800, 3832, 5817, 7777,
    7779, 7782, 9821, 9825, 9888, 11810, 11814, 11817, 11838, 13791, 13793, 13796, 13797, 13799, 15742, 18150,
}  # fmt: skip
_NOT_IN_1_0_3 = {3801, 11815}
_KEPT_FOR_THEM = {3802, 11816}


class PtbXlSource:
    """PTB-XL: 21,799 ten-second ECGs of 18,869 patients with reports in three languages and SCP-ECG codes.

    The numbers are those of version 1.0.3; 1.0.1 has 21,837 records. `name` carries the version, and is "ptb-xl" alone
    where nothing tells it.

    Args:
        src: the unpacked archive, the folder that holds `ptbxl_database.csv`.
        sampling_rate: 100 or 500 Hz.
        version: "1.0.1", "1.0.2" or "1.0.3"; by default found out.

    Raises:
        EcgInputError: not such a folder, or another sampling rate or version.
    """

    name = "ptb-xl"
    title = "PTB-XL, a large publicly available electrocardiography dataset"
    description = (
        "PTB-XL, a large publicly available electrocardiography dataset: ten-second 12-lead resting ECGs recorded with "
        "Schiller devices, each with the report of a cardiologist or of the device (German, English or Swedish) and "
        "its SCP-ECG statements. Patients are assigned to the archive's ten folds; all of folds 9 and 10 was validated "
        "by a human."
    )
    licence = "cc-by-4.0"
    licence_name, licence_link, licence_condition = LICENCES[licence]
    patients_unknown = ""
    homepage = "https://physionet.org/content/ptb-xl/"
    signals_public = True
    citation = (
        "@article{wagner2020ptbxl,\n"
        "  title = {{PTB-XL}, a large publicly available electrocardiography dataset},\n"
        "  author = {Wagner, Patrick and Strodthoff, Nils and Bousseljot, Ralf-Dieter and Kreiseler, Dieter and "
        "Lunze, Fatima I. and Samek, Wojciech and Schaeffter, Tobias},\n"
        "  journal = {Scientific Data},\n  volume = {7},\n  pages = {154},\n  year = {2020},\n"
        "  doi = {10.1038/s41597-020-0495-6}\n}"
    )
    sampling_rates = tuple(_FILE_COLUMN)

    def __init__(self, src: Path | None, sampling_rate: int = 100, version: str | None = None) -> None:
        if sampling_rate not in _FILE_COLUMN:
            raise EcgInputError(
                f"PTB-XL has its records at 100 and 500 Hz, not at {sampling_rate}; choose one of the two"
            )
        if src is None:
            raise EcgInputError(f"PTB-XL needs its folder, the one that holds {TABLE}; give it with --src")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        require_table(self.src, TABLE)
        if version is not None and version not in VERSIONS:
            raise EcgInputError(
                f"PTB-XL has no version {version!r} that is known here; give one of {', '.join(VERSIONS)}"
            )
        version = version or _version(self.src)
        self.name = f"ptb-xl-{version}" if version else "ptb-xl"

    def index(self) -> Iterator[dict[str, Any]]:
        """Yields the archive's table in its order: the columns that are read, with plain ids and `fold`.

        Raises:
            EcgInputError: the table is empty, not a table, or lacks a column, or an id or fold in it is none.
        """
        rows = table_rows(self.src / TABLE, _COLUMNS)
        header = next(rows)
        names = [name for name in _READ if name in header]
        read, identify = (itemgetter(*map(header.index, wanted)) for wanted in (names, _IDS))
        for cells in rows:
            ecg_id, patient_id, fold = identify(cells)
            try:
                ids = {"ecg_id": plain_id(ecg_id), "patient_id": plain_id(patient_id), "fold": int(plain_id(fold))}
            except ValueError as error:
                raise EcgInputError(
                    f"{self.src / TABLE}, ecg_id {ecg_id}: a field cannot be read ({error}); download it again"
                ) from error
            yield dict(zip(names, read(cells), strict=True)) | ids

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one record of `index`.

        Raises:
            EcgInputError: its files are missing or damaged, or its row holds what cannot be read.
        """
        path = record_path(self.src, row[_FILE_COLUMN[self.sampling_rate]])
        signal, sampling_rate = read_wfdb(path, np.float32)
        samples = DURATION * self.sampling_rate
        if sampling_rate != self.sampling_rate or signal.shape[1] != samples:
            raise EcgInputError(
                f"record {path}: {signal.shape[1]} samples at {sampling_rate} Hz, "
                f"expected {samples} at {self.sampling_rate} Hz; unpack or download it again"
            )
        report = row["report"]
        try:
            return EcgRecord(
                ecg_id=row["ecg_id"],
                patient_id=row["patient_id"],
                signal=signal,
                sampling_rate=sampling_rate,
                report=report,
                language=_language(report),
                source=self.name,
                fold=row["fold"],
                age=float(row["age"]) if row["age"] else None,
                sex=_SEX.get(row["sex"].removesuffix(".0")),
                scp_codes=_codes(row["scp_codes"]),
                labels=_labels(*(row.get(column, "") for column in _LABELLED)),
                measurements={name: float(row[key]) for key, name in _MEASUREMENTS.items() if row.get(key)},
                quality={key: text for key in _QUALITY if (text := row.get(key, "").strip(" ,"))},
            )
        except (ValueError, SyntaxError, AttributeError, TypeError) as error:
            raise EcgInputError(
                f"{self.src / TABLE}, ecg_id {row['ecg_id']}: a field cannot be read ({error}); download it again"
            ) from error


@lru_cache(maxsize=4096)
def _codes(text: str) -> Mapping[str, float]:
    """Reads the dictionary of statements; many records share theirs."""
    return MappingProxyType({code: float(percent) for code, percent in ast.literal_eval(text).items()})


@lru_cache(maxsize=4096)
def _language(report: str) -> str:
    return detect_language(clean(report))


@lru_cache(maxsize=4096)
def _labels(*codes: str) -> tuple[Label, ...]:
    """Returns the electrical axis and the stages of infarction that the archive took from the report."""
    labels = []
    for column, code in zip(_LABELLED, codes, strict=True):
        if code in ("", "unknown", "UNK"):
            continue
        system, names = _LABELLED[column]
        if code not in names:
            raise ValueError(f"{column} {code!r}, expected one of {', '.join(names)}")
        labels.append(Label(system, code, names[code]))
    return tuple(dict.fromkeys(labels))


def _version(src: Path) -> str | None:
    """Returns the archive's version by its changelogs, or else by the records that its table has and lacks."""
    for file, version in _CHANGELOGS.items():
        if (src / file).is_file():
            return version
    rows = table_rows(src / TABLE, ("ecg_id",))
    place = next(rows).index("ecg_id")
    listed = {cells[place].removesuffix(".0") for cells in rows}
    for records, version in ((_NOT_IN_1_0_2, "1.0.1"), (_NOT_IN_1_0_3, "1.0.2"), (_KEPT_FOR_THEM, "1.0.3")):
        if not listed.isdisjoint(map(str, records)):
            return version
    return None
