"""What a reader gives back, and how it becomes twelve leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import SHORTEST_S, EcgFile, one_line
from ecg_files.limits import Limits
from modeling_meit.ecg_signal import STANDARD_LEADS, order_leads, signal_problems

_RATES_HZ = (50.0, 50_000.0)
"""Between these lies every ECG recorder; a rate outside them is a unit or a header gone wrong."""

MOST_SAMPLES = 100_000_000
"""Of all leads together: 400 MB of float32."""

_COMPUTED = {
    "III": lambda one, two: two - one,
    "aVR": lambda one, two: -(one + two) / 2,
    "aVL": lambda one, two: one - two / 2,
    "aVF": lambda one, two: two - one / 2,
}
"""Einthoven's and Goldberger's equations, from leads I and II."""

_NAMES_IN_A_NOTE = 6

FORMATS_WITHOUT_UNIT = ("NumPy", "CSV")
"""These state neither unit nor, mostly, rate: the user does."""


@dataclass(frozen=True)
class Channels:
    """What a reader found.

    Attributes:
        values: float [C, T] in mV, NaN where a sample is missing.
        sampling_rate: in Hz.
        names: of the rows; None where the file has none.
        notes: see `EcgFile`.
        others: names of channels that were not read, since they are no leads.
    """

    values: np.ndarray
    sampling_rate: float
    names: Sequence[str] | None
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def lead_called(name: str) -> str | None:
    """Return the standard lead that a name means by the rules of `order_leads`, None where it means no such lead."""
    for lead in STANDARD_LEADS:
        try:
            order_leads(np.zeros((1, 1)), [name], [lead])
        except ValueError:
            continue
        return lead
    return None


def check_length(samples: int, rows: int, sampling_rate: float, limits: Limits) -> None:
    """Refuse a recording that is too long or at no rate of an ECG, before memory is taken for it.

    Args:
        samples: of one channel.
        rows: channels that are read.
        sampling_rate: in Hz.
        limits: see there.

    Raises:
        EcgInputError: it is.
    """
    check_rate_range(sampling_rate)
    if samples > limits.longest_s * sampling_rate:
        raise EcgInputError(
            f"the recording lasts {samples / sampling_rate / 3600:.4g} h, expected "
            f"{limits.longest_s / 3600:g} h at most; cut out the part to be read"
        )
    if samples * rows > MOST_SAMPLES:
        raise EcgInputError(
            f"{rows} channels of {samples} samples, expected {MOST_SAMPLES:,} samples at most; "
            "cut out the part to be read"
        )


def check_rate_range(sampling_rate: float) -> None:
    """Refuse a rate at which no ECG is recorded.

    Raises:
        EcgInputError: it lies outside 50 to 50,000 Hz or is not finite.
    """
    low, high = _RATES_HZ
    if not (math.isfinite(sampling_rate) and low <= sampling_rate <= high):
        raise EcgInputError(
            f"sampling rate {sampling_rate:g} Hz, expected {low:g} to {high:g} Hz; give or correct it in Hz"
        )


def to_ecg_file(found: Channels, name: str, kind: str, limits: Limits) -> EcgFile:
    """Put the channels of a file in the standard order by their names, and refuse what is no ECG.

    Args:
        found: by the reader.
        name: of the record.
        kind: name of the format.
        limits: see there.

    Raises:
        EcgInputError: leads are missing or there twice; more than half of them flat or without a sample; values beyond
            50 mV; shorter than 1 s or longer than the limit.
    """
    rows, samples = found.values.shape
    check_length(samples, rows, found.sampling_rate, limits)
    if samples < SHORTEST_S * found.sampling_rate:
        raise EcgInputError(
            f"the recording cannot be read as an ECG: {samples} sample{'' if samples == 1 else 's'} at "
            f"{found.sampling_rate:g} Hz, expected at least {SHORTEST_S:g} s; give the whole recording"
        )
    signal, notes = _twelve_leads(found)
    refusals, _ = signal_problems(signal, found.sampling_rate)
    if refusals:
        said = "; ".join(_to_the_user(refusal, kind) for refusal in refusals)
        raise EcgInputError(f"the recording cannot be read as an ECG: {said}")
    signal = np.ascontiguousarray(signal, dtype=np.float32)
    infinite = np.isinf(signal)
    if infinite.any():
        signal = np.where(infinite, np.float32(np.nan), signal)
        notes = (*notes, f"{int(infinite.sum())} infinite samples are taken as missing.")
    rate = int(found.sampling_rate) if found.sampling_rate == int(found.sampling_rate) else found.sampling_rate
    return EcgFile(signal, rate, STANDARD_LEADS, one_line(name) or "ecg", kind, (*found.notes, *notes))


def _to_the_user(refusal: str, kind: str) -> str:
    """Return a refusal of `signal_problems` with what somebody can do who holds a file, not an array."""
    fault, has_advice, _ = refusal.partition("; if ")
    if not has_advice:
        return fault
    if kind in FORMATS_WITHOUT_UNIT:
        remedy = "choose the unit that the values are in (on the command line --unit uV)"
    else:
        remedy = "the scale or unit in the file, or the unit that was given, is wrong: correct it"
    offset = "; if an electrode's offset was left in, subtract each lead's median" if "mV, and an ECG" in fault else ""
    return f"{fault}; {remedy}{offset}"


def _twelve_leads(found: Channels) -> tuple[np.ndarray, tuple[str, ...]]:
    values, names = found.values, found.names
    if names is None:
        if len(values) != len(STANDARD_LEADS):
            raise EcgInputError(
                f"{len(values)} leads without names; give their names in order, such as I,II,V1 "
                "(on the command line --leads I,II,V1)"
            )
        order = ", ".join(STANDARD_LEADS)
        return values, (f"The file does not name its leads: the order {order} is assumed.",)
    if not found.others and len(names) == len(STANDARD_LEADS) and all(map(lead_called, names)):
        try:
            return order_leads(values, names), ()
        except ValueError as error:
            raise EcgInputError(str(error)) from error
    rows: dict[str, int] = {}
    others = [one_line(name, 30) or "(no name)" for name in found.others]
    for row, name in enumerate(names):
        lead = lead_called(name)
        if lead is None:
            others.append(one_line(name, 30) or "(no name)")
        elif lead in rows:
            raise EcgInputError(f"lead {lead} is given twice; leave one of the two out, or correct its name")
        else:
            rows[lead] = row
    absent = [lead for lead in STANDARD_LEADS if lead not in rows]
    if not set(absent) <= set(_COMPUTED):
        raise EcgInputError(_missing(rows, absent, others))
    signal = np.empty((len(STANDARD_LEADS), values.shape[1]), dtype=values.dtype)
    one, two = values[rows["I"]], values[rows["II"]]
    for position, lead in enumerate(STANDARD_LEADS):
        signal[position] = values[rows[lead]] if lead in rows else _COMPUTED[lead](one, two)
    notes = []
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        notes.append(f"{_listed(absent)} {verb} not in the file and {verb} computed from I and II.")
    if others:
        left_out = "other channel is" if len(others) == 1 else "other channels are"
        notes.append(f"{len(others)} {left_out} left out: {_shortened(others)}.")
    return signal, tuple(notes)


def _missing(rows: dict[str, int], absent: list[str], others: list[str]) -> str:
    wanted = [lead for lead in absent if lead not in _COMPUTED or not {"I", "II"} <= rows.keys()]
    unknown = f"; unknown {_shortened(others)}" if others else ""
    return (
        f"{len(rows)} leads, missing {', '.join(wanted)}{unknown}; expected the twelve standard leads, or "
        "I, II and V1 to V6, from which the others are computed: give another file, or correct the names"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_IN_A_NOTE
    return ", ".join(names[:_NAMES_IN_A_NOTE]) + (f" and {more} more" if more > 0 else "")
