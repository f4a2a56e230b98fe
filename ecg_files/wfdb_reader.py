"""WFDB records: a text header, and signal files that lie beside it."""

from __future__ import annotations

from pathlib import Path

from dataset_scripts.sources.wfdb_check import check_wfdb
from dataset_scripts.sources.wfdb_record import read_wfdb
from dataset_scripts.sources.wfdb_signal import in_millivolts, read_with_wfdb
from ecg_files.channels import Channels, lead_called
from ecg_files.units import stated_factor
from modeling_meit.ecg_signal import STANDARD_LEADS


def read_wfdb_channels(record: Path, unit: str | None = None) -> Channels:
    """Read a record.

    Args:
        record: path of the header without its ".hea".
        unit: what the user says that the leads are in; the header's own unit counts.

    Raises:
        EcgInputError: what `check_wfdb` and `read_wfdb` refuse; a lead that is not in volts, or not in `unit`.
    """
    check_wfdb(record)
    fields = _signal_fields(record.with_name(record.name + ".hea"))
    names = [line[8] if len(line) == 9 else "" for line in fields]
    for line, name in zip(fields, names, strict=True):
        if unit is not None and lead_called(name):
            stated_factor(name, line[2].partition("/")[2] or "mV", unit)  # header(5): mV where the line gives none
    if len(names) == len(STANDARD_LEADS) and {lead_called(name) for name in names} == set(STANDARD_LEADS):
        signal, sampling_rate = read_wfdb(record)
        return Channels(signal, sampling_rate, STANDARD_LEADS)
    values, rate, units, stated = read_with_wfdb(record)
    read_names = [name or "" for name in stated]  # the package's None for a line without a name
    # What is no lead (a pulse in mmHg) need not be in volts: it is left out by its name.
    kept = [row for row, name in enumerate(read_names) if lead_called(name)]
    millivolts = in_millivolts(record, values[kept], [units[row] for row in kept]) if kept else values[kept]
    others = tuple(name for row, name in enumerate(read_names) if row not in kept)
    return Channels(millivolts, rate, [read_names[row] for row in kept], others=others)


def signal_files(header: str) -> set[str]:
    """Return the names of the files that a header's lines begin with: signal files, or segments without their ".hea".

    Args:
        header: its text.
    """
    return {line.split()[0] for line in _lines(header)[1:]}


def _signal_fields(header: Path) -> list[list[str]]:
    """Return the fields of a checked header's signal lines, the ninth is the name; a multi-segment header has none."""
    first, *rest = _lines(header.read_bytes().decode("utf-8", errors="replace"))
    return [] if "/" in first.split()[0] else [line.split(maxsplit=8) for line in rest]


def _lines(header: str) -> list[str]:
    return [line for line in map(str.strip, header.splitlines()) if line and not line.startswith("#")]
