"""Heart rate, intervals and axis as a report states them, and whether they agree with what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.lexicon import fold

_VALUE = r"(?P<value>\d+(?:[.,]\d+)?)"
_GAP = r"[^\d.,;:\n]{0,25}?[:=]?\s*"
_TIME = r"\s*(?P<unit>msec|ms|millisekunden|milliseconds|sec|sek|seconds|sekunden|s)?(?![\w%/])(?!\s*(?:°|grad|deg))"
_SPAN = r"(?:[\s\-]*(?:interval|intervals|intervall|intervallet|zeit|dauer|duration|tid|tiden|breite|width|komplex))?"
_PER_MINUTE = r"(?:/\s*min\w*|bpm|per\s+min\w*|beats?\s+per\s+min\w*|schlage\w*|slag\s*/\s*min|s/min)"


class Measure(NamedTuple):
    """How a number is stated and compared.

    Attributes:
        patterns: regular expressions on folded text, each with a group `value`, intervals with a group `unit`.
        low: the least possible value.
        high: the greatest possible value.
        tolerance: how far apart a stated and a measured value may be and still agree.
    """

    patterns: tuple[re.Pattern[str], ...]
    low: float
    high: float
    tolerance: float


def _interval(word: str, low: float, high: float, tolerance: float) -> Measure:
    return Measure((re.compile(rf"(?<!\w){word}{_SPAN}(?![a-z]){_GAP}{_VALUE}{_TIME}"),), low, high, tolerance)


# Tolerances are the project's choice: what two careful readers of the same paper differ by.
MEASURES = {
    "heart_rate_bpm": Measure(
        (
            re.compile(rf"(?<![\w.,/]){_VALUE}\s*{_PER_MINUTE}"),
            re.compile(
                r"(?<!\w)(?:heart rate|ventricular rate|vent\. rate|rate|hr|hf|herzfrequenz|frequenz|kammerfrequenz|"
                rf"puls|hjartfrekvens|frekvens|kammarfrekvens)(?!\w){_GAP}{_VALUE}(?!\s*(?:ms|s|hz|%|:)\b)(?![\w:])"
            ),
        ),
        15,
        350,
        5,
    ),
    "pr_interval_ms": _interval("(?:pr|pq)", 40, 800, 20),
    "qrs_duration_ms": _interval("qrs", 40, 300, 20),
    "qt_interval_ms": _interval(r"qt(?!\s*/\s*qtc)", 150, 800, 30),
    "qtc_ms": _interval("qtc", 150, 800, 30),
    "qrs_axis_deg": Measure(
        (
            re.compile(
                r"(?<!\w)(?:(?:qrs|el|heart|herz|frontal)?[\s\-]*(?:axis|achse|axel)|lagetyp)[^\d+\-;.\n]{0,20}?"
                r"(?P<value>[+\-]?\s?\d{1,3})\s*(?:°|grad\w*|deg\w*)"
            ),
        ),
        -180,
        270,
        15,
    ),
}
_BOTH_QT = re.compile(r"(?<!\w)qt\s*/\s*qtc\D{0,15}?(\d{3})\s*(?:ms)?\s*/\s*(\d{3})")
_BLANKS = re.compile(r"\s+")
_MEASURED_AS = {"qtc_ms": "qtc_bazett_ms"}


def _first(measure: Measure, text: str) -> float | None:
    for pattern in measure.patterns:
        for match in pattern.finditer(text):
            value = float(match["value"].replace(",", ".").replace(" ", ""))
            if "unit" in pattern.groupindex and value < 3 and not (match["unit"] or "").startswith("m"):
                value *= 1000  # seconds
            if measure.low <= value <= measure.high:
                return round(value, 3)
    return None


def stated_numbers(text: str) -> dict[str, float]:
    """The numbers that a report states, the first of each kind.

    Args:
        text: a report in English, German or Swedish.

    Returns:
        `heart_rate_bpm`, `pr_interval_ms`, `qrs_duration_ms`, `qt_interval_ms`, `qtc_ms` (any correction) and
        `qrs_axis_deg`, those that the text has. Intervals in seconds are turned into milliseconds; what no heart can
        have is left out.

    Raises:
        EcgInputError: `text` is no string.
    """
    if not isinstance(text, str):
        raise EcgInputError(f"{text!r} is no report; expected a string ('' for none)")
    # The patterns begin anew at each blank of a run, which takes long where it is long.
    folded = _BLANKS.sub(lambda blanks: "\n" if "\n" in blanks[0] else " ", fold(text))
    found = {name: value for name, measure in MEASURES.items() if (value := _first(measure, folded)) is not None}
    both = _BOTH_QT.search(folded)
    if both:
        found["qt_interval_ms"], found["qtc_ms"] = float(both[1]), float(both[2])
    return {name: found[name] for name in MEASURES if name in found}


def agreements(stated: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, bool]:
    """Whether each stated number that was also measured lies within its tolerance; axes compare round the circle.

    Args:
        stated: as from `stated_numbers`.
        measured: a record's measurements, with `qtc_bazett_ms` for the QTc.
    """
    found = {}
    for name, value in stated.items():
        other = measured.get(_MEASURED_AS.get(name, name))
        if other is not None:
            apart = abs(value - other)
            if name.endswith("_deg"):
                apart = min(apart % 360, 360 - apart % 360)
            found[name] = apart <= MEASURES[name].tolerance
    return found
