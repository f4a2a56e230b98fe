"""WFDB records: a text header, and signal files that lie beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_scripts.errors import EcgInputError
from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_record import read_wfdb
from dataset_scripts.sources.wfdb_signal import in_millivolts, read_with_wfdb
from ecg_files.channels import Channels, lead_called
from ecg_files.units import stated_factor
from modeling_meit.ecg_signal import STANDARD_LEADS

_PER_FRAME = re.compile(r"\d+x(\d+)")
_GAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Line:
    """A signal line of a header.

    Attributes:
        lead: its name as written; empty where the line has none.
        per_frame: samples of this signal in one of the record's frames.
        has_gain: whether it says what a sample stands for; 0 says that it does not.
        unit: of the gain; empty where the line states none.
        is_layout: whether it stands for no samples, but for what segments may have.
    """

    lead: str
    per_frame: int
    has_gain: bool
    unit: str
    is_layout: bool


def read_wfdb_channels(record: Path, unit: str | None = None, fs: float | None = None) -> Channels:
    """Read a record.

    Args:
        record: path of the header without its ".hea".
        unit: what the user says that the leads are in; the header's own unit counts.
        fs: what the user says of the sampling rate in Hz; it counts where the header has none.

    Raises:
        EcgInputError: what `check_wfdb` and `read_wfdb` refuse; a lead that is not in volts, or not in `unit`; leads at
            different rates.
    """
    check_wfdb(record)
    header = _header_lines(record)
    described = _signal_lines(record)
    leads = [line for line in described if lead_called(line.lead)]
    for line in leads:
        if unit is not None:
            stated_factor(line.lead, line.unit or "mV", unit)  # header(5): mV where the line gives none
    _check_rates(leads)
    is_plain = "/" not in header[0].split()[0] and len(described) == len(STANDARD_LEADS)
    if is_plain and {lead_called(line.lead) for line in described} == set(STANDARD_LEADS):
        found = Channels(*read_wfdb(record), STANDARD_LEADS)
    else:
        found = _read_any(record)
    has_rate = len(header[0].split()) > 2 or fs is not None
    rate = fs if fs is not None and len(header[0].split()) == 2 else found.sampling_rate
    return replace(found, sampling_rate=rate, notes=_notes(leads, rate, has_rate))


def _check_rates(leads: Sequence[_Line]) -> None:
    """Refuse leads of which a frame holds different numbers of samples; the wfdb package would average them.

    Raises:
        EcgInputError: there are such leads.
    """
    per_frame = {line.per_frame: line.lead for line in leads if not line.is_layout}
    if len(per_frame) > 1:
        listed = ", ".join(f"{count} of {lead}" for count, lead in sorted(per_frame.items()))
        raise EcgInputError(
            f"the leads have different sampling rates (samples in a frame: {listed}), expected one; resample the leads"
        )


def _read_any(record: Path) -> Channels:
    """Return the leads of a record of any layout; what is no lead is left out."""
    values, rate, units, stated = read_with_wfdb(record)
    names = [name or "" for name in stated]  # the package's None for a line without a name
    # What is no lead (a pulse in mmHg) need not be in volts: it is left out by its name.
    kept = [row for row, name in enumerate(names) if lead_called(name)]
    millivolts = in_millivolts(record, values[kept], [units[row] for row in kept]) if kept else values[kept]
    others = tuple(name for row, name in enumerate(names) if row not in kept)
    return Channels(millivolts, rate, [names[row] for row in kept], others=others)


def _notes(leads: Sequence[_Line], rate: float, has_rate: bool) -> tuple[str, ...]:
    """Return what the header leaves open, and what header(5) has a reader take instead."""
    notes = [] if has_rate else [f"The header does not state the sampling rate: {rate:g} Hz is assumed."]
    real = [line for line in leads if not line.is_layout]
    without_gain = dict.fromkeys(line.lead for line in real if not line.has_gain)
    without_unit = dict.fromkeys(line.lead for line in real if not line.unit)
    for without, what, assumed in ((without_gain, "calibration", "a gain of 200"), (without_unit, "unit", "mV")):
        if without:
            notes.append(f"The header does not state the {what} of {', '.join(without)}: {assumed} is assumed.")
    averaged = max((line.per_frame for line in real), default=1)
    if averaged > 1:
        notes.append(
            f"The file holds {averaged} samples of each lead for one that is read: their mean, at {rate:g} Hz."
        )
    return tuple(notes)


def signal_files(header: str) -> set[str]:
    """Return the names of the files that a header's lines begin with: signal files, or segments without their ".hea".

    Args:
        header: its text.
    """
    return {line.split()[0] for line in _lines(header)[1:]}


def _signal_lines(record: Path) -> list[_Line]:
    """Return the signal lines of a checked header, or of its segments'."""
    first, *rest = _header_lines(record)
    if "/" in first.split()[0]:
        segments = {line.split()[0]: None for line in rest}  # each once, in order
        return [line for name in segments if name != "~" for line in _signal_lines(record.with_name(name))]
    return [_signal_line(line) for line in rest]


def _signal_line(line: str) -> _Line:
    fields = line.split(maxsplit=8)
    calibration = fields[2] if len(fields) > 2 else ""
    frame, gain = _PER_FRAME.match(fields[1]), _GAIN.match(calibration)
    return _Line(
        lead=fields[8] if len(fields) == 9 else "",
        per_frame=int(frame[1]) if frame else 1,
        has_gain=gain is not None and float(gain[0]) != 0,
        unit=calibration.partition("/")[2],
        is_layout=fields[0] == "~",
    )


def _header_lines(record: Path) -> list[str]:
    return _lines(record.with_name(record.name + ".hea").read_bytes().decode("utf-8", errors="replace"))


def _lines(header: str) -> list[str]:
    return [line for line in map(str.strip, header.splitlines()) if line and not line.startswith("#")]
