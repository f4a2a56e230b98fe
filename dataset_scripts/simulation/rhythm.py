"""When the heart beats, and from where: sinus rhythm, atrial fibrillation, premature beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAD_IN_S = 1.5
"""Beats are laid out from this long before the record to this long after it: its edges are cut as a real one's are."""

SINUS = "sinus"
ATRIAL_PREMATURE = "atrial_premature"
VENTRICULAR_PREMATURE = "ventricular_premature"
FIBRILLATION = "fibrillation"


@dataclass(frozen=True)
class Beat:
    """One beat: the time of its QRS onset in s from the start of the record, and its origin."""

    time: float
    origin: str


def mean_interval(beats: Sequence[Beat], duration: float) -> float:
    """Return the mean RR interval in s of the beats that begin inside a record of `duration` s."""
    inside = [beat.time for beat in beats if 0.0 <= beat.time < duration]
    return (inside[-1] - inside[0]) / (len(inside) - 1)


def sinus_beats(
    rng: np.random.Generator, rate: float, duration: float, breathing: tuple[float, float], variation: float
) -> list[Beat]:
    """Return sinus beats at `rate` a minute; the RR interval swings with breathing.

    Args:
        rng: draws the start, and the small part of the variation that is not breathing.
        rate: beats a minute.
        duration: of the record, in s.
        breathing: rate in Hz and phase in rad.
        variation: amplitude of the respiratory swing, as a part of the RR interval.
    """
    interval = 60.0 / rate
    time = -LEAD_IN_S - rng.uniform(0.0, interval)
    frequency, phase = breathing
    beats = []
    while time < duration + LEAD_IN_S:
        beats.append(Beat(time, SINUS))
        swing = variation * np.sin(2 * np.pi * frequency * time + phase)
        time += interval * float(1.0 + swing + np.clip(rng.normal(0.0, 0.008), -0.02, 0.02))
    return beats


def fibrillation_beats(rng: np.random.Generator, rate: float, duration: float) -> list[Beat]:
    """Return ventricular beats of atrial fibrillation: independent RR intervals, spread by about a fifth."""
    spread = rng.uniform(0.18, 0.26)
    time = -LEAD_IN_S - rng.uniform(0.0, 60.0 / rate)
    beats = []
    while time < duration + LEAD_IN_S:
        beats.append(Beat(time, FIBRILLATION))
        time += max(0.34, 60.0 / rate * float(np.exp(rng.normal(-(spread**2) / 2, spread))))
    return beats


def with_premature_beats(rng: np.random.Generator, beats: list[Beat], duration: float, origin: str) -> list[Beat]:
    """Return the sinus `beats` with one to three of them premature, at least one wholly inside the record.

    A ventricular beat leaves the sinus node alone, so the pause after it is fully compensatory; an atrial one resets
    it, so the beats after it come earlier than they would have.
    """
    inside = [k for k in range(1, len(beats) - 1) if beats[k - 1].time > 0.3 and beats[k + 1].time < duration - 0.3]
    chosen: list[int] = []
    for k in rng.permutation(inside)[: int(rng.integers(2, 6))]:
        if all(abs(int(k) - other) > 2 for other in chosen) and len(chosen) < 3:
            chosen.append(int(k))
    early = [Beat(beat.time, beat.origin) for beat in beats]
    for k in chosen:
        before, own = early[k - 1].time, early[k].time
        interval = own - before
        if origin == VENTRICULAR_PREMATURE:
            early[k] = Beat(before + max(0.40, interval * rng.uniform(0.52, 0.64)), origin)
        else:
            early[k] = Beat(before + max(0.42, interval * rng.uniform(0.60, 0.72)), origin)
            moved = own - early[k].time - interval * rng.uniform(0.05, 0.15)
            early[k + 1 :] = [Beat(beat.time - moved, beat.origin) for beat in early[k + 1 :]]
    return early


def fibrillation_waves(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Return the atria's restless dipole [3, T] in mV at `times`: 5 to 8 Hz, tallest in V1, then II, III and aVF."""
    amplitude = rng.uniform(0.45, 1.3)
    base = rng.uniform(5.0, 8.0)
    wander = sum(rng.uniform(0.3, 0.9) * np.sin(2 * np.pi * f * times + rng.uniform(0, 6.3)) for f in (0.23, 0.61, 1.3))
    phase = 2 * np.pi * base * times + wander
    size = amplitude * (1.0 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.3, 0.8) * times + rng.uniform(0, 6.3)))
    wave = size * (np.sin(phase) + 0.35 * np.sin(2 * phase + 0.6))
    second = size * np.sin(phase + rng.uniform(0.4, 1.4))
    return np.outer([-0.014, 0.030, -0.042], wave) + np.outer([0.008, -0.010, -0.012], second)
