"""A visitor's session: what it holds, what it stops, and that nothing of it stays."""

import copy
import gc
import threading
from types import SimpleNamespace

import pytest

from dataset_scripts.errors import EcgInputError
from spaces_demo.page.attribution import _occlude
from spaces_demo.page.build import build_page
from spaces_demo.page.examples import example
from spaces_demo.page.session import SHOWN_S, Session, Sessions
from spaces_demo.page.upload import _example
from spaces_demo.service.settings import Settings


@pytest.fixture
def session(tmp_path):
    return Sessions(tmp_path).open("one")


def test_nothing_is_shown_before_an_ecg(session):
    with pytest.raises(EcgInputError, match="no ECG yet"):
        session.shown()


def test_stretch_of_a_longer_record(session):
    from dataclasses import replace

    import numpy as np

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
    news = _occlude(demo, session, reading, "report")
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
