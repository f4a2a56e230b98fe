"""The page's sections from the results: each is there only where its input is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_suite.findings.names import CRITICAL
from eval_suite.page.curves import Fact, bounded
from eval_suite.page.results import Results
from eval_suite.page.tracks import Comparison, LabelTrack, comparison, label_tracks
from eval_suite.page.values import Table, grouped_table, interval_of, percent, shown, spoken, table
from eval_suite.statistics import Interval

# Findings that fewer references hold are folded away: one report more or less moves their F1 by tenths.
FREQUENT = 10
_HEADLINES = (("findings", "micro F1"), ("text", "ROUGE-L"), ("text", "BLEU-4"))


@dataclass(frozen=True)
class Tile:
    """A figure to begin with.

    Attributes:
        name: of the figure.
        value: itself.
        interval: "low to high" or what stands below it.
        note: what it means.
    """

    name: str
    value: str
    interval: str
    note: str


@dataclass(frozen=True)
class Glance:
    """The evaluation in a few figures.

    Attributes:
        tiles: the figures.
        comparisons: the headline scores of every system.
        coded: whether a control among them is told what was coded for the row.
    """

    tiles: Sequence[Tile]
    comparisons: Sequence[Comparison]
    coded: bool


@dataclass(frozen=True)
class Labels:
    """Findings against the reference texts, or against the codes.

    Attributes:
        scores: of every system.
        differences: the evaluated system minus each control; None where there is none.
        frequent: findings that enough references hold, or codes that enough rows have.
        rare: the others.
        enough: how many are.
        critical: the critical findings, however rare.
        alarms: the comparisons of what was missed and invented.
        facts: the counts behind the shares.
    """

    scores: Table
    differences: Table | None
    frequent: Sequence[LabelTrack]
    rare: Sequence[LabelTrack]
    enough: int
    critical: Sequence[LabelTrack]
    alarms: Sequence[Comparison]
    facts: Sequence[Fact]


def glance(scores: Mapping[str, Any]) -> Glance:
    """The headline scores and the share of critical findings missed, beside the controls."""
    tables = {"findings": scores["findings"], "text": scores}
    tiles, comparisons = [], []
    for kind, metric in _HEADLINES:
        found = tables[kind]
        evaluated = _evaluated(found)
        if metric in evaluated:
            name = f"Findings {metric}" if kind == "findings" else metric
            value = interval_of(evaluated[metric])
            tiles.append(Tile(name, shown(value.value), _range(value, shown), _lead(found, metric)))
            compared = comparison(metric, found["systems"], found["paired_differences"])
            comparisons.append(Comparison(name, compared.lower, compared.top, compared.tracks))
    missed = _evaluated(scores["findings"]).get("critical missed")
    if missed is not None:
        value, counts = interval_of(missed), scores["findings"]["counts"]
        tiles.insert(
            1,
            Tile(
                "Critical findings missed",
                percent(value.value),
                _range(value, percent),
                f"{counts['critical_missed']:,} of the {counts['critical_stated']:,} that the references affirm",
            ),
        )
    return Glance(tiles, comparisons, any("same codes" in name for name in scores["systems"]))


def _evaluated(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The scores of the first system, which is the evaluated one."""
    first: Mapping[str, Any] = next(iter(found["systems"].values()), {})
    return first


def _lead(found: Mapping[str, Any], metric: str) -> str:
    """How far the evaluated system lies from the control that comes nearest."""
    evaluated = interval_of(_evaluated(found)[metric]).value
    gaps = {name: interval_of(row.get(metric)) for name, row in found["paired_differences"].items()}
    gaps = {name: gap for name, gap in gaps.items() if not math.isnan(gap.value)}
    if math.isnan(evaluated) or not gaps:
        return ""
    name = min(gaps, key=lambda control: gaps[control].value)
    gap = gaps[name]
    where = "above" if gap.low > 0 else "below" if gap.high < 0 else "not shown to differ from"
    return f"{where} the best control, {name}: {shown(evaluated - gap.value)}"


def _range(value: Interval, text: Any) -> str:
    return "" if math.isnan(value.low) or math.isnan(value.high) else f"{text(value.low)} to {text(value.high)}"


def _percent(share: Interval) -> str:
    bounds = _range(share, percent)
    return percent(share.value) + (f" ({bounds})" if bounds else "")


def text_tables(scores: Mapping[str, Any]) -> list[Table]:
    """The text metrics and their paired differences."""
    return _with_differences("Text metrics", scores)


def labels(found: Mapping[str, Any], title: str, *, frequent: int = FREQUENT) -> Labels:
    """Everything said of findings; `found` is `findings` or `codes` of scores.json."""
    tables = _with_differences(title, found)
    tracks = label_tracks(found["by_finding"])
    counts = found.get("counts", {})
    evaluated = _evaluated(found)
    critical_names = {spoken(name) for name in CRITICAL}
    return Labels(
        scores=tables[0],
        differences=tables[1] if len(tables) > 1 else None,
        frequent=[track for track in tracks if track.support >= frequent],
        rare=[track for track in tracks if track.support < frequent],
        enough=frequent,
        critical=[track for track in tracks if track.name in critical_names],
        alarms=[
            comparison(metric, found["systems"], found["paired_differences"])
            for metric in ("critical missed", "critical invented")
            if metric in evaluated
        ],
        facts=_critical_facts(counts),
    )


def _critical_facts(counts: Mapping[str, int]) -> list[Fact]:
    pairs = (
        ("Missed", "critical_missed", "critical_stated", "critical findings that references affirm"),
        ("Invented", "critical_invented", "critical_predicted", "critical findings that predictions affirm"),
    )
    return [
        Fact(name, f"{counts[part]:,} of {counts[whole]:,} {of}") for name, part, whole, of in pairs if part in counts
    ]


def _with_differences(title: str, found: Mapping[str, Any]) -> list[Table]:
    systems, differences = found["systems"], found["paired_differences"]
    tables = [table(f"{title} with 95 % intervals", systems)]
    if differences:
        first = next(iter(systems))
        tables.append(
            table(
                f"{title}: {first} minus each control, paired",
                differences,
                corner="minus",
                difference=True,
                evaluated=False,
            )
        )
    return tables


def protocols(scores: Mapping[str, Any]) -> Table | None:
    """Every protocol's values of one set of predictions; None where only one was asked for."""
    found = scores.get("protocols")
    return grouped_table("One set of predictions under every protocol", found) if found else None


def leakage(scores: Mapping[str, Any]) -> tuple[list[Fact], Table | None]:
    """What training gave away: how many references were seen, scores with and without them, recited reports."""
    found, facts, systems = scores.get("leakage") or {}, [], None
    if "share" in found:
        share = interval_of(found["share"])
        facts.append(Fact("True reports that stand in training word for word", _percent(share)))
    if found.get("scores"):
        sides = found["scores"]
        extra = {side: found.get("findings", {}).get(side, {}) for side in sides}
        micro = {side: {"findings micro F1": row["micro F1"]} for side, row in extra.items() if "micro F1" in row}
        rows = found.get("rows", {})
        named = {side: f"{side} ({rows[side]:,} rows)" if side in rows else side for side in sides}
        systems = {named[side]: {**cells, **micro.get(side, {})} for side, cells in sides.items()}
    shares = scores.get("memorisation") or {}
    rare = shares.get("rare_below")
    for key, who in (("outputs_repeating_rare", "Outputs"), ("references_repeating_rare", "True reports")):
        if key in shares:
            what = f"{who} that repeat a training report of fewer than {rare} patients word for word"
            facts.append(Fact(what, percent(interval_of(shares[key]).value)))
    compared = (
        table("The evaluated system by what training held", systems, corner="rows", evaluated=False)
        if systems
        else None
    )
    return facts, compared


def judge_tables(judge: Mapping[str, Any]) -> list[Table]:
    """Means, paired differences and the judge against itself."""
    tables = _with_differences("Grades from 1 to 5", judge)
    checks = {
        f"{question}: {part}": row
        for question, found in (judge.get("checks") or {}).items()
        for part, row in found.items()
    }
    if checks:
        tables.append(table("The judge against itself", checks, corner="question, dimension", evaluated=False))
    return tables


def abstention(calibration: Mapping[str, Any]) -> list[Fact]:
    """The threshold below which the model is silent and what it does; empty where none was asked for."""
    missed, found = calibration.get("target_missed"), calibration.get("abstention")
    if missed:
        return [Fact("Asked for", _flat(missed["target"])), Fact("Threshold", "none meets it")]
    if not found:
        return []
    measured = found["measured_on"]
    share, error = interval_of(measured["share"]), interval_of(measured["error"])
    return [
        Fact("Asked for", _flat(found["target"])),
        Fact("Threshold", f"{found['threshold']:.4f}"),
        Fact("Chosen on", _flat(found["chosen_on"])),
        Fact("Measured on", f"{measured['rows']:,} rows of {measured['patients']:,} other patients"),
        Fact("Answers", f"{_percent(share)} of the reports"),
        Fact("Error among these", bounded(error)),
    ]


def _flat(value: Any) -> str:
    """What stands in an object, in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {_flat(part)}" for key, part in value.items() if part is not None)
    return f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)


def conditions(results: Results) -> dict[str, dict[str, str]]:
    """What each file says of how it was made, heading -> label -> text; a text said before is not said again."""
    headings = {"scores": "Scores", "robustness": "Robustness", "calibration": "Calibration", "judge": "Judge"}
    said: set[tuple[str, str]] = set()
    found = {}
    for kind, content in results.found().items():
        given = content["conditions"]
        lines = given.get("definitions", given if kind == "judge" else {})
        new = {label: str(text) for label, text in lines.items() if (label, str(text)) not in said}
        said.update(new.items())
        if new:
            found[headings[kind]] = new
    return found


def disagreeing(results: Results) -> list[str]:
    """What the files were measured of, where they do not agree on it."""
    told: dict[str, dict[str, list[str]]] = {}
    for kind, said in results.stated().items():
        for label, value in said.items():
            told.setdefault(label, {}).setdefault(value, []).append(kind)
    return [
        f"{label}: " + "; ".join(f"{value} ({', '.join(kinds)})" for value, kinds in values.items())
        for label, values in told.items()
        if len(values) > 1
    ]
