"""Where on the page a lead's samples stand, in millimetres."""

from __future__ import annotations

import numpy as np

from ecg_image.page import LEADS, Page, Panel


def checked_signal(signal: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return a recording as an array [12, T].

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`.
        sampling_rate: in Hz.

    Raises:
        ValueError: for another shape, something else than real numbers, or a rate that is not positive and finite.
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[0] != len(LEADS) or signal.shape[1] < 2:
        raise ValueError(f"signal has shape {signal.shape}: expected (12, T) with T at least 2, leads in rows")
    if signal.dtype.kind not in "fiu":
        raise ValueError(f"signal holds {signal.dtype}: expected real numbers in mV")
    if not 0 < sampling_rate < np.inf:
        raise ValueError(f"sampling rate {sampling_rate} Hz: expected a positive number")
    return signal


def measured_runs(page: Page, panel: Panel, lead: np.ndarray, sampling_rate: float) -> list[np.ndarray]:
    """Return a panel's trace as lines of points [n, 2] (x, y in mm of the page), one for each stretch without a gap.

    A sample between two gaps is a line of no length, from itself to itself: a round pen's dot.
    Empty where the record ends before the panel begins, or nothing of it was measured. Where the trace leaves the
    paper it runs along the edge, as a recorder's pen does.

    Args:
        page: the layout.
        panel: one of its panels.
        lead: [T] in mV, the whole record; NaN where nothing was measured.
        sampling_rate: in Hz.
    """
    first = round(panel.start * sampling_rate)
    last = min(round(panel.stop * sampling_rate), lead.size - 1)
    values: np.ndarray = lead[first : last + 1].astype(np.float64)
    if not len(values):
        return []
    _, top, _, bottom = page.grid
    points = np.empty((len(values), 2))
    points[:, 0] = page.x_of(panel, np.arange(first, last + 1) / sampling_rate)
    points[:, 1] = panel.baseline - values * page.gain
    measured = np.isfinite(points[:, 1])
    if measured.all():
        runs = [points]
    else:
        runs = np.split(points, np.flatnonzero(np.diff(measured)) + 1)[0 if measured[0] else 1 :: 2]
    return [_held(run if len(run) > 1 else run.repeat(2, axis=0), top, bottom) for run in runs]


def _held(points: np.ndarray, top: float, bottom: float) -> np.ndarray:
    """Hold a line [n, 2] between two heights; it gets a point where it crosses one of them."""
    y = points[:, 1]
    if y.min() >= top and y.max() <= bottom:
        return points
    crossings = []
    for edge in (top, bottom):
        over = y > edge
        before = np.flatnonzero(over[1:] != over[:-1])
        share = (edge - y[before]) / (y[before + 1] - y[before])
        x = points[before, 0] + share * (points[before + 1, 0] - points[before, 0])
        crossings.append(np.stack([x, np.full(len(x), edge)], axis=1))
    held = np.concatenate([points, *crossings])
    held[:, 1] = held[:, 1].clip(top, bottom)
    # Stable: a crossing comes after the sample that it follows, for it lies to the right of it.
    return held[np.argsort(held[:, 0], kind="stable")]
