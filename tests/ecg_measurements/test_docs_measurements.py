"""docs/measurements.md: its first snippet runs, and its numbers are the code's."""

from __future__ import annotations

import re
from pathlib import Path

from ecg_measurements.measure import NOISY, P_ALIKE
from ecg_measurements.preparation import FEWEST_HZ, WORKING_RATE
from ecg_measurements.quality_remarks import MAINS_UV, NOISE_UV, WANDER_UV
from eval_suite.measured_text import LIMITS

GUIDE = (Path(__file__).parents[2] / "docs" / "measurements.md").read_text("utf-8")


def test_the_snippet_runs_and_says_what_the_guide_says() -> None:
    names: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)[0], names)
    measured, record = names["measured"], names["record"]
    assert measured.qrs_duration_ms is not None
    assert measured.notes == ()
    assert names["quality_remarks"](record.signal, record.sampling_rate) == []
    (first, second) = names["compare_with_text"](measured, "Sinus tachycardia. PR 160 ms.")
    assert [(found.name, found.agrees) for found in (first, second)] == [
        ("pr_interval_ms", False),
        ("tachycardia", False),
    ]


def test_its_limits_are_the_code_s() -> None:
    for limits in (NOISE_UV, MAINS_UV, WANDER_UV):
        assert f"| {limits[0]:g} uV | {limits[1]:g} uV |" in GUIDE
    for number in (f"{100 * NOISY:g} % of the QRS", f"by {P_ALIKE} or more", f"{FEWEST_HZ:g} Hz", f"{WORKING_RATE} Hz"):
        assert number in GUIDE, number
    for limit in LIMITS:
        numbers = [value for value in (limit.low, limit.high) if abs(value) < 1000]
        assert all(re.search(rf"(?<!\d){value:g}(?!\d)", GUIDE) for value in numbers), limit.finding
