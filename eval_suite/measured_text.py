"""What a report states, beside what was measured of the signal: each number and each claim with a numeric meaning.

A claim agrees with a measurement on its side of the limit below. Nearer the limit than half of what a stated number
may be off, it agrees either way: neither the reader nor the method is that exact. Age and sex are not known here, so
between the limits of women and men a claim and its denial both stand.

Limits of adults at rest:
- bradycardia under 60, tachycardia over 100 a minute, the usual limits (Page et al., Circulation 133:e506, 2016, for
  the latter; Kusumoto et al., Circulation 140:e382, 2019, call a rate slow only under 50, which is stricter);
- PR over 200 ms long, under 120 ms short; complete bundle branch block and wide QRS from 120 ms, incomplete block from
  110 ms (Surawicz et al., AHA/ACCF/HRS part III, Circulation 119:e235, 2009);
- axis to the left beyond -30, to the right beyond 90, extreme from 180 to -90 degrees (the same);
- QTc long from 460 ms in a woman and 450 ms in a man (Rautaharju et al., AHA/ACCF/HRS part IV, Circulation 119:e241,
  2009); sex being unknown, 450 to 460 ms agree with either statement. Bazett's correction overstates it in a
  tachycardia and understates it in a bradycardia: outside 60 to 100 a minute Fridericia's is taken (the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecg_measurements.measurements import Measurements
from eval_suite.findings import extract_findings, stated_numbers
from eval_suite.findings.stated_numbers import MEASURES, agreements


@dataclass(frozen=True)
class Comparison:
    """One number or claim of a report beside the measurement that bears on it.

    Attributes:
        name: of the measure, as `stated_numbers` has it, or of the finding.
        label: for a reader, such as "PR interval".
        unit: "/min", "ms" or "°".
        measured: None where it could not be measured.
        stated: the number that the text states; None for a claim, or where the text states none.
        claim: "present" or "absent", as the text has the finding; None for a number.
        agrees: None where there is nothing to compare.
        why: one sentence.
    """

    name: str
    label: str
    unit: str
    measured: float | None
    stated: float | None
    claim: str | None
    agrees: bool | None
    why: str


LABELS = {
    "heart_rate_bpm": ("Heart rate", "/min"),
    "pr_interval_ms": ("PR interval", "ms"),
    "qrs_duration_ms": ("QRS duration", "ms"),
    "qt_interval_ms": ("QT interval", "ms"),
    "qtc_ms": ("QTc", "ms"),
    "qrs_axis_deg": ("QRS axis", "°"),
}


@dataclass(frozen=True)
class Limit:
    """What a finding means in numbers.

    Attributes:
        finding: its name.
        label: for a reader.
        measure: which number it is about, a key of `LABELS`.
        low: from here on it holds.
        high: up to here; under `low` where the range of an angle passes 180 degrees.
        deniable: whether a text that denies the finding says something about the number. "No bundle branch block" does
            not: a QRS may be wide without one.
    """

    finding: str
    label: str
    measure: str
    low: float
    high: float
    deniable: bool = True


_OPEN = float("inf")
LIMITS = (
    Limit("bradycardia", "Bradycardia", "heart_rate_bpm", -_OPEN, 60),
    Limit("tachycardia", "Tachycardia", "heart_rate_bpm", 100, _OPEN),
    Limit("prolonged_pr_interval", "Long PR interval", "pr_interval_ms", 200, _OPEN),
    Limit("short_pr_interval", "Short PR interval", "pr_interval_ms", -_OPEN, 120),
    Limit("prolonged_qrs_duration", "Wide QRS complex", "qrs_duration_ms", 110, _OPEN),
    Limit("bundle_branch_block", "Bundle branch block", "qrs_duration_ms", 120, _OPEN, deniable=False),
    Limit("long_qt", "Long QT interval", "qtc_ms", 450, _OPEN),
    Limit("normal_axis", "Normal axis", "qrs_axis_deg", -30, 90, deniable=False),
    Limit("left_axis_deviation", "Left axis deviation", "qrs_axis_deg", -90, -30),
    Limit("right_axis_deviation", "Right axis deviation", "qrs_axis_deg", 90, 180),
    Limit("extreme_axis_deviation", "Extreme axis", "qrs_axis_deg", 180, -90),
)
"""Findings with a numeric meaning. Those that imply one of them (first degree AV block, sinus bradycardia, left bundle
branch block) speak through it."""

LONG_QTC_IN_BOTH_MS = 460.0
"""From here on a QTc is long in a woman too, so only from here is a text that denies it contradicted."""


def compare_with_text(measurements: Measurements, text: str) -> list[Comparison]:
    """Put a report's numbers and its claims with a numeric meaning beside what was measured.

    Args:
        measurements: of the ECG that the report is on.
        text: the report, in English, German or Swedish.

    Returns:
        One entry for each number that the text states, then one for each claim; what it does not speak of, or hedges,
        is left out.

    Raises:
        EcgInputError: `text` is no string.
    """
    return [*_compared_numbers(measurements, text), *_compared_claims(measurements, text)]


def _compared_numbers(measurements: Measurements, text: str) -> list[Comparison]:
    stated = stated_numbers(text)
    row = {name: value for name, value in measurements.as_row().items() if value is not None}
    agree = agreements(stated, row)
    fridericia = row.get("qtc_fridericia_ms")
    found = []
    for name, value in stated.items():
        label, unit = LABELS[name]
        measured, agrees = row.get(name), agree.get(name)
        if name == "qtc_ms" and "qtc_bazett_ms" in row and fridericia is not None:
            measured = row["qtc_bazett_ms"]
            if not agrees and agreements({name: value}, {"qtc_bazett_ms": fridericia})[name]:
                measured, agrees = fridericia, True
        found.append(
            Comparison(name, label, unit, measured, value, None, agrees, _why_number(name, measured, value, agrees))
        )
    return found


def _why_number(name: str, measured: float | None, stated: float, agrees: bool | None) -> str:
    label, unit = LABELS[name]
    if measured is None:
        return f"{label} is stated as {stated:g} {unit} and could not be measured."
    tolerance = MEASURES[name].tolerance
    verdict = f"within {tolerance:g} {unit}" if agrees else f"more than {tolerance:g} {unit} apart"
    # A decimal where the rounded number would belie the verdict.
    rounded = agreements({name: stated}, {name: round(measured), "qtc_bazett_ms": round(measured)})[name]
    shown = f"{measured:.0f}" if rounded == agrees else f"{measured:.1f}"
    return f"{label}: {stated:g} {unit} stated, {shown} {unit} measured, {verdict}."


def _compared_claims(measurements: Measurements, text: str) -> list[Comparison]:
    findings: Mapping[str, str] = extract_findings(text, remember=False)
    found = []
    for limit in LIMITS:
        claim = findings.get(limit.finding)
        if claim != "present" and not (claim == "absent" and limit.deniable):
            continue
        measured = _number(measurements, limit.measure)
        apart = None if measured is None else _apart(limit, measured, claim == "present")
        agrees = None if apart is None else apart <= _margin(limit)
        unit, why = LABELS[limit.measure][1], _why_claim(limit, measured, claim, apart)
        found.append(Comparison(limit.finding, limit.label, unit, measured, None, claim, agrees, why))
    return found


def _number(measurements: Measurements, measure: str) -> float | None:
    """Return the measurement that a claim is about; of the two QTc the one that is fair at this rate."""
    if measure != "qtc_ms":
        return measurements.as_row()[measure]
    rate = measurements.heart_rate_bpm
    fair = rate is not None and 60 <= rate <= 100
    return measurements.qtc_bazett_ms if fair else measurements.qtc_fridericia_ms


def _margin(limit: Limit) -> float:
    """Return how far on the wrong side of a limit a measurement may be: half a stated number's tolerance."""
    return MEASURES[limit.measure].tolerance / 2


def _bounds(limit: Limit, present: bool) -> tuple[float, float]:
    """Return what a claim, or its denial, is held against."""
    low = LONG_QTC_IN_BOTH_MS if limit.finding == "long_qt" and not present else limit.low
    return low, limit.high


def _apart(limit: Limit, measured: float, present: bool) -> float:
    """Return how far a measurement lies from where a claim, or its denial, holds; not positive where it holds."""
    low, high = _bounds(limit, present)
    if limit.measure.endswith("_deg"):
        # Degrees past `low`, so that a range across 180 degrees is a plain one.
        width, measured, low = (high - low) % 360, (measured - low) % 360, 0.0
        outside = 0.0 if measured <= width else min(measured - width, 360 - measured)
        inside = min(measured, width - measured)
    else:
        outside = max(low - measured, measured - high, 0.0)
        inside = min(measured - low, high - measured)
    return outside if present else inside


def _why_claim(limit: Limit, measured: float | None, claim: str, apart: float | None) -> str:
    label, unit = LABELS[limit.measure]
    said = f"The text {'says' if claim == 'present' else 'denies'} {limit.label[0].lower()}{limit.label[1:]}"
    if measured is None or apart is None:
        return f"{said}; the {label[0].lower() + label[1:] if label[1].islower() else label} could not be measured."
    low, high = _bounds(limit, claim == "present")
    if low == -_OPEN:
        meaning = f"under {high:g} {unit}"
    elif high == _OPEN:
        meaning = f"{low:g} {unit} or more"
    else:
        meaning = f"{low:g} to {high:g} {unit}"
    margin = _margin(limit)
    near = f", within {margin:g} {unit} of the limit" if 0 < apart <= margin else ""
    # A decimal where the rounded number would stand on the other side.
    rounded = _apart(limit, round(measured), claim == "present")
    same = (rounded > 0, rounded <= margin) == (apart > 0, apart <= margin)
    return f"{said} ({meaning}); measured: {measured:.{0 if same else 1}f} {unit}{near}."
