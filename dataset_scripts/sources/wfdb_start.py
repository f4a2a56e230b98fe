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
from dataset_scripts.sources.wfdb_signal import (
    Calibration,
    in_millivolts,
    lead_order,
    read_with_wfdb,
    refuse_wrong_sums,
)

START_SECONDS = 11.0
"""What is read where ten seconds are kept: a second more, for the resampling filter to reach into."""

_RECORD_LINE = re.compile(r"\S+\s+\d+\s+(?P<rate>\d+(?:\.\d*)?)(?:/\S*)?\s+(?P<samples>\d+)(?:\s.*)?")
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


def is_longer(record: Path, seconds: float) -> bool:
    """Whether a header that `check_wfdb` has passed gives a whole number of Hz and more than `seconds` at it."""
    try:
        _, first, _ = _lines(record)
    except OSError as error:
        refuse_unreadable(f"record {record}", error)
    found = _RECORD_LINE.fullmatch(first)
    return bool(found and found["rate"].isdecimal() and int(found["samples"]) > seconds * int(found["rate"]))


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
    comments, first, described = _lines(record)
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
    read = _read_plain(record, described, samples, is_whole)
    if read is None:
        signal, _, units, leads = read_with_wfdb(record, samples)
        order = lead_order(record, leads)
        signal, units = signal[order], tuple(units[row] for row in order)
    else:
        signal, units = read
    return WfdbStart(in_millivolts(record, signal, units), rate, comments)


def _lines(record: Path) -> tuple[list[str], str, list[str]]:
    """Returns a header's comments, its record line and its signal lines."""
    text = record.with_name(record.name + ".hea").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    comments = [line[1:].strip() for line in lines if line.startswith("#")]
    first, *described = [line for line in lines if not line.startswith("#")]
    return comments, first, described


def _read_plain(
    record: Path, described: list[str], samples: int, is_whole: bool
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Returns the signal in standard order and its units; None where the header is not of the Challenges' layout."""
    signals = [match for line in described if (match := _SIGNAL_LINE.fullmatch(line))]
    files = {(signal["file"], signal["offset"]) for signal in signals}
    calibration = Calibration(
        [float(signal["gain"]) for signal in signals], [int(signal["baseline"] or signal["zero"]) for signal in signals]
    )
    if len(signals) != len(described) or len(files) != 1 or not calibration.gains.all():  # 0: "not calibrated"
        return None
    leads = tuple(signal["lead"] for signal in signals)
    order = lead_order(record, leads)  # before the samples: a header of 11 leads shall say so, not "checksum"
    file, offset = files.pop()
    count = samples * len(signals)
    digital = np.fromfile(record.with_name(file), dtype="<i2", count=count, offset=int(offset or 0))
    digital = digital.reshape(samples, len(signals)).T
    if is_whole:
        refuse_wrong_sums(record.with_name(file), digital, [int(signal["checksum"]) for signal in signals], leads)
    units = tuple(signals[row]["units"] for row in order)
    return calibration(digital, order), units
