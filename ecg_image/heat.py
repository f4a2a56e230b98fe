"""How much each stretch of each lead mattered, as bands of colour behind the traces, and the scale to read them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ecg_image.page import LEADS, Page

# One hue whose strength is the value: dark is much in print without colour and to a colour-blind eye alike, and blue
# is far from the paper's pink for all of them.
HEAT_COLOUR = (0, 92, 191)
_STRONGEST = 0.6
_LEGEND_STEPS = 5
_LEGEND_STEP_MM, _LEGEND_HEIGHT_MM = 9.0, 3.0
# Left free between the bands of two rows, so that one sees whose they are.
_BETWEEN_ROWS_MM = 2.0


@dataclass(frozen=True)
class Heat:
    """Values for stretches of leads, such as what a report's probability loses when the stretch is hidden.

    Attributes:
        leads: [12, W], 0 (nothing) to 1 (most); row i is of lead `LEADS[i]`, column w of the time from
            `start_s + w * window_s` on, for `window_s`.
        start_s: of the first window, s from the start of the record that is drawn.
        window_s: length of a window, s.
        label: what the values are; stands before the scale.

    Raises:
        ValueError: for another shape, values outside 0 to 1, or times that are not finite or not positive.
    """

    leads: np.ndarray
    start_s: float
    window_s: float
    label: str = "importance for the text"

    def __post_init__(self) -> None:
        """Checks shape and range."""
        leads = np.asarray(self.leads, dtype=np.float64)
        if leads.ndim != 2 or leads.shape[0] != len(LEADS) or leads.shape[1] < 1:
            raise ValueError(f"heat has shape {leads.shape}: expected (12, W), one column for each window")
        if not ((leads >= 0) & (leads <= 1)).all():
            raise ValueError("heat has values outside 0 to 1: expected fractions of the largest, without NaN")
        if not np.isfinite(self.start_s) or not (np.isfinite(self.window_s) and self.window_s > 0):
            raise ValueError(
                f"heat starts at {self.start_s} s in windows of {self.window_s} s: expected a length over 0"
            )
        object.__setattr__(self, "leads", leads)


class Band(NamedTuple):
    """One rectangle of colour: left, top, right, bottom in mm, its opacity (0 to 1), and what it says in words."""

    left: float
    top: float
    right: float
    bottom: float
    opacity: float
    says: str


def bands(heat: Heat, page: Page) -> list[Band]:
    """Return the bands behind a page's panels; a stretch whose value is 0 has none."""
    half = (page.row_mm - _BETWEEN_ROWS_MM) / 2
    _, top, _, bottom = page.grid
    found = []
    for panel in page.panels:
        for window, value in enumerate(heat.leads[LEADS.index(panel.lead)].tolist()):
            begin = heat.start_s + window * heat.window_s
            start, stop = max(begin, panel.start), min(begin + heat.window_s, panel.stop)
            if value > 0 and start < stop:
                found.append(
                    Band(
                        page.x_of(panel, start),
                        max(panel.baseline - half, top),
                        page.x_of(panel, stop),
                        min(panel.baseline + half, bottom),
                        value * _STRONGEST,
                        f"{panel.lead}, {begin:.4g} to {begin + heat.window_s:.4g} s: {value:.2f}",
                    )
                )
    return found


def legend(right: float, baseline: float) -> tuple[list[Band], float]:
    """Return the steps of the colour scale, that ends at `right` and stands on a line of text, and its left end, mm."""
    left = right - _LEGEND_STEPS * _LEGEND_STEP_MM
    steps = []
    for i in range(_LEGEND_STEPS):
        value, x = i / (_LEGEND_STEPS - 1), left + i * _LEGEND_STEP_MM
        steps.append(
            Band(x, baseline - _LEGEND_HEIGHT_MM, x + _LEGEND_STEP_MM, baseline, value * _STRONGEST, f"{value:g}")
        )
    return steps, left
