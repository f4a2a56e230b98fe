"""Several kinds of scores of several systems over the same rows, with intervals from one set of draws.

Drawing patients costs more than scoring what was drawn, so every system's statistics lie side by side in one matrix.
The numbers are those of `bootstrap` and `paired_difference` called one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eval_suite.statistics import Interval, RowStatistics, bootstrap

_MOST_NUMBERS = 60_000_000  # of one matrix, half a gigabyte
_BETWEEN = "\0"


@dataclass(frozen=True)
class Comparison:
    """One kind of scores.

    Attributes:
        systems: system -> score -> interval, the evaluated system first.
        differences: control -> score -> interval of the evaluated system minus that control, paired by row.
    """

    systems: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]


def compare_with_first(
    kinds: Mapping[str, Mapping[str, RowStatistics]], patients: Sequence[str], *, samples: int = 1000, seed: int = 0
) -> dict[str, Comparison]:
    """Scores of every system with intervals, and how far the first of each kind lies above the others.

    Args:
        kinds: kind of scores -> system -> statistics of the same R rows. A score that only one of two systems has
            gets no difference.
        patients: R patient ids, aligned with the rows.
        samples: bootstrap draws.
        seed: of the draws.

    Returns:
        Kind of scores -> comparison.

    Raises:
        EcgInputError: as `eval_suite.statistics.bootstrap`.
    """
    found = {kind: Comparison({}, {}) for kind in kinds}
    for part in _parts(kinds, len(patients)):
        side_by_side = _SideBySide(part)
        for name, interval in bootstrap(side_by_side, patients, samples=samples, seed=seed).items():
            table, kind, system, score = name.split(_BETWEEN)
            rows = found[kind].systems if table == "score" else found[kind].differences
            rows.setdefault(system, {})[score] = interval
    return found


def _parts(
    kinds: Mapping[str, Mapping[str, RowStatistics]], rows: int
) -> Iterator[dict[str, dict[str, RowStatistics]]]:
    """The systems in parts whose matrix fits in memory, the first system in each."""
    columns = sum(next(iter(systems.values())).matrix().shape[1] for systems in kinds.values())
    size = max(1, _MOST_NUMBERS // (rows * columns) - 1)
    longest = max(len(systems) for systems in kinds.values()) - 1
    for start in range(0, max(longest, 1), size):
        part = {}
        for kind, systems in kinds.items():
            first, *others = systems
            if start == 0 or others[start : start + size]:
                part[kind] = {name: systems[name] for name in (first, *others[start : start + size])}
        yield part


class _SideBySide:
    """The statistics of all systems as those of one."""

    def __init__(self, kinds: Mapping[str, Mapping[str, RowStatistics]]) -> None:
        self.kinds = kinds

    @cached_property
    def _matrices(self) -> list[np.ndarray]:
        return [statistics.matrix() for systems in self.kinds.values() for statistics in systems.values()]

    def matrix(self) -> np.ndarray:
        return np.hstack(self._matrices)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        widths = [matrix.shape[1] for matrix in self._matrices]
        pieces = iter(np.split(sums, np.cumsum(widths)[:-1], axis=-1))
        found: dict[str, np.ndarray] = {}
        for kind, systems in self.kinds.items():
            scored = {name: statistics.scores(next(pieces)) for name, statistics in systems.items()}
            first, *others = scored
            for name, scores in scored.items():
                found.update({_BETWEEN.join(("score", kind, name, score)): value for score, value in scores.items()})
            for name in others:
                found.update(
                    {
                        _BETWEEN.join(("difference", kind, name, score)): value - scored[name][score]
                        for score, value in scored[first].items()
                        if score in scored[name]
                    }
                )
        return found
