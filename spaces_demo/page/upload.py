"""The first part of the page: which ECG, from a file or an example, and which stretch of it."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import render
from spaces_demo.page.examples import TITLES, example
from spaces_demo.page.session import SHOWN_S, Session
from spaces_demo.service.uploads import discard, uploaded_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ecg_files.ecg_file import EcgFile
    from spaces_demo.service.demo import Demo

UNITS = ("mV", "µV", "nV", "V")
_FORMATS = "WFDB (.hea with .dat), EDF, DICOM, HL7 aECG, SCP-ECG, GE MUSE XML, CSV, NumPy, or a zip of these"


class Upload(NamedTuple):
    """The components that other parts wait for.

    Attributes:
        changes: adds what is to happen after another ECG, or another stretch of one, was chosen.
        form: sampling rate, unit and leads, for what a file does not say.
    """

    changes: Callable[..., None]
    form: list[Any]


def add_upload(demo: Demo, session: gr.State) -> Upload:
    """Add the file field, the examples, the form for what a file does not say, and the pickers."""
    gr.HTML(render.heading("Choose an ECG", number=1), elem_id="source")
    files = gr.File(
        label="ECG files: drop them here, several if they belong together",
        file_count="multiple",
        elem_id="files",
        height=132,
    )
    gr.HTML(f'<p class="hint">{escape(_FORMATS)}. Limit: {_size(demo.settings.limits.bytes)}.</p>')
    with gr.Row(elem_classes=["examples"]):
        gr.HTML('<p class="hint" id="examples-label">Or a simulated example:</p>', elem_classes=["examples-label"])
        buttons = {name: gr.Button(title, size="sm", elem_id=f"example-{name}") for name, title in TITLES.items()}
    with gr.Accordion("The file does not say its sampling rate, unit or leads", open=False, elem_id="form"):
        with gr.Row():
            rate = gr.Number(label="Sampling rate (Hz)", value=None, minimum=1, placeholder="for example 500")
            unit = gr.Dropdown(["as the file says", *UNITS], value="as the file says", label="Unit", filterable=False)
        leads = gr.Textbox(
            "",
            label="Leads, in the order of the file",
            placeholder="I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6",
            max_length=200,
        )
        again = gr.Button("Read the file again with these", size="sm", elem_id="read-again")
    status = gr.HTML(elem_id="source-status")
    with gr.Row():
        record = gr.Dropdown(label="Record of this upload", visible=False, elem_id="record", filterable=False)
        start = gr.Slider(0, 1, 0, step=0.5, label="Start (s)", visible=False, elem_id="start")

    shown = [status, record, start]

    def read(session: Session, sent: Any, fs: float | None, unit: str, leads: str) -> list[Any]:
        return _receive(demo, session, sent, filled_in(fs, unit, leads))

    def read_again(session: Session, fs: float | None, unit: str, leads: str) -> list[Any]:
        with session.lock:
            kept, choice = session.upload, session.choose()
        return _read(demo, session, kept, choice, filled_in(fs, unit, leads))

    form = [rate, unit, leads]
    # As they were sent: Gradio's own step would leave an empty file for each, and here they are checked and moved.
    events = [
        files.upload(read, [session, files, *form], [files, *shown], preprocess=False, **_QUIET),
        again.click(read_again, [session, *form], [files, *shown], **_QUIET),
        record.input(_choose, [session, record], shown, **_QUIET),
        start.input(_move, [session, start], None, trigger_mode="always_last", **_QUIET),
    ]
    for name, button in buttons.items():
        events.append(button.click(lambda session, name=name: _example(session, name), [session], shown, **_QUIET))

    def changes(*arguments: Any, **options: Any) -> None:
        for event in events:
            event.then(*arguments, **options)

    return Upload(changes, form)


_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "concurrency_limit": None}


def filled_in(fs: float | None, unit: str, leads: str) -> dict[str, Any]:
    """What the form says, as `IsolatedReader.read` takes it."""
    names = [name.strip() for name in leads.replace(";", ",").split(",") if name.strip()]
    return {"fs": fs or None, "leads": names or None, "unit": unit if unit in UNITS else None}


def _receive(demo: Demo, session: Session, sent: Any, form: dict[str, Any]) -> list[Any]:
    """Take an upload into the session's folder, and read it there."""
    paths: list[Path] = []
    try:
        paths = uploaded_paths(sent, demo.folder)
        with session.lock:
            kept, choice = session.keep_upload(paths), session.choose()
    except EcgInputError as problem:
        return [None, *_shown(session, problem)]
    finally:
        discard(paths, demo.folder)
    return _read(demo, session, kept, choice, form)


def _read(demo: Demo, session: Session, paths: tuple[Path, ...], choice: int, form: dict[str, Any]) -> list[Any]:
    """Read an upload; what could not be read stays in the session's folder, for another try with the form filled in.

    Args:
        demo: reads.
        session: the visitor's.
        paths: the upload.
        choice: its number; nothing is shown of an upload after which the visitor chose something else.
        form: what the file does not say.
    """
    began, size = time.monotonic(), 0
    try:
        if not paths:
            raise EcgInputError("There is no file to read again. Drop a file into the field above.")
        size = _bytes(paths)
        records = demo.reader.read(list(paths), **form)
        taken = session.show(tuple(records), choice)
    except EcgInputError as problem:
        demo.log.write("page_read", seconds=time.monotonic() - began, status="refused", bytes=size)
        return [None, *(_shown(session, problem) if session.show_nothing(choice) else _unchanged())]
    demo.log.write(
        "page_read", seconds=time.monotonic() - began, status="answered", bytes=size, format=records[0].format
    )
    return [None, *(_shown(session) if taken else _unchanged())]


def _bytes(paths: tuple[Path, ...]) -> int:
    """Size of an upload.

    Raises:
        EcgInputError: a file is gone, as another ECG was chosen or the page left.
    """
    try:
        return sum(path.stat().st_size for path in paths)
    except FileNotFoundError as error:
        raise EcgInputError("The file is no longer here. Drop it into the field above again.") from error


def _example(session: Session, name: str) -> list[Any]:
    choice = session.choose()
    try:
        taken = session.show((example(name),), choice)
    except EcgInputError as problem:
        return _shown(session, problem)
    return _shown(session) if taken else _unchanged()


def _choose(session: Session, place: int) -> list[Any]:
    with session.lock:
        if place < len(session.records):
            session.turn_to(place, 0.0)
        return _shown(session)


def _move(session: Session, start: float | None) -> None:
    """Show another stretch; a number that was typed may be out of range."""
    with session.lock:
        if session.records:
            last = max(session.records[session.chosen].duration - SHOWN_S, 0.0)
            session.turn_to(session.chosen, min(max(start or 0.0, 0.0), last))


def _shown(session: Session, problem: Exception | None = None) -> list[Any]:
    """What the status, the record picker and the start slider say now."""
    with session.lock:
        records, chosen, start_s = session.records, session.chosen, session.start_s
    if problem is not None or not records:
        says = render.error(problem or EcgInputError("There is no ECG here. Load the page again, and then the ECG."))
        return [says, gr.update(visible=False), gr.update(visible=False)]
    record = records[chosen]
    choices = [(f"{place + 1}. {one.name}", place) for place, one in enumerate(records)]
    last = max(record.duration - SHOWN_S, 0.0)
    return [
        loaded_html(record, record.notes),
        gr.update(choices=choices, value=chosen, visible=len(choices) > 1),
        gr.update(
            maximum=last or 1,
            value=start_s,
            visible=last > 0,
            label=f"Start of the {SHOWN_S:g} s that are read (s)",
        ),
    ]


def _unchanged() -> list[Any]:
    """What is shown stays, as the visitor has chosen another ECG meanwhile."""
    return [gr.skip() for _ in range(3)]


def loaded_html(record: EcgFile, notes: tuple[str, ...]) -> str:
    """What was read: an ECG's name, its facts, and what is to be said of how it was read."""
    facts = (record.format, f"{record.duration:.4g} s", f"{record.sampling_rate:g} Hz")
    return (
        f'<div class="loaded" role="status"><p class="record-name">{escape(record.name)}</p>'
        f'<p class="facts">{escape(" · ".join(facts))}</p>'
        f"{render.sentences(notes, 'How the file was read')}</div>"
    )


def _size(size: int) -> str:
    return f"{size / 2**20:.0f} MB"
