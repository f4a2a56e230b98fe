"""The median beat of the dominant form, and each lead's wave amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from ecg_measurements.delineation import qrs_bounds
from ecg_measurements.detection import INDEPENDENT_ROWS, r_peaks

ALIKE = 0.9
"""Correlation from which two QRS complexes have one form."""

PREMATURE = 0.8
"""A beat that comes before this part of the usual RR interval is premature: its P and T are not the usual ones."""

BRIDGED_S = 0.02
"""A gap of the median beat that is no longer is bridged by a straight line: two samples at 100 Hz."""

_CORE_S = 0.15  # to both sides of the R peak: what the bounds of the QRS are looked for in


@dataclass(frozen=True)
class MedianBeat:
    """The median of a record's beats, baseline taken off just before the QRS.

    Attributes:
        values: float64 [K, T] in mV; NaN where no beat was measured.
        r_index: the sample of the R peak.
        qrs_onset: the first sample of the QRS over all leads.
        qrs_end: the last one.
        sampling_rate: in Hz.
    """

    values: np.ndarray
    r_index: int
    qrs_onset: int
    qrs_end: int
    sampling_rate: float

    def window(self, start_ms: float, end_ms: float, anchor: int) -> np.ndarray:
        """Return the samples [K, n] from `start_ms` to `end_ms` after the sample `anchor`."""
        start = anchor + round(start_ms * self.sampling_rate / 1000)
        end = anchor + round(end_ms * self.sampling_rate / 1000)
        return self.values[:, max(0, start) : max(0, end) + 1]


def dominant_beats(signal: np.ndarray, sampling_rate: float, peaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which beats have the record's dominant form, and their R peaks aligned to each other.

    The form is that of the QRS complex which most others resemble; each is shifted by up to 30 ms to where it
    resembles that one best.

    Args:
        signal: [K, T] in mV.
        sampling_rate: in Hz.
        peaks: R peaks [n], in order of time.

    Returns:
        bool [n], and the R peaks [n], moved where the beat is of the dominant form.
    """
    before, after = round(0.08 * sampling_rate), round(0.10 * sampling_rate)
    shift = round(0.03 * sampling_rate)
    padded = np.pad(signal, ((0, 0), (before + shift, after + shift + 1)), mode="edge")
    long = np.stack([padded[:, peak : peak + before + after + 2 * shift + 1] for peak in peaks])
    shifts = np.lib.stride_tricks.sliding_window_view(long, before + after + 1, axis=2)  # [n, K, shifts, width]
    forms = shifts - shifts.mean(axis=3, keepdims=True)
    size = np.sqrt(np.einsum("nksw,nksw->ns", forms, forms))
    own = forms[:, :, shift]
    likeness = np.einsum("nksw,mkw->nms", forms, own, optimize=True)
    likeness /= np.maximum(size[:, None] * size[None, :, shift, None], 1e-12)
    best = likeness.max(axis=2)
    model = int(np.argmax(np.sum(np.where(best >= ALIKE, best, 0.0), axis=0)))
    moved = peaks + np.argmax(likeness[:, model], axis=1) - shift
    dominant = best[:, model] >= ALIKE
    return dominant, np.where(dominant, moved, peaks)


def beat_stack(
    signal: np.ndarray,
    sampling_rate: float,
    peaks: np.ndarray,
    before_ms: float,
    after_ms: float,
    measured: np.ndarray | None = None,
) -> np.ndarray:
    """Return the beats [n, K, T] round `peaks`, NaN where nothing was recorded or `measured` [K, T] is False."""
    before = round(before_ms * sampling_rate / 1000)
    after = round(after_ms * sampling_rate / 1000)
    known = signal if measured is None else np.where(measured, signal, np.nan)
    padded = np.pad(known.astype(np.float64), ((0, 0), (before, after + 1)), constant_values=np.nan)
    return np.stack([padded[:, peak : peak + before + after + 1] for peak in peaks])


def median_beat(
    signal: np.ndarray,
    sampling_rate: float,
    before_ms: float = 320.0,
    after_ms: float = 520.0,
    peaks: np.ndarray | None = None,
) -> MedianBeat:
    """Return the median beat of `signal` [12, T] in mV.

    Args:
        signal: [12, T] in mV without missing samples.
        sampling_rate: in Hz.
        before_ms: how much before the R peak is kept.
        after_ms: how much after it.
        peaks: R peaks to use; by default those `r_peaks` finds.

    Raises:
        ValueError: no whole beat lies in the record.
    """
    peaks = r_peaks(signal, sampling_rate) if peaks is None else peaks
    before, after = before_ms * sampling_rate / 1000, after_ms * sampling_rate / 1000
    inside = np.array([p for p in peaks if p - before >= 0 and p + after < signal.shape[1]], dtype=np.int64)
    if not len(inside):
        raise ValueError(f"no whole beat in {signal.shape[1] / sampling_rate:.1f} s of signal; give a longer record")
    return median_of(beat_stack(signal, sampling_rate, inside, before_ms, after_ms), round(before), sampling_rate)


def median_of(beats: np.ndarray, r_index: int, sampling_rate: float) -> MedianBeat:
    """Return the median of `beats` [n, K, T] in mV, whose R peaks are at `r_index`; NaN takes no part.

    Each is levelled before, so that a wandering baseline does not blur the median. A lead that was not measured round
    the QRS in any beat is zero throughout; of the others, short gaps are bridged (`BRIDGED_S`).
    """
    start, end = r_index - round(0.09 * sampling_rate), r_index - round(0.05 * sampling_rate)
    beats = beats - _known_median(beats[:, :, max(0, start) : end], axis=2)
    beat = _known_median(beats, axis=0)[0]
    core = slice(max(0, r_index - round(_CORE_S * sampling_rate)), r_index + round(_CORE_S * sampling_rate))
    beat[np.isnan(beat[:, core]).any(axis=1)] = 0.0
    for row in beat:
        _bridge(row, round(BRIDGED_S * sampling_rate))
    eight = beat[INDEPENDENT_ROWS] if len(beat) == 12 else beat
    onset, end = qrs_bounds(eight, r_index, sampling_rate)
    near = beat[:, max(0, onset - round(0.02 * sampling_rate)) : max(1, onset)]
    return MedianBeat(beat - np.median(near, axis=1, keepdims=True), r_index, onset, end, sampling_rate)


def _known_median(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the median of what is no NaN, with `axis` kept; NaN where nothing is.

    numpy's own says so with a warning each time, and to silence one is not safe in a server of several threads.
    """
    known = ~np.isnan(values).all(axis=axis, keepdims=True)
    return np.where(known, np.nanmedian(np.where(known, values, 0.0), axis=axis, keepdims=True), np.nan)


def _bridge(row: np.ndarray, longest: int) -> None:
    """Fill the gaps of a lead [T] that are at most `longest` samples long, in place; its ends stay as they are."""
    known = np.flatnonzero(~np.isnan(row))
    for gap in np.flatnonzero(np.diff(known) > 1):
        before, after = known[gap], known[gap + 1]
        if after - before <= longest + 1:
            row[before : after + 1] = np.linspace(row[before], row[after], after - before + 1)


def wave_amplitudes(beat: MedianBeat) -> dict[str, np.ndarray]:
    """Return per lead [12], in mV: `p`, `q`, `r`, `s`, `st`, `t` (signed extremes) and `peak_to_peak`.

    P is the extreme from 240 ms to 40 ms before the QRS, r its maximum, q and s the minima before and after it, st the
    level 40 ms after its end, t the extreme from 80 ms to 380 ms after its end.
    """
    qrs = beat.values[:, beat.qrs_onset : beat.qrs_end + 1]
    top = [_r_peak(row) for row in qrs]
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


def _r_peak(qrs: np.ndarray) -> int:
    """Return the highest peak of a lead's QRS [T]; 0 where there is none. A raised ST segment at its end is no peak."""
    peaks, _ = find_peaks(qrs)
    return int(peaks[np.argmax(qrs[peaks])]) if len(peaks) else 0


def _extreme(window: np.ndarray) -> np.ndarray:
    """Return per row the value farthest from zero."""
    return np.asarray(window[np.arange(len(window)), np.argmax(np.abs(window), axis=1)])
