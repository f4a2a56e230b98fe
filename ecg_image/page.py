"""The 12-lead page in millimetres: where each lead, pulse and line of text stands, before a pixel is chosen.

Follows the usual printout (AHA/ACCF/HRS recommendations part I, Kligfield et al. 2007, doi:10.1161/
CIRCULATIONAHA.106.180200): 25 mm/s and 10 mm/mV, three rows of four columns in time order, and lead II as rhythm strip.
"""

from __future__ import annotations

from dataclasses import dataclass

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RESEARCH_USE_NOTICE = "For research use only. Not a medical device; not for diagnosis or treatment."
PAPER_SPEEDS = (25.0, 50.0)
GAINS = (5.0, 10.0, 20.0)
INK_MM = 0.35
"""Width of the pen."""

_STRIP_MM = 250.0
_BOX_TOP, _BOX_MM = 32.0, 160.0
# From the left edge of the ruled box to the calibration pulse, and to the traces.
_PULSE_MM, _TRACE_MM = 5.0, 15.0


@dataclass(frozen=True)
class Panel:
    """One stretch of one lead.

    Attributes:
        lead: name, one of `LEADS`.
        x: left end of the trace, mm from the left edge of the page.
        baseline: height of 0 mV, mm from the top of the page.
        start: time at the left end, s.
        stop: time at the right end, s.
    """

    lead: str
    x: float
    baseline: float
    start: float
    stop: float


@dataclass(frozen=True)
class _Layout:
    """Leads row by row, the lead of a strip below them, and in mm a row's height and the first row's 0 mV line."""

    rows: tuple[tuple[str, ...], ...]
    rhythm: str | None
    row_mm: float
    first_mm: float


_LAYOUTS = {
    "3x4": _Layout((("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6")), "II", 40.0, 20.0),
    "6x2": _Layout(tuple(zip(LEADS[:6], LEADS[6:], strict=True)), None, 25.0, 20.0),
    "12x1": _Layout(tuple((lead,) for lead in LEADS), None, 13.0, 12.0),
}
LAYOUTS = tuple(_LAYOUTS)


@dataclass(frozen=True)
class _Sheet:
    """Width and height of a sheet lying on its side, and the width of the ruled box in its middle, mm."""

    width: float
    height: float
    box: float


# The box holds the pulse and the strip; its sides are whole large squares.
_SHEETS = {"a4": _Sheet(297.0, 210.0, 275.0), "letter": _Sheet(279.4, 215.9, 265.0)}
PAPERS = tuple(_SHEETS)


@dataclass(frozen=True)
class Page:
    """One sheet, landscape.

    Attributes:
        paper_speed: mm/s.
        gain: mm/mV.
        shown: time that the page shows from the start of the record, s.
        panels: the stretches of leads to draw.
        width: mm.
        height: mm.
        grid: left, top, right, bottom of the ruled area, mm; traces stop at its edges.
        row_mm: from one row's 0 mV line to the next, mm.
    """

    paper_speed: float
    gain: float
    shown: float
    panels: tuple[Panel, ...]
    width: float
    height: float
    grid: tuple[float, float, float, float]
    row_mm: float

    @property
    def trace_x(self) -> float:
        """Left end of all rows of traces, mm."""
        return self.grid[0] + _TRACE_MM

    @property
    def pulse_x(self) -> float:
        """Left edge of the calibration pulse (its rising flank), mm."""
        return self.grid[0] + _PULSE_MM

    @property
    def margin(self) -> float:
        """Left and right end of lines of text, mm from the edges of the page."""
        return self.grid[0]

    @property
    def baselines(self) -> list[float]:
        """Heights in mm of the rows' 0 mV lines, top row first."""
        return sorted({panel.baseline for panel in self.panels})

    def x_of(self, panel: Panel, time: float) -> float:
        """Return the page position in mm of a moment (s from the start of the record) in a panel."""
        return panel.x + (time - panel.start) * self.paper_speed

    def calibration_pulse(self, baseline: float) -> list[tuple[float, float]]:
        """Return the corners in mm of a 1 mV, 200 ms pulse standing on a baseline, with 2.5 mm of foot each side."""
        left, right = self.pulse_x, self.pulse_x + 0.2 * self.paper_speed
        top = baseline - self.gain
        return [
            (left - 2.5, baseline),
            (left, baseline),
            (left, top),
            (right, top),
            (right, baseline),
            (min(right + 2.5, self.trace_x), baseline),
        ]

    def column_marks(self) -> list[tuple[float, float, float]]:
        """Return x, top and bottom in mm of the short strokes where a row changes from one lead to the next."""
        return [
            (panel.x, panel.baseline + top, panel.baseline + top + 1.0)
            for panel in self.panels
            if panel.start > 0
            for top in (-3.0, 2.0)
        ]

    def extent(self, duration: float) -> str:
        """Return in words which part of a record of some seconds the page shows."""
        return f"{self.shown:.4g} s" if self.shown == duration else f"first {self.shown:.4g} s of {duration:.4g} s"


def standard_page(
    duration: float, paper_speed: float = 25.0, gain: float = 10.0, paper: str = "a4", layout: str = "3x4"
) -> Page:
    """Lay out a page: by default three rows of four columns and a rhythm strip of lead II.

    The columns follow each other in time and stand over the same moments of the strip. A row holds 250 mm: 10 s at
    25 mm/s. A longer record is shown from its start; a shorter one leaves the right of the page empty.

    Args:
        duration: of the record, s.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        paper: "a4" or "letter", landscape.
        layout: rows x columns: "3x4" (with the rhythm strip), "6x2" or "12x1".

    Raises:
        ValueError: for another speed, gain, paper or layout, 20 mm/mV in layout "12x1", or a duration that is not
            positive.
    """
    if paper_speed not in PAPER_SPEEDS:
        raise ValueError(f"paper speed {paper_speed} mm/s: expected one of {PAPER_SPEEDS}")
    if gain not in GAINS:
        raise ValueError(f"gain {gain} mm/mV: expected one of {GAINS}")
    if paper not in _SHEETS:
        raise ValueError(f"paper {paper!r}: expected one of {PAPERS}")
    if layout not in _LAYOUTS:
        raise ValueError(f"layout {layout!r}: expected one of {LAYOUTS}")
    if not duration > 0:
        raise ValueError(f"duration {duration} s: expected a positive number")
    sheet, plan = _SHEETS[paper], _LAYOUTS[layout]
    if gain > plan.first_mm:
        raise ValueError(f"gain {gain:g} mm/mV: the calibration pulse does not fit layout {layout}; take 5 or 10")
    edge = (sheet.width - sheet.box) / 2
    left, top = edge + _TRACE_MM, _BOX_TOP + plan.first_mm
    shown = min(duration, _STRIP_MM / paper_speed)
    column = shown / len(plan.rows[0])
    panels = [
        Panel(lead, left + i * column * paper_speed, top + row * plan.row_mm, i * column, (i + 1) * column)
        for row, leads in enumerate(plan.rows)
        for i, lead in enumerate(leads)
    ]
    if plan.rhythm:
        panels.append(Panel(plan.rhythm, left, top + len(plan.rows) * plan.row_mm, 0.0, shown))
    box = (edge, _BOX_TOP, edge + sheet.box, _BOX_TOP + _BOX_MM)
    return Page(float(paper_speed), float(gain), shown, tuple(panels), sheet.width, sheet.height, box, plan.row_mm)
