"""A visitor's session: what it holds, what it stops, and that nothing of it stays."""

import copy
import gc
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.read import read_ecg_files
from spaces_demo.page import compare, editor
from spaces_demo.page.asking import USUAL
from spaces_demo.page.attribution import _occlude
from spaces_demo.page.build import build_page
from spaces_demo.page.examples import example
from spaces_demo.page.room import IDLE_S, Room
from spaces_demo.page.session import SHOWN_S, Session
from spaces_demo.page.sessions import Sessions
from spaces_demo.page.upload import UNITS, _example, _read, filled_in
from spaces_demo.service.settings import Settings
from tests.spaces_demo.readings import reading


@pytest.fixture
def session(tmp_path):
    return Sessions(tmp_path).open("one")


def test_nothing_is_shown_before_an_ecg(session):
    with pytest.raises(EcgInputError, match="no ECG yet"):
        session.shown()


def test_stretch_of_a_longer_record(session):
    record = example("normal")
    long = replace(record, signal=np.concatenate([record.signal, 2 * record.signal], axis=1))
    session.show((long,))
    session.start_s = 10.0
    assert session.shown().duration == SHOWN_S
    np.testing.assert_array_equal(session.shown().signal, 2 * record.signal)


def test_another_ecg_stops_and_forgets_what_was_found_of_the_last(session):
    session.show((example("normal"),))
    stop = session.begin("report")
    session.reading = session.heat = object()
    session.show((example("atrial_fibrillation"),))
    assert stop.is_set()
    assert session.reading is None
    assert session.heat is None


def test_second_run_stops_the_first(session):
    first = session.begin("report")
    second = session.begin("report")
    assert (first.is_set(), second.is_set()) == (True, False)
    assert not session.begin("occlusion").is_set()
    session.stop("report")
    assert second.is_set()


def test_upload_replaces_the_last_and_goes_with_the_session(session, tmp_path):
    sent = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        sent.append(tmp_path / folder / "ecg.dat")
        sent[-1].write_text(folder)
    first = session.keep_upload(sent)
    assert [path.read_text() for path in first] == ["a", "b"]
    assert not any(path.exists() for path in sent)
    other = tmp_path / "c.dat"
    other.write_text("c")
    second = session.keep_upload([other])
    assert not any(path.exists() for path in first)
    session.close()
    assert not second[0].exists()
    assert session.begin("report").is_set()
    with pytest.raises(EcgInputError, match="closed"):
        session.shown()


def test_sessions_are_apart_and_each_is_closed_by_its_own_hash(tmp_path):
    sessions = Sessions(tmp_path)
    one, other = sessions.open("one"), sessions.open("other")
    one.show((example("normal"),))
    assert other.records == ()
    assert one.folder != other.folder
    sessions.close("other")
    sessions.close("nobody")
    assert (one.closed, other.closed) == (False, True)


def test_page_without_a_session_takes_nothing(tmp_path):
    gone = Sessions(tmp_path).gone()
    copies = [copy.deepcopy(gone), copy.deepcopy(gone)]
    assert copies[0] is not copies[1]
    for use in (lambda: copies[0].show((example("normal"),)), lambda: copies[0].keep_upload([]), copies[0].shown):
        with pytest.raises(EcgInputError, match="Load the page again"):
            use()
    said, *_ = _example(copies[0], "normal")
    assert "Load the page again" in said
    assert copies[0].records == ()


def test_folder_goes_with_a_session_that_the_server_dropped(tmp_path):
    folder = tmp_path / "page"
    folder.mkdir()
    session = Session(folder)
    assert folder.exists()
    del session
    gc.collect()
    assert not folder.exists()


def test_attribution_stops_when_nobody_waits_for_it(session):
    told_to_stop = threading.Event()

    def occlude(model, signal, rate, prompt, text, what, progress, stop):
        progress(0.25)
        if stop.wait(10):
            told_to_stop.set()

    demo = SimpleNamespace(engine=SimpleNamespace(occlude=occlude))
    reading = SimpleNamespace(record=example("normal"), prompt="p", draft="d", model="m")
    news = _occlude(demo, reading, "report", session.begin("occlusion"))
    assert next(news) == 0.25
    news.close()
    assert told_to_stop.wait(5)


def test_page_adds_nothing_to_the_public_api(tmp_path):
    import gradio as gr

    from spaces_demo.service.api import add_api

    settings = Settings(allow_any_model=True)
    names = ("shipped", "other")
    demo = SimpleNamespace(settings=settings, engine=SimpleNamespace(names=names), reader=None, folder=tmp_path)
    with gr.Blocks(analytics_enabled=False) as alone:
        add_api(demo)
    page = build_page(demo)

    def public(blocks):
        return {fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"}

    assert public(page) == public(alone)
    assert len(public(alone)) >= 4
    assert page.analytics_enabled is False


def long(values):
    record = example("normal")
    return replace(record, signal=np.zeros((12, values // 12), dtype=np.float32))


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path, Room(1_200_000))


def test_recordings_of_all_pages_share_one_room(sessions):
    pages = [sessions.open(str(number)) for number in range(4)]
    for page in pages[:2]:
        page.show((long(600_000),))
    with pytest.raises(EcgInputError, match="Other visitors' long recordings"):
        pages[2].show((long(300_000),))
    assert pages[2].records == ()
    pages[3].show((example("normal"),))  # a short one always has room
    pages[0].show((long(600_000),))  # its own is replaced
    sessions.close("1")
    pages[2].show((long(300_000),))
    assert pages[2].held() == 300_000


def test_page_that_lies_idle_gives_its_room(sessions):
    idle, other = sessions.open("idle"), sessions.open("other")
    idle.show((long(900_000),))
    idle.used -= 2 * IDLE_S
    other.show((long(900_000),))
    assert idle.held() == 0
    with pytest.raises(EcgInputError, match="Load the page again"):
        idle.shown()


def test_second_ecg_takes_room_beside_the_first(sessions):
    one, other = sessions.open("one"), sessions.open("other")
    one.show((long(600_000),))
    one.show_second((long(300_000),))
    assert one.held() == 900_000
    with pytest.raises(EcgInputError, match="Other visitors' long recordings"):
        other.show_second((long(600_000),))
    assert other.second == ()
    other.show_second((long(300_000),))
    with pytest.raises(EcgInputError, match="Other visitors' long recordings"):
        other.show((long(300_000),))
    assert other.held() == 300_000


@pytest.mark.parametrize(
    "use", [Session.touch, Session.choose, lambda session: session.begin("report"), lambda session: session.shown()]
)
def test_page_that_is_used_keeps_its_room(sessions, use):
    busy, other = sessions.open("busy"), sessions.open("other")
    busy.show((long(900_000),))
    busy.used -= 2 * IDLE_S
    use(busy)
    with pytest.raises(EcgInputError, match="Other visitors' long recordings"):
        other.show((long(900_000),))
    assert busy.held() == 900_000


def test_second_ecg_keeps_only_what_is_compared(session):
    records = [replace(long(600_000), notes=("a note",)), example("normal")]
    asked = {}

    def read(paths, **form):
        asked.update(form)
        return records

    demo = SimpleNamespace(folder=session.folder, reader=SimpleNamespace(read=read))
    (session.folder / "sent").mkdir()
    sent = session.folder / "sent" / "ecg.csv"
    sent.write_text("")
    _, picker, says = compare._take(demo, session, [{"path": str(sent)}], 250, "µV", "I, II")
    assert asked == {"fs": 250, "unit": "µV", "leads": ["I", "II"]}
    assert [one.duration for one in session.second] == [SHOWN_S, SHOWN_S]
    assert session.second[0].signal.base is None
    assert "a note" in says
    assert "first 10 s are compared" in says
    chosen = [value for _, value in picker["choices"]][1]
    session.show((example("normal"),))
    sides = compare._sides(session, compare.ECGS, "m", chosen, ("m", "en", USUAL, "", 0.0, 1, 0))
    assert sides[1].record.name == example("normal").name


@pytest.mark.parametrize("unit", UNITS)
def test_form_reads_a_file_in_each_unit_that_it_offers(session, tmp_path, unit):
    factor = {"mV": 1.0, "µV": 1e3, "nV": 1e6, "V": 1e-3}[unit]
    signal = example("normal").signal
    path = tmp_path / "ecg.csv"
    np.savetxt(path, signal.T * factor, "%.9g", ",", header=",".join(example("normal").lead_names), comments="")

    def read(paths, **form):
        return read_ecg_files(paths, **form)

    demo = SimpleNamespace(reader=SimpleNamespace(read=read), log=SimpleNamespace(write=lambda *_, **__: None))
    said = _read(demo, session, (path,), session.choose(), filled_in(500, unit, ""))
    assert session.records, said
    np.testing.assert_allclose(session.shown().signal, signal, atol=1e-4)


def test_text_that_is_too_long_is_refused(session):
    session.reading = reading()
    with pytest.raises(EcgInputError, match="20000"):
        editor._edit(session, "a" * (editor.LONGEST_TEXT + 1), editor._key(session.reading))
    said, _ = editor._follow_edit(session, "a" * (editor.LONGEST_TEXT + 1), editor._key(session.reading))
    assert "20000" in said
    assert not session.reading.edited
