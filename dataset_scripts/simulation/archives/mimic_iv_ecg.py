"""A simulated archive in the layout of MIMIC-IV-ECG 1.0.

python -m dataset_scripts.simulation.archives.mimic_iv_ecg FOLDER --records 20000
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.archives import new_archive
from dataset_scripts.simulation.archives.pool import SignalPool, disturb
from dataset_scripts.simulation.recording import Recording

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The archive's order: aVF before aVL."""
SAMPLING_RATE = 500
UNITS_PER_MV = 200.0
STATEMENTS = 18

_FROM_STANDARD = [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]
_LARGEST_ARCHIVE = 9_999_991  # a prime: the study ids of so many records are all different
_RECORD_COLUMNS = ("subject_id", "study_id", "file_name", "ecg_time", "path")
_TIMES = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
_AXES = ("p_axis", "qrs_axis", "t_axis")
_MACHINE_COLUMNS = (
    *("subject_id", "study_id", "cart_id", "ecg_time"),
    *(f"report_{number}" for number in range(STATEMENTS)),
    *("bandwidth", "filtering", *_TIMES, *_AXES),
)
_LINK_COLUMNS = ("subject_id", "study_id", "waveform_path", "note_id", "note_seq", "charttime")
_NOTHING_MEASURED = "29999"
_FAILED = ("29999", "32767", "65535")
_WITHOUT_MACHINE = 0.01
_FAILED_SHARE = 0.03
_TABLE, _SIGNAL = 21, 22  # streams of random numbers

_CAPITALS = re.compile(r"\b(?:ecg|st-t|st|qt|qrs|pr|av|rbbb|lbbb|i{1,3}|v[1-6]|[pqrst])\b")
_AUGMENTED = re.compile(r"\bav([rlf])\b")


def write_mimic_iv_ecg(
    folder: str | Path,
    num_records: int,
    seed: int = 0,
    patients: int | None = None,
    pool: int = 200,
    signals: bool = True,
) -> Path:
    """Writes an archive with the tables, folders, headers and flaws of MIMIC-IV-ECG; the same seed, the same bytes.

    About one study in a hundred has no row of measurements, three in a hundred a failed measurement, and two in a
    hundred missing samples, a lead of zeros or a saturated lead. The rows of the two tables are in different orders.

    Args:
        folder: to be made, or an empty one.
        num_records: how many studies.
        seed: of everything.
        patients: how many; by default a fifth of the studies, as in the archive.
        pool: simulated recordings that all signals are variations of; patients share them.
        signals: False writes the tables only.

    Returns:
        The folder.

    Raises:
        EcgInputError: the folder is not empty, or a number is outside what the layout allows.
    """
    patients = patients if patients is not None else max(1, num_records // 5)
    if not (0 < num_records <= _LARGEST_ARCHIVE and 0 < patients <= 9_000_000 and seed >= 0):
        raise EcgInputError(
            f"{num_records} records of {patients} patients with seed {seed}; give 1 to {_LARGEST_ARCHIVE:,} records, "
            "1 to 9,000,000 patients and a seed from 0 up"
        )
    studies = _Studies(num_records, seed, patients, SignalPool(seed, min(pool, patients), SAMPLING_RATE))
    with new_archive(folder, seed) as draft:
        _write_csv(draft / "record_list.csv", _RECORD_COLUMNS, map(studies.record_row, range(num_records)))
        order = np.random.default_rng([seed, _TABLE]).permutation(num_records).tolist()
        machine = (row for study in order if (row := studies.machine_row(study)) is not None)
        _write_csv(draft / "machine_measurements.csv", _MACHINE_COLUMNS, machine)
        _write_csv(draft / "waveform_note_links.csv", _LINK_COLUMNS, studies.link_rows())
        (draft / "RECORDS").write_text("".join(f"{studies.path(i)}\n" for i in range(num_records)), encoding="ascii")
        if signals:
            for study in range(num_records):
                studies.write_signal(draft, study)
    return Path(folder)


class _Studies:
    """Study number -> everything written of it, drawn from (seed, number) alone."""

    def __init__(self, num_records: int, seed: int, patients: int, pool: SignalPool) -> None:
        rng = np.random.default_rng([seed, _TABLE, 0])
        self.seed = seed
        self.pool = pool
        self.patients = np.sort(rng.integers(0, patients, num_records))
        self.subject_step = 9_000_000 // patients
        self.factor, self.offset = (int(number) for number in rng.integers(1, _LARGEST_ARCHIVE, 2))

    def subject_id(self, study: int) -> int:
        return 10_000_032 + int(self.patients[study]) * self.subject_step

    def study_id(self, study: int) -> int:
        return 40_000_000 + (study * self.factor + self.offset) % _LARGEST_ARCHIVE

    def path(self, study: int) -> str:
        subject, name = self.subject_id(study), self.study_id(study)
        return f"files/p{subject // 10_000}/p{subject}/s{name}/{name}"

    def time(self, study: int) -> datetime:
        first = datetime(2110, 1, 1) + timedelta(days=int(self.patients[study]) * 7919 % 30_000)
        return first + timedelta(minutes=study * 100_003 % 1_500_000)

    def record_row(self, study: int) -> list[object]:
        name = self.study_id(study)
        return [self.subject_id(study), name, name, self.time(study), self.path(study)]

    def machine_row(self, study: int) -> list[object] | None:
        """Returns the machine's row, None for a study without one."""
        rng = np.random.default_rng([self.seed, _TABLE, 1, study])
        if rng.random() < _WITHOUT_MACHINE:
            return None
        patient = int(self.patients[study])
        recording = self.pool.recording(patient)
        statements = _statements(self.pool.report(patient, study), recording)
        return [
            *(self.subject_id(study), self.study_id(study), 6_300_000 + int(rng.integers(1000)), self.time(study)),
            *(statements + [""] * STATEMENTS)[:STATEMENTS],
            *("0.005-150 Hz" if rng.random() < 0.9 else "0.05-150 Hz", "60 Hz notch Baseline filter"),
            *_measured(recording, rng),
        ]

    def link_rows(self) -> Iterator[list[object]]:
        """Yields the links to cardiologists' notes that three in four studies have; the notes do not exist here."""
        for study in range(len(self.patients)):
            if study % 4:
                subject = self.subject_id(study)
                note = f"{subject}-EK-{study % 100}"
                yield [subject, self.study_id(study), self.path(study), note, study % 100, self.time(study)]

    def write_signal(self, root: Path, study: int) -> None:
        rng = np.random.default_rng([self.seed, _SIGNAL, study])
        digital = self.pool.digital(rng, int(self.patients[study]), UNITS_PER_MV)
        disturb(digital, rng, UNITS_PER_MV)
        digital = digital[_FROM_STANDARD]
        record = root / self.path(study)
        record.parent.mkdir(parents=True)
        record.with_suffix(".dat").write_bytes(np.ascontiguousarray(digital.T, dtype="<i2").tobytes())
        name, checksums = record.name, digital.sum(axis=1, dtype=np.int64) % 65536
        lines = [f"{name} {len(LEADS)} {SAMPLING_RATE} {digital.shape[1]} {self.time(study):%H:%M:%S %d/%m/%Y}"]
        for lead, first, checksum in zip(LEADS, digital[:, 0], checksums, strict=True):
            lines.append(f"{name}.dat 16 {UNITS_PER_MV}(0)/mV 16 0 {first} {checksum} 0 {lead}")
        lines.append(f"# <subject_id>: {self.subject_id(study)}")
        record.with_suffix(".hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def _statements(report: str, recording: Recording) -> list[str]:
    """Returns a report as a machine lists it: a statement a cell, an empty cell, then the conclusion."""
    listed = []
    for sentence in report.removesuffix(".").split(". "):
        text = _CAPITALS.sub(lambda match: match[0].upper(), sentence)
        text = _AUGMENTED.sub(lambda match: f"aV{match[1].upper()}", text)
        listed.append(text[:1].upper() + text[1:])
    if recording.case.form:
        return [*listed, "", "Abnormal ECG"]
    return [*listed[:-1], "", listed[-1]] if len(listed) > 2 else listed


def _measured(recording: Recording, rng: np.random.Generator) -> list[str]:
    """Returns the cells of times (whole ms, as a machine of 500 Hz has them: even) and axes (whole degrees)."""
    true = recording.measurements()
    p_onset = 40
    fibrillating = "pr_interval_ms" not in true
    qrs_onset = 200.0 if fibrillating else p_onset + true["pr_interval_ms"]
    times = {
        "rr_interval": true["rr_interval_ms"],
        "p_onset": p_onset,
        "p_end": p_onset + true.get("p_duration_ms", 0.0),
        "qrs_onset": qrs_onset,
        "qrs_end": qrs_onset + true["qrs_duration_ms"],
        "t_end": qrs_onset + true["qt_interval_ms"],
    }
    cells = {name: str(2 * round(value / 2)) for name, value in times.items()}
    cells["p_axis"] = str(round(rng.normal(55, 15)))
    cells["qrs_axis"] = str(round(true["qrs_axis_deg"] + rng.normal(0, 3)))
    cells["t_axis"] = str(round(rng.normal(45, 25)))
    if fibrillating:
        cells |= dict.fromkeys(("p_onset", "p_end", "p_axis"), _NOTHING_MEASURED)
    if rng.random() < _FAILED_SHARE:
        failed = str(rng.choice([*_TIMES, *_AXES]))
        cells[failed] = str(rng.choice(_FAILED)) if rng.random() < 0.7 or failed in _AXES else "-4"
    return [cells[name] for name in (*_TIMES, *_AXES)]


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main() -> None:
    """Writes an archive into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Write a simulated archive in the layout of MIMIC-IV-ECG 1.0.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(write_mimic_iv_ecg(arguments.folder, arguments.records, arguments.seed))


if __name__ == "__main__":
    main()
