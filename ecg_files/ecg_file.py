"""What a file holds, whatever its format."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from dataset_scripts.errors import EcgInputError

_LONGEST_NAME = 80

SHORTEST_S = 1.0
"""Less than one beat of most hearts: nothing shorter is read as an ECG."""


@dataclass(frozen=True)
class EcgFile:
    """One ECG.

    Attributes:
        signal: float32 [12, T] in mV, leads in the standard order; a missing sample is NaN.
        sampling_rate: in Hz.
        lead_names: of the rows.
        name: the record's or the file's without its ending; one line of at most 80 characters.
        format: "WFDB", "EDF", "DICOM waveform", "HL7 aECG", "SCP-ECG", "GE MUSE XML", "NumPy" or "CSV".
        notes: what was assumed, computed, converted or left out, a sentence each.
    """

    signal: np.ndarray
    sampling_rate: float
    lead_names: tuple[str, ...]
    name: str
    format: str
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.signal.shape[1] / self.sampling_rate

    def window(self, start_s: float, length_s: float | None = None) -> EcgFile:
        """Return the stretch from `start_s` on, of `length_s` or of all that follows; it shares memory with this one.

        Raises:
            EcgInputError: it starts before the recording, or it would last less than 1 s.
        """
        if not (math.isfinite(start_s) and 0 <= start_s < self.duration):
            raise EcgInputError(
                f"{self.name} lasts {self.duration:.4g} s, and the start asked for is {start_s:g} s; "
                "give one from 0 s to less than its length"
            )
        if length_s is not None and not (math.isfinite(length_s) and length_s >= SHORTEST_S):
            raise EcgInputError(f"a window of {length_s:g} s, expected at least {SHORTEST_S:g} s; give a longer one")
        first = round(start_s * self.sampling_rate)
        last = None if length_s is None else first + round(length_s * self.sampling_rate)
        signal = self.signal[:, first:last]
        if signal.shape[1] < math.floor(SHORTEST_S * self.sampling_rate):
            left = signal.shape[1] / self.sampling_rate
            raise EcgInputError(
                f"{self.name} lasts {self.duration:.4g} s, of which {left:.2g} s follow the start at {start_s:.4g} s, "
                f"expected at least {SHORTEST_S:g} s; start earlier"
            )
        return replace(self, signal=signal)


def one_line(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a text without control, format and line characters (ANSI codes, bidi marks), cut to `longest`."""
    kept = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * longest])
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 3] + "..."
