"""Impulse artefacts: far larger than the QRS complexes, and narrower than any wave of the heart."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, binary_propagation, grey_closing, grey_opening

from dataset_scripts.signals.length import ONLY_BRIDGED
from ecg_measurements.detection import usual_height
from modeling_meit.ecg_signal import resample

IMPULSE_MV = 2.0
"""Smaller ones disturb neither the rate nor the median beat."""

IMPULSE_TIMES = 3.0
"""How many times a lead's usual narrow peak, the tip of its R wave, an impulse is at least."""

LONE_MV = 4.0
"""A lead's usual narrow peak from here on, and `LONE_TIMES` those of the other leads, is an impulse itself: a loose
electrode that crackles all the time. No heartbeat looks so in one lead alone."""

LONE_TIMES = 8.0

WIDEST_S = 0.03
"""Wider is no impulse: what is narrower than this is looked for, by a top-hat transform."""

_SKIRT_S = 0.006  # to both sides of what is far too large


def find_impulses(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return which samples [12, T] belong to an impulse artefact.

    A pacemaker's spike before every beat, or most, is none: it is that lead's usual narrow peak.

    Args:
        signal: float [12, T] in mV; NaN and infinities are missing samples.
        sampling_rate: in Hz.
    """
    measured = np.isfinite(signal)
    found = np.zeros(signal.shape, dtype=bool)
    low = np.min(signal, axis=1, where=measured, initial=np.inf)
    high = np.max(signal, axis=1, where=measured, initial=-np.inf)
    rows = np.flatnonzero(high - low >= IMPULSE_MV)
    if not len(rows):
        return found
    filled = resample(signal[rows], measured[rows], *ONLY_BRIDGED)[0]
    size = (1, max(3, round(WIDEST_S * sampling_rate)))
    narrow = np.maximum(filled - grey_opening(filled, size), grey_closing(filled, size) - filled)
    skirt: np.ndarray = np.ones((1, 2 * max(1, round(_SKIRT_S * sampling_rate)) + 1), dtype=bool)
    heights = np.zeros(len(signal))  # of a lead that hardly moves
    heights[rows] = [usual_height(sharp, sampling_rate) for sharp in narrow]
    others = float(np.median(heights))
    for row, sharp in zip(rows, narrow, strict=True):
        lone = heights[row] >= max(LONE_MV, LONE_TIMES * others)
        usual = others if lone else heights[row]
        far = sharp >= max(IMPULSE_MV, IMPULSE_TIMES * usual)
        if far.any():
            whole = binary_propagation(far, mask=sharp > usual)
            found[row] = binary_dilation(whole[None], skirt)[0]
    return found


def impulse_count(impulses: np.ndarray) -> int:
    """Return how many impulses [12, T] there are; one that several leads show counts once."""
    any_lead = impulses.any(axis=0)
    return int(np.count_nonzero(np.diff(any_lead.astype(np.int8), prepend=0) == 1))
