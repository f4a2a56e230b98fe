"""Results folders, as `meit eval quality` and `meit eval score` leave them, read for a table of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from eval_suite.comparing.compared_side import SCORES, read_scores
from eval_suite.comparing.comparison import FINDING_PREFIX
from eval_suite.statistics import Interval

# What must agree for numbers to stand in one table, of a `scores.json`'s conditions.
_SHARED = ("data", "split", "rows", "rows_in_split", "patients", "text_column", "language_told")
_KINDS = {"systems": "", "findings": FINDING_PREFIX, "codes": "codes "}


@dataclass(frozen=True)
class Results:
    """One results folder.

    Attributes:
        name: of the folder, with as much of its path as tells it from the others.
        folder: itself.
        conditions: of its `scores.json`.
        scores: system -> metric -> interval, the evaluated system first; findings and codes under their prefix.
    """

    name: str
    folder: Path
    conditions: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Interval]]

    @property
    def own(self) -> Mapping[str, Interval]:
        """Scores of the evaluated system."""
        return next(iter(self.scores.values()))

    def controls(self) -> dict[str, Mapping[str, Interval]]:
        """Scores of the controls that are not the evaluated system on other ECGs."""
        evaluated, *others = self.scores
        return {name: self.scores[name] for name in others if not name.startswith(f"{evaluated}, ")}

    def shared(self) -> tuple[Any, ...]:
        """What entries of one table have in common."""
        protocol = self.conditions["protocol"]
        return (*(self.conditions.get(key) for key in _SHARED), protocol["name"], protocol["version"])


def results(places: Sequence[str | Path]) -> list[Results]:
    """Every results folder there is.

    Args:
        places: results folders, or folders that hold such at any depth.

    Raises:
        EcgInputError: a place without any, or as `read_scores`.
    """
    folders: dict[Path, None] = {}
    for place in map(Path, places):
        found = [place] if (place / SCORES).is_file() else sorted(path.parent for path in place.rglob(SCORES))
        if not found:
            raise EcgInputError(
                f"{place} holds no {SCORES}; give folders that `meit eval quality` or `meit eval score --out` wrote"
            )
        folders.update(dict.fromkeys(folder.resolve() for folder in found))
    entries = []
    for folder in folders:
        others = [other for other in folders if other != folder]
        length = 1
        while any(other.parts[-length:] == folder.parts[-length:] for other in others):
            length += 1
        found_scores = read_scores(folder / SCORES)
        entries.append(
            Results(Path(*folder.parts[-length:]).as_posix(), folder, found_scores["conditions"], _scores(found_scores))
        )
    return entries


def _scores(read: Mapping[str, Any]) -> dict[str, dict[str, Interval]]:
    """System -> metric -> interval, of all kinds of scores."""
    found: dict[str, dict[str, Interval]] = {name: {} for name in read["systems"]}
    for kind, prefix in _KINDS.items():
        systems = read["systems"] if kind == "systems" else (read.get(kind) or {}).get("systems", {})
        for name, scores in systems.items():
            for metric, cell in scores.items():
                values = (math.nan if cell[key] is None else cell[key] for key in Interval._fields)
                found.setdefault(name, {})[prefix + metric] = Interval(*values)
    return found
