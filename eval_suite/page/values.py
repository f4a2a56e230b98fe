"""Numbers of the JSON files as the page prints them, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_suite.statistics import Interval
from eval_suite.table import number

NOT_DEFINED = "–"
_CAPITALS = {word: word.upper() for word in ("av", "ecg", "p", "pr", "q", "qrs", "qt", "r", "st", "t", "u")}
# Everything else is better when it is larger.
LOWER_IS_BETTER = ("critical missed", "critical invented", "contradictory", "contradictory references")


def interval_of(value: Any) -> Interval:
    """An interval, a plain number or null as an interval; what is not given is nan."""
    if isinstance(value, Mapping):
        return Interval(*(math.nan if value.get(part) is None else float(value[part]) for part in Interval._fields))
    return Interval(math.nan if value is None else float(value), math.nan, math.nan)


def shown(value: float) -> str:
    """Three decimals as every table of the project has them, a real minus, and a dash for what is not defined."""
    return NOT_DEFINED if math.isnan(value) else number(value).replace("-", "−")


def signed(value: float) -> str:
    """As `shown`, with a plus."""
    text = shown(value)
    return f"+{text}" if value > 0 and text != ".000" else text


def percent(value: float) -> str:
    """A share in percent, one decimal."""
    return NOT_DEFINED if math.isnan(value) else f"{100 * value:.1f} %"


def spoken(name: str) -> str:
    """A finding's name in words: "av_block" is "AV block", "st_t_abnormality" "ST-T abnormality"."""
    words = [_CAPITALS.get(word, word) for word in name.split("_")]
    return " ".join(words).replace("ST T ", "ST-T ")


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        text: the value.
        interval: "low to high", "" where there is none.
        key: by which the column is sorted, None for what is not defined.
        open: whether the interval of a difference holds 0, that is, nothing is shown by it.
    """

    text: str
    interval: str
    key: float | None
    open: bool = False


@dataclass(frozen=True)
class Column:
    """A column's heading.

    Attributes:
        name: of the metric.
        lower: whether less is better.
    """

    name: str
    lower: bool


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: of the system.
        first: whether it is the one that was evaluated.
        cells: aligned with the columns; None where the row has no such metric.
    """

    name: str
    first: bool
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Group:
    """Rows under one heading; "" for none."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table of systems by metrics.

    Attributes:
        caption: what it is, in a sentence.
        corner: heading of the first column.
        columns: one a metric.
        groups: of rows.
    """

    caption: str
    corner: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]

    @property
    def undecided(self) -> bool:
        """Whether a difference is among them that could as well be none."""
        return any(cell is not None and cell.open for group in self.groups for row in group.rows for cell in row.cells)


def cell(value: Any, difference: bool = False) -> Cell:
    """A value of a JSON file as a cell."""
    found = interval_of(value)
    bounded = not (math.isnan(found.low) or math.isnan(found.high))
    text = (signed if difference else shown)(found.value)
    return Cell(
        text,
        f"{shown(found.low)} to {shown(found.high)}" if bounded else "",
        None if math.isnan(found.value) else round(found.value, 5),
        difference and not (bounded and (found.low > 0 or found.high < 0)),
    )


def table(
    caption: str,
    systems: Mapping[str, Mapping[str, Any]],
    *,
    corner: str = "system",
    difference: bool = False,
    evaluated: bool = True,
) -> Table:
    """Rows by metrics, as `grouped_table` without a heading."""
    return grouped_table(caption, {"": systems}, corner=corner, difference=difference, evaluated=evaluated)


def grouped_table(
    caption: str,
    groups: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    corner: str = "system",
    difference: bool = False,
    evaluated: bool = True,
) -> Table:
    """Groups of rows below each other; a metric that only some rows have leaves empty cells.

    Args:
        caption: what the table is.
        groups: heading -> row -> metric -> value of a JSON file.
        corner: heading of the first column.
        difference: the values are differences: each has its sign.
        evaluated: the first row of each group is the evaluated system.
    """
    names = in_order(metrics for systems in groups.values() for metrics in systems.values())
    built = [
        Group(
            heading,
            tuple(
                Row(
                    system,
                    evaluated and place == 0,
                    tuple(cell(metrics[name], difference) if name in metrics else None for name in names),
                )
                for place, (system, metrics) in enumerate(systems.items())
            ),
        )
        for heading, systems in groups.items()
    ]
    return Table(caption, corner, tuple(Column(name, name in LOWER_IS_BETTER) for name in names), tuple(built))


def in_order(keys: Iterable[Iterable[str]]) -> Sequence[str]:
    """Every name once, in the order of its first appearance."""
    return list(dict.fromkeys(name for names in keys for name in names))
