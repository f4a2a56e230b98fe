"""PTB-XL as PhysioNet lays it out: `ptbxl_database.csv` beside `records100/` and `records500/`.

Wagner et al. 2020, Scientific Data 7:154, doi 10.1038/s41597-020-0495-6; archive doi 10.13026/kfzx-aw45.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.reports.cleaning import clean
from dataset_scripts.reports.language import detect_language
from dataset_scripts.sources.wfdb_record import read_wfdb

TABLE = "ptbxl_database.csv"
DURATION = 10  # seconds, of every record
_FILE_COLUMN = {100: "filename_lr", 500: "filename_hr"}
_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "report", "scp_codes", "strat_fold", *_FILE_COLUMN.values())
_SEX = {"0": "male", "1": "female"}
_MEASUREMENTS = {"height": "height_cm", "weight": "weight_kg"}
_QUALITY = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems", "validated_by_human")


class PtbXlSource:
    """PTB-XL 1.0.3: 21,799 ten-second ECGs of 18,869 patients with reports in three languages and SCP-ECG codes.

    Args:
        src: the unpacked archive, the folder that holds `ptbxl_database.csv`.
        sampling_rate: 100 or 500 Hz.

    Raises:
        EcgInputError: not such a folder, or another sampling rate.
    """

    name = "ptb-xl-1.0.3"
    description = (
        "PTB-XL, a large publicly available electrocardiography dataset: ten-second 12-lead resting ECGs recorded with "
        "Schiller devices, each with the report of a cardiologist or of the device (German, English or Swedish) and "
        "its SCP-ECG statements. Patients are assigned to the archive's ten folds; all of folds 9 and 10 was validated "
        "by a human."
    )
    licence = "cc-by-4.0"
    citation = (
        "@article{wagner2020ptbxl,\n"
        "  title = {{PTB-XL}, a large publicly available electrocardiography dataset},\n"
        "  author = {Wagner, Patrick and Strodthoff, Nils and Bousseljot, Ralf-Dieter and Kreiseler, Dieter and "
        "Lunze, Fatima I. and Samek, Wojciech and Schaeffter, Tobias},\n"
        "  journal = {Scientific Data},\n  volume = {7},\n  pages = {154},\n  year = {2020},\n"
        "  doi = {10.1038/s41597-020-0495-6}\n}"
    )
    sampling_rates = tuple(_FILE_COLUMN)

    def __init__(self, src: Path | None, sampling_rate: int = 100) -> None:
        if sampling_rate not in _FILE_COLUMN:
            raise EcgInputError(
                f"PTB-XL has its records at 100 and 500 Hz, not at {sampling_rate}; choose one of the two"
            )
        if src is None:
            raise EcgInputError(f"PTB-XL needs its folder, the one that holds {TABLE}; give it with --src")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        if not (self.src / TABLE).is_file():
            below = next(self.src.glob(f"*/{TABLE}"), None) if self.src.is_dir() else None
            hint = f"did you mean {below.parent}?" if below else "give the folder of the unpacked archive"
            raise EcgInputError(f"no {TABLE} in {self.src}; {hint}")

    def index(self) -> list[dict[str, str]]:
        """Reads the archive's table, one dictionary a record, in the table's order.

        Raises:
            EcgInputError: the table is empty, not a table, or lacks a column.
        """
        table = self.src / TABLE
        try:
            with table.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (UnicodeDecodeError, csv.Error) as error:
            raise EcgInputError(f"{table} cannot be read as a table ({error}); unpack or download it again") from error
        missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
        if missing:
            raise EcgInputError(
                f"{table} has no column {', '.join(missing)}; expected the table of PTB-XL 1.0.1 or later"
            )
        return rows

    def read(self, row: Mapping[str, str]) -> EcgRecord:
        """Reads one record of the table.

        Raises:
            EcgInputError: its files are missing or damaged, or its row holds what cannot be read.
        """
        path = self.src / row[_FILE_COLUMN[self.sampling_rate]]
        signal, sampling_rate = read_wfdb(path)
        samples = DURATION * self.sampling_rate
        if sampling_rate != self.sampling_rate or signal.shape[1] != samples:
            raise EcgInputError(
                f"record {path}: {signal.shape[1]} samples at {sampling_rate} Hz, "
                f"expected {samples} at {self.sampling_rate} Hz; unpack or download it again"
            )
        report = row["report"]
        try:
            return EcgRecord(
                ecg_id=_plain_id(row["ecg_id"]),
                patient_id=_plain_id(row["patient_id"]),
                signal=signal.astype(np.float32),
                sampling_rate=sampling_rate,
                report=report,
                language=detect_language(clean(report)),
                source=self.name,
                fold=int(_plain_id(row["strat_fold"])),
                age=float(row["age"]) if row["age"] else None,
                sex=_SEX.get(row["sex"].removesuffix(".0")),
                scp_codes={code: float(percent) for code, percent in ast.literal_eval(row["scp_codes"]).items()},
                measurements={name: float(row[key]) for key, name in _MEASUREMENTS.items() if row.get(key)},
                quality={key: text for key in _QUALITY if (text := row.get(key, "").strip(" ,"))},
            )
        except (ValueError, SyntaxError, AttributeError, TypeError) as error:
            raise EcgInputError(
                f"{self.src / TABLE}, ecg_id {row['ecg_id']}: a field cannot be read ({error}); download it again"
            ) from error


def _plain_id(text: str) -> str:
    """Writes "15709.0", as tables passed through pandas have it, as "15709"."""
    number = float(text)
    if number != int(number):
        raise ValueError(f"id {text}, expected a whole number")
    return str(int(number))
