"""Simulated exams in CODE-15%'s layout: `exams.csv` and `exams_partN.hdf5` (doi 10.5281/zenodo.4916206)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dataset_scripts.simulation.archives import new_archive
from dataset_scripts.simulation.archives.pool import SignalPool
from dataset_scripts.simulation.recording import Recording
from dataset_scripts.sources.code_15 import FINDINGS, LEADS, NATIVE_RATE, SAMPLES, TABLE, h5py_package

POOL = 16  # recordings that are simulated; further exams are variations of them
_UNITS_PER_MV = 1000
LENGTHS = (2934, 2800, 4000, 4096)
"""Measured samples of an exam; the documentation names 2800 and 4000, users of the archive found the other two."""

_COLUMNS = (
    "exam_id", "age", "is_male", "nn_predicted_age", "1dAVb", "RBBB", "LBBB", "SB", "ST", "AF", "patient_id", "death",
    "timey", "normal_ecg", "trace_file",
)  # fmt: skip
_CODES = {
    "sinus_bradycardia": "SB",
    "sinus_tachycardia": "ST",
    "atrial_fibrillation": "AF",
    "first_degree_av_block": "1dAVb",
    "right_bundle_branch_block": "RBBB",
    "left_bundle_branch_block": "LBBB",
}


def write_code_15(folder: str | Path, num_records: int, seed: int = 0, exams_per_file: int = 1000) -> Path:
    """Writes simulated exams as the archive has them; the same arguments give the same values.

    The table's lines are shuffled, two or three exams share a patient, and each file closes with an exam 0 of zeros.

    Args:
        folder: to write into, new or empty.
        num_records: exams.
        seed: another seed gives other signals, ids and order.
        exams_per_file: the archive has some 20,000.

    Returns:
        The folder.

    Raises:
        ImportError: h5py is not installed.
        EcgInputError: a folder that is not empty.
    """
    h5py = h5py_package()
    rng = np.random.default_rng([seed, num_records])
    exams = rng.choice(10 * num_records, num_records, replace=False) + 1
    pool = SignalPool(seed, min(POOL, max(1, num_records)), NATIVE_RATE, SAMPLES / NATIVE_RATE)
    lines = []
    with new_archive(folder, seed) as root:
        for part, first in enumerate(range(0, num_records, exams_per_file)):
            ids = exams[first : first + exams_per_file]
            name = f"exams_part{part}.hdf5"
            with h5py.File(root / name, "w") as opened:
                opened["exam_id"] = np.append(ids, 0)
                tracings = opened.create_dataset("tracings", (len(ids) + 1, SAMPLES, LEADS), dtype="f4")
                for position, exam in enumerate(ids):
                    index = first + position
                    digital = pool.digital(np.random.default_rng([seed, index]), index, _UNITS_PER_MV)
                    tracings[position] = _padded(digital, LENGTHS[index % len(LENGTHS)])
                    lines.append(_line(int(exam), index, pool.recording(index), name))
        with (root / TABLE).open("w", encoding="utf-8", newline="") as csv_file:
            writer = csv.DictWriter(csv_file, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines[i] for i in rng.permutation(num_records))
    return Path(folder)


def _padded(digital: np.ndarray, length: int) -> np.ndarray:
    """Returns float32 [4096, 12] in mV: the first `length` samples with zeros on both sides."""
    tracing: np.ndarray = np.zeros((SAMPLES, LEADS), np.float32)
    start = (SAMPLES - length) // 2
    tracing[start : start + length] = digital[:, :length].T / _UNITS_PER_MV
    return tracing


def _line(exam: int, index: int, recording: Recording, file: str) -> dict[str, object]:
    present = {_CODES[name] for name in (recording.case.rhythm, recording.case.form) if name in _CODES}
    normal = recording.case.rhythm is None and recording.case.form is None
    return {
        "exam_id": exam,
        "age": recording.anatomy.age,
        "is_male": recording.anatomy.sex == "male",
        "nn_predicted_age": f"{recording.anatomy.age + 1.5:.6f}",
        **{code: code in present for code in FINDINGS},
        "patient_id": 100_000 + index * 2 // 5,
        "normal_ecg": normal,
        "trace_file": file,
    }
