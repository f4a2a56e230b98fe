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

_ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_RHYTHM_LEAD = "II"
_STRIP_MM = 250.0
_ROW_MM = 40.0


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
class Page:
    """An A4 landscape page.

    Attributes:
        paper_speed: mm/s.
        gain: mm/mV.
        shown: time that the page shows from the start of the record, s.
        panels: the stretches of leads to draw.
        width: mm.
        height: mm.
        grid: left, top, right, bottom of the ruled area, mm; traces are cut off at its edges.
        trace_x: left end of all rows of traces, mm.
        pulse_x: left edge of the calibration pulse (its rising flank), mm.
        margin: left and right end of lines of text, mm from the edges of the page.
    """

    paper_speed: float
    gain: float
    shown: float
    panels: tuple[Panel, ...]
    width: float = 297.0
    height: float = 210.0
    grid: tuple[float, float, float, float] = (11.0, 32.0, 286.0, 192.0)
    trace_x: float = 26.0
    pulse_x: float = 16.0
    margin: float = 11.0

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

    def extent(self, duration: float) -> str:
        """Return in words which part of a record of some seconds the page shows."""
        return f"{self.shown:.4g} s" if self.shown == duration else f"first {self.shown:.4g} s of {duration:.4g} s"

    @property
    def baselines(self) -> list[float]:
        """Heights in mm of the rows' 0 mV lines, top row first."""
        return sorted({panel.baseline for panel in self.panels})


def standard_page(duration: float, paper_speed: float = 25.0, gain: float = 10.0) -> Page:
    """Lay out three rows of four columns and a rhythm strip of lead II.

    The columns follow each other in time and stand over the same moments of the strip. The strip holds 250 mm: 10 s at
    25 mm/s. A longer record is shown from its start; a shorter one leaves the right of the page empty.

    Args:
        duration: of the record, s.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.

    Raises:
        ValueError: for another speed or gain, or a duration that is not positive.
    """
    if paper_speed not in PAPER_SPEEDS:
        raise ValueError(f"paper speed {paper_speed} mm/s: expected one of {PAPER_SPEEDS}")
    if gain not in GAINS:
        raise ValueError(f"gain {gain} mm/mV: expected one of {GAINS}")
    if not duration > 0:
        raise ValueError(f"duration {duration} s: expected a positive number")
    left, top = Page.trace_x, Page.grid[1] + _ROW_MM / 2
    shown = min(duration, _STRIP_MM / paper_speed)
    column = shown / len(_ROWS[0])
    panels = [
        Panel(lead, left + i * column * paper_speed, top + row * _ROW_MM, i * column, (i + 1) * column)
        for row, leads in enumerate(_ROWS)
        for i, lead in enumerate(leads)
    ]
    panels.append(Panel(_RHYTHM_LEAD, left, top + len(_ROWS) * _ROW_MM, 0.0, shown))
    return Page(float(paper_speed), float(gain), shown, tuple(panels))
