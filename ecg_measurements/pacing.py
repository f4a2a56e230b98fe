"""Pacemaker spikes: narrower than any wave of the heart, and always as long before the QRS."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

FEWEST_HZ = 400.0
"""A spike lasts under 2 ms; a coarser recording has smoothed it away (Kligfield et al., Circulation 115:1306, 2007)."""

SPIKE_MV = 0.25
"""Length, over all leads, of what a median filter of 10 ms takes away."""

_WIDTH_S = 0.010
_BEFORE_S = (0.30, 0.025)  # of the R peak: an atrial spike at the farthest, the QRS itself at the nearest
_LOCKED_S = 0.012
_SHARE = 0.6


def has_pacing_spikes(signal: np.ndarray, sampling_rate: float, r_times: np.ndarray) -> bool | None:
    """Return whether most beats follow a spike at one and the same distance; None where the rate cannot hold one.

    Args:
        signal: [K, T] in mV, not filtered, without missing samples.
        sampling_rate: in Hz.
        r_times: R peaks in s [n].
    """
    if sampling_rate < FEWEST_HZ:
        return None
    width = 2 * round(_WIDTH_S * sampling_rate / 2) + 1
    sharp = np.linalg.norm(signal - median_filter(signal, size=(1, width), mode="nearest"), axis=0)
    far, near = (round(time * sampling_rate) for time in _BEFORE_S)
    distances = []
    for r in np.round(r_times * sampling_rate).astype(int):
        before = sharp[max(0, r - far) : max(0, r - near)]
        if len(before) and before.max() >= SPIKE_MV:
            distances.append((len(before) - int(np.argmax(before))) / sampling_rate)
    if not distances:
        return False
    locked = np.abs(np.array(distances) - np.median(distances)) <= _LOCKED_S
    return bool(locked.sum() >= max(3, _SHARE * len(r_times)))
