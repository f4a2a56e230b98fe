"""CODE-15% as Zenodo has it: `exams.csv` beside the unpacked `exams_part0.hdf5` to `exams_part17.hdf5`.

Ribeiro et al. 2021, archive doi 10.5281/zenodo.4916206; Ribeiro et al. 2020, Nature Communications 11:1760, doi
10.1038/s41467-020-15432-4. `tracings` is [N, 4096, 12] at 400 Hz, `exam_id` [N] says whose row of `exams.csv` each is.
"""

from __future__ import annotations

import math
import os
import re
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dataset_scripts.record import EcgInputError, EcgRecord, Label
from dataset_scripts.signals.length import to_length
from dataset_scripts.sources.licences import LICENCES
from dataset_scripts.sources.table import plain_id, table_rows
from dataset_scripts.sources.unreadable import refuse_unreadable

TABLE = "exams.csv"
SECONDS = 10.0
NATIVE_RATE = 400
SAMPLES, LEADS = 4096, 12  # of a tracing; the leads come in the standard order
SYSTEM = "code-15"
FINDINGS = {
    "SB": ("sinus_bradycardia", "Sinus bradycardia."),
    "ST": ("sinus_tachycardia", "Sinus tachycardia."),
    "AF": ("atrial_fibrillation", "Atrial fibrillation."),
    "1dAVb": ("first_degree_atrioventricular_block", "First degree atrioventricular block."),
    "RBBB": ("right_bundle_branch_block", "Right bundle branch block."),
    "LBBB": ("left_bundle_branch_block", "Left bundle branch block."),
}
"""Column of `exams.csv` -> its name and its sentence, in the order of a report."""

_NORMAL = "normal_ecg"
_COLUMNS = ("exam_id", "age", "is_male", *FINDINGS, "patient_id", _NORMAL)
_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False, "": None, "nan": None}


class Code15Source:
    """CODE-15%: 345,779 exams of 233,770 patients in primary care in Minas Gerais, with six labels and "normal".

    Args:
        src: the folder with `exams.csv` and any of the HDF5 files; exams whose file is not there are skipped and
            counted.
        sampling_rate: the rate in Hz that records are brought to: 100, 400 (as stored) or 500.
        millivolts_per_unit: of a stored value. The archive states no unit; see `docs/archives.md`.

    Raises:
        EcgInputError: not such a folder, another sampling rate, or a scale that is not a positive number.
    """

    name = "code-15-1.0.0"
    title = "CODE-15%: a large scale annotated dataset of 12-lead ECGs"
    _description = (
        "CODE-15%: 12-lead ECGs of the Telehealth Network of Minas Gerais, 2010 to 2016, a sample of 15 % of the "
        "patients of the CODE study, with six labels (first degree atrioventricular block, right and left bundle "
        "branch block, sinus bradycardia, sinus tachycardia, atrial fibrillation) and whether the ECG is normal. "
        "There are no reports: the text is composed from the labels. An exam lasts 7 or 10 s, its zero padding is "
        "taken away, its first ten seconds are kept, and a shorter one ends in missing samples. The archive states "
        "no unit of the signals; "
    )
    description = f"{_description}they are taken as millivolts."
    licence = "cc-by-4.0"
    licence_name, licence_link, licence_condition = LICENCES[licence]
    patients_unknown = ""
    homepage = "https://doi.org/10.5281/zenodo.4916206"
    signals_public = True
    citation = (
        "@misc{ribeiro2021code15,\n  title = {{CODE-15\\%}: a large scale annotated dataset of 12-lead {ECG}s},\n"
        "  author = {Ribeiro, Ant{\\^o}nio H. and Paix{\\~a}o, Gabriela M. M. and Lima, Emilly M. and others},\n"
        "  publisher = {Zenodo},\n  year = {2021},\n  doi = {10.5281/zenodo.4916206}\n}\n"
        "@article{ribeiro2020automatic,\n"
        "  title = {Automatic diagnosis of the 12-lead {ECG} using a deep neural network},\n"
        "  author = {Ribeiro, Ant{\\^o}nio H. and Ribeiro, Manoel Horta and Paix{\\~a}o, Gabriela M. M. and others},\n"
        "  journal = {Nature Communications},\n  volume = {11},\n  pages = {1760},\n  year = {2020},\n"
        "  doi = {10.1038/s41467-020-15432-4}\n}"
    )
    sampling_rates: Sequence[int] = (100, NATIVE_RATE, 500)

    def __init__(self, src: Path | None, sampling_rate: int = NATIVE_RATE, millivolts_per_unit: float = 1.0) -> None:
        if sampling_rate not in self.sampling_rates:
            raise EcgInputError(f"sampling rate {sampling_rate} Hz: CODE-15% is read at 100, 400 or 500; choose one")
        if not (math.isfinite(millivolts_per_unit) and millivolts_per_unit > 0):
            raise EcgInputError(f"millivolts_per_unit {millivolts_per_unit}, expected a positive number")
        if src is None or not (Path(src) / TABLE).is_file():
            raise EcgInputError(f"no {TABLE} in {src}; give the folder of CODE-15%'s files with --src")
        self.src = Path(src)
        self.sampling_rate = sampling_rate
        self.millivolts_per_unit = millivolts_per_unit
        if millivolts_per_unit != 1:
            self.description = f"{self._description}a stored 1 is taken as {millivolts_per_unit:g} mV."

    def index(self) -> Iterator[dict[str, Any]]:
        """Yields one row an exam, file by file in the order of the tracings, so that reads stay close together.

        The table is gone through once a file, so that one file's exams are in memory at a time. What was found and
        skipped is printed at the end.

        Raises:
            EcgInputError: no HDF5 file, a damaged one or one of another layout, a table without its columns or with a
                value that cannot be read, or an exam that stands twice.
        """
        files = sorted(self.src.glob("exams_part*.hdf5"), key=lambda path: _number(path.name))
        if not files:
            raise EcgInputError(f"no exams_part*.hdf5 in {self.src}; unpack the archive's zip files there")
        listed = self._exams()
        total = len(listed)
        taken = bytearray(total)  # by line of the table
        nameless = unlisted = 0
        for file in files:
            ids = _exam_ids(file)
            rows = self._rows_of(file, set(ids) - {0}, listed, taken)
            for position, exam in enumerate(ids):
                if exam == 0:  # the filler that closes a file
                    nameless += 1
                elif exam not in rows:
                    unlisted += 1
                else:
                    row = rows[exam]
                    if "file" in row:
                        raise EcgInputError(f"{file}: exam {exam} stands twice; unpack it again")
                    row |= {"file": file.name, "position": position}
                    yield row
        indexed = sum(taken)
        if not indexed:
            raise EcgInputError(f"no tracing under {self.src} is listed in {TABLE}; give files of one release")
        print(
            f"{self.name}: {indexed} of {total} exams indexed from {len(files)} files; "
            f"{total - indexed} exams skipped because no file here has their tracing; "
            f"{unlisted} tracings skipped because {TABLE} does not list them; "
            f"{nameless} tracings of exam 0 skipped, which close each file",
            file=sys.stderr,
        )

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one exam of `index`; one whose tracing is all zeros has no measured sample.

        Raises:
            EcgInputError: its tracing cannot be read.
        """
        labels = [Label(SYSTEM, code, FINDINGS[code][0]) for code in row["findings"]]
        labels += [Label(SYSTEM, _NORMAL, _NORMAL)] if row["normal"] else []
        return EcgRecord(
            ecg_id=row["ecg_id"],
            patient_id=row["patient_id"],
            signal=self._signal(row["ecg_id"], self.src / row["file"], row["position"]),
            sampling_rate=self.sampling_rate,
            report="",
            language="en",
            source=self.name,
            age=row["age"],
            sex=None if row["male"] is None else "male" if row["male"] else "female",
            text=_text(row["findings"], row["normal"]),
            labels=tuple(labels),
        )

    def _signal(self, exam: str, file: Path, position: int) -> np.ndarray:
        what = f"exam {exam}, {file}: tracing {position}"
        try:
            tracing = _opened(str(file), os.getpid())["tracings"][position]
        except OSError as error:
            refuse_unreadable(what, error)
        except (KeyError, ValueError, IndexError, RuntimeError) as error:
            raise EcgInputError(f"{what} cannot be read ({error}); unpack or download it again") from error
        measured = np.flatnonzero((tracing != 0).any(axis=1))
        if not len(measured):
            return np.full((LEADS, round(SECONDS * self.sampling_rate)), np.nan, dtype=np.float32)
        signal = tracing[measured[0] : measured[-1] + 1].T * np.float32(self.millivolts_per_unit)
        signal[~np.isfinite(signal)] = np.nan
        return to_length(np.ascontiguousarray(signal), NATIVE_RATE, self.sampling_rate, SECONDS)

    def _table(self) -> Iterator[tuple[str, ...]]:
        """Yields the rows of the table, their cells in the order of `_COLUMNS`."""
        rows = table_rows(self.src / TABLE, _COLUMNS, line_breaks=0)
        cells = itemgetter(*map(next(rows).index, _COLUMNS))
        return map(cells, rows)

    def _exams(self) -> array[int]:
        """Returns the exam of each line of the table."""
        exams = array("q")
        for cells in self._table():
            try:
                exams.append(int(plain_id(cells[0])))
            except ValueError as error:
                raise EcgInputError(
                    f"{self.src / TABLE}, exam {cells[0]!r}: a field cannot be read ({error}); download it again"
                ) from error
        return exams

    def _rows_of(self, file: Path, exams: set[int], listed: array[int], taken: bytearray) -> dict[int, dict[str, Any]]:
        """Returns exam -> row for the table's lines about `exams`, and marks these lines in `taken`.

        `listed` is the exam of each line.
        """
        rows: dict[int, dict[str, Any]] = {}
        for line, (exam, cells) in enumerate(zip(listed, self._table(), strict=True)):
            if exam not in exams:
                continue
            try:
                row = _row(exam, dict(zip(_COLUMNS, cells, strict=True)))
            except (ValueError, KeyError) as error:
                raise EcgInputError(
                    f"{self.src / TABLE}, exam {cells[0]}: a field cannot be read ({error}); download it again"
                ) from error
            if taken[line] or exam in rows:
                raise EcgInputError(f"exam {exam} stands twice, the second time in {file} or {TABLE}; keep one of them")
            taken[line] = 1
            rows[exam] = row
        return rows


def _row(exam: int, entry: Mapping[str, str]) -> dict[str, Any]:
    age = float(entry["age"] or "nan")
    return {
        "ecg_id": str(exam),
        "patient_id": plain_id(entry["patient_id"]),
        "age": age if math.isfinite(age) and age >= 0 else None,
        "male": _truth(entry["is_male"]),
        "findings": [code for code in FINDINGS if _truth(entry[code])],
        "normal": _truth(entry[_NORMAL]),
    }


def _text(findings: Sequence[str], normal: bool | None) -> str:
    """Composes the report; an abnormal ECG with none of the six findings is only called abnormal."""
    parts = [FINDINGS[code][1] for code in findings]
    if normal:
        parts.append("Normal ECG.")
    elif normal is False and not findings:
        parts.append("Abnormal ECG.")
    return " ".join(parts)


def _truth(text: str) -> bool | None:
    return _TRUTH[text.strip().lower()]


def _number(name: str) -> tuple[int, str]:
    digits = re.search(r"\d+", name)
    return (int(digits.group()) if digits else -1, name)


def h5py_package() -> ModuleType:
    """Returns the package h5py, which the archive alone needs.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("CODE-15% is stored in HDF5, which needs the package h5py: pip install h5py") from error
    return h5py


def _exam_ids(file: Path) -> list[int]:
    """Returns the ids of a file's tracings in their order, its layout checked."""
    try:
        with h5py_package().File(file, "r") as opened:
            missing = [name for name in ("exam_id", "tracings") if name not in opened]
            if missing:
                raise EcgInputError(f"{file} has no data set {' and '.join(missing)}; download it again")
            shape = opened["tracings"].shape
            ids = [int(exam) for exam in opened["exam_id"][:]]
    except EcgInputError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise EcgInputError(f"{file} cannot be read as HDF5 ({error}); unpack or download it again") from error
    if shape != (len(ids), SAMPLES, LEADS):
        raise EcgInputError(
            f"{file}: tracings {shape} for {len(ids)} exams, expected ({len(ids)}, {SAMPLES}, {LEADS}); "
            "download it again"
        )
    return ids


@lru_cache(maxsize=2)
def _opened(file: str, process: int) -> Any:
    """Returns the open file; a process forked off opens its own, since HDF5 cannot share one."""
    return h5py_package().File(file, "r")
