"""Simulated records in the layouts of the PhysioNet/CinC Challenges and of ecg-arrhythmia 1.0.0.

Header: header(5) of the WFDB Applications Guide; signals: MATLAB's MAT-file format, level 4, one int16 matrix "val"
[12, T] in 1000 units per mV, which WFDB reads as format 16 behind the 24 bytes of the matrix's head.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.archives import new_archive
from dataset_scripts.simulation.archives.pool import SignalPool
from dataset_scripts.simulation.recording import Recording
from dataset_scripts.sources.cinc_subsets import SUBSETS
from modeling_meit.ecg_signal import STANDARD_LEADS

UNITS_PER_MV = 1000
POOL = 16  # recordings that are simulated; further records are variations of them

_NAMES = {
    "cpsc2018": "A{:04d}",
    "cpsc-extra": "Q{:04d}",
    "incart": "I{:04d}",
    "ptb": "S{:04d}",
    "ptb-xl": "HR{:05d}",
    "georgia": "E{:05d}",
    "chapman-shaoxing": "JS{:05d}",
    "ningbo": "JS{:05d}",
}
_FIRST = {"ningbo": 10647}
_RATES = {"incart": 257, "ptb": 1000}
_SECONDS = {"incart": 60.0, "ptb": 30.0, "cpsc2018": 15.0}
_FOLDERS_2020 = {
    "cpsc2018": "Training_WFDB",
    "cpsc-extra": "Training_2",
    "incart": "Training_StPetersburg",
    "ptb": "Training_PTB",
    "ptb-xl": "WFDB",
    "georgia": "Training_E",
}
_HAVE_LAYOUT = {
    "2021": tuple(SUBSETS),
    "2020": tuple(_FOLDERS_2020),
    "ecg-arrhythmia": ("chapman-shaoxing", "ningbo"),
}
_SINUS = "426783006"
_RHYTHMS = {
    None: (_SINUS,),
    "sinus_bradycardia": ("426177001",),
    "sinus_tachycardia": ("427084000",),
    "sinus_arrhythmia": ("427393009",),
    "atrial_fibrillation": ("164889003",),
    "premature_ventricular_complex": (_SINUS, "427172004"),
    "premature_atrial_complex": (_SINUS, "284470004"),
    "first_degree_av_block": (_SINUS, "270492004"),
}
_FORMS = {
    None: (),
    "right_bundle_branch_block": ("59118001",),
    "left_bundle_branch_block": ("164909002",),
    "left_anterior_fascicular_block": ("445118002",),
    "left_ventricular_hypertrophy": ("164873001",),
    "right_ventricular_hypertrophy": ("89792004",),
    "low_voltage": ("251146004",),
    "long_qt": ("111975006",),
    "old_inferior_infarction": ("164867002", "164917005"),
    "old_anteroseptal_infarction": ("164867002", "164917005"),
    "old_anterior_infarction": ("164867002", "54329005"),
    "old_lateral_infarction": ("164867002", "164917005"),
    "acute_inferior_infarction": ("57054005", "164931005"),
    "acute_anterior_infarction": ("57054005", "54329005", "164931005"),
    "acute_lateral_infarction": ("57054005", "164931005"),
    "inferior_ischemia": ("425419005", "59931005"),
    "anterior_ischemia": ("426434006", "59931005"),
    "lateral_ischemia": ("425623009", "59931005"),
    "nonspecific_ischemia": ("164861001", "429622005"),
}


def write_challenge(
    folder: str | Path,
    num_records: int,
    subset: str = "georgia",
    seed: int = 0,
    layout: str = "2021",
    seconds: float | None = None,
) -> Path:
    """Writes simulated records as one archive of the Challenges has them; the same arguments give the same bytes.

    Args:
        folder: to write into, new or empty.
        num_records: how many.
        subset: one of `dataset_scripts.sources.cinc_subsets.SUBSETS`; it decides names, sampling rate and length.
        seed: another seed gives other signals.
        layout: "2021" (`training/<subset>/gN`), "2020" (flat), or "ecg-arrhythmia" (`WFDBRecords/NN/NNN`).
        seconds: length of a record; None takes 10 s, 15 s for CPSC2018, 30 s for PTB (really 120 s), and 60 s for
            INCART (really 1,800 s).

    Returns:
        The folder.

    Raises:
        EcgInputError: unknown subset, a layout that it does not come in, or a folder that is not empty.
    """
    if subset not in SUBSETS:
        raise EcgInputError(f"unknown subset {subset}; choose one of {', '.join(SUBSETS)}")
    if subset not in _HAVE_LAYOUT.get(layout, ()):
        raise EcgInputError(f"{subset} does not come in the layout {layout!r}; choose among {', '.join(_HAVE_LAYOUT)}")
    rate = _RATES.get(subset, 500)
    pool = SignalPool(seed, min(POOL, max(1, num_records)), rate, seconds or _SECONDS.get(subset, 10.0))
    with new_archive(folder, seed) as root:
        for index in range(num_records):
            number = _FIRST.get(subset, 1) + index
            name = _NAMES[subset].format(number)
            place = root / _folder(subset, layout, index, number)
            place.mkdir(parents=True, exist_ok=True)
            digital = pool.digital(np.random.default_rng([seed, index]), index, UNITS_PER_MV)
            (place / f"{name}.mat").write_bytes(_mat_bytes(digital))
            header = _header(name, digital, rate, pool.recording(index), layout)
            (place / f"{name}.hea").write_text(header, encoding="utf-8")
    return Path(folder)


def _codes_of(recording: Recording) -> tuple[str, ...]:
    """Returns the SNOMED CT codes of what a simulated recording shows."""
    return _RHYTHMS[recording.case.rhythm] + _FORMS[recording.case.form]


def _folder(subset: str, layout: str, index: int, number: int) -> str:
    if layout == "2021":
        return f"training/{SUBSETS[subset].folder}/g{index // 1000 + 1}"
    if layout == "2020":
        return _FOLDERS_2020[subset]
    return f"WFDBRecords/{number // 1000 + 1:02d}/{number // 100 + 10:03d}"


def _mat_bytes(digital: np.ndarray) -> bytes:
    leads, samples = digital.shape
    # 30: little-endian, a full matrix of 16-bit integers; then rows, columns, not complex, length of the name.
    return struct.pack("<5i", 30, leads, samples, 0, 4) + b"val\0" + digital.astype("<i2").tobytes(order="F")


def _header(name: str, digital: np.ndarray, rate: int, recording: Recording, layout: str) -> str:
    samples = digital.shape[1]
    checksums = digital.sum(axis=1, dtype=np.int64).astype(np.int16)
    modern = layout == "2021"
    form, gain, mark = ("16x1+24", "1000.0(0)/mV", "# ") if modern else ("16+24", "1000/mV", "#")
    lines = [f"{name} 12 {rate} {samples}" + (" 05-Feb-2020 11:39:16" if layout == "2020" else "")]
    for lead, row, checksum in zip(STANDARD_LEADS, digital, checksums, strict=True):
        lines.append(f"{name}.mat {form} {gain} 16 0 {row[0]} {checksum} 0 {lead}")
    comments = {
        "Age": recording.anatomy.age,
        "Sex": recording.anatomy.sex.capitalize(),
        "Dx": ",".join(_codes_of(recording)),
        "Rx": "Unknown",
        "Hx": "Unknown",
        "Sx": "Unknown",
    }
    lines += [f"{mark}{key}: {value}" for key, value in comments.items()]
    return "\n".join(lines) + "\n"
