"""The column of times that many tables begin with, and the sampling rate it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import one_line

_NAME = re.compile(
    r"(?P<word>time|t|timestamps?|elapsed(?:[ _]time)?)?[ _]*[\[(]?(?:in )?"
    r"(?P<unit>s|sec|secs|seconds?|ms|msec|milliseconds?|[uµμ]s|usec|microseconds?)?[\])]?",
    re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6}
_RATES_FROM_SECONDS = (50.0, 50_000.0)
"""Only at these are times without a unit taken for seconds: 0.002 is a step of an ECG in seconds, 2 and 1 are not."""

_SAME_RATE = 1e-3
"""Part of a rate by which times that were rounded may be off."""


def time_column(names: Sequence[str]) -> int | None:
    """Return which column holds times, by its name; None where none does."""
    for position, name in enumerate(names):
        found = _NAME.fullmatch(name.strip())
        if found and (found["word"] or found["unit"]):
            return position
    return None


def rate_of_times(times: np.ndarray, name: str, fs: float | None) -> float | None:
    """Return the sampling rate that a column of times stands for.

    Args:
        times: [T] as in the table.
        name: of the column, perhaps with its unit.
        fs: what the user says, in Hz.

    Returns:
        In Hz; `fs` where the times agree with it. None where they say nothing, since they do not increase evenly, or in
        a unit that is not stated and is not plainly seconds.

    Raises:
        EcgInputError: the times are those of another rate than `fs`.
    """
    step = _even_step(times)
    if step is None:
        return None
    found = _NAME.fullmatch(name.strip())
    unit = found["unit"] if found else None
    possible = [1 / (seconds * step) for seconds in _SECONDS.values()]
    if unit is None and fs is not None and (step == 1 or any(_is_same(rate, fs, len(times)) for rate in possible)):
        return fs  # in one of the units, or samples that are counted
    rate = _rounded(1 / (step * _SECONDS[unit[0].lower() if unit else "s"]), len(times))
    if fs is None:
        return rate if unit or _RATES_FROM_SECONDS[0] <= rate <= _RATES_FROM_SECONDS[1] else None
    if _is_same(rate, fs, len(times)):
        return fs
    raise EcgInputError(
        f"the times in the column {one_line(name, 30)!r} increase by {step:.4g}, which is {rate:g} Hz, and you give "
        f"{fs:g} Hz; leave yours out (on the command line --fs), or correct the column"
    )


def _even_step(times: np.ndarray) -> float | None:
    """Return by how much the times increase; None where one is missing or half a step from where it should be."""
    if len(times) < 2 or not np.isfinite(times).all():
        return None
    step = float(times[-1] - times[0]) / (len(times) - 1)
    if not step > 0 or np.abs(times - times[0] - step * np.arange(len(times))).max() > step / 2:
        return None
    return step


def _rounded(rate: float, samples: int) -> float:
    """Return the whole number of Hz where that is the same rate: 499.95 Hz comes of times in milliseconds."""
    return float(round(rate)) if _is_same(rate, round(rate), samples) else rate


def _is_same(rate: float, other: float, samples: int) -> bool:
    """Whether two rates are one for a recording: half a sample apart at its end, or less than a thousandth."""
    return abs(rate - other) <= max(0.5 / samples, _SAME_RATE) * rate
