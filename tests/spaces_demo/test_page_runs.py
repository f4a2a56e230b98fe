"""What runs for one ECG while another is chosen: nothing of the first may be kept, or shown beside the second."""

import threading
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_image.heat import Heat
from spaces_demo.engine.states import ReportState
from spaces_demo.page import attribution, compare, drawing, editor, report
from spaces_demo.page.asking import USUAL
from spaces_demo.page.examples import example
from spaces_demo.page.sessions import Sessions
from tests.spaces_demo.readings import reading

CHOICES = ("m", "en", USUAL, "", 0.0, 1, 0)
SAYS = "left bundle branch block."
VIEW = ("25 mm/s", "10 mm/mV")


@pytest.fixture
def session(tmp_path):
    opened = Sessions(tmp_path).open("one")
    opened.show((example("normal"),))
    yield opened
    opened.close()


def written(before=lambda: None):
    """A demo whose model writes one text; `before` is called before its last word."""

    def stream(model, signal, rate, prompt, options, stop):
        yield ReportState(text=SAYS[:5], model=model)
        before()
        yield ReportState(text=SAYS, done=True, stopped=stop.is_set(), confidence=0.9, model=model)

    return SimpleNamespace(engine=SimpleNamespace(stream=stream), log=SimpleNamespace(write=lambda *_, **__: None))


def is_nothing(shown):
    return isinstance(shown, dict) and shown.get("__type__") == "update" and "value" not in shown


def buttons_of(shown):
    return [button.get("interactive") for button in shown[-2:]]


def test_report_is_kept_and_shown(session):
    *_, last = report._write(written(), session, *CHOICES)
    assert session.reading.draft == SAYS
    assert SAYS in last[1]
    assert buttons_of(last) == [True, False]


@pytest.mark.parametrize("change", ["show", "turn_to"])
def test_report_of_an_ecg_is_not_taken_for_the_next(session, change):
    def another():
        session.show((example("atrial_fibrillation"),)) if change == "show" else session.turn_to(0, 0.0)

    shown = list(report._write(written(another), session, *CHOICES))
    assert session.reading is None
    assert not any(SAYS in str(values) for values in shown)
    # Gradio sends the last one a second time, after what the new ECG showed.
    assert all(map(is_nothing, shown[-1][:3]))
    assert buttons_of(shown[-1]) == [True, False]


def test_ecg_chosen_while_the_finished_report_is_sent(session):
    for values in report._write(written(), session, *CHOICES):
        if SAYS in str(values[1]) and session.reading is not None:
            session.show((example("atrial_fibrillation"),))
    assert session.reading is None
    assert all(map(is_nothing, values[:3]))


def test_stop_keeps_what_is_there(session):
    *_, last = report._write(written(lambda: session.stop("report")), session, *CHOICES)
    assert session.reading.stopped
    assert "Stopped before its end" in last[1]


def test_earlier_report_does_not_end_a_newer_one(session):
    newer = []
    shown = list(report._write(written(lambda: newer.append(session.begin("report"))), session, *CHOICES))
    assert session.reading is None
    assert all(map(is_nothing, shown[-1]))
    assert buttons_of(shown[-1]) == [None, None]
    assert not newer[0].is_set()


@pytest.mark.parametrize("refused", [False, True])
def test_report_asked_for_before_the_signal_is_measured_stays(session, monkeypatch, refused):
    demo, measured, seen = written(), report._signal_html, []

    def refuse(*_):
        raise EcgInputError("temperature and beams")

    if refused:
        demo.engine.stream = refuse

    def slowly(record):
        monkeypatch.undo()
        seen.extend(report._write(demo, session, *CHOICES))
        return measured(record)

    monkeypatch.setattr(report, "_signal_html", slowly)
    assert all(map(is_nothing, report.clear(session)))
    assert ("Temperature and beams" if refused else SAYS) in seen[-1][1]
    assert all(map(is_nothing, report.clear(session)))
    session.show((example("normal"),))
    assert "appears here" in report.clear(session)[1]


@pytest.mark.parametrize("place", ["paper", "quality"])
def test_what_was_worked_out_of_an_ecg_is_not_shown_beside_the_next(session, monkeypatch, place):
    module, name = {"paper": (drawing, "paper_html"), "quality": (report, "_signal_html")}[place]
    before = getattr(module, name)

    def slowly(*arguments):
        session.show((example("atrial_fibrillation"),))
        monkeypatch.undo()
        return before(*arguments)

    def show():
        return [drawing.show(session, *VIEW)] if place == "paper" else report.clear(session)

    monkeypatch.setattr(module, name, slowly)
    assert all(map(is_nothing, show()))
    assert not any(map(is_nothing, show()[:3]))


class Found:
    """What an engine finds in the time of one call."""

    leads = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    windows, start_s, window_s = tuple(map(float, range(10))), 0.0, 1.0

    def heat(self):
        heat = np.zeros((12, 10))
        heat[3, 8] = 1.0
        return heat


@pytest.mark.parametrize("change", ["another ECG", "edit"])
def test_attribution_follows_its_ecg_and_outlives_an_edit(session, change):
    session.reading = reading("sinus rhythm. normal ecg.")

    def occlude(model, signal, rate, prompt, text, what, progress, stop):
        if change == "edit":
            editor._edit(session, "sinus rhythm. abnormal ecg.", editor._key(session.reading))
        else:
            session.show((example("atrial_fibrillation"),))
        return Found()

    demo = SimpleNamespace(engine=SimpleNamespace(occlude=occlude))
    drawing.show(session, *VIEW)
    shown = list(attribution._paint(demo, session, "The whole report"))
    picture = drawing.follow_heat(session, "25 mm/s", "5 mm/mV")
    if change == "edit":
        assert session.reading.text == "sinus rhythm. abnormal ecg."
        assert session.heat is not None
        assert "aVR at 8–9 s" in shown[-1][0]
        # The gain of now, not of when the button was pressed.
        assert "5 mm/mV" in picture
        assert "<title>aVR, 8 to" in picture
        assert is_nothing(drawing.follow_heat(session, *VIEW))
        session.heat = None
        assert "<title>aVR, 8 to" not in drawing.follow_heat(session, *VIEW)
    else:
        assert session.heat is None
        assert is_nothing(shown[-1][0])
        assert is_nothing(picture)


def test_new_report_ends_the_attribution_of_the_old(session):
    session.reading = reading()
    stop = session.begin("occlusion")
    list(report._write(written(), session, *CHOICES))
    assert stop.is_set()
    assert not session.keep("occlusion", stop, heat=object())
    assert session.heat is None


def test_edit_of_an_ecg_that_is_gone_is_dropped(session, monkeypatch):
    session.reading = reading()
    key = editor._key(session.reading)
    with_edit = editor.with_edit

    def slowly(*arguments):
        session.show((example("atrial_fibrillation"),))
        return with_edit(*arguments)

    monkeypatch.setattr(editor, "with_edit", slowly)
    editor._edit(session, "something else.", key)
    assert session.reading is None


@pytest.mark.parametrize("before", ["", "atrial fibrillation."])
def test_what_the_editor_showed_before_is_no_edit_of_a_new_report(session, before):
    """The page may send it back before it has been filled with the new one."""
    session.reading = reading(before) if before else None
    text, key, _ = editor.fill(session)
    list(report._write(written(), session, *CHOICES))
    assert editor._follow_edit(session, text["value"], key) == [gr.skip(), gr.skip()]
    assert (session.reading.text, session.reading.edited) == (SAYS, False)
    text, key, _ = editor.fill(session)
    for edit in ("right bundle branch block.", "no block."):  # the second of an edited one
        editor._follow_edit(session, edit, key)
        assert (session.reading.text, session.reading.draft) == (edit, SAYS)


def test_comparison_with_an_ecg_that_is_gone_is_taken_away(session):
    def another():
        if session.records[0].name.startswith("Normal"):
            session.show((example("atrial_fibrillation"),))

    shown = list(compare._compare(written(another), session, compare.MODELS, "other", "normal", *CHOICES))
    assert not any("difference" in str(values[3]) for values in shown)
    assert "another ECG was chosen" in shown[-1][0]
    assert shown[-1][1:4] == ["", "", ""]
    *_, last = compare._compare(written(), session, compare.MODELS, "other", "normal", *CHOICES)
    assert "Findings of both" in last[3]


def test_comparison_that_ends_leaves_a_newer_one_alone(session):
    newer = []

    def begin():
        newer.append(session.begin("compare-0"))

    list(compare._compare(written(begin), session, compare.MODELS, "other", "normal", *CHOICES))
    assert not newer[-1].is_set()


def test_heat_shows_every_second_of_every_lead(session):
    import re

    heat = Heat(np.ones((12, 10)), 0.0, 1.0)
    for speed in drawing.SPEEDS:
        for gain in drawing.GAINS:
            drawn = drawing.paper_html(session.shown(), speed, gain, heat)
            bands = set(re.findall(r"<title>(\w+), (\d+) to", drawn))
            assert len(bands) == 120
            assert ("aVR", "8") in bands
    assert "at 25 mm/s and 10 mm/mV so that they fit" in drawn
    assert "so that they fit" not in drawing.paper_html(session.shown(), heat=heat)
    session.heat = heat
    for kind in ("svg", "pdf", "png"):
        assert drawing._picture(kind, session, "50 mm/s", "20 mm/mV")["content"]


def test_run_of_a_visitor_who_left_is_stopped_from_its_beginning(session):
    session.close()
    assert session.begin("report").is_set()
    assert isinstance(session.begin("occlusion"), threading.Event)
    shown = list(report._write(written(), session, *CHOICES))
    assert all(map(is_nothing, shown[-1][:3]))


def test_only_the_last_picture_asked_for_is_shown(session, monkeypatch):
    before, later = drawing.paper_html, []

    def slowly(*arguments):
        monkeypatch.undo()
        later.append(drawing.show(session, "50 mm/s", "10 mm/mV"))
        return before(*arguments)

    monkeypatch.setattr(drawing, "paper_html", slowly)
    assert is_nothing(drawing.show(session, *VIEW))
    assert "50 mm/s" in later[0]
