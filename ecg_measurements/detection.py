"""Where the heart beats: QRS complexes found in all leads together."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, find_peaks, sosfiltfilt

INDEPENDENT_ROWS = np.array([0, 1, 6, 7, 8, 9, 10, 11])
"""Rows of the eight measured leads in the standard order; the other four follow from I and II."""

REFRACTORY_S = 0.27
"""No two QRS complexes are nearer: 220 a minute."""

T_WAVE_S = 0.36
"""A wave so soon after a QRS and far less steep is its T wave (Pan & Tompkins, IEEE Trans Biomed Eng 32:230, 1985)."""

_HEIGHT = 0.3  # of a usual QRS
_T_HEIGHT = 0.5  # of the QRS before
_WINDOW_S = 1.2  # most hold a QRS unless there are fewer than 25 a minute
_STEEPEST = 2.0  # so many times a usual QRS counts at most, of a wave before a T wave
_REACH_S = 0.06


def spatial_activity(leads: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the smoothed slope over `leads` [K, T] in mV, in mV/s [T]: high in a QRS only."""
    top = min(25.0, 0.45 * sampling_rate)
    sos = butter(2, [5.0, top], btype="bandpass", fs=sampling_rate, output="sos")
    filtered = np.asarray(sosfiltfilt(sos, leads.astype(np.float64), axis=1))
    speed = np.sqrt(np.sum(np.gradient(filtered, axis=1) ** 2, axis=0)) * sampling_rate
    width = max(3, round(0.09 * sampling_rate))
    return np.convolve(speed, np.hanning(width + 2)[1:-1] / (width / 2), mode="same")


def usual_height(curve: np.ndarray, sampling_rate: float) -> float:
    """Return how high a curve [T] rises in most heartbeats: the median of its highest value in each 1.2 s.

    A burst of noise, a large extrasystole or a few artefacts do not move it, and neither does a pause.
    """
    window = min(len(curve), max(1, round(_WINDOW_S * sampling_rate)))
    highest = np.sort(curve[: len(curve) // window * window].reshape(-1, window).max(axis=1))
    return float(highest[len(highest) // 2])


def r_peaks(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the samples [n] at which the heart vector is longest, one a QRS.

    Args:
        signal: [12, T] in mV without missing samples; of another number of rows all count.
        sampling_rate: in Hz.
    """
    leads: np.ndarray = (signal[INDEPENDENT_ROWS] if len(signal) == 12 else signal).astype(np.float64)
    activity = spatial_activity(leads, sampling_rate)
    usual = usual_height(activity, sampling_rate)
    peaks, _ = find_peaks(activity, height=_HEIGHT * usual, distance=max(1, round(REFRACTORY_S * sampling_rate)))
    length = np.sqrt(np.sum((leads - np.median(leads, axis=1, keepdims=True)) ** 2, axis=0))
    reach = round(_REACH_S * sampling_rate)
    found: list[int] = []
    last = -np.inf
    for peak in peaks:
        soon = peak - last < T_WAVE_S * sampling_rate
        if soon and activity[peak] < _T_HEIGHT * min(float(activity[int(last)]), _STEEPEST * usual):
            continue
        last = peak
        start, end = max(0, peak - reach), min(len(length), peak + reach + 1)
        found.append(start + int(np.argmax(length[start:end])))
    return np.unique(np.array(found, dtype=np.int64))
