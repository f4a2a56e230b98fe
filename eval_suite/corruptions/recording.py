"""What happens to a whole recording: a wrong gain, another sampling rate, a shorter one."""

from __future__ import annotations

import numpy as np

from modeling_meit.ecg_signal import rate_ratio, resample

Recording = tuple[np.ndarray, float]


def gain_error(signal: np.ndarray, sampling_rate: float, factor: float, rng: np.random.Generator) -> Recording:
    """Multiplies every lead by `factor`, as where 5 or 20 mm/mV are read as 10; draws nothing.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        factor: above 0.
        rng: not used.
    """
    return signal * np.float32(factor), sampling_rate


def other_rate(signal: np.ndarray, sampling_rate: float, hertz: float, rng: np.random.Generator) -> Recording:
    """Resamples as an archive of that rate would have it, and gives it with that rate; draws nothing.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz.
        hertz: the new rate; the record's own changes nothing.
        rng: not used.
    """
    up, down = rate_ratio(sampling_rate, hertz)
    if up == down:
        return signal.copy(), sampling_rate
    new, measured = resample(signal, np.isfinite(signal), up, down)
    return np.where(measured, new, np.nan).astype(np.float32), hertz


def first_seconds(signal: np.ndarray, sampling_rate: float, seconds: float, rng: np.random.Generator) -> Recording:
    """Keeps the first `seconds`; a record that is no longer stays as it is. Draws nothing.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        seconds: above 0.
        rng: not used.
    """
    return signal[:, : max(1, round(seconds * sampling_rate))].copy(), sampling_rate


def any_seconds(signal: np.ndarray, sampling_rate: float, seconds: float, rng: np.random.Generator) -> Recording:
    """Keeps `seconds` from a random place; a record that is no longer stays as it is.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        seconds: above 0.
        rng: draws the place.
    """
    place = rng.random()
    kept = min(signal.shape[1], max(1, round(seconds * sampling_rate)))
    start = round(place * (signal.shape[1] - kept))
    return signal[:, start : start + kept].copy(), sampling_rate
