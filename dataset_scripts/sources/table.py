"""The CSV tables of archives: read row by row, checked, and what their cells may say."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.unreadable import refuse_unreadable

_AGAIN = "unpack or download it again"
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Parts that are neither empty nor "." nor "..", so that a file has one path only; the last four are other systems'.
_PART = r"(?!\.{1,2}(?:/|\Z))[^/\\:\0]+"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_WHOLE = re.compile(r"\s*0*(\d{1,18})(?:\.0*)?\s*")


def require_table(src: Path, table: str) -> None:
    """Refuses a folder without an archive's table.

    Raises:
        EcgInputError: there is no such file in it; the message names the folder below that has one.
    """
    if not (src / table).is_file():
        below = next(src.glob(f"*/{table}"), None) if src.is_dir() else None
        hint = f"did you mean {below.parent}?" if below else "give the folder of the unpacked archive"
        raise EcgInputError(f"no {table} in {src}; {hint}")


def read_table(
    table: Path, columns: Sequence[str] = (), hint: str = _AGAIN, line_breaks: int = 10
) -> Iterator[dict[str, str]]:
    """Yields a table's rows as column -> cell, one by one; cells are text and may be empty.

    Args:
        table: a CSV file with a line of column names, UTF-8.
        columns: that must be there.
        hint: what to do with a table that cannot be read.
        line_breaks: how many may stand within the cells of a row. More come of a quotation mark that is not closed: it
            makes the rows that follow part of the cell.

    Raises:
        EcgInputError: the file is missing, is no such table, has no rows, lacks a column, or has a line of another
            length (where a download was cut, the last one) or a cell that is not closed.
    """
    rows = table_rows(table, columns, hint, line_breaks)
    header = next(rows)
    for cells in rows:
        yield dict(zip(header, cells, strict=True))


def table_rows(
    table: Path, columns: Sequence[str] = (), hint: str = _AGAIN, line_breaks: int = 10
) -> Iterator[list[str]]:
    """Yields the column names, then the cells of each row; see `read_table`."""
    ended = 0  # the line in which the last row that could be read ends
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            _check_separator(table, first, hint)
            lines = csv.reader(chain([first], file), strict=True)
            header = next(lines, [])
            ended = lines.line_num
            missing = [column for column in columns if column not in header]
            if missing:
                raise EcgInputError(f"{table} has no column {', '.join(missing)}; {hint}, or name the columns so")
            twice = sorted({column for column in header if header.count(column) > 1})
            if twice:
                raise EcgInputError(f"{table} has the column {', '.join(twice)} more than once; rename or remove one")
            yield header
            empty = True
            for cells in lines:
                began, ended = ended + 1, lines.line_num
                if not cells:
                    continue
                empty = False
                if ended - began > line_breaks:
                    raise EcgInputError(
                        f"{table}, line {began}: the row goes on to line {ended}, so a quotation mark that opens a "
                        f"cell is not closed; {hint}"
                    )
                if len(cells) != len(header):
                    raise EcgInputError(f"{table}, line {ended}: {len(cells)} cells for {len(header)} columns; {hint}")
                yield cells
            if empty:
                raise EcgInputError(f"{table} has no rows; {hint}")
    except FileNotFoundError as error:
        raise EcgInputError(f"there is no {table}; give the folder of the unpacked archive") from error
    except OSError as error:
        refuse_unreadable(str(table), error)
    except UnicodeDecodeError as error:
        raise EcgInputError(f"{table} cannot be read as a table, it is not UTF-8 ({error}); {hint}") from error
    except csv.Error as error:
        raise EcgInputError(
            f"{table}, line {ended + 1}: the row cannot be read ({error}): a quotation mark opens a cell that is not "
            f"closed, or is not doubled within it; {hint}"
        ) from error


def _check_separator(table: Path, first: str, hint: str) -> None:
    if "\0" in first:
        raise EcgInputError(f"{table} cannot be read as a table, it is not UTF-8 but, it seems, UTF-16; {hint}")
    other = max(_OTHER_SEPARATORS, key=first.count)
    if first.count(other) > first.count(","):
        raise EcgInputError(f"{table} has {_OTHER_SEPARATORS[other]} between its cells, expected commas; {hint}")


def tidy_id(text: str) -> str:
    """Writes an id in one way: without blanks around it, and its letters composed (Unicode NFC)."""
    return unicodedata.normalize("NFC", text).strip()


def plain_id(text: str) -> str:
    """Writes "15709.0", as tables passed through pandas have it, as "15709".

    Raises:
        ValueError: no whole number from 0 up, or one of more than 18 digits.
    """
    number = _WHOLE.fullmatch(text)
    if number is None:
        raise ValueError(f"id {text!r}, expected a whole number")
    return str(int(number[1]))


def record_path(archive: Path, name: str, what: str = "record") -> Path:
    """Returns where the record `name` of a table lies, or a file of another kind (`what`); two names are two places.

    Raises:
        EcgInputError: the name is empty, has an empty part, "." or "..", or leads outside the archive's folder.
    """
    if not _PATH.fullmatch(name):
        raise EcgInputError(
            f"{what} {name!r}, expected a path inside {archive} with one '/' between its folders, "
            "and without '..' and '.'"
        )
    return archive / name
