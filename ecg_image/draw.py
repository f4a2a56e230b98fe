"""A 12-lead ECG as an image of its paper printout."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import aggdraw
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ecg_image.grid import paper
from ecg_image.page import LEADS, RESEARCH_USE_NOTICE, Page, standard_page
from ecg_image.trace import checked_signal, measured_runs

INK_MM = 0.35
_INK = (20, 20, 30)
_MIN_WIDTH_PX, _MAX_WIDTH_PX = 200, 10_000
# A turn sharper than this (cosine of the change of direction) ends a stroke: see `_strokes`.
_SHARP_TURN = 0.5


def draw_ecg(
    signal: np.ndarray,
    sampling_rate: float,
    width_px: int = 1600,
    title: str | None = None,
    footer: str | None = None,
    paper_speed: float = 25.0,
    gain: float = 10.0,
) -> Image.Image:
    """Draw an ECG in the 3 x 4 layout with a rhythm strip of lead II, to scale (see `ecg_image.page.standard_page`).

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        width_px: width of the image (A4 landscape, 297 mm); the height follows.
        title: text above the ECG: its first line large, the others small; cut with "…" where the space ends.
        footer: small text at the foot, before the research-use notice that every page carries.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.

    Returns:
        An RGB image of width_px x width_px * 210 / 297 pixels.

    Raises:
        ValueError: for another shape, a rate that is not positive, or a width outside 200 to 10,000 pixels.
    """
    signal = checked_signal(signal, sampling_rate)
    if not _MIN_WIDTH_PX <= width_px <= _MAX_WIDTH_PX:
        raise ValueError(f"width {width_px} px: expected {_MIN_WIDTH_PX} to {_MAX_WIDTH_PX}")
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain)
    scale = width_px / page.width
    image = Image.fromarray(paper(width_px, round(page.height * scale), scale, page.grid).copy())
    _draw_ink(image, page, scale, signal, sampling_rate)
    _write_texts(image, page, scale, page.extent(duration), title, footer)
    return image


def _draw_ink(image: Image.Image, page: Page, scale: float, signal: np.ndarray, sampling_rate: float) -> None:
    """Draw traces, calibration pulses and the marks between columns."""
    canvas = aggdraw.Draw(image)
    pen = aggdraw.Pen(_INK, max(1.0, INK_MM * scale))
    for panel in page.panels:
        for run in measured_runs(page, panel, signal[LEADS.index(panel.lead)], sampling_rate):
            for stroke in _strokes(run):
                canvas.line((stroke * scale).ravel().tolist(), pen)
        if panel.start > 0:
            for top in (-3.0, 2.0):
                mark = np.array([[panel.x, panel.baseline + top], [panel.x, panel.baseline + top + 1.0]])
                canvas.line((mark * scale).ravel().tolist(), pen)
    for baseline in page.baselines:
        corners = np.array(page.calibration_pulse(baseline))
        for stroke in _strokes(corners):
            canvas.line((stroke * scale).ravel().tolist(), pen)
    canvas.flush()


def _strokes(points: np.ndarray) -> list[np.ndarray]:
    """Cut a polyline [n, 2] where it turns sharply.

    The ink joins segments with a mitre, which would draw the tip of a narrow R wave up to two pen widths too high; two
    strokes that end in the tip keep its height.
    """
    if len(points) < 2:
        return []
    steps = np.diff(points, axis=0)
    steps = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-12)
    turns: np.ndarray = np.flatnonzero((steps[1:] * steps[:-1]).sum(axis=1) < _SHARP_TURN) + 1
    cuts = [0, *turns.tolist(), len(points) - 1]
    return [points[start : stop + 1] for start, stop in pairwise(cuts)]


@lru_cache(maxsize=16)
def _font(size_px: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def _write_texts(
    image: Image.Image, page: Page, scale: float, extent: str, title: str | None, footer: str | None
) -> None:
    """Write title, lead names, speed and gain, the time shown, footer and the research-use notice."""
    canvas = ImageDraw.Draw(image)
    _, _, right, bottom = page.grid

    def write(text: str, x: float, y: float, height: float, anchor: str = "ls") -> None:
        canvas.text((x * scale, y * scale), text, fill=_INK, font=_font(height * scale), anchor=anchor)

    def wrap(text: str, height: float, lines: int) -> list[str]:
        return _wrap(text, _font(height * scale), (page.width - 2 * page.margin) * scale, lines)

    if title:
        heading, _, rest = title.partition("\n")
        write(wrap(heading, 5.0, 1)[0], page.margin, 12.0, 5.0)
        for i, line in enumerate(wrap(rest, 3.6, 3)):
            write(line, page.margin, 18.0 + 5.0 * i, 3.6)
    for panel in page.panels:
        write(panel.lead, panel.x + 1.5, panel.baseline - 13.0, 4.0)
    write(f"{page.paper_speed:g} mm/s   {page.gain:g} mm/mV", page.margin, bottom + 5.0, 3.6)
    write(extent, right, bottom + 5.0, 3.6, anchor="rs")
    foot = " ".join(text for text in (footer, RESEARCH_USE_NOTICE) if text)
    for i, line in enumerate(wrap(foot, 3.0, 2)):
        write(line, page.margin, bottom + 10.5 + 4.2 * i, 3.0)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: float, lines: int) -> list[str]:
    """Break a text into lines that fit a width; what is over `lines` is cut with "…"."""
    broken: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > width_px:
                broken.append(line)
                longer = word
            line = longer
        broken.append(line)
    cut = len(broken) > lines
    kept = broken[:lines] or [""]
    last = kept[-1] + ("…" if cut else "")
    while len(last) > 1 and font.getlength(last) > width_px:
        last = last[:-2].rstrip() + "…"
    return [*kept[:-1], last]
