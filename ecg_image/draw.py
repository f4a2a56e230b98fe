"""A 12-lead ECG as an image of its paper printout."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from PIL import Image

from ecg_image.grid import paper as ruled_paper
from ecg_image.heat import HEAT_COLOUR, Band, Heat, bands, legend
from ecg_image.ink import draw_lines
from ecg_image.lettering import write_texts
from ecg_image.page import INK_MM, LEADS, Page, standard_page
from ecg_image.texts import LEGEND_BELOW_MM, fixed_texts, free_texts, legend_texts
from ecg_image.trace import checked_signal, measured_runs

_MIN_WIDTH_PX, _MAX_WIDTH_PX = 200, 10_000
# Wider papers are made anew for each page: what is kept stays under 100 MB.
_MAX_KEPT_PX = 2200
_KEPT_PAPERS, _KEPT_FORMS = 2, 4


def draw_ecg(
    signal: np.ndarray,
    sampling_rate: float,
    width_px: int = 1600,
    title: str | None = None,
    footer: str | None = None,
    *,
    paper_speed: float = 25.0,
    gain: float = 10.0,
    paper: str = "a4",
    heat: Heat | None = None,
    layout: str = "3x4",
) -> Image.Image:
    """Draw an ECG as on paper, to scale (see `ecg_image.page.standard_page`); at most the first 250 mm are shown.

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        width_px: width of the image, which is that of the paper; the height follows. Letter at 1100 is 1100 x 850.
        title: text above the ECG: its first line large, three more small; cut with "…" where the space ends.
        footer: a small line at the foot, before the research-use notice that every page carries.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        paper: "a4" or "letter", landscape.
        heat: values to lay behind the traces, with their scale.
        layout: rows x columns: "3x4" (with a rhythm strip of lead II), "6x2" or "12x1".

    Returns:
        An RGB image; its `info["dpi"]`, given to `save`, makes it print at its size.

    Raises:
        ValueError: for another shape, a rate that is not positive, a width outside 200 to 10,000 pixels, or another
            speed, gain, paper or layout.
    """
    signal = checked_signal(signal, sampling_rate)
    if not _MIN_WIDTH_PX <= width_px <= _MAX_WIDTH_PX:
        raise ValueError(f"width {width_px} px: expected {_MIN_WIDTH_PX} to {_MAX_WIDTH_PX}")
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain, paper, layout)
    scale = width_px / page.width
    extent = page.extent(duration)
    if heat is None and width_px <= _MAX_KEPT_PX:
        pixels = _kept_form(page, width_px, extent).copy()
    else:
        pixels = _form(page, width_px, extent, heat)
    for baseline in page.baselines:
        lines = [
            run * scale
            for panel in page.panels
            if panel.baseline == baseline
            for run in measured_runs(page, panel, signal[LEADS.index(panel.lead)], sampling_rate)
        ]
        draw_lines(pixels, lines, _radius(scale))
    write_texts(pixels, free_texts(page, title, footer), scale)
    height, width, _ = pixels.shape
    image = Image.frombytes("RGB", (width, height), pixels, "raw", "RGBX")
    image.info["dpi"] = (scale * 25.4,) * 2
    return image


def _radius(scale: float) -> float:
    """Of the pen in pixels; never thinner than a pixel."""
    return max(1.0, INK_MM * scale) / 2


def _form(page: Page, width_px: int, extent: str, heat: Heat | None = None) -> np.ndarray:
    """The page before the traces: paper, colour, pulses, the marks between columns, and what it always says.

    Returns:
        uint8 [height, width, 4]: red, green, blue, 255.
    """
    scale = width_px / page.width
    texts = fixed_texts(page, extent)
    height_px = round(page.height * scale)
    ruled = _kept_paper if width_px <= _MAX_KEPT_PX else ruled_paper
    pixels = ruled(width_px, height_px, scale, page.grid).copy()
    if heat is not None:
        _, _, right, bottom = page.grid
        line = bottom + LEGEND_BELOW_MM
        _colour(pixels, [*bands(heat, page), *legend(right, line)[0]], scale)
        texts += legend_texts(heat, right, line)
    write_texts(pixels, texts, scale)
    pulses = [np.array(page.calibration_pulse(baseline)) for baseline in page.baselines]
    marks = [np.array([[x, top], [x, bottom]]) for x, top, bottom in page.column_marks()]
    for line_mm in (*pulses, *marks):
        draw_lines(pixels, [line_mm * scale], _radius(scale))
    return pixels


_kept_paper = lru_cache(maxsize=_KEPT_PAPERS)(ruled_paper)
# The same for records of which a page shows as much, and says so in the same words.
_kept_form = lru_cache(maxsize=_KEPT_FORMS)(_form)


def _colour(pixels: np.ndarray, found: Iterable[Band], scale: float) -> None:
    """Lay translucent colour over the paper."""
    for band in found:
        left, top, right, bottom = (round(side * scale) for side in band[:4])
        place = pixels[top:bottom, left:right, :3]
        place[...] = np.rint(place * (1 - band.opacity) + np.array(HEAT_COLOUR) * band.opacity)
