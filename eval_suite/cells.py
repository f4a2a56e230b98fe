"""Tables of ready-made text cells, for the terminal and as Markdown; the first row is the heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def markdown_line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def markdown_cells(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    heading, *body = map(markdown_line, rows)
    return "\n".join([heading, f"|---|{'---:|' * (len(rows[0]) - 1)}", *body, ""])


def terminal_cells(rows: Sequence[Sequence[str]]) -> str:
    """A table of spaces, a line under its heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join([*(line.rstrip() for line in lines), ""])


def notes(conditions: Mapping[str, str], *, bullet: str = "") -> str:
    """A line for each label and its text."""
    return "\n".join([*(f"{bullet}{label}: {text}" for label, text in conditions.items()), ""])
