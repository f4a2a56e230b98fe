"""Disturbances that are added to a recording: white noise as the paper has it, and what recordings really suffer.

Baseline wander, hum and muscle noise come in at the nine electrodes and reach the leads as the heart's potentials do,
so they keep Einthoven's law; their strength is said of the lead that has most of it. Hum and muscle noise are made at
500 Hz (or the record's own higher rate) and brought to the record's rate by the filter that a resampled archive went
through: of a hum of 50 Hz a record of 100 Hz keeps half at most, of one of 60 Hz next to nothing. Every draw is the
same at every level.
"""

from __future__ import annotations

import numpy as np

from eval_suite.corruptions.electrodes import ELECTRODES, disturbance
from modeling_meit.ecg_signal import rate_ratio, resample

Recording = tuple[np.ndarray, float]

WANDER_HZ = (0.05, 0.45)
MUSCLE_HZ = (20.0, 150.0)
HARMONICS = {1: 1.0, 3: 0.2}
"""Share of each multiple of the mains frequency: the third is what saturated transformers make most of."""
_WANDER_WAVES = 4
_MAINS_DRIFT_HZ = 0.1  # EN 50160 lets the mains be off by 1 %; mostly they are within this
_MADE_AT_HZ = 500.0
_MARGIN_S = 0.5
_LARGEST_RELEASE_SD = 0.1


def white_noise(signal: np.ndarray, sampling_rate: float, decibels: float, rng: np.random.Generator) -> Recording:
    """Adds white Gaussian noise at a ratio of signal to noise power.

    The signal's power is that of all measured samples about their lead's mean, averaged over the leads; every lead
    gets noise of the same strength, drawn for itself, as amplifiers make it.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        decibels: 10 log10 of the ratio; 0 is as much noise as signal.
        rng: draws the noise.
    """
    noise = rng.standard_normal(signal.shape)
    measured = np.isfinite(signal)
    if not measured.any():
        return signal.copy(), sampling_rate
    count = np.maximum(measured.sum(axis=1, keepdims=True), 1)
    mean = np.where(measured, signal, 0.0).sum(axis=1, keepdims=True, dtype=np.float64) / count
    power = np.mean((signal - mean)[measured] ** 2)
    return _added(signal, noise * np.sqrt(power / 10 ** (decibels / 10))), sampling_rate


def white_noise_at_ratio(signal: np.ndarray, sampling_rate: float, ratio: float, rng: np.random.Generator) -> Recording:
    """`white_noise` at a ratio of powers as the paper prints it: .05 is -13 dB, twenty times more noise than signal."""
    return white_noise(signal, sampling_rate, 10 * float(np.log10(ratio)), rng)


def released_noise(signal: np.ndarray, sampling_rate: float, share: float, rng: np.random.Generator) -> Recording:
    """Adds noise to one random stretch, as MEIT's released code does where the paper says "SNR".

    The stretch has a length drawn from 0 to `share` of the record and a random place. Its noise is white, the same on
    all leads, of a standard deviation drawn from 0 to .1 of the record's range (largest less smallest value of all
    leads, which that code scales to 0 to 1).

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        share: of the record, 0 to 1.
        rng: draws length, place, strength and noise.
    """
    samples = signal.shape[1]
    length_drawn, place_drawn, strength_drawn = rng.random(3)
    noise = rng.standard_normal(samples)
    length = round(length_drawn * share * samples)
    start = round(place_drawn * (samples - length))
    measured = signal[np.isfinite(signal)]
    span = float(measured.max() - measured.min()) if measured.size else 0.0
    noise *= _LARGEST_RELEASE_SD * strength_drawn * span
    noise[:start] = 0.0
    noise[start + length :] = 0.0
    return _added(signal, noise[None]), sampling_rate


def baseline_wander(signal: np.ndarray, sampling_rate: float, amplitude: float, rng: np.random.Generator) -> Recording:
    """Adds slow drift: at each electrode four sines between .05 and .45 Hz, as breathing and drying skin make them.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        amplitude: half of what the baseline of the worst lead moves from lowest to highest, in mV.
        rng: draws frequencies, phases and weights.
    """
    shape = (len(ELECTRODES), _WANDER_WAVES, 1)
    frequency = rng.uniform(*WANDER_HZ, shape)
    phase = rng.uniform(0, 2 * np.pi, shape)
    weight = rng.uniform(0.2, 1.0, shape)
    times = np.arange(signal.shape[1]) / sampling_rate
    leads = disturbance((weight * np.sin(2 * np.pi * frequency * times + phase)).sum(axis=1))
    span = np.ptp(leads, axis=1).max()
    return _added(signal, leads * (2 * amplitude / span) if span > 0 else leads), sampling_rate


def hum_50(signal: np.ndarray, sampling_rate: float, amplitude: float, rng: np.random.Generator) -> Recording:
    """`hum` of 50 Hz mains."""
    return hum(signal, sampling_rate, amplitude, rng, 50.0)


def hum_60(signal: np.ndarray, sampling_rate: float, amplitude: float, rng: np.random.Generator) -> Recording:
    """`hum` of 60 Hz mains."""
    return hum(signal, sampling_rate, amplitude, rng, 60.0)


def hum(
    signal: np.ndarray, sampling_rate: float, amplitude: float, rng: np.random.Generator, mains: float
) -> Recording:
    """Adds mains hum with its third harmonic, stronger at one electrode than at another.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        amplitude: of the fundamental in the worst lead, in mV, at the electrodes: before the record's rate limits it.
        rng: draws the electrodes' shares and phases, and the frequency within .1 Hz of `mains`.
        mains: frequency in Hz.
    """
    frequency = mains + rng.uniform(-_MAINS_DRIFT_HZ, _MAINS_DRIFT_HZ)
    share = rng.uniform(0.3, 1.0, (len(ELECTRODES), 1))
    lag = rng.uniform(0, 0.5, (len(ELECTRODES), 1))
    angle = 2 * np.pi * frequency * _times(signal, sampling_rate) + rng.uniform(0, 2 * np.pi)
    potentials = share * sum(part * np.sin(order * angle + lag) for order, part in HARMONICS.items())
    fundamental = np.abs(disturbance(share * np.exp(1j * lag))).max()
    potentials *= amplitude / fundamental
    return _added(signal, disturbance(_at_rate(potentials, signal, sampling_rate))), sampling_rate


def muscle_noise(signal: np.ndarray, sampling_rate: float, strength: float, rng: np.random.Generator) -> Recording:
    """Adds muscle noise: white between 20 and 150 Hz, drawn for each electrode.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is. A record of 100 Hz keeps what lies below 50 Hz, half of the strength.
        strength: root mean square of the whole band in the worst lead, in mV, before the record's rate limits it.
        rng: draws the noise.
    """
    times = _times(signal, sampling_rate)
    made_at = max(_MADE_AT_HZ, sampling_rate)
    frequency = np.fft.rfftfreq(len(times), 1 / made_at)
    inside = np.flatnonzero((frequency >= MUSCLE_HZ[0]) & (frequency <= MUSCLE_HZ[1]))
    parts = rng.standard_normal((2, len(ELECTRODES), len(inside)))
    spectrum: np.ndarray = np.zeros((len(ELECTRODES), len(frequency)), dtype=np.complex128)
    spectrum[:, inside] = parts[0] + 1j * parts[1]
    potentials = np.fft.irfft(spectrum, n=len(times), axis=1)
    largest = np.sqrt((disturbance(potentials) ** 2).mean(axis=1)).max()
    if largest > 0:
        potentials *= strength / largest
    return _added(signal, disturbance(_at_rate(potentials, signal, sampling_rate))), sampling_rate


def _times(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """The times in s at which a disturbance is made: over the length of the record and a margin at either end."""
    made_at = max(_MADE_AT_HZ, sampling_rate)
    samples = signal.shape[1] + 2 * _margin(sampling_rate)
    return np.arange(int(np.ceil(samples * made_at / sampling_rate))) / made_at


def _at_rate(potentials: np.ndarray, signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Potentials [9, N] made at `_times`, at the record's rate and length, without what the ends do to the filter."""
    up, down = rate_ratio(max(_MADE_AT_HZ, sampling_rate), sampling_rate)
    start = _margin(sampling_rate)
    found = resample(potentials, np.ones(potentials.shape, dtype=bool), up, down)[0]
    return found[:, start : start + signal.shape[1]]


def _margin(sampling_rate: float) -> int:
    return int(np.ceil(_MARGIN_S * sampling_rate))


def _added(signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return (signal + noise).astype(np.float32)
