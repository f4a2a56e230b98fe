"""CSV tables: one line a moment, one column a lead."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import MOST_SAMPLES, Channels, check_length
from ecg_files.ecg_file import one_line
from ecg_files.limits import Limits
from ecg_files.time_column import rate_of_times, time_column
from ecg_files.units import to_millivolts
from modeling_meit.ecg_signal import STANDARD_LEADS

_MOST_COLUMNS = 256
_LONGEST_LINE = 1 << 20
_DELIMITERS = (";", "\t", ",")
_GIVE_RATE = "give it in Hz (on the command line --fs 500)"
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


def read_csv(path: Path, fs: float | None, leads: Sequence[str] | None, unit: str | None, limits: Limits) -> Channels:
    """Read a table; an empty cell or "nan" is a missing sample.

    Args:
        path: of the file: UTF-8, columns separated by comma, semicolon or tab; beside the latter two, decimals may be
            written with a comma.
        fs: sampling rate in Hz; None where a column of times gives it.
        leads: names of the columns; not allowed where the first line names them.
        unit: of the values; None: mV.
        limits: see there.

    Raises:
        EcgInputError: no rate, or another than that of the times; a cell that is no number; lines of unequal length;
            more than 256 columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, values, columns = _parsed(file, leads)
    except (UnicodeDecodeError, csv.Error) as error:
        raise EcgInputError(f"not a CSV table ({one_line(str(error), 120)})") from error
    if not values:
        raise EcgInputError(
            "the table holds no samples, expected one line for each moment and one column for each lead"
        )
    table = np.frombuffer(values, dtype=np.float64).reshape(-1, columns).T
    names, table, rate, notes = _timed(names, table, fs)
    check_length(table.shape[1], columns, rate, limits)
    if unit is None:
        notes.append("The file does not state the unit of its values: mV is assumed.")
    factor = to_millivolts(unit or "mV")
    table = table if factor == 1.0 else table / 1000.0 if factor == 1e-3 else table * factor
    return Channels(table, rate, names, tuple(notes))


def _timed(
    names: Sequence[str] | None, table: np.ndarray, fs: float | None
) -> tuple[Sequence[str] | None, np.ndarray, float, list[str]]:
    """Return names and columns without the times, the sampling rate that they or the user give, and notes."""
    column = None if names is None else time_column(names)
    if names is None or column is None:
        if fs is None:
            raise EcgInputError(f"the table does not say its sampling rate; {_GIVE_RATE}")
        return names, table, fs, []
    shown = one_line(names[column], 30)
    rate, notes = rate_of_times(table[column], names[column], fs), []
    if rate is None:
        if fs is None:
            raise EcgInputError(
                f"the table does not say its sampling rate: the times in the column {shown!r} do not increase evenly, "
                f"or in a unit that is not stated; {_GIVE_RATE}"
            )
        rate = fs
        notes.append(f"The times in the column {shown} do not increase evenly: the sampling rate given is taken.")
    elif fs is None:
        notes.append(f"The sampling rate, {rate:g} Hz, is that of the times in the column {shown}.")
    return [*names[:column], *names[column + 1 :]], np.delete(table, column, axis=0), rate, notes


def _parsed(file: TextIO, leads: Sequence[str] | None) -> tuple[Sequence[str] | None, array, int]:
    names, values, columns, delimiter = leads, array("d"), 0, None
    for number, line in enumerate(_bounded_lines(file), start=1):
        if not line.strip():
            continue
        if delimiter is None:
            delimiter = next((each for each in _DELIMITERS if each in line), ",")
        cells = next(csv.reader([line], delimiter=delimiter)) if '"' in line else line.split(delimiter)
        if not columns:
            columns = len(cells)
            if columns > _MOST_COLUMNS:
                raise EcgInputError(f"the table has {columns} columns, expected one a lead and {_MOST_COLUMNS} at most")
            if not all(_is_number(cell, delimiter) for cell in cells):
                if leads is not None:
                    raise EcgInputError(
                        "the table names its leads in its first line; leave out the names that you "
                        "give (on the command line --leads)"
                    )
                names = [cell.strip() for cell in cells]
                continue
            if names is None and columns != len(STANDARD_LEADS):
                raise EcgInputError(
                    f"the table has {columns} columns and no line of lead names; give the names in order, such as "
                    "I,II,V1 (on the command line --leads I,II,V1)"
                )
            columns = columns if names is None else len(names)
        if len(cells) != columns:
            raise EcgInputError(f"line {number} of the table: {len(cells)} values for {columns} leads")
        # What only Python takes for a number, such as 0_1 or digits of another script, is looked at one by one.
        usual = line.isascii() and "_" not in line
        values.extend((_numbers if usual else _numbers_one_by_one)(cells, number, delimiter))
        if len(values) > MOST_SAMPLES:
            raise EcgInputError(f"the table has more than {MOST_SAMPLES:,} values; cut out the part to be read")
    return names, values, columns


def _bounded_lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise EcgInputError("the table has a line of more than 1 MiB, expected one number a lead")
        yield line


def _is_number(cell: str, delimiter: str) -> bool:
    try:
        _number(cell, delimiter)
    except ValueError:
        return False
    return True


def _numbers(cells: list[str], number: int, delimiter: str) -> list[float]:
    """Return one line's values; an empty cell is a missing sample."""
    try:
        return list(map(float, cells))
    except ValueError:
        return _numbers_one_by_one(cells, number, delimiter)


def _numbers_one_by_one(cells: list[str], number: int, delimiter: str) -> list[float]:
    """Return the values of a line that has empty cells, decimal commas, or what is no number."""
    try:
        return [_number(cell, delimiter) for cell in cells]
    except ValueError as error:
        raise EcgInputError(
            f"line {number} of the table: {one_line(str(error), 120)}; expected numbers such as 0.125"
        ) from error


def _number(cell: str, delimiter: str) -> float:
    cell = cell.strip()
    if "_" in cell or not cell.isascii():
        raise ValueError(f"could not convert string to float: {cell!r}")
    if delimiter != "," and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    return float(cell) if cell else float("nan")
