"""A table of systems by metrics with their intervals, for the terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

from eval_suite.statistics import Interval

Systems = Mapping[str, Mapping[str, Interval]]


def number(value: float) -> str:
    """Three decimals without the zero before the point, as the paper prints its scores: .467, 4.450, -.031."""
    text = f"{round(value, 3) + 0.0:.3f}"  # adding zero makes -0.0 positive
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def markdown_table(systems: Systems, conditions: Mapping[str, str], corner: str = "system") -> str:
    """One row a system, each cell "value (low to high)", the conditions as a list below.

    Args:
        systems: row name -> metric name -> interval; every row has the same metrics in the same order.
        conditions: label -> text.
        corner: heading of the first column.
    """
    metrics = _metrics(systems)
    lines = [f"| {' | '.join((corner, *metrics))} |", f"|---|{'---:|' * len(metrics)}"]
    for name, scores in systems.items():
        cells = (f"{number(s.value)} ({number(s.low)} to {number(s.high)})" for s in scores.values())
        lines.append(f"| {' | '.join((name, *cells))} |")
    notes = [f"- {label}: {text}" for label, text in conditions.items()]
    return "\n".join([*lines, "", *notes, ""])


def terminal_table(systems: Systems, conditions: Mapping[str, str], corner: str = "system") -> str:
    """Two lines a system, the values and under them their intervals; the conditions below.

    Args:
        systems: as in `markdown_table`.
        conditions: label -> text.
        corner: heading of the first column.
    """
    metrics = _metrics(systems)
    rows: list[list[str]] = [[corner, *metrics]]
    for name, scores in systems.items():
        rows.append([name, *(number(score.value) for score in scores.values())])
        rows.append(["", *(f"[{number(score.low)} {number(score.high)}]" for score in scores.values())])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    notes = [f"{label}: {text}" for label, text in conditions.items()]
    return "\n".join([*(line.rstrip() for line in lines), "", *notes, ""])


def plain(systems: Systems) -> dict[str, dict[str, dict[str, float | None]]]:
    """The table as plain JSON values; what is not defined is null."""
    return {row: {metric: _cell(interval) for metric, interval in cells.items()} for row, cells in systems.items()}


def _cell(interval: Interval) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in interval._asdict().items()}


def _metrics(systems: Systems) -> list[str]:
    return list(next(iter(systems.values())))
