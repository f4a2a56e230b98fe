"""A table of systems by metrics with their intervals, for the terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

from eval_suite.cells import markdown_cells, notes, terminal_cells
from eval_suite.statistics import Interval

NOT_DEFINED = "–"
Systems = Mapping[str, Mapping[str, Interval]]


def number(value: float) -> str:
    """Three decimals without the zero before the point, as the paper prints scores: .467, 4.450, -.031; NaN is –."""
    if math.isnan(value):
        return NOT_DEFINED
    text = f"{round(value, 3) + 0.0:.3f}"  # adding zero makes -0.0 positive
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def bounded(interval: Interval) -> str:
    """The value and its interval in brackets; of a value that is not defined only that."""
    value, low, high = map(number, interval)
    return value if math.isnan(interval.value) else f"{value} ({low} to {high})"


def ends(interval: Interval) -> str:
    """The interval alone, for the line under a value; of a value that is not defined nothing."""
    return "" if math.isnan(interval.value) else f"[{number(interval.low)} {number(interval.high)}]"


def markdown_table(systems: Systems, conditions: Mapping[str, str], corner: str = "system") -> str:
    """One row a system, each cell "value (low to high)", the conditions as a list below.

    Args:
        systems: row name -> metric name -> interval; every row has the same metrics in the same order.
        conditions: label -> text.
        corner: heading of the first column.
    """
    rows = [[corner, *_metrics(systems)]]
    rows += [[name, *map(bounded, scores.values())] for name, scores in systems.items()]
    return f"{markdown_cells(rows)}\n{notes(conditions, bullet='- ')}"


def terminal_table(systems: Systems, conditions: Mapping[str, str], corner: str = "system") -> str:
    """Two lines a system, the values and under them their intervals; the conditions below.

    Args:
        systems: as in `markdown_table`.
        conditions: label -> text.
        corner: heading of the first column.
    """
    rows = [[corner, *_metrics(systems)]]
    for name, scores in systems.items():
        rows.append([name, *(number(score.value) for score in scores.values())])
        rows.append(["", *map(ends, scores.values())])
    return f"{terminal_cells(rows)}\n{notes(conditions)}"


def plain(systems: Systems) -> dict[str, dict[str, dict[str, float | None]]]:
    """The table as plain JSON values; what is not defined is null."""
    return {row: {metric: _cell(interval) for metric, interval in cells.items()} for row, cells in systems.items()}


def plain_number(value: float) -> float | None:
    """A number as a JSON value; what is not defined is null."""
    return None if math.isnan(value) else value


def _cell(interval: Interval) -> dict[str, float | None]:
    return {name: plain_number(value) for name, value in interval._asdict().items()}


def _metrics(systems: Systems) -> list[str]:
    return list(next(iter(systems.values())))
