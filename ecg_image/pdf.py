"""A 12-lead ECG as a PDF of vectors, exact in millimetres when printed at 100 %."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO

import numpy as np
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from ecg_image.grid import BOLD_MM, FINE_MM
from ecg_image.heat import HEAT_COLOUR, Heat, bands, legend
from ecg_image.ink import INK
from ecg_image.page import INK_MM, LEADS, RESEARCH_USE_NOTICE, Page, standard_page
from ecg_image.texts import LEGEND_BELOW_MM, Text, clean, fixed_texts, font_file, free_texts, legend_texts, wrap
from ecg_image.trace import checked_signal, measured_runs

_FONT = "MeitSans"
_FINE_COLOUR, _BOLD_COLOUR = (255, 204, 204), (247, 154, 154)
_TEXT_MM, _LINE_MM, _PARAGRAPH_MM = 4.0, 5.8, 2.6
# Paragraphs are broken to a width that one reads well, and stand between these heights.
_TEXT_WIDTH_MM, _TEXT_TOP_MM, _TEXT_FOOT_MM = 200.0, 30.0, 20.0
_MAX_TEXT_PAGES = 50


def draw_ecg_pdf(
    signal: np.ndarray,
    sampling_rate: float,
    title: str | None = None,
    footer: str | None = None,
    *,
    paper_speed: float = 25.0,
    gain: float = 10.0,
    paper: str = "a4",
    heat: Heat | None = None,
    text: Sequence[str] | None = None,
    layout: str = "3x4",
) -> bytes:
    """Draw an ECG as a PDF file: the page of `ecg_image.draw.draw_ecg` in vectors, then pages of text.

    Args:
        signal: [12, T] in mV, leads in the order of `ecg_image.page.LEADS`; NaN samples leave a gap.
        sampling_rate: in Hz.
        title: as `draw_ecg`; its first line is the document's title too.
        footer: as `draw_ecg`.
        paper_speed: 25 or 50 mm/s.
        gain: 5, 10 or 20 mm/mV.
        paper: "a4" or "letter", landscape.
        heat: as `draw_ecg`.
        text: paragraphs, set whole on pages after the ECG.
        layout: as `draw_ecg`.

    Returns:
        The bytes of the file; the same arguments give the same bytes. Every page carries the research-use notice.

    Raises:
        ValueError: as `draw_ecg`, but for the width; text for more than 50 pages.
    """
    signal = checked_signal(signal, sampling_rate)
    duration = signal.shape[1] / sampling_rate
    page = standard_page(duration, paper_speed, gain, paper, layout)
    texts = [*fixed_texts(page, page.extent(duration)), *free_texts(page, title, footer)]
    sheets = _text_pages(page, text or ())
    heading = clean(title).partition("\n")[0] if title else "12-lead ECG"
    file = BytesIO()
    canvas = Canvas(file, pagesize=(page.width * mm, page.height * mm), pageCompression=1, invariant=1)
    canvas.setTitle(heading)
    canvas.setSubject(RESEARCH_USE_NOTICE)
    canvas.setCreator("meit-ecg")
    _open_page(canvas, page)
    _draw_ruling(canvas, page)
    if heat is not None:
        texts += _draw_heat(canvas, page, heat)
    _draw_ink(canvas, page, signal, sampling_rate)
    _write(canvas, texts)
    canvas.showPage()
    for number, lines in enumerate(sheets, 2):
        _open_page(canvas, page)
        foot = page.height - 9.0
        _write(
            canvas,
            [
                *free_texts(page, heading, None),
                *lines,
                Text(RESEARCH_USE_NOTICE, page.margin, foot, 3.0),
                Text(f"{number}/{len(sheets) + 1}", page.width - page.margin, foot, 3.0, "end"),
            ],
        )
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _open_page(canvas: Canvas, page: Page) -> None:
    """Set up a page whose unit is a millimetre, from its upper left corner down."""
    canvas.translate(0, page.height * mm)
    canvas.scale(mm, -mm)
    canvas.setLineCap(1)
    canvas.setLineJoin(1)


def _draw_heat(canvas: Canvas, page: Page, heat: Heat) -> list[Text]:
    """Lay bands and scale over the paper; return the words of the scale."""
    _, _, right, bottom = page.grid
    canvas.saveState()
    canvas.setFillColorRGB(*(channel / 255 for channel in HEAT_COLOUR))
    for band in [*bands(heat, page), *legend(right, bottom + LEGEND_BELOW_MM)[0]]:
        canvas.setFillAlpha(round(band.opacity, 3))
        canvas.rect(band.left, band.top, band.right - band.left, band.bottom - band.top, stroke=0, fill=1)
    canvas.restoreState()
    return legend_texts(heat, right, bottom + LEGEND_BELOW_MM)


def _draw_ruling(canvas: Canvas, page: Page) -> None:
    left, top, right, bottom = page.grid
    for pitch, width, colour in ((1, FINE_MM, _FINE_COLOUR), (5, BOLD_MM, _BOLD_COLOUR)):
        canvas.setLineWidth(width)
        canvas.setStrokeColorRGB(*(channel / 255 for channel in colour))
        path = canvas.beginPath()
        for i in range(0, round(right - left) + 1, pitch):
            path.moveTo(left + i, top)
            path.lineTo(left + i, bottom)
        for i in range(0, round(bottom - top) + 1, pitch):
            path.moveTo(left, top + i)
            path.lineTo(right, top + i)
        canvas.drawPath(path)


def _draw_ink(canvas: Canvas, page: Page, signal: np.ndarray, sampling_rate: float) -> None:
    """Draw traces, calibration pulses and the marks between columns."""
    canvas.setLineWidth(INK_MM)
    canvas.setStrokeColorRGB(*(channel / 255 for channel in INK))
    marks = [[(x, top), (x, bottom)] for x, top, bottom in page.column_marks()]
    for line in (*map(page.calibration_pulse, page.baselines), *marks):
        _stroke(canvas, line)
    for panel in page.panels:
        for run in measured_runs(page, panel, signal[LEADS.index(panel.lead)], sampling_rate):
            _stroke(canvas, run.tolist())


def _stroke(canvas: Canvas, points: Sequence[Sequence[float]]) -> None:
    """Draw a line in steps of a thousandth of a millimetre."""
    steps = [f"{x:.3f} {y:.3f} l" for x, y in points[1:]]
    canvas.drawPath(PDFPathObject([f"{points[0][0]:.3f} {points[0][1]:.3f} m", *steps]))


@lru_cache(maxsize=1)
def _font() -> str:
    """Make the font known to the library once; it embeds the characters that are used."""
    pdfmetrics.registerFont(TTFont(_FONT, font_file()))
    return _FONT


def _write(canvas: Canvas, texts: Iterable[Text]) -> None:
    canvas.setFillColorRGB(*(channel / 255 for channel in INK))
    for text, x, y, size, anchor in texts:
        canvas.saveState()
        # Letters stand upright in the library's own system, which counts from the foot of the page.
        canvas.translate(x, y)
        canvas.scale(1, -1)
        canvas.setFont(_font(), size)
        draw = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}[anchor]
        draw(0, 0, text)
        canvas.restoreState()


def _text_pages(page: Page, paragraphs: Sequence[str]) -> list[list[Text]]:
    """Set paragraphs on as many pages as they need."""
    sheets: list[list[Text]] = []
    y = page.height
    for paragraph in paragraphs:
        for line in wrap(paragraph, _TEXT_MM, _TEXT_WIDTH_MM):
            if y > page.height - _TEXT_FOOT_MM:
                if len(sheets) == _MAX_TEXT_PAGES:
                    raise ValueError(f"text fills more than {_MAX_TEXT_PAGES} pages: expected less")
                sheets.append([])
                y = _TEXT_TOP_MM
            if line:
                sheets[-1].append(Text(line, page.margin, y, _TEXT_MM))
            y += _LINE_MM
        y += _PARAGRAPH_MM
    return sheets
