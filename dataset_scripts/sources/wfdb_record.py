"""Fast and checked reading of one 12-lead WFDB record.

The plain layout (one format-16 file, every field written out, as PTB-XL and MIMIC-IV-ECG have it) is read here in a
fraction of a millisecond; any other header is left to the `wfdb` package. Both ways give the same numbers.
Layout: header(5) and signal(5) of the WFDB Applications Guide (https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.unreadable import refuse_unreadable
from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_signal import in_millivolts, lead_order, read_with_wfdb, refuse_wrong_sums
from modeling_meit.ecg_signal import MISSING_INT16

# MIMIC-IV-ECG writes the (shifted) time and date of the recording at the end of the line.
_TIME_AND_DATE = r"(?: \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?: \d{1,2}/\d{1,2}/\d{4})?)?"
_RECORD_LINE = re.compile(r"[\w-]+ (?P<signals>\d+) (?P<rate>\d+) (?P<samples>[1-9]\d*)" + _TIME_AND_DATE + r"\s*")
# File, gain, baseline, units, checksum, lead.
_SIGNAL_LINES = re.compile(
    r"^([\w-][\w.-]*) 16 (\d+(?:\.\d+)?)\((-?\d+)\)/(\S+) \d+ -?\d+ -?\d+ (-?\d+) 0 (\S.*?)[ \t\r]*$", re.MULTILINE
)


@dataclass(frozen=True)
class _Layout:
    """What the headers of an archive have in common: most archives have one or two of these."""

    gains: np.ndarray
    baselines: np.ndarray
    units: tuple[str, ...]
    leads: tuple[str, ...]


@dataclass(frozen=True)
class _PlainHeader:
    sampling_rate: int
    samples: int
    file: str
    checksums: np.ndarray
    layout: _Layout


def read_wfdb(record: Path) -> tuple[np.ndarray, int]:
    """Reads a 12-lead record, its leads put in the standard order by their names.

    Args:
        record: path of the header without its ".hea".

    Returns:
        float64 [12, T] in millivolts, NaN where a sample is missing, and the sampling rate in Hz.

    Raises:
        EcgInputError: a file is missing, cannot be read, is cut short or too long or lies elsewhere, a checksum does
            not hold, or the leads are not the twelve standard ones.
    """
    try:
        return _read(record)
    except OSError as error:
        refuse_unreadable(f"record {record}", error)


def _read(record: Path) -> tuple[np.ndarray, int]:
    header_file = f"{record}.hea"
    try:
        with open(header_file, encoding="utf-8") as file:
            text = file.read()
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
        sampling_rate, units, leads = header.sampling_rate, header.layout.units, header.layout.leads
        order = lead_order(record, leads)  # before the samples: a header of 11 leads shall say so, not "wrong size"
        signal = _read_plain(record, header, order)
    return in_millivolts(record, signal, [units[row] for row in order]), sampling_rate


def _parse_plain(text: str) -> _PlainHeader | None:
    """Returns the header's fields, None where it is not of the plain layout."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    first = _RECORD_LINE.fullmatch(lines[0]) if lines else None
    if not first or int(first["signals"]) != len(lines) - 1:
        return None
    signals = _SIGNAL_LINES.findall(text)  # the record's own line and comments are none
    if len(signals) != len(lines) - 1:
        return None
    files, gains, baselines, units, checksums, leads = zip(*signals, strict=True)
    layout = _layout(gains, baselines, units, leads)
    if len(set(files)) != 1 or not layout.gains.all():  # 0 stands for "not calibrated"
        return None
    return _PlainHeader(
        sampling_rate=int(first["rate"]),
        samples=int(first["samples"]),
        file=files[0],
        checksums=np.array([int(checksum) for checksum in checksums]),
        layout=layout,
    )


@lru_cache
def _layout(
    gains: tuple[str, ...], baselines: tuple[str, ...], units: tuple[str, ...], leads: tuple[str, ...]
) -> _Layout:
    return _Layout(np.array(gains, dtype=np.float64), np.array(baselines, dtype=np.float64), units, leads)


def _read_plain(record: Path, header: _PlainHeader, order: np.ndarray) -> np.ndarray:
    data_file = os.path.join(os.path.dirname(record), header.file)
    leads = header.layout.leads
    try:
        with open(data_file, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise EcgInputError(f"record {record}: no signal file {header.file}; unpack the archive again") from error
    expected = 2 * header.samples * len(leads)
    if len(data) != expected:
        raise EcgInputError(
            f"{data_file} has {len(data)} bytes, its header gives {expected} "
            f"({header.samples} samples of {len(leads)} leads); unpack or download it again"
        )
    # A row of a lead's samples is contiguous from here on: everything below is several times faster for it.
    digital = np.ascontiguousarray(np.frombuffer(data, dtype="<i2").reshape(header.samples, len(leads)).T)
    refuse_wrong_sums(data_file, digital, header.checksums, leads)
    digital = digital[order]
    signal = digital.astype(np.float64)
    if header.layout.baselines.any():
        signal -= header.layout.baselines[order, None]
    signal /= header.layout.gains[order, None]
    if digital.min() == MISSING_INT16:
        signal[digital == MISSING_INT16] = np.nan
    return signal
