"""Kinds of corruption and their levels, chosen by name and listed."""

from __future__ import annotations

from collections.abc import Sequence

from dataset_scripts.errors import EcgInputError, did_you_mean
from eval_suite.corruptions.corruption import Corruption, Kind, Level
from eval_suite.corruptions.table import ALL

KINDS = {kind.name: kind for kind in ALL}


def find_kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        EcgInputError: there is none.
    """
    if name not in KINDS:
        raise EcgInputError(f"no corruption {name!r}{did_you_mean(name, KINDS)} (known: {', '.join(KINDS)})")
    return KINDS[name]


def find_corruptions(chosen: Sequence[str] | None = None, seed: int = 0) -> list[Corruption]:
    """The corruptions to run, in the order asked for, each once.

    Args:
        chosen: names of kinds, each alone for all levels of its table, or with levels behind it: "gaussian:20:0",
            "limb-swap:RA/LA". None: every kind.
        seed: of what they draw.

    Raises:
        EcgInputError: no such kind or level, or nothing chosen.
    """
    if chosen is not None and not chosen:
        raise EcgInputError(f"no kinds of corruption given, expected some of {', '.join(KINDS)}")
    found: dict[tuple[str, Level], Corruption] = {}
    for text in KINDS if chosen is None else chosen:
        name, *given = text.split(":")
        kind = find_kind(name)
        for level in map(kind.level, given or kind.levels):
            found[name, level] = Corruption(kind, level, seed)
    return list(found.values())


def kinds_table() -> str:
    """The kinds with their levels, for a terminal."""
    lines = []
    for kind in KINDS.values():
        levels = ", ".join(map(kind.label, kind.levels))
        lines += [f"{kind.name}: {kind.title}", f"    {kind.parameter}: {levels}", f"    {kind.description}"]
        lines += [f"    source: {kind.source}"]
    return "\n".join(lines)
