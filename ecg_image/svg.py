"""A 12-lead ECG as an SVG of its paper printout: sharp at any size, for a web page or as a file of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from html import escape

import numpy as np

from ecg_image.heat import HEAT_COLOUR, Band, Heat, bands, legend
from ecg_image.ink import INK
from ecg_image.page import INK_MM, LEADS, Page, standard_page
from ecg_image.texts import LEGEND_BELOW_MM, Text, clean, fixed_texts, free_texts, legend_texts
from ecg_image.trace import checked_signal, measured_runs

# Whole numbers of a unit keep the paths short. In a web page a pixel of a laptop screen is five times as wide.
_PAGE_UNIT_MM, _FILE_UNIT_MM = 0.05, 0.01
_TOP_MM, _BOTTOM_MM, _HEAT_BOTTOM_MM = 28.0, 202.0, 206.0
# DejaVu Sans measured the lines; the others are as wide.
_STYLE = (
    ".fine,.bold,.trace{{fill:none;stroke-linecap:round;stroke-linejoin:round}}"
    ".fine{{stroke:#fcc;stroke-width:.15}}.bold{{stroke:#f79a9a;stroke-width:.3}}"
    ".trace{{stroke:rgb{ink};stroke-width:{width:g}}}.heat{{fill:rgb{heat}}}"
    ".text{{fill:rgb{ink};font-family:'DejaVu Sans','Bitstream Vera Sans',Verdana,sans-serif;white-space:pre}}"
)


def draw_ecg_svg(
    signal: np.ndarray,
    sampling_rate: float,
    label: str,
    *,
    paper_speed: float = 25.0,
    gain: float = 10.0,
    heat: Heat | None = None,
    layout: str = "3x4",
) -> str:
    """Draw an ECG in the layout of `ecg_image.draw.draw_ecg`, without its title, to stand inside an HTML page.

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        label: what a screen reader says of it.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        heat: values to lay behind the traces, with their scale; pointing at a band tells its value.
        layout: as `draw_ecg`.

    Returns:
        One `<svg>` element without colours: its parts carry the classes `fine`, `bold`, `trace` (its stroke width is in
        units of 0.05 mm: 7 is a pen's), `text` and `heat` (to be filled with one colour: the value is its opacity).

    Raises:
        ValueError: for another shape, speed, gain or layout, or a rate that is not positive.
    """
    signal = checked_signal(signal, sampling_rate)
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain, layout=layout)
    end = _BOTTOM_MM if heat is None else _HEAT_BOTTOM_MM
    *texts, extent, notice = fixed_texts(page, page.extent(duration))
    # Closer to the paper than on a sheet, which has room for a footer.
    below = page.grid[3] + LEGEND_BELOW_MM
    if heat is None:
        notice = notice._replace(x=page.width / 2, y=extent.y, anchor="middle")
    else:
        notice = notice._replace(y=below)
    texts += [notice, extent]
    return (
        f'<svg class="ecg" viewBox="0 {_TOP_MM:g} {page.width:g} {end - _TOP_MM:g}" role="img" '
        f'aria-label="{escape(clean(label))}">'
        f"{_drawing(page, signal, sampling_rate, heat, texts, below, _PAGE_UNIT_MM, label)}</svg>"
    )


def svg_file(
    signal: np.ndarray,
    sampling_rate: float,
    label: str,
    title: str | None = None,
    footer: str | None = None,
    *,
    paper_speed: float = 25.0,
    gain: float = 10.0,
    paper: str = "a4",
    heat: Heat | None = None,
    layout: str = "3x4",
) -> str:
    """Draw an ECG as an SVG file that stands alone: its own colours, and a sheet of paper in millimetres.

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        label: name of the picture, for programs that list or read it out.
        title: as `ecg_image.draw.draw_ecg`.
        footer: as `draw_ecg`.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        paper: "a4" or "letter", landscape.
        heat: as `draw_ecg`.
        layout: as `draw_ecg`.

    Returns:
        The text of the file, to be written as UTF-8.

    Raises:
        ValueError: as `draw_ecg`, but for the width.
    """
    signal = checked_signal(signal, sampling_rate)
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain, paper, layout)
    texts = [*fixed_texts(page, page.extent(duration)), *free_texts(page, title, footer)]
    colours = {"ink": INK, "heat": HEAT_COLOUR, "width": INK_MM / _FILE_UNIT_MM}
    legend_y = page.grid[3] + LEGEND_BELOW_MM
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{page.width:g}mm" height="{page.height:g}mm" '
        f'viewBox="0 0 {page.width:g} {page.height:g}"><title>{escape(clean(label))}</title>'
        f'<style>{_STYLE.format(**colours)}</style><rect width="100%" height="100%" fill="#fff"/>'
        f"{_drawing(page, signal, sampling_rate, heat, texts, legend_y, _FILE_UNIT_MM, label)}</svg>\n"
    )


def _drawing(
    page: Page,
    signal: np.ndarray,
    sampling_rate: float,
    heat: Heat | None,
    texts: list[Text],
    legend_y: float,
    unit: float,
    label: str,
) -> str:
    """What both kinds of SVG hold: ruling, colour, lines and texts, from the bottom up."""
    coloured = ""
    if heat is not None:
        right = page.grid[2]
        coloured = "".join(map(_rectangle, [*bands(heat, page), *legend(right, legend_y)[0]]))
        texts = [*texts, *legend_texts(heat, right, legend_y)]
    lines = [
        run
        for panel in page.panels
        for run in measured_runs(page, panel, signal[LEADS.index(panel.lead)], sampling_rate)
    ]
    lines += [np.array(page.calibration_pulse(baseline)) for baseline in page.baselines]
    lines += [np.array([[x, top], [x, bottom]]) for x, top, bottom in page.column_marks()]
    trace = "".join(_path(line, unit) for line in lines)
    # Two drawings in one page must not share the names of their patterns.
    name = "paper-" + hashlib.blake2b(f"{clean(label)}{trace}".encode(), digest_size=6).hexdigest()
    return (
        f'{_ruling(page, name)}{coloured}<path class="trace" transform="scale({unit:g})" d="{trace}"/>{_written(texts)}'
    )


def _path(points: np.ndarray, unit: float) -> str:
    """Path data of a line [n, 2] in mm: its first point, then whole steps of a unit."""
    units = np.rint(points / unit).astype(np.int64)
    steps = " ".join(f"{x:d},{y:d}" for x, y in np.diff(units, axis=0).tolist())
    return f"M{units[0, 0]},{units[0, 1]}l{steps}"


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


def _rectangle(band: Band) -> str:
    width, height = band.right - band.left, band.bottom - band.top
    return (
        f'<rect class="heat" x="{band.left:.2f}" y="{band.top:g}" width="{width:.2f}" height="{height:g}" '
        f'fill-opacity="{band.opacity:.3f}"><title>{escape(band.says)}</title></rect>'
    )


def _written(texts: Iterable[Text]) -> str:
    return "".join(
        f'<text class="text" x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}">{escape(text)}</text>'
        for text, x, y, size, anchor in texts
    )
