"""Fast and checked reading of one 12-lead WFDB record.

The plain layout (one format-16 file, every field written out, as PTB-XL and MIMIC-IV-ECG have it) is read here in a
fraction of a millisecond; any other header is left to the `wfdb` package. Both ways give the same numbers.
Layout: header(5) and signal(5) of the WFDB Applications Guide (https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.unreadable import refuse_unreadable
from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_signal import (
    Calibration,
    in_millivolts,
    lead_order,
    read_with_wfdb,
    refuse_wrong_sums,
)

# MIMIC-IV-ECG writes the (shifted) time and date of the recording at the end of the line.
_TIME_AND_DATE = r"(?: \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?: \d{1,2}/\d{1,2}/\d{4})?)?"
_RECORD_LINE = re.compile(r"[\w-]+ (?P<signals>\d+) (?P<rate>\d+) (?P<samples>[1-9]\d*)" + _TIME_AND_DATE + r"\s*")
# File, calibration, checksum, lead.
_SIGNAL_LINES = re.compile(r"^([^#\s]\S*) (16 \S+ \d+ -?\d+) -?\d+ (-?\d+) 0 (.+)$", re.MULTILINE)
_FILE = re.compile(r"[\w-][\w.-]*")
_CALIBRATION = re.compile(r"16 (?P<gain>\d+(?:\.\d+)?)\((?P<baseline>-?\d+)\)/(?P<units>\S+) \d+ -?\d+")


class _Layout(NamedTuple):
    """What the headers of an archive have in common: most archives have one or two of these."""

    calibration: Calibration
    units: tuple[str, ...]
    leads: tuple[str, ...]


class _PlainHeader(NamedTuple):
    sampling_rate: int
    samples: int
    file: str
    checksums: list[int]
    layout: _Layout


def read_wfdb(record: Path, dtype: DTypeLike = np.float64) -> tuple[np.ndarray, int]:
    """Reads a 12-lead record, its leads put in the standard order by their names.

    Args:
        record: path of the header without its ".hea".
        dtype: of the signal, float64 or float32. The latter is the former rounded, at half the work where header(5)
            allows for it.

    Returns:
        [12, T] in millivolts, NaN where a sample is missing, and the sampling rate in Hz.

    Raises:
        EcgInputError: a file is missing, cannot be read, is cut short or too long or lies elsewhere, a checksum does
            not hold, or the leads are not the twelve standard ones.
    """
    try:
        return _read(record, dtype)
    except OSError as error:
        refuse_unreadable(f"record {record}", error)


def _read(record: Path, dtype: DTypeLike) -> tuple[np.ndarray, int]:
    header_file = f"{record}.hea"
    try:
        text = _content(header_file).decode("utf-8")
    except FileNotFoundError as error:
        raise EcgInputError(f"record {record}: no header {record.name}.hea; unpack the archive again") from error
    except UnicodeDecodeError as error:
        raise EcgInputError(f"{header_file} is not text, expected a WFDB header; unpack the archive again") from error
    header = _parse_plain(text)
    if header is None:
        check_wfdb(record)
        signal, rate, units, leads = read_with_wfdb(record)
        if rate != int(rate):
            raise EcgInputError(
                f"record {record}: {rate} Hz, expected a whole number; resample it, or correct the header's rate"
            )
        sampling_rate = int(rate)
        order = lead_order(record, leads)
        signal = signal[order]
    else:
        sampling_rate, units = header.sampling_rate, header.layout.units
        order = lead_order(record, header.layout.leads)  # before the samples: what is said shall not be "wrong size"
        signal = _read_plain(record, header, order, dtype if set(units) == {"mV"} else np.float64)
    signal = in_millivolts(record, signal, [units[row] for row in order])
    return signal.astype(dtype, copy=False), sampling_rate


def _content(file: str) -> bytes:
    """Returns a small file's bytes without the buffers that a large one needs."""
    with open(file, "rb", buffering=0) as opened:
        return opened.read()


def _parse_plain(text: str) -> _PlainHeader | None:
    """Returns the header's fields, None where it is not of the plain layout."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    first = _RECORD_LINE.fullmatch(lines[0]) if lines else None
    if not first or int(first["signals"]) != len(lines) - 1:
        return None
    signals = _SIGNAL_LINES.findall(text)  # the record's own line and comments are none
    if len(signals) != len(lines) - 1:
        return None
    files, calibrations, checksums, leads = zip(*signals, strict=True)
    layout = _layout(calibrations, leads)
    if layout is None or files.count(files[0]) != len(files) or not _FILE.fullmatch(files[0]):
        return None
    return _PlainHeader(int(first["rate"]), int(first["samples"]), files[0], [int(sum_) for sum_ in checksums], layout)


@lru_cache
def _layout(calibrations: tuple[str, ...], leads: tuple[str, ...]) -> _Layout | None:
    found = [match for text in calibrations if (match := _CALIBRATION.fullmatch(text))]
    calibration = Calibration([float(match["gain"]) for match in found], [int(match["baseline"]) for match in found])
    if len(found) != len(calibrations) or not calibration.gains.all() or any(lead[0].isspace() for lead in leads):
        return None  # a gain of 0 stands for "not calibrated"
    return _Layout(calibration, tuple(match["units"] for match in found), tuple(map(str.rstrip, leads)))


def _read_plain(record: Path, header: _PlainHeader, order: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    data_file = os.path.join(os.path.dirname(record), header.file)
    layout = header.layout
    try:
        data = _content(data_file)
    except FileNotFoundError as error:
        raise EcgInputError(f"record {record}: no signal file {header.file}; unpack the archive again") from error
    expected = 2 * header.samples * len(layout.leads)
    if len(data) != expected:
        raise EcgInputError(
            f"{data_file} has {len(data)} bytes, its header gives {expected} "
            f"({header.samples} samples of {len(layout.leads)} leads); unpack or download it again"
        )
    # A row of a lead's samples is contiguous from here on: everything below is several times faster for it.
    digital = np.ascontiguousarray(np.frombuffer(data, dtype="<i2").reshape(header.samples, len(layout.leads)).T)
    refuse_wrong_sums(data_file, digital, header.checksums, layout.leads)
    return layout.calibration(digital, order, dtype)
