"""What a text states against what was measured."""

from __future__ import annotations

import pytest

from dataset_scripts.errors import EcgInputError
from ecg_measurements.measurements import Measurements
from eval_suite.findings.names import FINDINGS_BY_NAME
from eval_suite.findings.stated_numbers import MEASURES
from eval_suite.measured_text import LABELS, LIMITS, compare_with_text

NORMAL = Measurements(
    heart_rate_bpm=72.0,
    pr_interval_ms=160.0,
    qrs_duration_ms=90.0,
    qt_interval_ms=380.0,
    qtc_bazett_ms=416.0,
    qtc_fridericia_ms=404.0,
    qrs_axis_deg=45.0,
    beats=12,
)


def verdicts(text: str, **changes: float | None) -> dict[str, bool | None]:
    measurements = Measurements(**{**vars(NORMAL), **changes})
    return {found.name: found.agrees for found in compare_with_text(measurements, text)}


def test_names_are_those_of_the_findings_and_the_numbers() -> None:
    assert LABELS.keys() == MEASURES.keys()
    assert all(limit.finding in FINDINGS_BY_NAME and limit.measure in LABELS for limit in LIMITS)


def test_what_the_text_does_not_speak_of_is_left_out() -> None:
    assert compare_with_text(NORMAL, "") == []
    assert compare_with_text(NORMAL, "Inferior infarction, age undetermined.") == []


@pytest.mark.parametrize(
    ("text", "name", "agrees"),
    [
        ("Heart rate 75 bpm.", "heart_rate_bpm", True),
        ("Heart rate 80 bpm.", "heart_rate_bpm", False),
        ("Herzfrequenz 71/min.", "heart_rate_bpm", True),
        ("PR interval 176 ms.", "pr_interval_ms", True),
        ("PQ-tid 0,22 s.", "pr_interval_ms", False),
        ("QRS duration 0.13 s.", "qrs_duration_ms", False),
        ("QT 390 ms.", "qt_interval_ms", True),
        ("QRS axis 55 degrees.", "qrs_axis_deg", True),
        ("QRS axis -60 degrees.", "qrs_axis_deg", False),
    ],
)
def test_stated_numbers(text: str, name: str, agrees: bool) -> None:
    (found,) = (one for one in compare_with_text(NORMAL, text) if one.claim is None)
    assert (found.name, found.agrees) == (name, agrees)
    assert found.stated is not None
    assert found.measured == getattr(NORMAL, name)
    assert found.label in found.why
    assert f"{found.stated:g}" in found.why


def test_a_stated_qtc_may_be_either_correction() -> None:
    text = "QTc 372 ms."
    (found,) = compare_with_text(Measurements(qtc_bazett_ms=430.0, qtc_fridericia_ms=395.0), text)
    assert (found.agrees, found.measured) == (True, 395.0)
    (found,) = compare_with_text(Measurements(qtc_bazett_ms=430.0, qtc_fridericia_ms=425.0), text)
    assert (found.agrees, found.measured) == (False, 430.0)


@pytest.mark.parametrize(
    ("text", "measure", "yes", "no", "finding"),
    [
        ("Sinus bradycardia.", "heart_rate_bpm", 48.0, 72.0, "bradycardia"),
        ("Sinustachykardie.", "heart_rate_bpm", 120.0, 72.0, "tachycardia"),
        ("First degree AV block.", "pr_interval_ms", 230.0, 160.0, "prolonged_pr_interval"),
        ("AV-Block I. Grades.", "pr_interval_ms", 230.0, 160.0, "prolonged_pr_interval"),
        ("Short PR interval.", "pr_interval_ms", 100.0, 160.0, "short_pr_interval"),
        ("Left bundle branch block.", "qrs_duration_ms", 150.0, 90.0, "bundle_branch_block"),
        ("Left axis deviation.", "qrs_axis_deg", -50.0, 20.0, "left_axis_deviation"),
        ("Right axis deviation.", "qrs_axis_deg", 120.0, 20.0, "right_axis_deviation"),
        ("Normal axis.", "qrs_axis_deg", 20.0, -60.0, "normal_axis"),
    ],
)
def test_claims(text: str, measure: str, yes: float, no: float, finding: str) -> None:
    assert verdicts(text, **{measure: yes})[finding] is True
    assert verdicts(text, **{measure: no})[finding] is False
    assert verdicts(text, **{measure: None})[finding] is None


def test_near_the_limit_a_claim_agrees_either_way() -> None:
    for rate in (58.0, 62.0):
        assert verdicts("Bradycardia.", heart_rate_bpm=rate)["bradycardia"] is True
        assert verdicts("No bradycardia.", heart_rate_bpm=rate)["bradycardia"] is True
    assert verdicts("No bradycardia.", heart_rate_bpm=45.0)["bradycardia"] is False


def test_a_long_qt_is_judged_by_the_correction_that_is_fair_at_the_rate() -> None:
    long = {"qtc_bazett_ms": 500.0, "qtc_fridericia_ms": 420.0}
    assert verdicts("Long QT interval.", heart_rate_bpm=72.0, **long)["long_qt"] is True
    assert verdicts("Long QT interval.", heart_rate_bpm=125.0, **long)["long_qt"] is False


def test_between_the_limits_of_men_and_women_long_and_not_long_both_stand() -> None:
    between = {"qtc_bazett_ms": 455.0}
    assert verdicts("Long QT interval.", **between)["long_qt"] is True
    assert verdicts("No QT prolongation.", **between)["long_qt"] is True
    assert verdicts("No QT prolongation.", qtc_bazett_ms=500.0)["long_qt"] is False


@pytest.mark.parametrize(
    ("axis", "agrees"), [(-150.0, True), (175.0, True), (-178.0, True), (-60.0, False), (60, False)]
)
def test_an_extreme_axis_goes_round_the_circle(axis: float, agrees: bool) -> None:
    assert verdicts("Extreme axis deviation.", qrs_axis_deg=axis)["extreme_axis_deviation"] is agrees


def test_no_block_says_nothing_of_the_width_and_a_hedge_nothing_at_all() -> None:
    assert verdicts("No bundle branch block.", qrs_duration_ms=130.0) == {}
    assert verdicts("Possible first degree AV block.") == {}


@pytest.mark.parametrize(
    ("text", "changes", "says"),
    [
        ("Heart rate 60/min.", {"heart_rate_bpm": 65.4}, "60 /min stated, 65.4 /min measured, more than 5 /min apart."),
        ("Heart rate 60/min.", {"heart_rate_bpm": 64.6}, "60 /min stated, 65 /min measured, within 5 /min."),
        ("Heart rate 60/min.", {"heart_rate_bpm": 66.4}, "60 /min stated, 66 /min measured, more than 5 /min apart."),
        ("QTc 400 ms.", {"qtc_bazett_ms": 430.3, "qtc_fridericia_ms": 440.0}, "430.3 ms measured, more than 30 ms"),
        ("QRS axis 179 degrees.", {"qrs_axis_deg": -165.7}, "-165.7 ° measured, more than 15 ° apart."),
    ],
)
def test_the_number_shown_does_not_belie_the_verdict(text: str, changes: dict[str, float], says: str) -> None:
    (found,) = (one for one in compare_with_text(Measurements(**{**vars(NORMAL), **changes}), text) if not one.claim)
    assert says in found.why


@pytest.mark.parametrize(
    ("text", "changes", "says"),
    [
        (
            "Long QT interval.",
            {"qtc_bazett_ms": 436.0},
            "(450 ms or more); measured: 436 ms, within 15 ms of the limit.",
        ),
        ("Long QT interval.", {"qtc_bazett_ms": 452.0}, "(450 ms or more); measured: 452 ms."),
        ("No QT prolongation.", {"qtc_bazett_ms": 452.0}, "(460 ms or more); measured: 452 ms."),
        ("No QT prolongation.", {"qtc_bazett_ms": 470.0}, "(460 ms or more); measured: 470 ms, within 15 ms of the"),
        ("No QT prolongation.", {"qtc_bazett_ms": 480.0}, "(460 ms or more); measured: 480 ms."),
        (
            "Bradycardia.",
            {"heart_rate_bpm": 60.3},
            "(under 60 /min); measured: 60.3 /min, within 2.5 /min of the limit.",
        ),
        ("Bradycardia.", {"heart_rate_bpm": 59.0}, "(under 60 /min); measured: 59 /min."),
        ("Extreme axis deviation.", {"qrs_axis_deg": 175.0}, "measured: 175 °, within 7.5 ° of the limit."),
    ],
)
def test_a_claim_says_its_limit_and_when_the_margin_decided(text: str, changes: dict[str, float], says: str) -> None:
    (found,) = (one for one in compare_with_text(Measurements(**{**vars(NORMAL), **changes}), text) if one.claim)
    assert says in found.why


def test_a_text_must_be_a_string() -> None:
    with pytest.raises(EcgInputError, match="string"):
        compare_with_text(NORMAL, None)  # type: ignore[arg-type]
