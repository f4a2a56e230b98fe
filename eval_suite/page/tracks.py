"""Horizontal bars and points on one scale, beside the numbers of a table; places are percent of the width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_suite.findings.names import CRITICAL
from eval_suite.page.plots import top_of
from eval_suite.page.values import LOWER_IS_BETTER, Cell, cell, interval_of, shown, spoken
from eval_suite.statistics import Interval


@dataclass(frozen=True)
class Mark:
    """A value on a scale that begins at zero.

    Attributes:
        value: its place.
        low: of the interval's lower end, None where there is no interval.
        width: of the interval.
    """

    value: float
    low: float | None
    width: float


@dataclass(frozen=True)
class SystemTrack:
    """One system of a comparison.

    Attributes:
        name: of the system.
        first: whether it is the evaluated one.
        number: the score.
        mark: its place; None where it is not defined.
        difference: the evaluated system minus this one; None where it is not given.
    """

    name: str
    first: bool
    number: Cell
    mark: Mark | None
    difference: Cell | None


@dataclass(frozen=True)
class Comparison:
    """One score of every system on one scale.

    Attributes:
        metric: the score's name.
        lower: whether less is better.
        top: the scale's end.
        tracks: one a system, the evaluated one first.
    """

    metric: str
    lower: bool
    top: str
    tracks: Sequence[SystemTrack]


@dataclass(frozen=True)
class LabelTrack:
    """One finding of the evaluated system.

    Attributes:
        name: in words.
        critical: whether missing or inventing it may harm a patient at once.
        support: references that hold it.
        precision: of the predictions that hold it.
        recall: of the references that hold it.
        f1: of both.
        bar: the F1's place.
    """

    name: str
    critical: bool
    support: int
    precision: Cell
    recall: Cell
    f1: Cell
    bar: Mark | None


def mark(value: Interval, top: float) -> Mark | None:
    """Where a value and its interval stand on a scale from zero to `top`."""
    if math.isnan(value.value):
        return None
    low, place, high = (min(max(100 * part / top, 0.0), 100.0) for part in (value.low, value.value, value.high))
    if math.isnan(value.low) or math.isnan(value.high):
        return Mark(round(place, 2), None, 0.0)
    return Mark(round(place, 2), round(low, 2), round(high - low, 2))


def comparison(
    metric: str, systems: Mapping[str, Mapping[str, Any]], differences: Mapping[str, Mapping[str, Any]]
) -> Comparison:
    """One score of all systems that have it, with the paired differences to the evaluated one."""
    values = {name: interval_of(scores[metric]) for name, scores in systems.items() if metric in scores}
    top = top_of([part for value in values.values() for part in (value.value, value.high)])
    first = next(iter(systems))
    return Comparison(
        metric,
        metric in LOWER_IS_BETTER,
        shown(top),
        [
            SystemTrack(
                name,
                name == first,
                cell(systems[name][metric]),
                mark(value, top),
                cell(differences[name][metric], difference=True) if metric in differences.get(name, {}) else None,
            )
            for name, value in values.items()
        ],
    )


def label_tracks(by_finding: Mapping[str, Mapping[str, Any]]) -> list[LabelTrack]:
    """Every finding, those that most references hold first."""
    order = sorted(by_finding.items(), key=lambda item: (-item[1]["support"], item[0]))
    return [
        LabelTrack(
            spoken(name),
            name in CRITICAL,
            int(scores["support"]),
            cell(scores["precision"]),
            cell(scores["recall"]),
            cell(scores["F1"]),
            mark(interval_of(scores["F1"]), 1.0),
        )
        for name, scores in order
    ]
