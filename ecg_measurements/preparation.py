"""A recording made ready to be measured: which leads can be used, gaps bridged, one sampling rate, one bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset_scripts.signals.extremes import FLAT_MV
from dataset_scripts.signals.filters import apply
from dataset_scripts.signals.lead_check import LIMB_MATRIX, check_leads, mend_leads
from dataset_scripts.signals.length import ONLY_BRIDGED
from modeling_meit.ecg_signal import rate_ratio, resample

WORKING_RATE = 500
"""Everything is measured at this rate in Hz: a coarser recording is interpolated, so 10 ms steps do not show."""

FEWEST_HZ = 90.0
"""Below it the filter that all measurements rest on cannot be made."""

_USABLE_SHARE = 0.5


@dataclass(frozen=True)
class Prepared:
    """A recording at 500 Hz, 0.5 to 40 Hz without phase shift.

    Attributes:
        leads: float64 [K, T] in mV: I, II, V1-V6, those that could be used.
        measured: bool [K, T], False where a sample was missing.
        raw: float64 [K, T'] in mV, the same leads as recorded, gaps bridged.
        raw_rate: of these, in Hz.
        frontal: rows of I and II in `leads`; None where the limb leads do not give them.
        notes: what was mended or left out.
    """

    leads: np.ndarray
    measured: np.ndarray
    raw: np.ndarray
    raw_rate: float
    frontal: tuple[int, int] | None
    notes: tuple[str, ...]


def prepare(signal: np.ndarray, sampling_rate: float) -> Prepared:
    """Make a recording ready.

    A lead that is flat or without half of its samples is left out. I and II come from the other limb leads where they
    are missing themselves; a single limb lead that is plainly exchanged or inverted is put right.

    Args:
        signal: float [12, T] in mV, standard lead order; NaN and infinities are missing samples.
        sampling_rate: in Hz, `FEWEST_HZ` or more.
    """
    check = check_leads(signal, sampling_rate)
    notes = []
    if check.assignment is not None and not check.ambiguous:
        signal = mend_leads(signal, check)
        notes.append(f"Measured with the limb leads put right: {check.description}.")
    elif check.description:
        notes.append(f"The limb leads do not fit together: {check.description}.")
    elif check.suspected and not check.suspected.startswith("V"):  # chest electrodes change neither interval nor axis
        notes.append(f"Electrodes {check.suspected} seem exchanged: the axis is that of the leads as recorded.")
    measured = np.isfinite(signal)
    low = np.min(signal, axis=1, where=measured, initial=np.inf)
    high = np.max(signal, axis=1, where=measured, initial=-np.inf)
    usable = (measured.mean(axis=1) >= _USABLE_SHARE) & (high - low >= FLAT_MV)
    wrong = bool(check.description) and (check.assignment is None or check.ambiguous)
    values, known, frontal = _independent(signal, measured, usable, wrong)
    up, down = rate_ratio(sampling_rate, WORKING_RATE)
    leads, mask = resample(values, known, up, down)
    filtered = apply(leads, WORKING_RATE, "bandpass-0.5-40hz")
    raw = resample(values, known, *ONLY_BRIDGED)[0]
    return Prepared(filtered, mask, raw, sampling_rate, frontal, tuple(notes))


def _independent(
    signal: np.ndarray, measured: np.ndarray, usable: np.ndarray, wrong: bool
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None]:
    """Return the usable ones of I, II, V1-V6 [K, T], which samples are measured, and the rows of I and II."""
    chest = [row for row in range(6, 12) if usable[row]]
    limb = [row for row in range(6) if usable[row]]
    if wrong or (usable[0] and usable[1]) or len(limb) < 2:
        own = [row for row in limb if row < 2] or limb[:1]
        rows = [*own, *chest]
        frontal = (0, 1) if own == [0, 1] and not wrong else None
        return signal[rows].astype(np.float64), measured[rows], frontal
    both = measured[limb].all(axis=0)
    filled = np.where(both, signal[limb], 0.0).astype(np.float64)
    two = np.linalg.pinv(LIMB_MATRIX[limb]) @ filled
    return np.concatenate([two, signal[chest]]), np.concatenate([np.tile(both, (2, 1)), measured[chest]]), (0, 1)
