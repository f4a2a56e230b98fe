"""Two models on one ECG, or one model on two ECGs, side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import findings_html, render
from spaces_demo.page.asking import Asked, Asking, asked
from spaces_demo.page.drawing import paper_html
from spaces_demo.page.examples import TITLES, example
from spaces_demo.page.report import buttons, follow
from spaces_demo.page.session import SHOWN_S, Session
from spaces_demo.page.upload import filled_in, loaded_html
from spaces_demo.service.uploads import discard, uploaded_paths

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile
    from spaces_demo.engine.states import ReportState
    from spaces_demo.reading import Reading
    from spaces_demo.service.demo import Demo

MODELS, ECGS = "Two models, this ECG", "Two ECGs, this model"
_RUNS = ("compare-0", "compare-1")
_UPLOADED = "file "
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class Side(NamedTuple):
    """One of the two.

    Attributes:
        record: ECG.
        start_s: where its stretch begins in the recording, in seconds.
        wanted: model, prompt and options.
    """

    record: EcgFile
    start_s: float
    wanted: Asked


def add_compare(demo: Demo, session: gr.State, asking: Asking, form: list[Any]) -> None:
    """Add the pickers of the second side, and both sides below them.

    Args:
        demo: reads and writes.
        session: the visitor's.
        asking: what the first side's model is asked.
        form: sampling rate, unit and leads, for what a file does not say.
    """
    names = list(demo.engine.names)
    gr.HTML(
        render.heading(
            "Compare", "The first side is the ECG, the model and the instruction of the page “Read”; choose the second."
        )
    )
    with gr.Row():
        mode = gr.Radio([MODELS, ECGS], value=MODELS, label="What differs", elem_id="compare-mode")
        second_model = gr.Dropdown(
            names, value=names[-1], label="Second model", elem_id="second-model", filterable=False
        )
        second_ecg = gr.Dropdown(
            [(f"Example: {title}", name) for name, title in TITLES.items()],
            value=next(iter(TITLES)),
            label="Second ECG",
            visible=False,
            elem_id="second-ecg",
            filterable=False,
        )
    file = gr.File(
        label="Or a file for the second ECG; the form of the page “Read” says what it does not",
        file_count="multiple",
        visible=False,
        height=132,
        elem_id="second-file",
    )
    with gr.Row(elem_classes=["actions"]):
        go = gr.Button("Compare", variant="primary", elem_id="compare")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="compare-stop", min_width=96)
    says = gr.HTML(elem_id="compare-says")
    with gr.Row(elem_classes=["sides"]):
        left = gr.HTML(elem_id="side-0")
        right = gr.HTML(elem_id="side-1")
    difference = gr.HTML(elem_id="difference")

    mode.change(
        lambda mode: [gr.update(visible=mode == MODELS), *[gr.update(visible=mode == ECGS)] * 2],
        mode,
        [second_model, second_ecg, file],
        **_PRIVATE,
    )

    def take(session: Session, sent: Any, *form: Any) -> list[Any]:
        return _take(demo, session, sent, *form)

    file.upload(take, [session, file, *form], [file, second_ecg, says], preprocess=False, **_PRIVATE)

    def run(session: Session, *choices: Any) -> Iterator[list[Any]]:
        yield from _compare(demo, session, *choices)

    outputs = [says, left, right, difference, go, stop]
    go.click(run, [session, mode, second_model, second_ecg, *asking.inputs], outputs, **_PRIVATE)
    stop.click(_stop, session, None, queue=False, **_PRIVATE)


def _stop(session: Session) -> None:
    for name in _RUNS:
        session.stop(name)


def _take(demo: Demo, session: Session, sent: Any, fs: float | None, unit: str, leads: str) -> list[Any]:
    """Read the file of the second ECG and delete it; of several ECGs in it one is chosen."""
    paths: list[Path] = []
    try:
        paths = uploaded_paths(sent, demo.folder)
        session.check_open()
        records = demo.reader.read(paths, **filled_in(fs, unit, leads))
        session.show_second(tuple(map(_beginning, records)))
    except EcgInputError as problem:
        return [None, gr.skip(), render.error(problem)]
    finally:
        discard(paths, demo.folder)
    choices = [(f"File: {number}. {one.name}", f"{_UPLOADED}{number}") for number, one in enumerate(records, start=1)]
    examples = [(f"Example: {title}", name) for name, title in TITLES.items()]
    says = "".join(loaded_html(one, _notes(one)) for one in records)
    return [None, gr.update(choices=[*choices, *examples], value=choices[0][1]), says]


def _beginning(record: EcgFile) -> EcgFile:
    """The stretch of a record that is compared, without the memory of the rest."""
    if record.duration <= SHOWN_S:
        return record
    begins = record.window(0.0, SHOWN_S)
    return replace(begins, signal=begins.signal.copy())


def _notes(record: EcgFile) -> tuple[str, ...]:
    cut = (f"Its first {SHOWN_S:g} s are compared; the page “Read” shows any other stretch of it.",)
    return (*record.notes, *(cut if record.duration > SHOWN_S else ()))


def _sides(session: Session, mode: str, second_model: str, second_ecg: str, choices: tuple[Any, ...]) -> list[Side]:
    with session.lock:
        first = Side(session.shown(), session.start_s, asked(*choices))
    if mode == MODELS:
        return [first, first._replace(wanted=first.wanted._replace(model=second_model))]
    if not second_ecg.startswith(_UPLOADED):
        return [first, Side(example(second_ecg), 0.0, first.wanted)]
    number = int(second_ecg.removeprefix(_UPLOADED))
    if number > len(session.second):
        raise EcgInputError("There is no second ECG yet. Drop its file, or take one of the examples.")
    return [first, Side(session.second[number - 1], 0.0, first.wanted)]


def _compare(
    demo: Demo, session: Session, mode: str, second_model: str, second_ecg: str, *choices: Any
) -> Iterator[list[Any]]:
    from spaces_demo.reading import make_reading

    keep = gr.skip()
    idle = buttons(running=False)
    stops = [session.begin(name) for name in _RUNS]

    def current(*shown: Any) -> list[Any]:
        if all(map(session.is_current, _RUNS, stops)):
            return list(shown)
        # What is yielded last is sent once more, so it must show nothing of the old ECG.
        if any(map(session.has_run, _RUNS)):
            return [keep] * 6
        return [render.message("info", "Stopped: another ECG was chosen."), "", "", "", *idle]

    try:
        sides = _sides(session, mode, second_model, second_ecg, choices)
        heads = [_head(side, kind) for side, kind in zip(sides, ("First ECG", "Second ECG"), strict=True)]
        yield current("", *heads, "", *buttons(running=True))
        last: list[ReportState | None] = [None, None]
        for number, state in _together(demo, sides, stops):
            last[number] = state
            shown = heads[number] + findings_html.draft_html(state)
            yield current(keep, *(shown if side == number else keep for side in (0, 1)), keep, keep, keep)
        readings = [
            make_reading(
                side.record, state, prompt=side.wanted.prompt, options=side.wanted.options, start_s=side.start_s
            )
            for side, state in zip(sides, last, strict=True)
            if state is not None
        ]
        if len(readings) == 2:
            yield current(keep, keep, keep, _difference(*readings), *idle)
        else:
            yield current(render.message("info", "Stopped."), keep, keep, keep, *idle)
        if not all(map(session.is_current, _RUNS, stops)):
            yield current()
    except EcgInputError as problem:
        yield current(render.error(problem), keep, keep, keep, *idle)
    except Exception:
        yield current(render.breakdown(), keep, keep, keep, *idle)
        raise


def _together(demo: Demo, sides: list[Side], stops: list[threading.Event]) -> Iterator[tuple[int, ReportState]]:
    """The states of both reports as they come, so that the engine can write both at once."""
    told: queue.Queue[tuple[int, ReportState | Exception | None]] = queue.Queue()

    def work(number: int, side: Side) -> None:
        try:
            for state in follow(demo, side.record, side.wanted, stops[number]):
                told.put((number, state))
            told.put((number, None))
        except Exception as problem:  # handed to the one who waits, who raises it
            told.put((number, problem))

    for number, side in enumerate(sides):
        threading.Thread(target=work, args=(number, side), daemon=True, name=f"page-compare-{number}").start()
    running = len(sides)
    try:
        while running:
            number, news = told.get()
            if isinstance(news, Exception):
                raise news
            if news is None:
                running -= 1
            else:
                yield number, news
    finally:
        for stop in stops:
            stop.set()


def _head(side: Side, kind: str) -> str:
    return (
        f'<h3>{escape(side.record.name)}</h3><p class="sub">model {escape(side.wanted.model)}</p>'
        f"{paper_html(side.record, kind=kind)}"
    )


def _difference(first: Reading, second: Reading) -> str:
    """Findings that both texts have, and those that one has or has otherwise."""
    names = sorted({*first.findings, *second.findings})
    rows = []
    for name in names:
        states = [reading.findings.get(name, "not mentioned") for reading in (first, second)]
        same = states[0] == states[1]
        mark = "✓ same" if same else "≠ differs"
        rows.append(
            f'<tr{"" if same else " class=disagrees"}><th scope="row">{escape(name.replace("_", " "))}</th>'
            f'<td>{states[0]}</td><td>{states[1]}</td><td><span class="{"agrees" if same else "differs"}">{mark}</span>'
            "</td></tr>"
        )
    if not rows:
        return '<p class="sub">No finding of the list was recognised in either text.</p>'
    return (
        '<h3>Findings of both</h3><div class="scroll" tabindex="0" role="region" aria-label="Findings of both"><table>'
        '<thead><tr><th scope="col">Finding</th><th scope="col">First</th><th scope="col">Second</th>'
        '<th scope="col"><span class="unseen">Same?</span></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
