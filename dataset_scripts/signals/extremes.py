"""The least and largest value of every lead, which most checks of a recording begin with: found once for all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modeling_meit.ecg_signal import FLAT_LEAD_MV

FLAT_MV = FLAT_LEAD_MV - 1e-6
"""A lead is flat below it, from peak to peak: a nanovolt of tolerance, as `signal_problems` has it."""


class Extremes(NamedTuple):
    """Of recordings [B, C, T] in millivolts; not a number for a lead with a missing sample, infinite with an infinity.

    Attributes:
        low: least value [B, C].
        high: largest value [B, C].
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, signals: np.ndarray) -> Extremes:
        """Finds them; `signals` are float [B, C, T]."""
        with np.errstate(invalid="ignore"):  # infinities, which are missing samples
            return cls(signals.min(axis=2), signals.max(axis=2))

    def alive(self) -> np.ndarray:
        """Returns which leads [B, C] have all of their samples and are not flat."""
        with np.errstate(invalid="ignore"):
            span = self.high - self.low
            return np.isfinite(span) & (span >= FLAT_MV)
