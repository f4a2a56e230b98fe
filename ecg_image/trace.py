"""Where on the page a lead's samples stand, in millimetres."""

from __future__ import annotations

import numpy as np

from ecg_image.page import LEADS, Page, Panel


def checked_signal(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return a recording as float64 [12, T].

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`.
        sampling_rate: in Hz.

    Raises:
        ValueError: for another shape, or a rate that is not positive.
    """
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 2 or signal.shape[0] != len(LEADS) or signal.shape[1] < 2:
        raise ValueError(f"signal has shape {signal.shape}: expected (12, T) with T at least 2, leads in rows")
    if not sampling_rate > 0:
        raise ValueError(f"sampling rate {sampling_rate} Hz: expected a positive number")
    return signal


def measured_runs(page: Page, panel: Panel, lead: np.ndarray, sampling_rate: float) -> list[np.ndarray]:
    """Return a panel's trace as lines of points [n, 2] (x, y in mm of the page), one for each stretch without a gap.

    Empty where the record ends before the panel begins, or nothing of it was measured.

    Args:
        page: the layout.
        panel: one of its panels.
        lead: float [T] in mV, the whole record; NaN where nothing was measured.
        sampling_rate: in Hz.
    """
    first = round(panel.start * sampling_rate)
    last = min(round(panel.stop * sampling_rate), lead.size - 1)
    samples = np.arange(first, last + 1)
    values = lead[first : last + 1]
    if not len(values):
        return []
    _, top, _, bottom = page.grid
    # Beyond the paper the pen stops at the edge, as on a recorder.
    y = np.clip(panel.baseline - values * page.gain, top, bottom)
    points = np.stack([page.x_of(panel, samples / sampling_rate), y], axis=1)
    measured = np.isfinite(values)
    return np.split(points, np.flatnonzero(np.diff(measured)) + 1)[0 if measured[0] else 1 :: 2]
