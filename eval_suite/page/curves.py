"""Robustness and calibration as charts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_suite.page.plots import Axes, Plot, Rule, Tick, described, top_of
from eval_suite.page.values import Table, interval_of, percent, shown, table
from eval_suite.statistics import Interval

# At most three curves in a chart; CIDEr-D has a scale of its own and stands in the tables.
_DRAWN = ("findings micro F1", "ROUGE-L", "BLEU-4")
_MANY_LABELS = 38  # characters of all labels of an axis together, above which they are slanted


_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_NARROWEST = 0.005  # of a bin's bar, so that one of equal confidences is seen
_AS_IT_IS = "confidence as it is"
_RECALIBRATED = re.compile(r", isotonic$")


@dataclass(frozen=True)
class NoiseCurve:
    """One kind of corruption.

    Attributes:
        title: its name.
        description: what is done to the recordings.
        plot: the curves.
        scores: every metric at every level.
        drops: clean minus corrupted, paired.
    """

    title: str
    description: str
    plot: Plot
    scores: Table
    drops: Table


def drawn_metrics(robustness: Mapping[str, Any]) -> list[str]:
    """The metrics that the charts show, in the order of the legend."""
    there = [name for name in _DRAWN if name in robustness["clean"]]
    return there or list(robustness["clean"])[:1]


def noise_curves(robustness: Mapping[str, Any]) -> list[NoiseCurve]:
    """A chart and two tables of every kind of corruption, all charts on one scale."""
    metrics = drawn_metrics(robustness)
    every = [
        robustness["clean"],
        *(point["scores"] for kind in robustness["curves"].values() for point in kind["points"]),
    ]
    top = top_of([part for row in every for name in metrics for part in interval_of(row.get(name))])
    return [_noise_curve(kind, robustness, metrics, top) for kind in robustness["curves"].values()]


def _noise_curve(
    kind: Mapping[str, Any], robustness: Mapping[str, Any], metrics: Sequence[str], top: float
) -> NoiseCurve:
    labels = ["clean", *(point["label"] for point in kind["points"])]
    rows = [robustness["clean"], *(point["scores"] for point in kind["points"])]
    joined = not kind.get("categorical", False)  # between two names there is nothing
    axes = Axes(-0.3, len(rows) - 0.7, 0.0, top)
    lines, words = [], []
    rules: list[Rule] = []
    floor = robustness.get("floor", {})
    floors = {name: interval_of(floor[name]).value for name in metrics if floor.get(name) is not None}
    for number, name in enumerate(metrics):
        points = [(float(place), interval_of(row.get(name))) for place, row in enumerate(rows)]
        texts = [f"{label}: {name} {bounded(value)}" for label, (_, value) in zip(labels, points, strict=True)]
        lines.append(axes.line(name, number, points, texts, whiskers=not joined, joined=joined))
        words.append(described(name, dict(zip(labels, (value for _, value in points), strict=True))))
        if name in floors:
            rules.append(axes.level(floors[name], "", number))
            words.append(f"On a blank ECG {shown(floors[name])}.")
    title, parameter = kind["title"], kind["parameter"]
    plot = Plot(
        title=title,
        description=f"Scores by {parameter}. {' '.join(words)}",
        x_label=parameter,
        y_label="score",
        x_ticks=[Tick(axes.x(place), label) for place, label in enumerate(labels)],
        y_ticks=axes.y_ticks(),
        lines=lines,
        rules=rules,
        depth=3.9 * max(map(len, labels)) - 4.0 if sum(map(len, labels)) > _MANY_LABELS else 0.0,
    )
    scores = dict(zip(labels, rows, strict=True))
    drops = {point["label"]: point["drop"] for point in kind["points"]}
    return NoiseCurve(
        title,
        kind["description"],
        plot,
        table(f"{title}: scores", scores | ({"blank ECG": floor} if floor else {}), corner=parameter, evaluated=False),
        table(
            f"{title}: clean minus corrupted, paired by patient",
            drops,
            corner=parameter,
            difference=True,
            evaluated=False,
        ),
    )


@dataclass(frozen=True)
class Fact:
    """A figure with its name."""

    name: str
    text: str


@dataclass(frozen=True)
class Calibration:
    """One kind of error.

    Attributes:
        name: of the error.
        meaning: what the error is; "" where the file does not say.
        reliability: confidence against what is observed.
        selective: error against the share answered.
        facts: calibration error and areas.
    """

    name: str
    meaning: str
    reliability: Plot | None
    selective: Plot | None
    facts: Sequence[Fact]


def calibrations(calibration: Mapping[str, Any]) -> list[Calibration]:
    """Both charts of every error that the file holds; a recalibrated confidence stands beside the raw one."""
    names = dict.fromkeys([*calibration["selective"], *calibration["reliability"]])
    return [_calibration(name, calibration) for name in names if not _RECALIBRATED.search(name)]


def reliability_names(calibration: Mapping[str, Any]) -> list[str]:
    """For the legend of the reliability diagrams: none where each has but one curve."""
    names = list(calibration["reliability"])
    later = [found.group().removeprefix(", ") for name in names if (found := _RECALIBRATED.search(name))]
    return [_AS_IT_IS, *dict.fromkeys(later)] if later else []


def _calibration_error(value: Mapping[str, Any]) -> str:
    by_chance = shown(interval_of(value["by_chance"]).value)
    return f"{bounded(interval_of(value))}; {by_chance} by chance if it were perfectly calibrated"


def _calibration(name: str, calibration: Mapping[str, Any]) -> Calibration:
    selective = calibration["selective"].get(name)
    diagrams = {
        key: bins for key, bins in calibration["reliability"].items() if bins and _RECALIBRATED.sub("", key) == name
    }
    facts = [
        Fact(f"Expected calibration error{key.removeprefix(name)}", _calibration_error(value))
        for key, value in calibration["calibration_error"].items()
        if _RECALIBRATED.sub("", key) == name
    ]
    if selective:
        facts += [
            Fact("Area under the selective curve", bounded(interval_of(selective["area"]))),
            Fact("the same in random order", shown(interval_of(selective["random_area"]).value)),
            Fact("the same in the best order", shown(interval_of(selective["best_area"]).value)),
        ]
        if "gain" in selective:
            facts.append(Fact("Gain over random order (1 is the best)", bounded(interval_of(selective["gain"]))))
    return Calibration(
        name,
        str(calibration.get("errors", {}).get(name, "")),
        _reliability(name, diagrams) if diagrams else None,
        _selective(name, selective, calibration.get("abstention")) if selective else None,
        facts,
    )


def bounded(value: Interval) -> str:
    """A value with its interval in brackets."""
    bounds = "" if math.isnan(value.low) or math.isnan(value.high) else f" ({shown(value.low)} to {shown(value.high)})"
    return shown(value.value) + bounds


def _reliability(name: str, diagrams: Mapping[str, Sequence[Mapping[str, Any]]]) -> Plot:
    """The raw confidence's bins, with the density of the rows, and those of recalibrated ones."""
    axes = Axes(0.0, 1.0, 0.0, 1.0)
    lines, words = [], []
    for number, (key, bins) in enumerate(diagrams.items()):
        label = key.removeprefix(f"{name}, ") if key != name else _AS_IT_IS
        points = [(float(row["confidence"]), interval_of(row["observed"])) for row in bins]
        texts = [
            f"{label} {shown(sure)}, observed {bounded(value)}, {row['rows']:,} rows"
            for (sure, value), row in zip(points, bins, strict=True)
        ]
        lines.append(axes.line(label, number, points, texts, whiskers=True, joined=False))
        words.append("; ".join(texts) + ".")
    first = next(iter(diagrams.values()))
    widths = [max(row["high"] - row["low"], _NARROWEST) for row in first]
    density = [row["rows"] / width for row, width in zip(first, widths, strict=True)]
    return Plot(
        title=f"Reliability, {name}",
        description="Observed against stated confidence; on the diagonal the two agree. " + " ".join(words),
        x_label="confidence",
        y_label="observed, 1 − error",
        x_ticks=[Tick(axes.x(value), f"{value:g}") for value in _FIFTHS],
        y_ticks=axes.y_ticks(),
        lines=lines,
        rules=[axes.diagonal("agreement")],
        bars=[
            axes.bar(row["low"], min(row["low"] + width, 1.0), dense / max(density), f"{row['rows']:,} rows")
            for row, width, dense in zip(first, widths, density, strict=True)
        ],
    )


def _selective(name: str, selective: Mapping[str, Any], abstention: Mapping[str, Any] | None) -> Plot:
    rows = selective["points"]
    points = [(float(row["share"]), interval_of(row["error"])) for row in rows]
    top = top_of([part for _, value in points for part in value])
    axes = Axes(0.0, 1.0, 0.0, top)
    texts = [
        f"{percent(share)} answered: {name} {bounded(value)}, threshold {shown(float(row['threshold']))}"
        for (share, value), row in zip(points, rows, strict=True)
    ]
    chance = interval_of(selective["random_area"]).value
    rules = [axes.level(chance, f"random order {shown(chance)}")] if not math.isnan(chance) else []
    if abstention and abstention["target"].get("error", name) == name:
        share = interval_of(abstention["measured_on"]["share"]).value
        rules.append(axes.upright(share, "abstention threshold"))
    said = [
        texts[place] for place in sorted({0, len(texts) // 4, len(texts) // 2, 3 * len(texts) // 4, len(texts) - 1})
    ]
    return Plot(
        title=f"Selective generation, {name}",
        description="Error among the reports answered, the most confident first. " + "; ".join(said) + ".",
        x_label="share of reports answered",
        y_label=f"error, {name}",
        x_ticks=[Tick(axes.x(value), f"{100 * value:g} %") for value in _FIFTHS],
        y_ticks=axes.y_ticks(),
        lines=[axes.line(name, 0, points, texts)],
        rules=rules,
    )
