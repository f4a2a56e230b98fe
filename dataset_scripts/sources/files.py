"""One ECG from one file: a WFDB record, an .npy array or a CSV table."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import check_rate
from dataset_scripts.sources.wfdb_check import MOST_SAMPLES, check_size, check_wfdb
from dataset_scripts.sources.wfdb_record import read_wfdb
from modeling_meit.ecg_signal import (
    MISSING_INT16,
    STANDARD_LEADS,
    order_leads,
    signal_problems,
)

_KINDS = "a WFDB record (.hea and .dat), a .npy array or a .csv table"


@dataclass(frozen=True)
class EcgFile:
    """What a file holds.

    Attributes:
        signal: float32 [12, T] in mV, leads in the standard order; a missing sample is NaN.
        sampling_rate: in Hz.
        lead_names: of the rows.
        name: the file's, without its ending.
    """

    signal: np.ndarray
    sampling_rate: float
    lead_names: tuple[str, ...]
    name: str

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.signal.shape[1] / self.sampling_rate


def read_ecg_file(path: str | Path, fs: float | None = None, leads: Sequence[str] | None = None) -> EcgFile:
    """Read an ECG, put its leads in the standard order by name, and refuse one that no model can read.

    Args:
        path: a WFDB record with or without ".hea" or ".dat"; an .npy array [leads, T] or [T, leads], floats in mV or
            int16 in uV; a .csv table in mV, one column a lead, an empty cell or "nan" for a missing sample.
        fs: sampling rate in Hz; needed for .npy and .csv, and for a WFDB record only allowed if it is the header's.
        leads: names of the leads; needed for .npy and for a .csv without a line of names, not allowed otherwise.

    Raises:
        EcgInputError: a file that is missing, damaged, absurdly large or not of these kinds; leads that are missing,
            twice there or unknown; more than half of the leads flat or without a sample; values beyond 50 mV.
    """
    path = Path(path)
    if fs is not None:
        check_rate(fs, "correct --fs")
    kind = path.suffix.lower()
    if kind in (".npy", ".csv"):
        if not path.is_file():
            raise EcgInputError(f"there is no file {path}; give the path of {_KINDS}")
        if fs is None:
            raise EcgInputError(f"{path} does not say its sampling rate; give it in Hz with --fs")
        signal, names = (_read_npy if kind == ".npy" else _read_csv)(path, fs, leads)
        name = path.stem
    else:
        signal, fs, names, name = _read_wfdb(path, fs, leads)
    try:
        ordered = order_leads(signal, names)
        refusals, _ = signal_problems(ordered, fs)
    except ValueError as error:
        raise EcgInputError(f"{path}: {error}") from error
    if refusals:
        raise EcgInputError(f"{path} cannot be read as an ECG: {'; '.join(refusals)}")
    rate = int(fs) if fs == int(fs) else fs
    return EcgFile(np.ascontiguousarray(ordered, dtype=np.float32), rate, STANDARD_LEADS, name)


def _read_wfdb(
    path: Path, fs: float | None, leads: Sequence[str] | None
) -> tuple[np.ndarray, float, Sequence[str], str]:
    record = path.with_suffix("") if path.suffix.lower() in (".hea", ".dat") else path
    if not record.with_name(record.name + ".hea").is_file():
        if path.is_dir():
            raise EcgInputError(f"{path} is a folder, expected {_KINDS}")
        if path.is_file() and path.suffix.lower() != ".dat":
            raise EcgInputError(f"{path} is no ECG that can be read, expected {_KINDS}")
        raise EcgInputError(f"there is no record {record}: no file {record.name}.hea; give the path of {_KINDS}")
    if leads is not None:
        raise EcgInputError(f"{record}.hea names the leads itself; leave --leads out, or correct the header")
    check_wfdb(record)
    signal, rate = read_wfdb(record)
    if fs is not None and fs != rate:
        raise EcgInputError(f"{record}.hea says {rate} Hz and --fs {fs:g}; leave --fs out, or correct the header")
    return signal, rate, STANDARD_LEADS, record.name


def _read_npy(path: Path, fs: float, leads: Sequence[str] | None) -> tuple[np.ndarray, Sequence[str]]:
    if leads is None:
        raise EcgInputError(f"{path} does not name its leads; give them in their order with --leads I,II,III,...")
    try:
        # Mapped, so that the shape is known before memory is taken; never unpickled, which would run code.
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise EcgInputError(f"{path} is not an .npy array of numbers ({error}); write it with numpy.save") from error
    if not isinstance(stored, np.ndarray) or stored.ndim != 2 or len(leads) not in stored.shape:
        shape = getattr(stored, "shape", "several arrays")
        raise EcgInputError(
            f"{path} holds {shape}, expected ({len(leads)}, T) or (T, {len(leads)}) for the leads given"
        )
    if stored.dtype != np.int16 and not np.issubdtype(stored.dtype, np.floating):
        raise EcgInputError(f"{path} holds {stored.dtype}, expected floats in mV or int16 in uV")
    rows = stored if stored.shape[0] == len(leads) else stored.T
    check_size(path, rows.shape[0], rows.shape[1], fs)
    if stored.dtype == np.int16:
        return np.where(rows == MISSING_INT16, np.nan, rows / 1000.0), leads
    return np.asarray(rows, dtype=np.float64), leads


def _read_csv(path: Path, fs: float, leads: Sequence[str] | None) -> tuple[np.ndarray, Sequence[str]]:
    names = leads
    values = array("d")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file), start=1):
                if not cells:
                    continue
                if number == 1 and not _is_number(cells[0]):
                    if leads is not None:
                        raise EcgInputError(f"{path} names its leads in its first line; leave --leads out")
                    names = [cell.strip() for cell in cells]
                    continue
                if names is None:
                    raise EcgInputError(f"{path} has no line of lead names; give them with --leads I,II,III,...")
                if len(cells) != len(names):
                    raise EcgInputError(f"{path}, line {number}: {len(cells)} values for {len(names)} leads")
                values.extend(_numbers(cells, path, number))
                if len(values) > MOST_SAMPLES:
                    raise EcgInputError(f"{path} has more than {MOST_SAMPLES:,} values; cut out the part to be read")
    except (UnicodeDecodeError, csv.Error) as error:
        raise EcgInputError(f"{path} is not a CSV table ({error})") from error
    if names is None or not values:
        raise EcgInputError(f"{path} holds no samples, expected one line for each moment and one column for each lead")
    signal = np.frombuffer(values, dtype=np.float64).reshape(-1, len(names)).T
    check_size(path, signal.shape[0], signal.shape[1], fs)
    return signal, names


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _numbers(cells: list[str], path: Path, number: int) -> list[float]:
    """Return one line's values; an empty cell is a missing sample."""
    try:
        return [float(cell) if cell.strip() else float("nan") for cell in cells]
    except ValueError as error:
        raise EcgInputError(f"{path}, line {number}: {error}; expected values in mV with a decimal point") from error
