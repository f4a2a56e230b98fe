"""Thousands of recordings from a few hundred: each is a cut of one simulated, with a gain and a noise of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.recording import Recording, draw_recording, play
from dataset_scripts.simulation.report_text import write_report
from modeling_meit.ecg_signal import MISSING_INT16

_SPARE_S = 2.0  # a cut begins somewhere in the first two seconds
_INDEPENDENT = [0, 1, 6, 7, 8, 9, 10, 11]  # rows of I, II, V1-V6; the other four follow from I and II
_STREAM = 11
_LARGEST_UNIT = 32767


class SignalPool:
    """Simulated recordings to draw variations from.

    Args:
        seed: of the recordings and of the noise.
        size: how many recordings.
        sampling_rate: in Hz.
        duration: of a variation, in s.

    Raises:
        EcgInputError: a number that is not positive.
    """

    def __init__(self, seed: int, size: int, sampling_rate: int, duration: float = 10.0) -> None:
        if size < 1 or sampling_rate < 1 or duration <= 0:
            raise EcgInputError(f"a pool of {size} recordings of {duration} s at {sampling_rate} Hz; give more than 0")
        self.recordings = [draw_recording(seed, index, duration + _SPARE_S) for index in range(size)]
        self._signals = np.stack([play(recording, sampling_rate)[_INDEPENDENT] for recording in self.recordings])
        self._samples = round(duration * sampling_rate)
        noise = np.random.default_rng([seed, _STREAM]).standard_normal((8, self._signals.shape[2] * 2))
        self._noise = noise.astype(np.float32)

    def recording(self, patient: int) -> Recording:
        """Returns the recording that stands for a patient."""
        return self.recordings[patient % len(self.recordings)]

    def report(self, patient: int, record: int) -> str:
        """Returns the English report of a patient's recording, in the wording of record number `record`."""
        return write_report(replace(self.recording(patient), index=record), "en")

    def digital(self, rng: np.random.Generator, patient: int, units_per_mv: float) -> np.ndarray:
        """Returns a variation of a patient's recording as int16 [12, T], leads in the standard order.

        I, II and the chest leads are rounded to whole units first and the other four computed from them, as a recorder
        does, so Einthoven's law holds exactly.
        """
        signal = self._signals[patient % len(self.recordings)]
        start = int(rng.integers(signal.shape[1] - self._samples + 1))
        shift = int(rng.integers(self._noise.shape[1] - self._samples + 1))
        gain, level = np.float32(rng.uniform(0.85, 1.15)), np.float32(rng.uniform(0.0, 0.015))
        eight = signal[:, start : start + self._samples] * (gain * np.float32(units_per_mv))
        eight += self._noise[:, shift : shift + self._samples] * (level * np.float32(units_per_mv))
        eight = np.clip(np.rint(eight), -_LARGEST_UNIT // 2, _LARGEST_UNIT // 2)
        one, two = eight[0], eight[1]
        limb = np.stack([one, two, two - one, np.rint(-(one + two) / 2), one - two / 2, two - one / 2])
        return np.concatenate([np.rint(limb), eight[2:]]).astype(np.int16)


def disturb(digital: np.ndarray, rng: np.random.Generator, units_per_mv: float) -> str | None:
    """Spoils a recording in place as rarely as an archive's are: two in a hundred.

    Args:
        digital: int16 [12, T], leads in the standard order.
        rng: says whether and how.
        units_per_mv: of `digital`.

    Returns:
        "missing" (a stretch without samples in one lead or in all), "zero" (a lead of zeros), "saturated" (a chest lead
        at the limit of its amplifier, 5 mV) or None.
    """
    kind = float(rng.random())
    if kind >= 0.02:
        return None
    length = digital.shape[1]
    first = int(rng.integers(length * 9 // 10))
    last = first + int(rng.integers(1, length // 10))
    lead = int(rng.integers(12))
    if kind < 0.008:
        digital[lead if rng.random() < 0.7 else slice(None), first:last] = MISSING_INT16
        return "missing"
    if kind < 0.015:
        digital[lead] = 0
        return "zero"
    limit = round(5 * units_per_mv)
    lead = 6 + lead % 6
    drift = np.linspace(0, 2 * limit, length).astype(np.int32)
    digital[lead] = np.clip(digital[lead] + drift, 0, limit)
    return "saturated"
