"""The page, put together from its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from spaces_demo.page import attribution, drawing, editor, render, report
from spaces_demo.page.attribution import add_attribution
from spaces_demo.page.compare import add_compare
from spaces_demo.page.drawing import add_drawing
from spaces_demo.page.editor import add_editor
from spaces_demo.page.report import add_report
from spaces_demo.page.session import LONGEST_S, Session
from spaces_demo.page.sessions import Sessions
from spaces_demo.page.style import page_options
from spaces_demo.page.upload import add_upload
from spaces_demo.service.api import add_api

if TYPE_CHECKING:
    from spaces_demo.service.demo import Demo

__all__ = ["build_page", "page_options"]

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


def build_page(demo: Demo) -> gr.Blocks:
    """Build the page of a demo that runs; `page_options` are the looks for its launch.

    Args:
        demo: settings, engine and reader that the page's handlers use, and the folder for what visitors send.
    """
    sessions = Sessions(demo.folder)

    def opened(request: gr.Request) -> Session:
        return sessions.open(request.session_hash)

    def left(request: gr.Request) -> None:
        sessions.leave(request.session_hash)

    with gr.Blocks(title="meit-ecg: read a 12-lead ECG", analytics_enabled=False, fill_width=True) as page:
        session = gr.State(sessions.gone(), time_to_live=LONGEST_S, delete_callback=Session.close)
        gr.HTML(render.NOTICE, elem_id="notice")
        gr.HTML(render.MASTHEAD, elem_id="masthead")
        with gr.Tabs(elem_id="views"):
            with gr.Tab("Read", id="read"), gr.Row(elem_classes=["columns"]):
                with gr.Column(scale=3, min_width=320, elem_classes=["left"]):
                    with gr.Column(elem_classes=["card"]):
                        upload = add_upload(demo, session)
                    with gr.Column(elem_classes=["card"]):
                        shown = add_drawing(session)
                with gr.Column(scale=2, min_width=320, elem_classes=["right"]):
                    with gr.Column(elem_classes=["card"]):
                        written = add_report(demo, session)
                    with gr.Column(elem_classes=["card"]):
                        edited = add_editor(session, written.facts, [shown.speed, shown.gain])
                # Last, as one comes to it with Tab or on a phone; a wide page has it below the paper.
                with gr.Column(scale=3, min_width=320, elem_classes=["under"]), gr.Column(elem_classes=["card"]):
                    mattered = add_attribution(demo, session, shown)
            with gr.Tab("Compare", id="compare-tab"), gr.Column(elem_classes=["card"]):
                add_compare(demo, session, written.asking, upload.form)
        gr.HTML(render.FOOT)
        add_api(demo)

        upload.changes(drawing.show, [session, shown.speed, shown.gain], shown.paper, **_PRIVATE)
        upload.changes(report.clear, session, written.blank, **_PRIVATE)
        for follow in (upload.changes, written.written.then):
            follow(editor.fill, session, [*edited], **_PRIVATE)
            follow(attribution.offer, session, [*mattered], **_PRIVATE)
        written.written.then(drawing.follow_heat, [session, shown.speed, shown.gain], shown.paper, **_PRIVATE)
        page.load(opened, None, session, **_PRIVATE)
        page.unload(left)
    return page
