"""The editor: the draft is corrected here, every change is recorded, and the result is copied or saved."""

from __future__ import annotations

import json
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from ecg_image.page import RESEARCH_USE_NOTICE
from spaces_demo.page import render
from spaces_demo.page.drawing import paper_view
from spaces_demo.page.report import facts_html
from spaces_demo.page.saving import Saved, add_buttons, as_file
from spaces_demo.page.session import Session
from spaces_demo.reading import LONGEST_TEXT, Reading, with_edit

KINDS = {"text": "Text", "json": "JSON", "fhir": "FHIR", "pdf": "PDF"}
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class Editor(NamedTuple):
    """The editor's components, in the order of what `fill` returns.

    Attributes:
        text: the report as a person leaves it.
        of: of which reading; the browser sends both back together.
        changes: what was changed.
    """

    text: gr.Textbox
    of: gr.Textbox
    changes: gr.HTML


def add_editor(session: gr.State, facts: gr.HTML, view: list[Any]) -> Editor:
    """Add the text field, the list of changes and the downloads.

    Args:
        session: the visitor's.
        facts: where findings and measurements of the text stand; they follow an edit.
        view: speed and gain of the drawing, for the PDF.
    """
    gr.HTML(render.heading("Correct and save", "What you change is recorded beside the model's draft.", number=3))
    text = gr.Textbox(
        label="Report", lines=4, max_lines=14, max_length=LONGEST_TEXT, interactive=False, elem_id="editor"
    )
    of = gr.Textbox(visible="hidden", elem_id="editor-of")
    changes = gr.HTML(elem_id="changes")
    gr.HTML(
        '<div class="copy"><button type="button" data-copy="#editor textarea">Copy the report</button>'
        '<output aria-live="polite"></output></div>'
    )
    for event in (text.blur, text.submit):
        event(_follow_edit, [session, text, of], [changes, facts], **_PRIVATE)

    def save(kind: str, session: Session, text: str, of: str, speed: str, gain: str) -> Saved:
        _edit(session, text, of)  # what was typed last counts, also where the field never lost the focus
        with session.lock:
            reading, heat = session.reading, session.heat
        if reading is None:
            raise EcgInputError("There is no report to save yet. Write one first.")
        return _report_file(kind, reading, paper_view(speed, gain, heat))

    gr.HTML('<p class="hint">Save the report as</p>', elem_classes=["save-label"])
    add_buttons(save, [session, text, of, *view], KINDS, "report")
    return Editor(text, of, changes)


def fill(session: Session) -> list[Any]:
    """The editor's components with the session's reading, or empty without one."""
    reading = session.reading
    if reading is None:
        return [gr.update(value="", interactive=False), "", ""]
    return [gr.update(value=reading.text, interactive=True), _key(reading), _changes_html(reading)]


def _key(reading: Reading) -> str:
    """What tells a reading from others of the page; edits keep it."""
    return reading.created.isoformat()


def _follow_edit(session: Session, text: str, of: str) -> list[Any]:
    before = session.reading
    try:
        reading = _edit(session, text, of)
    except EcgInputError as problem:
        return [render.error(problem), gr.skip()]
    if reading is None or reading is before:
        return [gr.skip(), gr.skip()]
    return [_changes_html(reading), facts_html(reading)]


def _edit(session: Session, text: str, of: str) -> Reading | None:
    """The session's reading with the text that a person left in the editor.

    Args:
        session: the visitor's.
        text: what the editor shows.
        of: the key of the reading that it was filled with. A report that was written meanwhile is not changed by it.

    Raises:
        EcgInputError: the text is too long.
    """
    session.touch()
    reading = session.reading
    if reading is None or of != _key(reading) or text.strip() == reading.text.strip():
        return reading
    edited = with_edit(reading, text)
    with session.lock:
        # Another ECG may have been chosen meanwhile: this text is not of it.
        if session.reading is not reading:
            return session.reading
        session.reading = edited
    return edited


def _changes_html(reading: Reading) -> str:
    if not reading.changes:
        return '<p class="sub" role="status">No changes: this is the model\'s draft.</p>'
    items = "".join(
        f'<li>{_change(change.before, change.after)} <time datetime="{escape(change.at)}">'
        f"{escape(change.at[11:16])} UTC</time></li>"
        for change in reading.changes
    )
    count = len(reading.changes)
    return (
        f'<div class="changes" role="status"><h4>{count} change{"" if count == 1 else "s"} to the draft</h4>'
        f"<ol>{items}</ol></div>"
    )


def _change(before: str, after: str) -> str:
    before, after = before.strip(), after.strip()
    if not before:
        return f"added <ins>{escape(after)}</ins>"
    if not after:
        return f"removed <del>{escape(before)}</del>"
    return f"<del>{escape(before)}</del> became <ins>{escape(after)}</ins>"


def _report_file(kind: str, reading: Reading, view: dict[str, Any]) -> Saved:
    from spaces_demo.downloads import as_fhir, as_json, as_text

    if kind == "text":
        return as_file("ecg-report.txt", "text/plain", as_text(reading))
    if kind == "json":
        return as_file(
            "ecg-report.json", "application/json", json.dumps(as_json(reading), ensure_ascii=False, indent=1)
        )
    if kind == "fhir":
        content = json.dumps(as_fhir(reading), ensure_ascii=False, indent=1)
        return as_file("ecg-report.fhir.json", "application/fhir+json", content)
    from ecg_image.pdf import draw_ecg_pdf

    record = reading.record
    page = draw_ecg_pdf(
        record.signal,
        record.sampling_rate,
        title=record.name,
        footer=RESEARCH_USE_NOTICE,
        text=[line for line in as_text(reading).splitlines() if line.strip()],
        **view,
    )
    return as_file("ecg-report.pdf", "application/pdf", page)
