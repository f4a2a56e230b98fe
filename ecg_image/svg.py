"""A 12-lead ECG as an SVG of its paper printout: a few kilobytes, sharp at any size, for a web page."""

from __future__ import annotations

import hashlib
from html import escape

import numpy as np

from ecg_image.page import LEADS, RESEARCH_USE_NOTICE, Page, standard_page
from ecg_image.trace import checked_signal, measured_runs

# Whole numbers of this unit keep the paths short; a pixel of a laptop screen is five times as wide.
_UNIT_MM = 0.05
_TOP_MM, _BOTTOM_MM = 28.0, 202.0


def draw_ecg_svg(
    signal: np.ndarray, sampling_rate: float, label: str, paper_speed: float = 25.0, gain: float = 10.0
) -> str:
    """Draw an ECG in the layout of `ecg_image.draw.draw_ecg`, without its title, to stand inside an HTML page.

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        label: what a screen reader says of it.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.

    Returns:
        One `<svg>` element without colours: its parts carry the classes `fine`, `bold`, `trace` and `text`.

    Raises:
        ValueError: for another shape, speed or gain, or a rate that is not positive.
    """
    signal = checked_signal(signal, sampling_rate)
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain)
    paths = [
        _path(run)
        for panel in page.panels
        for run in measured_runs(page, panel, signal[LEADS.index(panel.lead)], sampling_rate)
    ]
    paths += [_path(np.array(page.calibration_pulse(baseline))) for baseline in page.baselines]
    paths += [
        _path(np.array([[panel.x, panel.baseline + top], [panel.x, panel.baseline + top + 1.0]]))
        for panel in page.panels
        if panel.start > 0
        for top in (-3.0, 2.0)
    ]
    trace = "".join(paths)
    # Two drawings of one page must not share the names of their patterns.
    name = "paper-" + hashlib.blake2b(f"{label}{trace}".encode(), digest_size=6).hexdigest()
    return (
        f'<svg class="ecg" viewBox="0 {_TOP_MM:g} {page.width:g} {_BOTTOM_MM - _TOP_MM:g}" role="img" '
        f'aria-label="{escape(label)}">{_ruling(page, name)}'
        f'<path class="trace" transform="scale({_UNIT_MM:g})" d="{trace}"/>{_texts(page, page.extent(duration))}</svg>'
    )


def _path(points: np.ndarray) -> str:
    """Path data of a line [n, 2] in mm: its first point, then whole steps of `_UNIT_MM`."""
    units = np.rint(points / _UNIT_MM).astype(np.int64)
    steps = "".join(f"{x:d},{y:d} " for x, y in np.diff(units, axis=0).tolist())
    return f"M{units[0, 0]},{units[0, 1]}l{steps.rstrip()}" if steps else ""


def _ruling(page: Page, name: str) -> str:
    """The 1 mm and 5 mm lines as two patterns, each line in the middle of its tile, where no edge cuts it."""
    left, top, right, bottom = page.grid
    box = f'x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}"'
    patterns = "".join(
        f'<pattern id="{name}-{kind}" x="{left - pitch / 2:g}" y="{top - pitch / 2:g}" width="{pitch}" '
        f'height="{pitch}" patternUnits="userSpaceOnUse">'
        f'<path class="{kind}" d="M0,{pitch / 2:g}H{pitch}M{pitch / 2:g},0V{pitch}"/></pattern>'
        for kind, pitch in (("fine", 1), ("bold", 5))
    )
    filled = "".join(f'<rect {box} fill="url(#{name}-{kind})"/>' for kind in ("fine", "bold"))
    return f'<defs>{patterns}</defs>{filled}<rect class="bold" {box} fill="none"/>'


def _texts(page: Page, shown: str) -> str:
    _, _, right, bottom = page.grid
    named = [(panel.lead, panel.x + 1.5, panel.baseline - 13.0, 4.0, "start") for panel in page.panels]
    foot = [
        (f"{page.paper_speed:g} mm/s   {page.gain:g} mm/mV", page.margin, bottom + 5.0, 3.6, "start"),
        (RESEARCH_USE_NOTICE, page.width / 2, bottom + 5.0, 3.0, "middle"),
        (shown, right, bottom + 5.0, 3.6, "end"),
    ]
    return "".join(
        f'<text class="text" x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}">{escape(text)}</text>'
        for text, x, y, size, anchor in (*named, *foot)
    )
