"""Plain measurements of a 12-lead signal: the R peaks, the median beat, and each lead's wave amplitudes.

The tests hold the generator to its own truth with them, and `compare` puts them beside a real archive. They are made
for clean resting ECGs and are no diagnostic delineator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, find_peaks, sosfiltfilt

INDEPENDENT_ROWS = np.array([0, 1, 6, 7, 8, 9, 10, 11])
"""Rows of the eight measured leads in the standard order; the other four follow from I and II."""


@dataclass(frozen=True)
class MedianBeat:
    """The median of a record's beats, baseline taken off just before the QRS.

    Attributes:
        values: float64 [12, T] in mV.
        r_index: the sample of the R peak.
        qrs_onset: the first sample of the QRS over all leads.
        qrs_end: the last one.
        sampling_rate: in Hz.
    """

    values: np.ndarray
    r_index: int
    qrs_onset: int
    qrs_end: int
    sampling_rate: int

    def window(self, start_ms: float, end_ms: float, anchor: int) -> np.ndarray:
        """Return the samples [12, n] from `start_ms` to `end_ms` after the sample `anchor`."""
        start = anchor + round(start_ms * self.sampling_rate / 1000)
        end = anchor + round(end_ms * self.sampling_rate / 1000)
        return self.values[:, max(0, start) : max(0, end) + 1]


def spatial_activity(signal: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Return the smoothed slope over the eight independent leads [T], in mV/s: high in a QRS only."""
    top = min(25.0, 0.45 * sampling_rate)
    sos = butter(2, [5.0, top], btype="bandpass", fs=sampling_rate, output="sos")
    leads = np.asarray(sosfiltfilt(sos, signal[INDEPENDENT_ROWS].astype(np.float64), axis=1))
    speed = np.sqrt(np.sum(np.gradient(leads, axis=1) ** 2, axis=0)) * sampling_rate
    width = max(3, round(0.09 * sampling_rate))
    return np.convolve(speed, np.hanning(width + 2)[1:-1] / (width / 2), mode="same")


def r_peaks(signal: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Return the samples [n] at which the heart vector is longest, one a QRS, from `signal` [12, T] in mV."""
    activity = spatial_activity(signal, sampling_rate)
    high = np.percentile(activity, 97)
    peaks, _ = find_peaks(activity, height=0.25 * high, distance=max(1, round(0.27 * sampling_rate)))
    leads = signal[INDEPENDENT_ROWS].astype(np.float64)
    length = np.sqrt(np.sum((leads - np.median(leads, axis=1, keepdims=True)) ** 2, axis=0))
    reach = round(0.06 * sampling_rate)
    found = []
    for peak in peaks:
        start, end = max(0, peak - reach), min(len(length), peak + reach + 1)
        found.append(start + int(np.argmax(length[start:end])))
    return np.unique(np.array(found, dtype=np.int64))


def median_beat(
    signal: np.ndarray,
    sampling_rate: int,
    before_ms: float = 320.0,
    after_ms: float = 520.0,
    peaks: np.ndarray | None = None,
) -> MedianBeat:
    """Return the median beat of `signal` [12, T] in mV.

    Args:
        signal: [12, T] in mV.
        sampling_rate: in Hz.
        before_ms: how much before the R peak is kept.
        after_ms: how much after it.
        peaks: R peaks to use; by default those `r_peaks` finds.

    Raises:
        ValueError: no whole beat lies in the record.
    """
    before = round(before_ms * sampling_rate / 1000)
    after = round(after_ms * sampling_rate / 1000)
    peaks = r_peaks(signal, sampling_rate) if peaks is None else peaks
    inside = [p for p in peaks if p - before >= 0 and p + after < signal.shape[1]]
    if not inside:
        raise ValueError(f"no whole beat in {signal.shape[1] / sampling_rate:.1f} s of signal; give a longer record")
    beats = np.stack([signal[:, p - before : p + after + 1] for p in inside]).astype(np.float64)
    # Each beat is levelled before the median, so that a wandering baseline does not blur it.
    level = beats[:, :, max(0, before - round(0.09 * sampling_rate)) : before - round(0.05 * sampling_rate)]
    beat = np.median(beats - np.median(level, axis=2, keepdims=True), axis=0)
    onset, end = _qrs_bounds(beat, before, sampling_rate)
    near = beat[:, max(0, onset - round(0.02 * sampling_rate)) : max(1, onset)]
    return MedianBeat(beat - np.median(near, axis=1, keepdims=True), before, onset, end, sampling_rate)


def _qrs_bounds(beat: np.ndarray, r_index: int, sampling_rate: int) -> tuple[int, int]:
    """Return the first and last sample round `r_index` at which the eight leads together still move fast."""
    speed = np.sqrt(np.sum(np.gradient(beat[INDEPENDENT_ROWS], axis=1) ** 2, axis=0))
    reach = round(0.13 * sampling_rate)
    start, stop = max(0, r_index - reach), min(len(speed), r_index + reach + 1)
    limit = 0.12 * float(np.max(speed[start:stop]))
    quiet = max(1, round(0.012 * sampling_rate))
    onset = r_index
    while onset > start and np.max(speed[max(0, onset - quiet) : onset]) > limit:
        onset -= 1
    end = r_index
    while end < stop - 1 and np.max(speed[end + 1 : end + 1 + quiet]) > limit:
        end += 1
    return onset, end


def wave_amplitudes(beat: MedianBeat) -> dict[str, np.ndarray]:
    """Return per lead [12], in mV: `p`, `q`, `r`, `s`, `st`, `t` (signed extremes) and `peak_to_peak`.

    P is the extreme from 240 ms to 40 ms before the QRS, r its maximum, q and s the minima before and after it, st the
    level 40 ms after its end, t the extreme from 80 ms to 380 ms after its end.
    """
    qrs = beat.values[:, beat.qrs_onset : beat.qrs_end + 1]
    top = np.argmax(qrs, axis=1)
    q = np.array([min(0.0, float(row[: k + 1].min())) for row, k in zip(qrs, top, strict=True)])
    s = np.array([min(0.0, float(row[k:].min())) for row, k in zip(qrs, top, strict=True)])
    return {
        "p": _extreme(beat.window(-240, -40, beat.qrs_onset)),
        "q": q,
        "r": np.maximum(0.0, qrs.max(axis=1)),
        "s": s,
        "st": beat.window(40, 40, beat.qrs_end)[:, 0],
        "t": _extreme(beat.window(80, 380, beat.qrs_end)),
        "peak_to_peak": np.ptp(beat.values, axis=1),
    }


def _extreme(window: np.ndarray) -> np.ndarray:
    """Return per row the value farthest from zero."""
    return np.asarray(window[np.arange(len(window)), np.argmax(np.abs(window), axis=1)])
