"""The ECG on its paper: a sharp drawing in the page, its speed and gain, and its files."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import render
from spaces_demo.page.saving import Saved, add_buttons, as_file
from spaces_demo.page.session import Session

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile

SPEEDS = {"25 mm/s": 25.0, "50 mm/s": 50.0}
GAINS = {"5 mm/mV": 5.0, "10 mm/mV": 10.0, "20 mm/mV": 20.0}
_NO_ECG = "The ECG is drawn here, as on paper."
_ZOOM = (
    '<div class="zoom" role="group" aria-label="Zoom"><button type="button" data-zoom="out" aria-label="Zoom out">−'
    '</button><output aria-live="polite">100 %</output><button type="button" data-zoom="in" aria-label="Zoom in">+'
    '</button><button type="button" data-zoom="fit" aria-label="Show the whole page">Fit</button></div>'
)


class Drawing(NamedTuple):
    """The drawing's components.

    Attributes:
        paper: where the ECG stands.
        speed: what the visitor chose, a key of `SPEEDS`.
        gain: a key of `GAINS`.
    """

    paper: gr.HTML
    speed: gr.Radio
    gain: gr.Radio


def add_drawing(session: gr.State) -> Drawing:
    """Add the paper with its choices and downloads."""
    gr.HTML(render.heading("The ECG"))
    with gr.Row(elem_classes=["paper-choices"]):
        speed = gr.Radio(list(SPEEDS), value="25 mm/s", label="Paper speed", elem_id="speed", min_width=200)
        gain = gr.Radio(list(GAINS), value="10 mm/mV", label="Gain", elem_id="gain", min_width=270)
    paper = gr.HTML(render.empty(_NO_ECG), elem_id="paper")
    drawing = Drawing(paper, speed, gain)
    for choice in (speed, gain):
        choice.change(
            show,
            [session, speed, gain],
            paper,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )
    gr.HTML('<p class="hint">Save the picture as</p>', elem_classes=["save-label"])
    add_buttons(_picture, [session, speed, gain], {"png": "PNG", "svg": "SVG", "pdf": "PDF"}, "picture")
    return drawing


def show(session: Session, speed: str, gain: str) -> Any:
    """The session's ECG as HTML; a word in its place without one, nothing new where it is to be another by now."""
    try:
        with session.lock:
            record, heat = session.shown(), session.heat
            session.heat_drawn = heat
            session.pictures += 1
            asked = session.turn, session.pictures
    except EcgInputError:
        return render.empty(_NO_ECG)
    drawn = paper_html(record, speed, gain, heat)
    # Two answers may reach the page in another order than they were asked for.
    return drawn if asked == (session.turn, session.pictures) else gr.skip()


def follow_heat(session: Session, speed: str, gain: str) -> Any:
    """The ECG drawn anew where it shows another heat than was found, or one too many; else what is there stays."""
    return show(session, speed, gain) if session.heat is not session.heat_drawn else gr.skip()


def paper_view(speed: str, gain: str, heat: Any = None) -> dict[str, Any]:
    """How `ecg_image` draws what a visitor chose.

    With a heat every lead is shown over the whole time, since each second of each may matter: twelve rows, which hold
    10 s at 25 mm/s only, and no more than 10 mm/mV.

    Args:
        speed: a key of `SPEEDS`.
        gain: a key of `GAINS`.
        heat: as `ecg_image.svg.draw_ecg_svg`.
    """
    if heat is None:
        return {"paper_speed": SPEEDS[speed], "gain": GAINS[gain]}
    return {"paper_speed": 25.0, "gain": min(GAINS[gain], 10.0), "heat": heat, "layout": "12x1"}


def paper_html(
    record: EcgFile, speed: str = "25 mm/s", gain: str = "10 mm/mV", heat: Any = None, kind: str = "12-lead ECG"
) -> str:
    """An ECG in a frame that zooms and scrolls.

    Args:
        record: to draw.
        speed: a key of `SPEEDS`.
        gain: a key of `GAINS`.
        heat: as `ecg_image.svg.draw_ecg_svg`.
        kind: what screen readers call it; another one for each picture in the page, whose parts are named by it.
    """
    from ecg_image.svg import draw_ecg_svg

    view = paper_view(speed, gain, heat)
    drawn = f"{view['paper_speed']:g} mm/s", f"{view['gain']:g} mm/mV"
    label = f"{kind} of {record.name}, {record.duration:.4g} s, {', '.join(drawn)}"
    svg = draw_ecg_svg(record.signal, record.sampling_rate, label, **view)
    says = ""
    if heat is not None:
        instead = "" if drawn == (speed, gain) else f", at {' and '.join(drawn)} so that they fit"
        says = (
            f'<p class="hint" role="status">Each lead over the whole time{escape(instead)}: any second may matter.</p>'
        )
    return (
        f'<div class="paper">{_ZOOM}{says}<div class="paper-view" tabindex="0" role="region" '
        f'aria-label="{escape(label)}. Plus and minus zoom, arrow keys move, 0 shows all.">{svg}</div></div>'
    )


def _picture(kind: str, session: Session, speed: str, gain: str) -> Saved:
    """The ECG that is shown as a file of its own, with its name, its times and the notice."""
    with session.lock:
        record, start_s, view = session.shown(), session.start_s, paper_view(speed, gain, session.heat)
    footer = f"{record.format}, {record.sampling_rate:g} Hz, from {start_s:g} s."
    if kind == "svg":
        from ecg_image.svg import svg_file

        return as_file("ecg.svg", "image/svg+xml", svg_file(record.signal, record.sampling_rate, record.name, **view))
    if kind == "pdf":
        from ecg_image.pdf import draw_ecg_pdf

        page = draw_ecg_pdf(record.signal, record.sampling_rate, title=record.name, footer=footer, **view)
        return as_file("ecg.pdf", "application/pdf", page)
    from ecg_image.draw import draw_ecg

    content = io.BytesIO()
    image = draw_ecg(record.signal, record.sampling_rate, 2200, title=record.name, footer=footer, **view)
    image.save(content, "PNG", dpi=(2200 / 297 * 25.4,) * 2)
    return as_file("ecg.png", "image/png", content.getvalue())
