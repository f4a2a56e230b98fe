"""The first seconds of a 12-lead WFDB record and no more: a Holter recording costs as little as a short one.

The layout of the PhysioNet/CinC Challenges (one file of 16-bit samples behind a fixed number of bytes) is read here, in
a fraction of a millisecond; any other header is left to the `wfdb` package. Both ways give the same numbers.
Layout: header(5) and signal(5) of the WFDB Applications Guide (https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.unreadable import refuse_unreadable
from dataset_scripts.sources.wfdb_check import check_wfdb
from modeling_meit.ecg_signal import MISSING_INT16, order_leads

_TO_MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}
_RECORD_LINE = re.compile(r"\S+\s+\d+\s+(?P<rate>\d+(?:\.\d+)?)\S*\s+(?P<samples>\d+)(?:\s.*)?")
_SIGNAL_LINE = re.compile(
    r"(?P<file>\S+)\s+16(?:x1)?(?:\+(?P<offset>\d+))?\s+(?P<gain>\d+(?:\.\d+)?)(?:\((?P<baseline>-?\d+)\))?/(?P<units>\S+)\s+"
    r"\d+\s+(?P<zero>-?\d+)\s+-?\d+\s+(?P<checksum>-?\d+)\s+0\s+(?P<lead>\S.*)"
)


class WfdbStart(NamedTuple):
    """What `read_wfdb_start` returns.

    Attributes:
        signal: float64 [12, T] in mV, leads in the standard order; NaN where a sample is missing.
        sampling_rate: in Hz.
        comments: the header's lines that begin with "#", without it.
    """

    signal: np.ndarray
    sampling_rate: float
    comments: list[str]


def read_wfdb_start(record: Path, seconds: float) -> WfdbStart:
    """Reads the first `seconds` of a record that came from anywhere.

    Args:
        record: path of the header without its ".hea".
        seconds: to read; a shorter record is read whole.

    Raises:
        EcgInputError: whatever `check_wfdb` refuses, a record line without rate and length, other units than volts,
            leads that are not the twelve standard ones, or a checksum that does not hold. Checksums are those of whole
            records, so a record that is read in part is not compared with them.
    """
    try:
        return _read(record, seconds)
    except OSError as error:
        refuse_unreadable(f"record {record}", error)


def _read(record: Path, seconds: float) -> WfdbStart:
    check_wfdb(record)
    text = record.with_name(record.name + ".hea").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    comments = [line[1:].strip() for line in lines if line.startswith("#")]
    first, *described = [line for line in lines if not line.startswith("#")]
    found = _RECORD_LINE.fullmatch(first)
    if not found:
        raise EcgInputError(
            f"{record}.hea: its first line {first[:60]!r} gives no sampling rate and length, expected for example "
            f"'{record.name} 12 500 5000'; download it again"
        )
    rate = float(found["rate"])
    if not int(found["samples"]):
        raise EcgInputError(f"record {record}: its header announces no sample; download it again")
    samples = min(int(found["samples"]), math.ceil(seconds * rate))
    is_whole = samples == int(found["samples"])
    signal, units, leads = _read_plain(record, described, samples, is_whole) or _read_with_wfdb(record, samples)
    unknown = sorted(set(units) - set(_TO_MILLIVOLTS))
    if unknown:
        raise EcgInputError(f"record {record}: signals in {', '.join(unknown)}, expected mV, uV or V")
    if set(units) != {"mV"}:
        signal = signal * np.array([[_TO_MILLIVOLTS[unit]] for unit in units])
    return WfdbStart(_ordered(record, signal, leads), rate, comments)


def _read_plain(
    record: Path, described: list[str], samples: int, is_whole: bool
) -> tuple[np.ndarray, list[str], list[str]] | None:
    """Returns signal, units and leads; None where the header is not of the Challenges' layout."""
    signals = [match for line in described if (match := _SIGNAL_LINE.fullmatch(line))]
    files = {(signal["file"], signal["offset"]) for signal in signals}
    gains = np.array([[float(signal["gain"])] for signal in signals])
    if len(signals) != len(described) or len(files) != 1 or not gains.all():  # 0 stands for "not calibrated"
        return None
    leads = [signal["lead"] for signal in signals]
    _ordered(record, gains, leads)  # before the samples: a header of 11 leads shall say so, not "checksum"
    file, offset = files.pop()
    count = samples * len(signals)
    digital = np.fromfile(record.with_name(file), dtype="<i2", count=count, offset=int(offset or 0))
    digital = digital.reshape(samples, len(signals)).T
    if is_whole:
        _check_sums(record.with_name(file), digital, signals)
    baselines = np.array([[float(signal["baseline"] or signal["zero"])] for signal in signals])
    signal = (digital - baselines) / gains
    signal[digital == MISSING_INT16] = np.nan
    return signal, [signal["units"] for signal in signals], leads


def _ordered(record: Path, rows: np.ndarray, leads: list[str]) -> np.ndarray:
    try:
        return order_leads(rows, leads)
    except ValueError as error:
        raise EcgInputError(f"record {record} has {len(leads)} leads: {error}") from error


def _check_sums(file: Path, digital: np.ndarray, signals: list[re.Match[str]]) -> None:
    """Compares the 16-bit sum of all samples of each signal with its header line's; header(5)."""
    sums = digital.sum(axis=1, dtype=np.int64)
    wrong = [
        signal["lead"]
        for total, signal in zip(sums, signals, strict=True)
        if (int(total) - int(signal["checksum"])) % 65536
    ]
    if wrong:
        raise EcgInputError(
            f"{file}: checksum of {', '.join(wrong)} does not match the header; unpack or download it again"
        )


def _read_with_wfdb(record: Path, samples: int) -> tuple[np.ndarray, list[str], list[str]]:
    import wfdb

    try:
        read = wfdb.rdrecord(str(record), sampto=samples)
    except OSError:
        raise
    except Exception as error:  # the package raises whatever its parser runs into
        raise EcgInputError(
            f"record {record}: cannot be read as WFDB ({type(error).__name__}: {error}); download it again"
        ) from error
    if read.p_signal is None:
        raise EcgInputError(f"record {record}: no signal of one sampling rate; expected twelve leads at the same rate")
    return read.p_signal.T, read.units, read.sig_name
