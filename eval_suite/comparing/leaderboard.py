"""Many systems in one table: only what was scored under the same conditions, ranked no finer than the rows can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from dataset_scripts.whole_file import write_whole
from eval_suite.cells import markdown_cells, notes, terminal_cells
from eval_suite.comparing.comparison import FINDING_PREFIX, LOWER_IS_BETTER
from eval_suite.comparing.ranking import Ranked, ranked
from eval_suite.comparing.results import Results, results
from eval_suite.statistics import Interval
from eval_suite.table import NOT_DEFINED, bounded, ends, number

SORTED_BY = FINDING_PREFIX + "micro F1"
#: What a table shows unless it is asked for other columns: the paper's main metrics, and what a report says.
SHOWN = (
    *("BLEU-4", "METEOR", "METEOR (no WordNet)", "ROUGE-L", "CIDEr-D", SORTED_BY),
    *(FINDING_PREFIX + name for name in ("critical missed", "critical invented")),
)


@dataclass(frozen=True)
class Group:
    """The entries of one table.

    Attributes:
        entries: best first, with their ranks.
        sort: the metric they are ranked by.
        columns: metrics shown.
    """

    entries: Sequence[Ranked]
    sort: str
    columns: Sequence[str]

    def title(self) -> str:
        """What all have in common, in a line."""
        said = self.entries[0].entry.conditions
        told = {True: "language told", False: "language not told", None: "language not stated"}[said["language_told"]]
        protocol = f"{said['protocol']['name']} version {said['protocol']['version']}"
        rows = f"{said['rows']:,} rows, text column {said['text_column']}"
        return f"{said['data']}, split {said['split']}, {rows}, {told}, {protocol}"

    def rows(self) -> Iterator[tuple[str, str, Mapping[str, Interval]]]:
        """Name, rank and scores of each system, then of the controls, each of them once."""
        for placed in self.entries:
            yield placed.entry.name, NOT_DEFINED if placed.rank is None else str(placed.rank), placed.entry.own
        for name, scores, holders in self._controls():
            few = "" if len(holders) == len(self.entries) else f" (of {', '.join(holders)})"
            yield name + few, "", scores

    def lines(self) -> dict[str, str]:
        """Conditions, label -> text."""
        first = self.entries[0].entry
        said, protocol = first.conditions, first.conditions["protocol"]
        every = "" if said["rows"] == said["rows_in_split"] else f" (the first of {said['rows_in_split']:,})"
        told = {True: "yes", False: "no", None: "not stated"}[said["language_told"]]
        less = ", where less is better" if self.sort in LOWER_IS_BETTER else ""
        by_overlap = [placed.entry.name for placed in self.entries if placed.by_overlap]
        overlap = (
            f"; of {', '.join(by_overlap)} for which predictions are not at hand, while the intervals overlap"
            if by_overlap
            else ""
        )
        return {
            "protocol": f"{protocol['name']} version {protocol['version']}: {protocol['rules']}",
            "data": f"{said['data']}, split {said['split']}",
            "rows scored": f"{said['rows']:,}{every}, of {said['patients']:,} patients",
            "text column": said["text_column"],
            "language told to the model": told,
            "rank": f"by {self.sort}{less}; a system shares the rank of the best one above it while the 95 % interval "
            f"of their paired difference, by patient, holds 0{overlap}",
            "interval": "95 %, of each number alone; two that overlap may yet differ on the same rows",
            **{placed.entry.name: placed.entry.conditions["system"] for placed in self.entries},
            **self._unlike(),
        }

    def _controls(self) -> list[tuple[str, Mapping[str, Interval], list[str]]]:
        """Name, scores and holders of each control: of one name and other numbers it is another control."""
        found: list[tuple[str, Mapping[str, Interval], list[str]]] = []
        for entry in (placed.entry for placed in self.entries):
            for name, scores in entry.controls().items():
                shown = {column: scores[column] for column in self.columns if column in scores}
                if not shown:
                    continue
                same = next((own for own in found if own[0] == name and repr(own[1]) == repr(shown)), None)
                if same:
                    same[2].append(entry.name)
                else:
                    found.append((name, shown, [entry.name]))
        return found

    def _unlike(self) -> dict[str, str]:
        """Definitions that are not the same for all, as of another version of a library."""
        texts: dict[str, dict[str, list[str]]] = {}
        for entry in (placed.entry for placed in self.entries):
            for label, text in entry.conditions.get("definitions", {}).items():
                texts.setdefault(label, {}).setdefault(text, []).append(entry.name)
        metrics = ("tokenisation", "BLEU", "METEOR", "ROUGE", "CIDEr-D", "Exact", "BERTScore", "findings")
        return {
            f"{label}, not the same for all": "; ".join(
                f"{text} ({', '.join(names)})" for text, names in texts[label].items()
            )
            for label in metrics
            if len(texts.get(label, {})) > 1
        }


@dataclass(frozen=True)
class Leaderboard:
    """All tables.

    Attributes:
        groups: one a table, the largest first.
    """

    groups: Sequence[Group]

    def markdown(self) -> str:
        """The tables under a heading each, with their conditions."""
        return "\n".join(f"## {group.title()}\n\n{_markdown(group)}" for group in self.groups)

    def terminal(self) -> str:
        """The same for a terminal, intervals below the values."""
        return "\n".join(f"{group.title()}\n\n{_terminal(group)}" for group in self.groups)

    def write(self, out: Path) -> None:
        """Write the Markdown file."""
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, self.markdown())


def leaderboard(
    places: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    sort: str = SORTED_BY,
    columns: Sequence[str] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Leaderboard:
    """One table of every set of conditions under which results were scored.

    Args:
        places: results folders, or folders that hold such at any depth.
        out: the Markdown file; None writes nothing.
        sort: the metric to rank by, as a column is called; where it is not defined (0 of 0), a system stands last.
        columns: the metrics to show; None: `SHOWN` and the one to rank by; empty: all.
        samples: bootstrap draws of the paired differences.
        seed: of the draws.

    Raises:
        EcgInputError: `out` is a folder, no results there, a metric that is not there, a `scores.json` of another
            schema, or predictions of one table that were made for other texts.
    """
    if out is not None and Path(out).is_dir():
        raise EcgInputError(f"{out} is a folder, expected a file for the tables, as in {Path(out) / 'LEADERBOARD.md'}")
    entries = results(places)
    for metric in (sort, *(columns or ())):
        lacking = [entry for entry in entries if metric not in entry.own]
        if len(lacking) == len(entries) or (metric == sort and lacking):
            near = get_close_matches(metric, lacking[0].own, n=1)
            raise EcgInputError(
                f"{lacking[0].folder} has no metric {metric!r}{f', did you mean {near[0]!r}?' if near else ''}; it has "
                f"{', '.join(lacking[0].own)}"
            )
    groups: dict[tuple[Any, ...], list[Results]] = {}
    for entry in entries:
        groups.setdefault(entry.shared(), []).append(entry)
    board = Leaderboard(
        [
            Group(
                entries=ranked(group, sort, lower_is_better=sort in LOWER_IS_BETTER, samples=samples, seed=seed),
                sort=sort,
                columns=_columns(group, sort, columns),
            )
            for group in sorted(groups.values(), key=len, reverse=True)
        ]
    )
    if out is not None:
        board.write(Path(out))
    return board


def _columns(group: Sequence[Results], sort: str, columns: Sequence[str] | None) -> list[str]:
    present = list(dict.fromkeys(metric for entry in group for metric in entry.own))
    wanted = (*SHOWN, sort) if columns is None else columns or present
    return [metric for metric in present if metric in wanted]


def _heading(group: Group) -> list[str]:
    less = (f"{name} (less is better)" if name in LOWER_IS_BETTER else name for name in group.columns)
    return ["system", "rank", *less]


def _markdown(group: Group) -> str:
    table = [_heading(group)]
    for name, rank, scores in group.rows():
        table.append([name, rank, *("" if s is None else bounded(s) for s in map(scores.get, group.columns))])
    return f"{markdown_cells(table)}\n{notes(group.lines(), bullet='- ')}"


def _terminal(group: Group) -> str:
    table = [_heading(group)]
    for name, rank, scores in group.rows():
        cells = [scores.get(column) for column in group.columns]
        table.append([name, rank, *("" if s is None else number(s.value) for s in cells)])
        table.append(["", "", *("" if s is None else ends(s) for s in cells)])
    return f"{terminal_cells(table)}\n{notes(group.lines())}"
