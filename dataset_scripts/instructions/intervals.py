"""What a measured rate, axis or interval of an adult is called, with the limits said beside it.

Limits: QRS axis and duration, Surawicz et al. 2009, AHA/ACCF/HRS part III, doi 10.1161/CIRCULATIONAHA.108.191095; QTc,
Rautaharju et al. 2009, part IV, doi 10.1161/CIRCULATIONAHA.108.191096; rate 60 to 100 a minute and PR 120 to 200 ms are
the usual limits. Other limits hold in children, so nobody under 16 years gets a name; a corrected QT is not judged
beside a QRS of 120 ms or more, which lengthens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADULT_AGE = 16.0


@dataclass(frozen=True)
class Quantity:
    """One measurement.

    Attributes:
        key: in `EcgRecord.measurements`.
        phrase: what it is called.
        unit: spelled out, as after a number.
        plausible: lowest and highest value that is believed; outside of it a device has failed to measure.
        offsets: how far from the value a yes/no question may put its limit.
    """

    key: str
    phrase: str
    unit: str
    plausible: tuple[float, float]
    offsets: tuple[int, ...] = ()


RATE = Quantity("heart_rate_bpm", "heart rate", "beats per minute", (20, 300), (10, 20))
AXIS = Quantity("qrs_axis_deg", "QRS axis", "degrees", (-180, 270))
INTERVALS = (
    Quantity("pr_interval_ms", "PR interval", "ms", (60, 600), (10, 20, 30)),
    Quantity("qrs_duration_ms", "QRS duration", "ms", (40, 260), (10, 20)),
    Quantity("qt_interval_ms", "QT interval", "ms", (180, 800), (20, 30, 40)),
    Quantity("qtc_bazett_ms", "corrected QT interval (Bazett)", "ms", (250, 800), (20, 30, 40)),
)

RATE_CLASSES = ("slow (under 60)", "within 60 to 100", "fast (over 100)")
AXIS_CLASSES = (
    "normal (-30 to 90)",
    "deviated to the left (-90 to -30)",
    "deviated to the right (90 to 180)",
    "extreme (-180 to -90)",
)


def measured(measurements: Mapping[str, float], quantity: Quantity) -> int | None:
    """Returns a measurement as a whole number, the axis between -179 and 180; None where absent or not plausible."""
    value = measurements.get(quantity.key)
    low, high = quantity.plausible
    if value is None or not low <= value <= high:  # also where it is NaN
        return None
    number = round(value)
    return number - 360 if quantity is AXIS and number > 180 else number + 360 * (quantity is AXIS and number == -180)


def rate_class(beats_per_minute: int) -> str:
    """Returns one of `RATE_CLASSES`."""
    return RATE_CLASSES[0 if beats_per_minute < 60 else 1 if beats_per_minute <= 100 else 2]


def axis_class(degrees: int) -> str:
    """Returns one of `AXIS_CLASSES` for an axis above -180, up to 180."""
    if -30 <= degrees <= 90:
        return AXIS_CLASSES[0]
    if degrees > 90:
        return AXIS_CLASSES[2]
    return AXIS_CLASSES[1] if degrees >= -90 else AXIS_CLASSES[3]


def interval_class(quantity: Quantity, value: int, sex: str | None, qrs_ms: int | None) -> str | None:
    """Returns what an interval of an adult is called, None where it has no name or its limits are not known."""
    if quantity.key == "pr_interval_ms":
        return _named(value, 120, 200, "short (under 120)", "within 120 to 200", "prolonged (over 200)")
    if quantity.key == "qrs_duration_ms":
        return _named(value, 0, 110, "", "not widened (up to 110)", "widened (over 110)")
    if quantity.key != "qtc_bazett_ms" or (qrs_ms is not None and qrs_ms >= 120):
        return None
    if value <= 390:
        return "short (up to 390)"
    limits = {"male": (450, "men"), "female": (460, "women")}
    if sex in limits:
        limit, whom = limits[sex]
        if value >= limit:
            return f"prolonged (from {limit} on in {whom})"
        return f"neither short nor prolonged (391 to {limit - 1} in {whom})"
    if value >= 460:
        return "prolonged (from 460 on)"
    return "neither short nor prolonged (391 to 449)" if value < 450 else None


def _named(value: int, low: int, high: int, below: str, inside: str, above: str) -> str:
    return below if value < low else inside if value <= high else above
