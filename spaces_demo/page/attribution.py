"""Which part of the ECG mattered: computed on request, drawn over the paper."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import drawing, render
from spaces_demo.page.report import buttons
from spaces_demo.page.session import Session

if TYPE_CHECKING:
    from eval_suite.occlusion import Occlusion
    from spaces_demo.reading import Reading
    from spaces_demo.service.demo import Demo

_RUN = "occlusion"
_WHOLE = "The whole report"
_DOING = "Hiding one second after the other …"
What = Literal["report"] | tuple[int, int]
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class Attribution(NamedTuple):
    """The components that follow the report, in the order of what `offer` returns.

    Attributes:
        what: of which text the ECG's part is asked.
        says: the progress, and what was found.
        paint: the button.
    """

    what: gr.Dropdown
    says: gr.HTML
    paint: gr.Button


def add_attribution(demo: Demo, session: gr.State, shown: drawing.Drawing) -> Attribution:
    """Add the picker, the buttons and the progress bar."""
    gr.HTML(
        render.heading(
            "Which part of the ECG mattered",
            "Each second of each lead is hidden from the model in turn; what the text loses is drawn over the paper.",
        )
    )
    what = gr.Dropdown([_WHOLE], value=_WHOLE, label="For", elem_id="what", filterable=False)
    with gr.Row(elem_classes=["actions"]):
        paint = gr.Button("Show which part mattered", interactive=False, elem_id="paint")
        cancel = gr.Button("Cancel", variant="stop", interactive=False, elem_id="cancel", min_width=96)
    says = gr.HTML(elem_id="paint-says")

    def run(session: Session, what: str) -> Iterator[list[Any]]:
        yield from _paint(demo, session, what)

    painted = paint.click(run, [session, what], [says, paint, cancel], **_PRIVATE)
    # An event of its own, which is told the speed and the gain of now, not those of the beginning.
    painted.then(drawing.follow_heat, [session, shown.speed, shown.gain], shown.paper, **_PRIVATE)
    cancel.click(lambda session: session.stop(_RUN), session, None, queue=False, **_PRIVATE)
    return Attribution(what, says, paint)


def offer(session: Session) -> list[Any]:
    """The picker with the sentences of the session's draft; nothing to ask for without one."""
    reading = session.reading
    ready = reading is not None and bool(reading.draft.strip())
    choices = [_WHOLE, *_sentences(reading)] if reading is not None else [_WHOLE]
    return [gr.update(choices=choices, value=_WHOLE), "", gr.update(interactive=ready)]


def _sentences(reading: Reading) -> dict[str, What]:
    """What the picker calls each sentence -> its characters."""
    if len(reading.sentences) < 2:
        return {}
    return {
        f"{number}. {sentence.text}": (sentence.start, sentence.end)
        for number, sentence in enumerate(reading.sentences, start=1)
    }


def _paint(demo: Demo, session: Session, what: str) -> Iterator[list[Any]]:
    keep = gr.skip()
    idle = buttons(running=False)
    stop, reading = session.begin(_RUN), session.reading

    def current(*shown: Any) -> list[Any]:
        if session.is_current(_RUN, stop):
            return list(shown)
        # What is yielded last is sent once more, after the new ECG's own events: so it must show nothing.
        return [keep, keep, keep if session.has_run(_RUN) else gr.update(interactive=False)]

    if reading is None:
        yield current(render.error(EcgInputError("There is no report yet. Write one first.")), *idle)
        return
    yield current(render.progress(0.0, _DOING), *buttons(running=True))
    try:
        found = None
        for found in _occlude(demo, reading, _sentences(reading).get(what, "report"), stop):
            if isinstance(found, float):
                yield current(render.progress(found, _DOING), keep, keep)
    except EcgInputError as problem:
        yield current(render.error(problem), *idle)
        return
    except Exception:
        yield current(render.breakdown(), *idle)
        raise
    if found is None or isinstance(found, float):
        yield current(render.message("info", "Cancelled."), *idle)
    elif session.keep(_RUN, stop, heat=_heat(found)):
        yield current(_summary(found), *idle)
    if not session.is_current(_RUN, stop):
        yield current()


def _occlude(demo: Demo, reading: Reading, what: What, stop: threading.Event) -> Iterator[float | Occlusion]:
    """The share that is done, again and again, and last the result; without a result where it was cancelled.

    The engine's call blocks, so a thread of its own makes it; it is stopped when nobody takes what it tells.
    """
    from eval_suite.occlusion import OcclusionCancelled

    told: queue.Queue[float | Occlusion | Exception | None] = queue.Queue()

    def work() -> None:
        record, prompt, draft = reading.record, reading.prompt, reading.draft
        occlude = partial(demo.engine.occlude, reading.model, record.signal, record.sampling_rate, prompt, draft)
        try:
            told.put(occlude(what, told.put, stop))
        except OcclusionCancelled:
            told.put(None)
        except Exception as problem:  # handed to the one who waits, who raises it
            told.put(problem)

    threading.Thread(target=work, daemon=True, name="page-occlusion").start()
    try:
        while (news := told.get()) is not None:
            if isinstance(news, Exception):
                raise news
            yield news
            if not isinstance(news, float):
                return
    finally:
        stop.set()


def _heat(found: Occlusion) -> Any:
    from ecg_image.heat import Heat

    return Heat(found.heat(), found.start_s, found.window_s)


def _summary(found: Occlusion) -> str:
    """In words what the colours show: the leads and moments that mattered most."""
    heat = found.heat()
    if not heat.any():
        return render.message("info", "No single second of a lead mattered: the text stays as likely without it.")
    order = heat.ravel().argsort()[::-1][:3]
    places = [divmod(int(place), heat.shape[1]) for place in order if heat.flat[place] > 0]
    named = ", ".join(
        f"{found.leads[lead]} at {found.windows[window]:g}–{found.windows[window] + found.window_s:g} s"
        for lead, window in places
    )
    return render.message(
        "info",
        f"{named}. Darker means that hiding it makes the text less likely; two leads that show the same can both look "
        "unimportant.",
        "Mattered most:",
    )
