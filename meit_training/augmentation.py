"""Random changes of a recording that leave its report true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class EcgAugmentation:
    """Draws one changed version of a recording.

    Amplitudes carry findings (hypertrophy, low voltage), so gain varies little; what is cut away is masked, as missing
    samples are.

    Attributes:
        max_shift_s: the recording moves by up to so many seconds either way.
        gain_sd: standard deviation of the factor on all leads together.
        noise_mv: standard deviation, in mV, of the strongest white noise.
        wander_mv: amplitude, in mV, of the strongest baseline wander, a sine of 0.05 to 0.5 Hz in each lead.
        drop_leads: share of recordings that lose leads.
        drop_lead: chance of each lead to be lost in such a recording; three leads always stay.
        cuts: stretches cut from all leads.
        max_cut_s: the longest of them, in seconds.
    """

    max_shift_s: float = 0.6
    gain_sd: float = 0.1
    noise_mv: float = 0.02
    wander_mv: float = 0.05
    drop_leads: float = 0.3
    drop_lead: float = 0.15
    cuts: int = 2
    max_cut_s: float = 1.5

    def __call__(
        self, values: np.ndarray, mask: np.ndarray, sampling_rate: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """One changed copy.

        Args:
            values: float32 [12, T], millivolts.
            mask: bool [12, T], True where measured.
            sampling_rate: in Hz.
            rng: draws everything.

        Returns:
            values and mask of the same shapes; values are 0 where the mask is False.
        """
        leads, samples = values.shape
        shift = round(rng.uniform(-self.max_shift_s, self.max_shift_s) * sampling_rate)
        values, mask = np.roll(values, shift, axis=1), np.roll(mask, shift, axis=1)
        if shift > 0:
            mask[:, :shift] = False
        elif shift < 0:
            mask[:, shift:] = False
        time = np.arange(samples, dtype=np.float32) / sampling_rate
        phase = rng.uniform(0, 2 * np.pi, (leads, 1)).astype(np.float32)
        wander = rng.uniform(0, self.wander_mv, (leads, 1)).astype(np.float32)
        values = values * np.float32(1 + self.gain_sd * rng.standard_normal())
        values += wander * np.sin(2 * np.pi * np.float32(rng.uniform(0.05, 0.5)) * time + phase)
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        values += np.float32(rng.uniform(0, self.noise_mv)) * noise
        if rng.random() < self.drop_leads:
            lost = rng.random(leads) < self.drop_lead
            lost[rng.permutation(leads)[:3]] = False
            mask[lost] = False
        for _ in range(self.cuts):
            length = int(rng.uniform(0, self.max_cut_s) * sampling_rate)
            start = int(rng.integers(0, samples - length + 1))
            mask[:, start : start + length] = False
        return np.where(mask, values, np.float32(0)), mask
