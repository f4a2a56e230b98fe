"""Where the waves of a median beat begin and end, over all leads together.

Global intervals as the AHA/ACCF/HRS recommendations want them (Kligfield et al., Circulation 115:1306, 2007): from the
earliest onset to the latest end in any lead, on beats aligned in time. QRS: where the spatial velocity, the length of
the leads' slopes, passes a small part of its largest value. T end: the tangent to the steepest part of its last limb
meets the baseline (Lepeschkin & Surawicz, Circulation 6:378, 1952). P onset: where the wave has a ninth of its height.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

QRS_SPEED = 0.045
"""Part of the largest spatial velocity at which the QRS begins and ends. Simulated waves end more sharply than real
ones, so on them this is a few milliseconds too wide (docs/measurements.md)."""

QRS_SPEED_FLOOR = 5.0
"""In mV/s: below it no QRS goes on. Nor does it below `NOISE_SPEED` times what a fifth of the beat stays under."""

NOISE_SPEED = 5.0
SURELY_QRS = 0.35
"""Part of the largest spatial velocity that P and T do not reach."""

QUIET_S = 0.016
"""So long it stays below where the QRS has begun or ended, and not in a notch."""

P_FOOT = 0.11
"""Part of the P wave's height, above what lies before it, at which it begins."""

LAST_PEAK = 0.25
"""Part of the largest peak from which a later one is the end of the T wave (a biphasic T), and not a U wave."""

T_PEAK = 0.31
"""Usual time of the T peak after the QRS onset in s, over the square root of RR in s; peaks far from it count less."""

T_PEAK_SPREAD_S = 0.13
LATEST_T = 0.62
"""Latest end of T, likewise: a QTc of 620 ms."""

SMOOTHING_S = 0.008
"""Standard deviation of the Gaussian that P and T are smoothed with: a fifth of their own limbs', so it widens them by
two to three milliseconds and takes away what noise the median has left."""

PROMINENCE = 0.08
"""Part of the longest heart vector of the search window that a peak of P or T stands out by."""


def spatial_speed(beat: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the spatial velocity of a beat [K, T] in mV, in mV/s [T]."""
    return np.sqrt(np.sum(np.gradient(beat, axis=1) ** 2, axis=0)) * sampling_rate


def qrs_bounds(beat: np.ndarray, r_index: int, sampling_rate: float) -> tuple[int, int]:
    """Return the first and last sample of the QRS round `r_index` in a beat [K, T] in mV."""
    speed = spatial_speed(beat, sampling_rate)
    reach = round(0.13 * sampling_rate)
    start, stop = max(0, r_index - reach), min(len(speed), r_index + reach + 1)
    top = float(np.max(speed[start:stop]))
    noise = float(np.nanpercentile(speed, 20))
    limit = max(QRS_SPEED * top, QRS_SPEED_FLOOR, NOISE_SPEED * noise)
    quiet = max(1, round(QUIET_S * sampling_rate))
    # From the first and the last fast stretch, so that a plateau between them is no end.
    fast: np.ndarray = start + np.flatnonzero(speed[start:stop] >= SURELY_QRS * top)
    onset, end = int(fast[0]), int(fast[-1])
    while onset > start and np.max(speed[max(0, onset - quiet) : onset]) > limit:
        onset -= 1
    while end < stop - 1 and np.max(speed[end + 1 : end + 1 + quiet]) > limit:
        end += 1
    return onset, end


def smoothed(beat: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return beats [..., T] without what is faster than P and T; samples that are missing stay so."""
    known = np.isfinite(beat)
    soft = gaussian_filter1d(np.where(known, beat, 0.0), SMOOTHING_S * sampling_rate, axis=-1)
    weight = gaussian_filter1d(known.astype(np.float64), SMOOTHING_S * sampling_rate, axis=-1)
    return np.where(known, soft / np.maximum(weight, 1e-9), np.nan)


def _whole_leads(beat: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the leads of a beat [K, T] that have no gap from sample `first` to `last`."""
    return beat[np.isfinite(beat[:, first : last + 1]).all(axis=1)]


def _held(beat: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """Return the first and last sample of a stretch that any lead holds; what is beyond belongs to other beats."""
    known = np.flatnonzero(np.isfinite(beat[:, first : last + 1]).any(axis=0))
    return (first + int(known[0]), first + int(known[-1])) if len(known) else (last, first)


def t_end(beat: np.ndarray, onset: int, end: int, latest: int, rr_s: float, sampling_rate: float) -> float | None:
    """Return the end of T as a sample (with fraction); None where no T wave stands out, or part of it is missing.

    Args:
        beat: [K, T] in mV, level with the PR segment; leads with a gap (NaN) in what is searched take no part.
        onset: of the QRS.
        end: of the QRS.
        latest: the last sample that may be of the T wave: before the next P or QRS.
        rr_s: RR interval in s, which says when a T wave usually comes.
        sampling_rate: in Hz.
    """
    root = np.sqrt(rr_s)
    first = end + round(0.06 * sampling_rate)
    wanted = min(beat.shape[1] - 1, latest, onset + round(LATEST_T * root * sampling_rate))
    last = _held(beat, first, wanted)[1]
    if last - first < round(0.1 * sampling_rate):
        return None
    beat = smoothed(_whole_leads(beat, first, last), sampling_rate)
    if not beat.any():
        return None
    length = np.linalg.norm(beat[:, first : last + 1], axis=0)
    peaks, _ = find_peaks(length, prominence=PROMINENCE * float(length.max()))
    if not len(peaks):
        return None
    late = ((peaks + first - onset) / sampling_rate - T_PEAK * root) / T_PEAK_SPREAD_S
    weight = length[peaks] * np.exp(-0.5 * late**2)
    peak = first + int(peaks[np.flatnonzero(weight >= LAST_PEAK * weight.max())[-1]])
    direction = beat[:, peak] / np.linalg.norm(beat[:, peak])
    wave = direction @ beat[:, peak : last + 1]
    slope = np.gradient(wave) if len(wave) > 1 else np.zeros(1)
    steepest = int(np.argmin(slope[: round(0.2 * sampling_rate)]))
    cut_short = last < wanted and steepest == len(slope) - 1
    if slope[steepest] >= 0 or cut_short:
        return None
    return peak + steepest - wave[steepest] / slope[steepest]


def p_onset(beat: np.ndarray, onset: int, earliest: int, sampling_rate: float) -> tuple[int, int] | None:
    """Return the onset and the peak of P as samples; None where no wave stands out, or part of it is missing.

    Args:
        beat: [K, T] in mV, level with the PR segment; leads with a gap (NaN) in what is searched take no part.
        onset: of the QRS.
        earliest: the first sample that may be of a P wave: after the T wave before.
        sampling_rate: in Hz.
    """
    last = onset - round(0.04 * sampling_rate)
    first = _held(beat, max(0, earliest), last)[0]
    if last - first < round(0.06 * sampling_rate):
        return None
    beat = smoothed(_whole_leads(beat, first, last), sampling_rate)
    if not beat.any():
        return None
    length = np.linalg.norm(beat[:, first : last + 1], axis=0)
    peaks, found = find_peaks(length, prominence=PROMINENCE * float(length.max()))
    if not len(peaks):
        return None
    peak = first + int(peaks[np.argmax(found["prominences"])])
    # The foot: the lowest point in the 0.1 s before the peak, where a T wave may not have ended.
    begin = max(first, peak - round(0.10 * sampling_rate))
    direction = beat[:, peak] / np.linalg.norm(beat[:, peak])
    wave = direction @ beat[:, begin : peak + 1]
    foot = int(np.argmin(wave))
    level = wave[foot] + P_FOOT * (wave[-1] - wave[foot])
    above = np.flatnonzero(wave[foot:] <= level)
    return begin + foot + int(above[-1]), peak
