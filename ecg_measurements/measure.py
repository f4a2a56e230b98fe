"""Heart rate, intervals and axis of a 12-lead recording, from its signal alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_measurements.delineation import T_PEAK, p_onset, smoothed, t_end
from ecg_measurements.detection import REFRACTORY_S, r_peaks, spatial_activity
from ecg_measurements.impulses import find_impulses, impulse_count
from ecg_measurements.measurements import Measurements
from ecg_measurements.median_beat import PREMATURE, MedianBeat, beat_stack, dominant_beats, median_of
from ecg_measurements.pacing import has_pacing_spikes
from ecg_measurements.preparation import FEWEST_HZ, WORKING_RATE, Prepared, prepare
from modeling_meit.ecg_signal import STANDARD_LEADS, check_sampling_rate

FEWEST_BEATS = 3

LONGEST_S = 60.0
"""Of a longer recording the beginning is measured: every beat is compared with every other."""

IRREGULAR = 0.1
"""Median deviation of the RR intervals (times 1.48), as a part of their median, from which a rhythm is irregular."""

P_ALIKE = 0.65
"""Correlation of the stretches before the QRS, beat against the mean of the others, from which there is a P wave."""

CONTRAST = 4.0
"""How many times steeper the QRS complexes are than the quietest quarter of the recording, under which they cannot be
told from noise."""

NOISY = 0.065
"""Root mean square of what the beats have beside their median, as a part of the QRS, from which nothing is measured
but the rate."""

FEW_ALIKE = 0.5
"""Smaller a share of beats of one form is no dominant one."""

NET_QRS = 0.1
"""Net QRS of I and aVF together, as a part of their peak-to-peak, under which the axis is undetermined."""

NET_QRS_MV = 0.03
_BEFORE_MS = 460.0
_AFTER_MS = 720.0
_R_INDEX = round(_BEFORE_MS * WORKING_RATE / 1000)


def measure_ecg(signal: np.ndarray, sampling_rate: float) -> Measurements:
    """Measure a recording; what cannot be measured is None, and the notes say why.

    Methods, limits and errors are in docs/measurements.md. Research use only.

    Args:
        signal: float [12, T] in mV, standard lead order; NaN and infinities are missing samples.
        sampling_rate: in Hz.

    Raises:
        EcgInputError: another shape or type, no sample, or a sampling rate that is no positive number.
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[0] != len(STANDARD_LEADS) or signal.shape[1] == 0:
        raise EcgInputError(f"signal has shape {signal.shape}, expected (12, T) with T of at least 1; leads in rows")
    if not np.issubdtype(signal.dtype, np.floating):
        raise EcgInputError(f"signal has dtype {signal.dtype}, expected floats in mV; divide whole microvolts by 1000")
    try:
        check_sampling_rate(sampling_rate)
    except ValueError as cause:
        raise EcgInputError(str(cause)) from cause
    if sampling_rate < FEWEST_HZ:
        return Measurements(notes=(f"Sampled at {sampling_rate:g} Hz: too coarse to be measured.",))
    if signal.shape[1] < 2 * sampling_rate:
        return Measurements(notes=(f"Only {signal.shape[1] / sampling_rate:.1f} s long: too short to be measured.",))
    longest = round(LONGEST_S * sampling_rate)
    beginning = signal[:, :longest]
    impulses = find_impulses(beginning, sampling_rate)
    prepared = prepare(np.where(impulses, np.nan, beginning), sampling_rate)
    if impulses.any():
        count = impulse_count(impulses)
        spikes = "one narrow spike" if count == 1 else f"{count} narrow spikes"
        left_out = f"Left out: {spikes} far larger than the QRS complexes."
        prepared = replace(prepared, notes=(left_out, *prepared.notes))
    if signal.shape[1] > longest:
        first = f"Measured on the first {LONGEST_S:g} s of {signal.shape[1] / sampling_rate:.0f} s."
        prepared = replace(prepared, notes=(first, *prepared.notes))
    if len(prepared.leads) == 0:
        return Measurements(notes=("No lead can be measured: all are flat or without samples.",))
    peaks = r_peaks(prepared.leads, WORKING_RATE)
    if len(peaks) < FEWEST_BEATS:
        notes = (*prepared.notes, f"{len(peaks)} beats were found, {FEWEST_BEATS} are needed to measure anything.")
        return Measurements(beats=len(peaks), notes=notes)
    activity = spatial_activity(prepared.leads, WORKING_RATE)
    if np.median(activity[peaks]) < CONTRAST * np.percentile(activity, 25):
        return Measurements(notes=(*prepared.notes, "Too noisy: no beats can be told from the noise."))
    return _measured(prepared, peaks)


def _measured(prepared: Prepared, peaks: np.ndarray) -> Measurements:
    """Measure a recording with beats enough."""
    notes = list(prepared.notes)
    dominant, peaks = dominant_beats(prepared.leads, WORKING_RATE, peaks)
    rr = np.diff(peaks) / WORKING_RATE
    whole = _without_gap(prepared.measured, peaks)
    usual = float(np.median(rr[whole]))
    irregular = _is_irregular(rr[whole & dominant[1:] & dominant[:-1]], usual)
    chosen = _typical(dominant, peaks, usual, irregular)
    stacked = _stack(prepared, peaks, chosen)
    beat = median_of(stacked, _R_INDEX, WORKING_RATE)
    found: dict[str, float | None] = {}
    paced = has_pacing_spikes(prepared.raw, prepared.raw_rate, peaks / WORKING_RATE)
    if not beat.values.any():
        notes.append("Too many samples are missing: only the rate is measured.")
    elif dominant.mean() < FEW_ALIKE or len(chosen) < FEWEST_BEATS:
        notes.append("No form of beat prevails: only the rate is measured.")
    elif not _noise(stacked, beat) <= NOISY:  # NaN: no beat is known well enough
        notes.append("Too noisy for intervals and axis: only the rate is measured.")
    else:
        axis, why = _axis(beat, prepared.frontal)
        found["qrs_axis_deg"] = axis
        notes += [why] if why else []
        if paced:
            notes.append("Pacemaker spikes: PR, QRS and QT of paced beats are not measured.")
        else:
            found |= _intervals(beat, stacked, usual, irregular, notes)
    fibrillates = irregular and "qrs_duration_ms" in found and found.get("pr_interval_ms") is None
    between = float(np.mean(rr[whole])) if fibrillates else usual
    if fibrillates:
        notes.append("Irregular without a P wave, as in atrial fibrillation: the rate is the mean.")
    found["heart_rate_bpm"] = 60.0 / between
    follows = whole & np.isin(np.arange(len(rr)), chosen) & np.isin(np.arange(len(rr)) + 1, chosen)
    found["rr_variation_ms"] = 1000 * float(np.std(rr[follows], ddof=1)) if follows.sum() >= FEWEST_BEATS else None
    qt = found.get("qt_interval_ms")
    if qt is not None:
        found["qtc_bazett_ms"] = qt / float(np.sqrt(between))
        found["qtc_fridericia_ms"] = qt / float(np.cbrt(between))
    rounded = {name: None if value is None else round(float(value), 1) + 0.0 for name, value in found.items()}
    return Measurements(beats=len(peaks), notes=tuple(notes), **rounded)


def _without_gap(measured: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Return which RR intervals [n - 1] hold no gap in all leads that a beat could hide in; all where none is left."""
    known = np.concatenate([[0], np.cumsum(measured.any(axis=0))])
    missing = np.diff(peaks) - np.diff(known[peaks])
    whole: np.ndarray = missing < REFRACTORY_S * WORKING_RATE
    return whole if whole.any() else np.ones_like(whole)


def _is_irregular(rr: np.ndarray, usual: float) -> bool:
    """Return whether the intervals `rr` between beats of the dominant form are irregular throughout."""
    if len(rr) < FEWEST_BEATS:
        return False
    return float(1.48 * np.median(np.abs(rr - np.median(rr)))) > IRREGULAR * usual


def _typical(dominant: np.ndarray, peaks: np.ndarray, usual: float, irregular: bool) -> np.ndarray:
    """Return the places of the beats of the dominant form that are not premature."""
    places = np.flatnonzero(dominant)
    before = np.diff(peaks, prepend=-(10**9)) / WORKING_RATE
    timely = places[before[places] >= PREMATURE * usual]
    return places if irregular or len(timely) < FEWEST_BEATS else timely


def _stack(prepared: Prepared, peaks: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the chosen beats [n, K, T]; what belongs to the beats before and after is NaN."""
    beats = beat_stack(prepared.leads, WORKING_RATE, peaks[chosen], _BEFORE_MS, _AFTER_MS, prepared.measured)
    times: np.ndarray = np.arange(beats.shape[2]) - _R_INDEX
    for row, place in enumerate(chosen):
        if place > 0:
            beats[row][:, times < peaks[place - 1] - peaks[place] + 0.1 * WORKING_RATE] = np.nan
        if place + 1 < len(peaks):
            beats[row][:, times > peaks[place + 1] - peaks[place] - 0.06 * WORKING_RATE] = np.nan
    return beats


def _noise(stacked: np.ndarray, beat: MedianBeat) -> float:
    """Return what the beats [n, K, T] have beside their median round the QRS, as a part of its length.

    NaN where no beat was measured there in all the leads that its median has.
    """
    near = slice(max(0, beat.qrs_onset - round(0.06 * WORKING_RATE)), beat.qrs_end + round(0.06 * WORKING_RATE))
    parts = stacked[:, :, near] - beat.values[:, near]
    top = float(np.nanmax(np.linalg.norm(beat.values[:, near], axis=0)))
    known = np.isfinite(parts)
    level = np.sum(parts, axis=2, where=known, keepdims=True) / np.maximum(1, known.sum(axis=2, keepdims=True))
    # Only instants that all leads hold: a missing lead is no quiet one.
    held = known.all(axis=1)
    power = np.sum(np.sum((parts - level) ** 2, axis=1), axis=1, where=held)
    some = held.any(axis=1)
    return float(np.sqrt(np.median(power[some] / held[some].sum(axis=1)))) / top if some.any() else np.nan


def _intervals(
    beat: MedianBeat, stacked: np.ndarray, usual: float, irregular: bool, notes: list[str]
) -> dict[str, float | None]:
    """Return PR, QRS and QT in ms, and add to `notes` what could not be measured."""
    onset, ms = beat.qrs_onset, 1000 / WORKING_RATE
    found: dict[str, float | None] = {"qrs_duration_ms": (beat.qrs_end - onset) * ms}
    # P and T border on each other in a fast heart: P as after a usual T, T before that P, then P after that T.
    rr = round(usual * WORKING_RATE)
    p = _p_wave(beat, stacked, onset - rr + round(0.40 * np.sqrt(usual) * WORKING_RATE))
    latest = onset + rr - (round(0.06 * WORKING_RATE) if p is None else onset - p)
    t = t_end(beat.values, onset, beat.qrs_end, latest, usual, WORKING_RATE)
    if t is None:
        gap = np.isnan(beat.values[:, beat.qrs_end : round(onset + T_PEAK * np.sqrt(usual) * WORKING_RATE)]).any()
        why = "Samples of the T wave are missing" if gap else "No end of T was found"
        notes.append(f"{why}: QT is not measured.")
    else:
        found["qt_interval_ms"] = (t - onset) * ms
        later = _p_wave(beat, stacked, round(t) - rr - round(0.02 * WORKING_RATE))
        p = p if later is None else later
    if p is not None:
        found["pr_interval_ms"] = (onset - p) * ms
    elif not irregular:
        before = stacked[:, :, max(0, onset - round(0.2 * WORKING_RATE)) : onset]
        gaps = np.isfinite(before).all(axis=(1, 2)).sum() < FEWEST_BEATS
        why = "Too many samples are missing" if gaps else "No P wave of one form was found"
        notes.append(f"{why} before the QRS: PR is not measured.")
    return found


def _p_wave(beat: MedianBeat, stacked: np.ndarray, earliest: int) -> int | None:
    """Return the onset of P in the median beat; None where the beats have none in common."""
    found = p_onset(beat.values, beat.qrs_onset, earliest, WORKING_RATE)
    if found is None:
        return None
    start, peak = found
    first = max(0, start - round(0.02 * WORKING_RATE))
    last = min(beat.qrs_onset - round(0.02 * WORKING_RATE), peak + round(0.06 * WORKING_RATE))
    alike = _likeness(smoothed(stacked[:, :, first:last], WORKING_RATE))
    return start if alike >= P_ALIKE else None


def _likeness(parts: np.ndarray) -> float:
    """Return the median correlation of each beat's part [n, K, T] with the mean of the others'; 0 for fewer than 3."""
    kept = parts[np.isfinite(parts).all(axis=(1, 2))]
    if len(kept) < FEWEST_BEATS:
        return 0.0
    level = kept - kept.mean(axis=2, keepdims=True)
    others = (level.sum(axis=0) - level) / (len(level) - 1)
    both = np.sum(level * others, axis=(1, 2))
    size = np.sqrt(np.sum(level**2, axis=(1, 2)) * np.sum(others**2, axis=(1, 2)))
    return float(np.median(both / np.maximum(size, 1e-12)))


def _axis(beat: MedianBeat, frontal: tuple[int, int] | None) -> tuple[float | None, str]:
    """Return the axis in degrees, from the net (highest plus lowest) QRS of I and aVF, or why it is not measured.

    aVF is scaled by 2 / sqrt(3), as the augmented leads are that much shorter (Surawicz et al., Circulation 119:e235).
    """
    if frontal is None or not beat.values[list(frontal)].any(axis=1).all():
        return None, "The limb leads do not give lead I and aVF: the axis is not measured."
    qrs = beat.values[list(frontal), beat.qrs_onset : beat.qrs_end + 1]
    both = np.stack([qrs[0], 2 / np.sqrt(3) * (qrs[1] - qrs[0] / 2)])
    net = both.max(axis=1) + both.min(axis=1)
    if np.linalg.norm(net) < max(NET_QRS_MV, NET_QRS * float(np.linalg.norm(np.ptp(both, axis=1)))):
        return None, "The QRS is as much up as down in I and in aVF: the axis is undetermined."
    return float(np.rad2deg(np.arctan2(net[1], net[0]))), ""
