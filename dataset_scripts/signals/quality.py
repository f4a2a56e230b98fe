"""What can be said of a recording's quality from its samples alone, in a fraction of a millisecond, kept as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import rfft

from dataset_scripts.signals.extremes import FLAT_MV, Extremes
from dataset_scripts.signals.lead_check import LeadCheck, check_leads
from dataset_scripts.signals.length import ONLY_BRIDGED
from modeling_meit.ecg_signal import STANDARD_LEADS, resample

RAIL_S = 0.04
"""A lead that stays this long at exactly its largest or smallest value has met its rail."""

RAIL_MV = 1.0
"""Nearer its lead's mean than this no amplifier has its rail: a flat top there is a slow wave, coarsely digitised."""

_RAIL_SAMPLES = 4  # and no run is shorter
_WANDER_HZ = 0.5
_MAINS_HZ = (50.0, 60.0)
_MAINS_HALF_BAND_HZ = 0.3
_BACKGROUND_HZ = (1.0, 3.0)  # from the mains frequency: what the ECG and muscles have there
_SHORTEST_S = 4.0  # no hum is told from its background in less
_NOISE_LAG_S = 0.01
_NOISE_WINDOW_S = 0.1  # most of them hold no QRS complex

_NONE = (None, None, None)

FEATURES = {
    "missing_share": "float32",
    "missing_leads": "list[string]",
    "flat_leads": "list[string]",
    "saturated_leads": "list[string]",
    "baseline_wander_uv": "float32",
    "powerline_uv": "float32",
    "high_frequency_noise_uv": "float32",
    "lead_residual_uv": "float32",
    "lead_verdict": "string",
    "lead_fault": "string",
    "suspected_swap": "string",
}
"""Field of `SignalQuality.as_row()` -> its type, as the name of a `datasets.Value`, in a list where it says so."""


@dataclass(frozen=True)
class SignalQuality:
    """One recording's quality. Amplitudes are those of the worst lead that is measured and not flat; None: not known.

    Attributes:
        missing_share: of all samples, 0 to 1.
        missing_leads: without any sample.
        flat_leads: under 5 uV from peak to peak.
        saturated_leads: at one extreme value, 1 mV or more from their mean, for 40 ms or more.
        baseline_wander_uv: root mean square below 0.5 Hz.
        powerline_uv: amplitude of the hum at 50 or 60 Hz, the larger; None where the sampling rate holds neither, or
            in less than 4 s.
        high_frequency_noise_uv: root mean square of white noise that would make the same second differences over 10 ms
            between the QRS complexes; hum counts.
        lead_residual_uv: see `LeadCheck.residual_mv`.
        lead_verdict: see `LeadCheck.verdict`.
        lead_fault: what is wrong with the limb leads, in words; empty where nothing is.
        suspected_swap: electrodes that seem to be exchanged, for example "RA/LA"; empty where none.
    """

    missing_share: float
    missing_leads: tuple[str, ...]
    flat_leads: tuple[str, ...]
    saturated_leads: tuple[str, ...]
    baseline_wander_uv: float | None
    powerline_uv: float | None
    high_frequency_noise_uv: float | None
    lead_residual_uv: float | None
    lead_verdict: str
    lead_fault: str
    suspected_swap: str

    def as_row(self) -> dict[str, object]:
        """Returns the fields as plain numbers, texts and lists, in the order of `FEATURES`."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def assess(signal: np.ndarray, sampling_rate: float, check: LeadCheck | None = None) -> SignalQuality:
    """Assesses one recording [12, T]; `check` is what `check_leads` said of it, where it was already asked."""
    check = check_leads(signal, sampling_rate) if check is None else check
    return assess_many(np.asarray(signal)[None], sampling_rate, [check])[0]


def assess_many(
    signals: np.ndarray, sampling_rate: float, checks: Sequence[LeadCheck], extremes: Extremes | None = None
) -> list[SignalQuality]:
    """Assesses recordings of one length together: several times as fast as one by one.

    Args:
        signals: float [B, 12, T] in millivolts, leads in the standard order; NaN and infinities are missing samples.
        sampling_rate: in Hz.
        checks: what `check_many` said of these.
        extremes: of these, where they have been found.
    """
    signals = np.asarray(signals, dtype=np.float32)
    extremes = extremes or Extremes.of(signals)
    with np.errstate(invalid="ignore"):  # infinities, which are missing samples
        mean = signals.mean(axis=2)
    plain = extremes.alive().all(axis=1)
    found: list[SignalQuality | None] = [None] * len(signals)
    amplitudes = zip(*_amplitudes(signals if plain.all() else signals[plain], sampling_rate), strict=True)
    saturated = _saturated(signals, *extremes, mean, sampling_rate)
    for place in np.flatnonzero(plain).tolist():
        found[place] = _quality(checks[place], next(amplitudes), saturated=_names(saturated[place]))
    return [
        _assess_flawed(signal, sampling_rate, check) if quality is None else quality
        for signal, check, quality in zip(signals, checks, found, strict=True)
    ]


def _assess_flawed(signal: np.ndarray, sampling_rate: float, check: LeadCheck) -> SignalQuality:
    """Assesses a recording with a missing sample or a flat lead."""
    measured = np.isfinite(signal)
    low = np.min(signal, axis=1, where=measured, initial=np.inf)
    high = np.max(signal, axis=1, where=measured, initial=-np.inf)
    absent = ~measured.any(axis=1)
    flat = ~absent & (high - low < FLAT_MV)
    alive = ~(absent | flat)
    filled: np.ndarray = resample(signal, measured, *ONLY_BRIDGED)[0].astype(np.float32)
    amplitudes = next(zip(*_amplitudes(filled[None, alive], sampling_rate), strict=True)) if alive.any() else _NONE
    return _quality(
        check,
        amplitudes,
        missing_share=round(1.0 - float(measured.mean()), 4),
        missing=_names(absent),
        flat=_names(flat),
        saturated=_names(alive & _saturated(signal, low, high, filled.mean(axis=1), sampling_rate)),
    )


def _quality(
    check: LeadCheck,
    amplitudes: tuple[float | None, float | None, float | None],
    missing_share: float = 0.0,
    missing: tuple[str, ...] = (),
    flat: tuple[str, ...] = (),
    saturated: tuple[str, ...] = (),
) -> SignalQuality:
    wander, powerline, noise = map(_microvolts, amplitudes)
    return SignalQuality(
        missing_share=missing_share,
        missing_leads=missing,
        flat_leads=flat,
        saturated_leads=saturated,
        baseline_wander_uv=wander,
        powerline_uv=powerline,
        high_frequency_noise_uv=noise,
        lead_residual_uv=_microvolts(check.residual_mv),
        lead_verdict=check.verdict,
        lead_fault=check.description,
        suspected_swap=check.suspected,
    )


def _amplitudes(
    signals: np.ndarray, sampling_rate: float
) -> tuple[Sequence[float | None], Sequence[float | None], Sequence[float | None]]:
    """Returns baseline wander, hum and noise in mV of the worst lead of each recording [B, K, T]."""
    records, samples = len(signals), signals.shape[2]
    if samples <= 2 * max(1, round(_NOISE_LAG_S * sampling_rate)):
        return [None] * records, [None] * records, [None] * records
    wander, powerline = _bands(signals, sampling_rate)
    return (
        wander.tolist(),
        [None] * records if powerline is None else powerline.tolist(),
        _noise(signals, sampling_rate).tolist(),
    )


def _names(chosen: np.ndarray) -> tuple[str, ...]:
    if not chosen.any():
        return ()
    return tuple(lead for lead, named in zip(STANDARD_LEADS, chosen.tolist(), strict=True) if named)


def _microvolts(millivolts: float | None) -> float | None:
    """Returns microvolts to a tenth: no more is meant, and no more is stored."""
    return None if millivolts is None else round(1000.0 * float(millivolts), 1)


def _saturated(
    signals: np.ndarray, low: np.ndarray, high: np.ndarray, mean: np.ndarray, sampling_rate: float
) -> np.ndarray:
    """Returns which leads [..., 12] of [..., 12, T] stay long at their least or largest value, far from the mean."""
    needed = max(_RAIL_SAMPLES, round(RAIL_S * sampling_rate))
    found: np.ndarray = np.zeros(low.shape, dtype=bool)
    some = signals[..., ::needed]  # so long a run holds one of these
    with np.errstate(invalid="ignore"):  # leads with missing samples
        sides = ((low, mean - low >= RAIL_MV), (high, high - mean >= RAIL_MV))
    for extreme, far in sides:
        far[far] = (some[far] == extreme[far, None]).any(axis=-1)
        for place in zip(*np.nonzero(far), strict=True):
            at = signals[place] == extreme[place]
            if np.count_nonzero(at) >= needed:
                edges = np.flatnonzero(np.diff(at, prepend=False, append=False))
                found[place] |= (edges[1::2] - edges[::2]).max() >= needed
    return found


@lru_cache(maxsize=32)
def _bins(samples: int, sampling_rate: float) -> tuple[slice, list[tuple[slice, list[slice]]]]:
    """Returns the bins of `rfft` below 0.5 Hz, and those of each mains frequency with its two neighbourhoods."""

    def between(first: float, last: float) -> slice:
        step = sampling_rate / samples
        return slice(int(np.ceil(first / step - 1e-9)), int(np.floor(last / step + 1e-9)) + 1)

    near, far = _BACKGROUND_HZ
    mains = [
        (
            between(hertz - _MAINS_HALF_BAND_HZ, hertz + _MAINS_HALF_BAND_HZ),
            [between(hertz - far, hertz - near), between(hertz + near, hertz + far)],
        )
        for hertz in _MAINS_HZ
        if hertz + far < sampling_rate / 2 and samples >= _SHORTEST_S * sampling_rate
    ]
    wander = between(0.0, _WANDER_HZ)
    return slice(1, max(2, wander.stop)), mains


@lru_cache(maxsize=32)
def _slow_waves(samples: int, stop: int) -> np.ndarray:
    """Returns cosines and sines [samples, 2 * (stop - 1)] of the first bins: their few sums need no whole transform."""
    phase = 2 * np.pi / samples * np.outer(np.arange(samples), np.arange(1, stop))
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


def _bands(signals: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns baseline wander and hum [B] of the worst lead of each recording [B, K, T] in mV."""
    samples = signals.shape[2]
    wander, mains = _bins(samples, float(sampling_rate))
    waves = signals @ _slow_waves(samples, wander.stop)
    # Parseval: a band's mean square is 2 * power / T^2; a sine's amplitude is the root of twice its mean square.
    drift = np.sqrt(2.0 * np.einsum("rkf,rkf->rk", waves, waves).max(axis=1)) / samples
    if not mains:
        return drift, None
    spectrum = rfft(signals, axis=2)

    def power(band: slice) -> np.ndarray:
        part = spectrum[:, :, band]
        return np.einsum("rkf,rkf->rk", part, part.conj()).real

    # The background's power a bin, times the bins, is what of the band is no hum.
    hum = [
        power(band) - sum(power(part) / (part.stop - part.start) for part in around) / 2 * (band.stop - band.start)
        for band, around in mains
    ]
    return drift, 2.0 * np.sqrt(np.maximum(0.0, np.max(hum, axis=(0, 2)))) / samples


def _noise(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Returns the high-frequency noise [B] of the worst lead of each recording [B, K, T] in mV."""
    lag = max(1, round(_NOISE_LAG_S * sampling_rate))
    second = 2.0 * signals[:, :, lag:-lag]
    np.subtract(signals[:, :, 2 * lag :], second, out=second)
    second += signals[:, :, : -2 * lag]
    records, leads, samples = second.shape
    window = min(samples, max(4, round(_NOISE_WINDOW_S * sampling_rate)))
    windows = samples // window
    cut = second[:, :, : windows * window].reshape(records, leads, windows, window)
    power = np.einsum("rkwt,rkwt->rkw", cut, cut) / window
    return np.sqrt(np.partition(power, windows // 2, axis=2)[:, :, windows // 2].max(axis=1) / 6.0)
