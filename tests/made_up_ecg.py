"""A made-up ECG that obeys Einthoven and Goldberger, and WFDB files of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modeling_meit.feature_extraction_meit import STANDARD_LEADS


def made_up_ecg(fs: int = 500, seconds: float = 10.0) -> np.ndarray:
    """float32 [12, T] in mV, whole microvolts: one beat a second with P, QRS and T, larger from V1 to V6."""
    time = np.arange(round(fs * seconds)) / fs
    waves = ((0.15, 0.20, 0.03), (1.0, 0.40, 0.012), (-0.2, 0.43, 0.012), (0.3, 0.65, 0.05))
    beat = sum(height * np.exp(-((((time % 1) - at) / width) ** 2)) for height, at, width in waves)
    one, three = np.rint(600 * beat), np.rint(200 * beat)
    two = one + three
    limb = [one, two, three, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = [np.rint(1000 * size * beat) for size in (-0.6, -0.3, 0.4, 1.0, 1.2, 0.9)]
    return (np.rint(np.stack([*limb, *chest])) / 1000).astype(np.float32)


def write_record(
    folder: Path,
    name: str = "made_up",
    signal: np.ndarray | None = None,
    *,
    leads: Sequence[str] = STANDARD_LEADS,
    units: str = "mV",
    gain: float = 1000.0,
) -> Path:
    """Write `signal` (in `units`) as a format 16 WFDB record at 500 Hz; returns its path without ending."""
    signal = made_up_ecg() if signal is None else signal
    digital = np.where(np.isnan(signal), -32768, np.rint(np.nan_to_num(signal) * gain)).astype("<i2")
    sums = digital.sum(axis=1, dtype=np.int64) % 65536
    lines = [f"{name} {len(digital)} 500 {digital.shape[1]}"]
    lines += [
        f"{name}.dat 16 {gain}(0)/{units} 16 0 {row[0]} {total} 0 {lead}"
        for row, total, lead in zip(digital, sums, leads, strict=False)
    ]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / f"{name}.dat").write_bytes(digital.T.tobytes())
    return folder / name
