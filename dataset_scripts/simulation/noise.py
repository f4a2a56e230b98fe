"""What disturbs a recording: muscle noise, mains hum and baseline wander, made at the electrodes.

Made at the nine electrodes and derived like the signal, the noise obeys Einthoven's law too, as it does in a real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ELECTRODES = 9
"""RA, LA, LL, V1-V6."""


@dataclass(frozen=True)
class NoiseLevels:
    """Levels at each electrode.

    Attributes:
        muscle_mv: root mean square, 15 Hz and up.
        mains_mv: amplitude at 50 Hz.
        wander_mv: root mean square of the baseline below 0.5 Hz.
    """

    muscle_mv: float
    mains_mv: float
    wander_mv: float

    def as_quality(self) -> dict[str, str]:
        """Return the levels as a record's `quality`."""
        return {
            "baseline_drift": f"{self.wander_mv:.3f} mV rms",
            "static_noise": f"mains {self.mains_mv:.3f} mV",
            "burst_noise": f"muscle {self.muscle_mv:.3f} mV rms",
        }


def draw_levels(rng: np.random.Generator) -> NoiseLevels:
    """Return the levels of one recording: mostly clean, one in ten plainly disturbed in one way."""
    muscle, mains, wander = np.exp(rng.normal(np.log([0.006, 0.002, 0.020]), [0.45, 0.6, 0.6]))
    disturbed = rng.random()
    if disturbed < 0.04:
        muscle = rng.uniform(0.02, 0.04)
    elif disturbed < 0.06:
        mains = rng.uniform(0.01, 0.03)
    elif disturbed < 0.10:
        wander = rng.uniform(0.08, 0.15)
    return NoiseLevels(float(muscle), float(mains), float(wander))


def electrode_noise(
    rng: np.random.Generator, levels: NoiseLevels, times: np.ndarray, sampling_rate: int, breathing: tuple[float, float]
) -> np.ndarray:
    """Return noise [9, T] in mV on RA, LA, LL, V1-V6 at `times` in s; `breathing` is rate in Hz and phase in rad."""
    # The slow part comes first, so that it is the same at every sampling rate.
    frequency, phase = breathing
    breath = np.sin(2 * np.pi * frequency * times + phase) * rng.normal(0.0, 1.0, (ELECTRODES, 1))
    drift = _band(rng, len(times), sampling_rate, 0.01, 0.5, slope=1.0)
    noise = levels.wander_mv * (0.6 * breath + 0.8 * drift)
    # An anti-aliasing filter has taken the hum out of a recording that cannot hold 50 Hz.
    if sampling_rate > 110:
        hum = np.sin(2 * np.pi * 50.0 * times + rng.uniform(0.0, 0.5, (ELECTRODES, 1)))
        noise += levels.mains_mv * rng.uniform(0.3, 1.0, (ELECTRODES, 1)) * hum
    muscle = _band(rng, len(times), sampling_rate, 15.0, min(150.0, 0.45 * sampling_rate))
    return np.asarray(noise + levels.muscle_mv * muscle)


def _band(
    rng: np.random.Generator, count: int, sampling_rate: int, low: float, high: float, slope: float = 0.0
) -> np.ndarray:
    """Return Gaussian noise [9, count] of root mean square 1 between `low` and `high` Hz, falling as f^-slope.

    At a sampling rate under twice `low` nothing of the band is left, and the noise is zero.
    """
    frequency = np.fft.rfftfreq(count, 1.0 / sampling_rate)
    inside = np.flatnonzero((frequency >= low) & (frequency <= high))
    spectrum: np.ndarray = np.zeros((ELECTRODES, len(frequency)), dtype=np.complex128)
    parts = rng.normal(size=(2, ELECTRODES, len(inside))) * frequency[inside] ** -slope
    spectrum[:, inside] = parts[0] + 1j * parts[1]
    values = np.fft.irfft(spectrum, n=count, axis=1)
    return np.asarray(values / np.maximum(values.std(axis=1, keepdims=True), 1e-12))
