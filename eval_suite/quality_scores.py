"""What one evaluation of report quality found: as JSON, as Markdown and for the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dataset_scripts.whole_file import write_whole
from eval_suite.cells import markdown_line
from eval_suite.protocol import Conditions
from eval_suite.statistics import Interval
from eval_suite.table import (
    Systems,
    bounded,
    markdown_table,
    number,
    plain,
    plain_number,
    terminal_table,
)

SCHEMA = 2
_LABEL = "F1 "  # before the name of a finding or a superclass
_OF_REFERENCES = "contradictory references"  # one number for all systems, and so a note
#: Left out of the terminal's table, which is wide enough.
_WIDE = {f"{mean} {score}" for mean in ("micro", "macro") for score in ("precision", "recall")}
_PROTOCOLS_DIFFER = (
    "one set of predictions under every protocol: compare rows of one protocol only, never a number of one protocol "
    "with a number of another"
)

Render = Callable[[Systems, Mapping[str, str], str], str]


@dataclass(frozen=True)
class LabelScores:
    """Findings of the predictions against the reference texts, or against the codes.

    Attributes:
        systems: system -> score -> interval, the evaluated system first.
        differences: control -> score -> interval of the evaluated system minus that control, paired by row.
        by_label: finding or superclass -> precision, recall, F1 and support, of the evaluated system.
        counts: behind the evaluated system's shares.
    """

    systems: Systems
    differences: Systems
    by_label: Mapping[str, Mapping[str, float]]
    counts: Mapping[str, int] = field(default_factory=dict)

    def short(self, table: Systems) -> dict[str, dict[str, Interval]]:
        """A table without the F1 of single findings; those of superclasses stay."""
        return {
            row: {score: cell for score, cell in cells.items() if not (score.startswith(_LABEL) and score[3].islower())}
            for row, cells in table.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        evaluated = next(iter(self.systems.values()))
        cells = plain({"": {score: cell for score, cell in evaluated.items() if score.startswith(_LABEL)}})[""]
        return {
            "systems": plain(self.short(self.systems)),
            "paired_differences": plain(self.short(self.differences)),
            "by_finding": {
                label: {
                    **{name: plain_number(value) for name, value in row.items()},
                    "F1": cells.get(_LABEL + label, plain_number(row["F1"])),
                    "support": int(row["support"]),
                }
                for label, row in self.by_label.items()
            },
            "counts": dict(self.counts),
        }


@dataclass(frozen=True)
class Leakage:
    """What training gave away of the references.

    Attributes:
        rows: side (reference seen in training, or not) -> rows.
        share: of the rows whose reference stands in training word for word.
        scores: side -> text metric -> interval, of the evaluated system.
        findings: side -> score over findings -> interval, of the evaluated system.
    """

    rows: Mapping[str, int]
    share: Interval
    scores: Systems
    findings: Systems

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "rows": dict(self.rows),
            "share": plain({"": {"share": self.share}})[""]["share"],
            "scores": plain(self.scores),
            "findings": plain(self.findings),
        }

    def table(self) -> Systems:
        """Side with its rows -> text metrics and the findings' micro F1."""
        return {
            f"{side} ({self.rows[side]:,} rows)": {**cells, "findings micro F1": self.findings[side]["micro F1"]}
            for side, cells in self.scores.items()
        }


@dataclass(frozen=True)
class QualityScores:
    """What one evaluation found.

    Attributes:
        systems: system -> text metric -> interval, the evaluated system first.
        differences: control -> text metric -> interval of the evaluated system minus that control, paired by row.
        findings: against the reference texts.
        codes: against the rows' SCP codes; None where rows have none.
        protocols: protocol -> system -> text metric -> value, where every protocol was asked for.
        leakage: test reports that stand in training.
        memorisation: as `eval_suite.leakage.memorisation` gives it.
        conditions: what the tables were computed under.
    """

    systems: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]
    findings: LabelScores
    codes: LabelScores | None
    protocols: dict[str, dict[str, dict[str, float]]]
    leakage: Leakage
    memorisation: dict[str, float | int]
    conditions: Conditions

    def markdown(self) -> str:
        """Every table and the conditions as Markdown."""
        return self._render(markdown_table, whole=True)

    def terminal(self) -> str:
        """The same for a terminal, shorter: no differences in findings, and no finding for itself."""
        return self._render(terminal_table, whole=False)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "schema": SCHEMA,
            "task": "quality",
            "conditions": {**asdict(self.conditions), "definitions": self.conditions.lines()},
            "systems": plain(self.systems),
            "paired_differences": plain(self.differences),
            "findings": self.findings.to_json(),
            "codes": None if self.codes is None else self.codes.to_json(),
            "protocols": self._plain_protocols(),
            "leakage": self.leakage.to_json(),
            "memorisation": self.memorisation,
        }

    def write(self, out: Path) -> None:
        """Write `scores.json` and `table.md` into a folder, each under a temporary name first."""
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "scores.json", json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        write_whole(out / "table.md", self.markdown())

    def _plain_protocols(self) -> dict[str, dict[str, dict[str, float | None]]]:
        return {
            protocol: {
                system: {name: plain_number(value) for name, value in row.items()} for system, row in rows.items()
            }
            for protocol, rows in self.protocols.items()
        }

    def _render(self, render: Render, *, whole: bool) -> str:
        minus = f"{next(iter(self.systems))}, paired, minus"
        kinds = {"findings against the true report": self.findings}
        if self.codes is not None:
            kinds["findings against the SCP codes"] = self.codes
        tables: list[tuple[Systems, str]] = [(self.systems, "system"), (self.differences, minus)]
        left_out = {_OF_REFERENCES, *(() if whole else _WIDE)}
        for corner, scores in kinds.items():
            tables.append((_without(scores.short(scores.systems), left_out), corner))
            if whole:
                tables.append((_without(scores.short(scores.differences), left_out), f"{corner}: {minus}"))
        tables.append((self.leakage.table(), "leakage"))
        parts = [render(table, {}, corner) for table, corner in tables if table]
        parts += [self._protocols(render)] if self.protocols else []
        parts += [self._by_label(kinds)] if whole else []
        notes = "\n".join(f"{'- ' if whole else ''}{label}: {text}" for label, text in self._notes().items())
        return "".join(part.rstrip("\n") + "\n\n" for part in parts) + notes + "\n"

    def _protocols(self, render: Render) -> str:
        """Values alone, so the intervals that `render` would print are not there."""
        columns = list(dict.fromkeys(name for rows in self.protocols.values() for row in rows.values() for name in row))
        lines = [["protocol", "system", *columns]]
        for protocol, rows in self.protocols.items():
            for system, row in rows.items():
                lines.append([protocol, system, *(number(row[name]) if name in row else "-" for name in columns)])
        if render is markdown_table:
            header = f"|---|---|{'---:|' * len(columns)}"
            found = list(map(markdown_line, lines))
            return "\n".join([found[0], header, *found[1:], "", f"**{_PROTOCOLS_DIFFER}**", ""])
        widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
        found = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([*(line.rstrip() for line in found), "", f"warning: {_PROTOCOLS_DIFFER}", ""])

    def _by_label(self, kinds: Mapping[str, LabelScores]) -> str:
        """Precision, recall, F1 and support of every finding that enough rows have, as Markdown."""
        lines = []
        for corner, scores in kinds.items():
            evaluated = next(iter(scores.systems.values()))
            lines += [f"| {corner} | precision | recall | F1 | rows |", "|---|---:|---:|---:|---:|"]
            for label, row in scores.by_label.items():
                if _LABEL + label in evaluated:
                    cells = number(row["precision"]), number(row["recall"]), bounded(evaluated[_LABEL + label])
                    lines.append(markdown_line((label, *cells, f"{row['support']:.0f}")))
            lines.append("")
        return "\n".join(lines)

    def _notes(self) -> dict[str, str]:
        shares, seen = self.memorisation, self.leakage.share
        recited = (
            f"{shares['outputs_repeating_rare']:.1%} of the outputs repeat, word for word, a training report of fewer "
            f"than {shares['rare_below']} patients; {shares['references_repeating_rare']:.1%} of the true reports do"
        )
        bounds = "no interval of one patient" if math.isnan(seen.low) else f"{seen.low:.1%} to {seen.high:.1%}"
        share = f"{seen.value:.1%} ({bounds})"
        leaked = f"{share} of the true reports stand in training word for word"
        contradictory = next(iter(self.findings.systems.values()))[_OF_REFERENCES].value
        contradicted = f"{contradictory:.1%} of the true reports have two findings that cannot both be present"
        return {
            **self.conditions.lines(),
            _OF_REFERENCES: contradicted,
            "leakage": leaked,
            "memorisation": recited,
        }


def _without(table: Systems, scores: Collection[str]) -> Systems:
    return {row: {name: cell for name, cell in cells.items() if name not in scores} for row, cells in table.items()}
