"""The report: quality of the signal first, then the draft as it streams, then what was found in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import findings_html, render
from spaces_demo.page.asking import Asking, add_asking, asked
from spaces_demo.page.session import Session

if TYPE_CHECKING:
    import threading

    from ecg_files.ecg_file import EcgFile
    from spaces_demo.engine.states import ReportState
    from spaces_demo.page.asking import Asked
    from spaces_demo.reading import Reading
    from spaces_demo.service.demo import Demo

_RUN = "report"
_NO_REPORT = "The draft appears here word by word, with the model's confidence in each sentence."
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class Report(NamedTuple):
    """The report's components.

    Attributes:
        asking: model, prompt and options.
        written: the event that ends when a draft is done or was refused.
        facts: findings and measurements of the text.
        blank: what `clear` returns goes into these.
    """

    asking: Asking
    written: Any
    facts: gr.HTML
    blank: list[Any]


def add_report(demo: Demo, session: gr.State) -> Report:
    """Add pickers, buttons and the places where the draft and its findings stand."""
    gr.HTML(render.heading("The report", number=2))
    asking = add_asking(demo)
    with gr.Row(elem_classes=["actions"]):
        write = gr.Button("Write the report", variant="primary", elem_id="write")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop", min_width=96)
    quality = gr.HTML(elem_id="quality")
    draft = gr.HTML(render.empty(_NO_REPORT), elem_id="draft")
    facts = gr.HTML(elem_id="facts")

    def run(session: Session, *choices: Any) -> Iterator[list[Any]]:
        yield from _write(demo, session, *choices)

    outputs = [quality, draft, facts, write, stop]
    written = write.click(run, [session, *asking.inputs], outputs, **_PRIVATE)
    # Not through the queue: it must reach the server while the draft is written.
    stop.click(lambda session: session.stop(_RUN), session, None, queue=False, **_PRIVATE)
    return Report(asking, written, facts, outputs)


def clear(session: Session) -> list[Any]:
    """The places of the report before one is written: only what the signal itself shows.

    A report may be asked for before this is measured. What it shows, a refusal too, must then stay.
    """
    turn, quality, facts = session.turn, "", ""
    with suppress(EcgInputError):  # without an ECG the signal shows nothing
        quality, facts = _signal_html(session.shown())
    if session.turn != turn or session.has_run(_RUN):
        return [gr.skip()] * 5
    return [quality, render.empty(_NO_REPORT), facts, *buttons(running=False)]


def buttons(running: bool) -> list[Any]:
    """A pair of buttons, to begin and to stop: only one of them can be pressed."""
    return [gr.update(interactive=not running), gr.update(interactive=running)]


def follow(demo: Demo, record: EcgFile, wanted: Asked, stop: threading.Event) -> Iterator[ReportState]:
    """The states of one report; the engine stops writing as soon as nobody takes them any more.

    Args:
        demo: whose engine writes.
        record: the stretch to read.
        wanted: model, prompt and options.
        stop: ends it; set when it has ended.

    Raises:
        EcgInputError: the engine refuses the ECG, the options or one more request.
    """
    try:
        yield from demo.engine.stream(
            wanted.model, record.signal, record.sampling_rate, wanted.prompt, wanted.options, stop
        )
    finally:
        stop.set()


def facts_html(reading: Reading) -> str:
    """Findings and measurements of a reading's text."""
    return findings_html.chips_html(reading.findings) + findings_html.measurements_html(
        reading.measurements, reading.comparisons
    )


def _write(demo: Demo, session: Session, *choices: Any) -> Iterator[list[Any]]:
    """What the page shows while a report is written.

    Another ECG may be chosen meanwhile. Nothing of the old one's report may then be kept, or shown beside the new one.
    """
    from spaces_demo.reading import make_reading

    keep, began = gr.skip(), time.monotonic()
    idle = buttons(running=False)
    with session.lock:
        session.drop("occlusion")
        session.reading = session.heat = None
        stop = session.begin(_RUN)

    def current(*shown: Any) -> list[Any]:
        if session.is_current(_RUN, stop):
            return list(shown)
        # What is yielded last is sent once more, after the new ECG's own events: so it must show nothing.
        return [keep] * 5 if session.has_run(_RUN) else [keep, keep, keep, *idle]

    try:
        record, start_s, wanted = session.shown(), session.start_s, asked(*choices)
        quality, facts = _signal_html(record)
        yield current(quality, render.empty("Reading the ECG …"), facts, *buttons(running=True))
        state = None
        for state in follow(demo, record, wanted, stop):
            yield current(keep, findings_html.draft_html(state), keep, keep, keep)
        if state is not None:
            reading = make_reading(record, state, prompt=wanted.prompt, options=wanted.options, start_s=start_s)
            status = "answered" if session.keep(_RUN, stop, reading=reading) and not state.stopped else "stopped"
            demo.log.write("page_report", seconds=time.monotonic() - began, status=status, model=wanted.model)
            yield current(keep, findings_html.draft_html(state), facts_html(reading), *idle)
        # Also where it was current just now, and the ECG was changed while that was sent.
        if not session.is_current(_RUN, stop):
            yield current()
    except EcgInputError as problem:
        yield current(keep, render.error(problem), keep, *idle)
    except Exception:
        yield current(keep, render.breakdown(), keep, *idle)
        raise


def _signal_html(record: EcgFile) -> tuple[str, str]:
    """What the signal itself shows, before any text: its quality, and its measurements."""
    from ecg_measurements.measure import measure_ecg
    from ecg_measurements.quality_remarks import quality_remarks

    try:
        remarks = tuple(quality_remarks(record.signal, record.sampling_rate))
        measurements = measure_ecg(record.signal, record.sampling_rate)
    except EcgInputError as problem:
        return render.error(problem), ""
    return findings_html.quality_html(remarks), findings_html.measurements_html(measurements)
