"""Uploads of one page that overlap with another choice: only what was chosen last is shown, and each file goes."""

import shutil
import threading
from types import SimpleNamespace

import pytest

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import session as session_module
from spaces_demo.page.examples import example
from spaces_demo.page.sessions import Sessions
from spaces_demo.page.upload import _example, _read, _receive, filled_in

FORM = filled_in(None, "as the file says", "")
REFUSED = EcgInputError("the file does not say its rate")


@pytest.fixture
def session(tmp_path):
    opened = Sessions(tmp_path).open("one")
    yield opened
    opened.close()


def demo(tmp_path, read):
    log = SimpleNamespace(write=lambda *_, **__: None)
    return SimpleNamespace(folder=tmp_path, reader=SimpleNamespace(read=read), log=log)


def sent(tmp_path, name):
    path = tmp_path / f"upload-{name}" / f"{name}.csv"
    path.parent.mkdir()
    path.write_text(name)
    return path


def receive(tmp_path, session, name, read):
    return _receive(demo(tmp_path, read), session, [{"path": str(sent(tmp_path, name))}], FORM)


def answer(result):
    if isinstance(result, Exception):
        raise result
    return [result]


def is_unchanged(shown):
    return shown[0] is None and all(value == {"__type__": "update"} for value in shown[1:])


def files(tmp_path):
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("result", [REFUSED, example("atrial_fibrillation")], ids=["refused", "read"])
def test_example_chosen_while_a_file_is_read_stays(session, tmp_path, result):
    runs = []

    def read(paths, **form):
        assert "Normal" in _example(session, "normal")[0]
        runs.append(session.begin("report"))
        return answer(result)

    assert is_unchanged(receive(tmp_path, session, "a", read))
    assert session.records == (example("normal"),)
    assert not runs[0].is_set()
    assert files(tmp_path) == []


@pytest.mark.parametrize("result", [REFUSED, example("atrial_fibrillation")], ids=["refused", "read"])
def test_end_of_an_earlier_read_leaves_the_later_file(session, tmp_path, result):
    reads, ends = threading.Event(), threading.Event()
    shown = []

    def read_first(paths, **form):
        reads.set()
        assert ends.wait(30)
        return answer(result)

    def read_second(paths, **form):
        ends.set()
        first.join(30)
        assert [path.read_text() for path in paths] == ["b"]
        return [example("normal")]

    first = threading.Thread(target=lambda: shown.append(receive(tmp_path, session, "a", read_first)), daemon=True)
    first.start()
    assert reads.wait(30)
    assert "Normal" in receive(tmp_path, session, "b", read_second)[1]
    assert is_unchanged(shown[0])
    assert session.records == (example("normal"),)
    assert files(tmp_path) == []


def test_file_that_was_refused_is_read_again(session, tmp_path):
    def refuse(paths, **form):
        raise REFUSED

    session.show((example("atrial_fibrillation"),))
    assert "rate" in receive(tmp_path, session, "a", refuse)[1]
    assert session.records == ()
    assert files(tmp_path) == ["a.csv"]
    kept = demo(tmp_path, lambda paths, **form: [example("normal")])
    assert "Normal" in _read(kept, session, session.upload, session.choose(), FORM)[1]
    assert files(tmp_path) == []


def test_file_for_which_there_is_no_room_is_refused_in_words(session, tmp_path, monkeypatch):
    def full(*_):
        raise EcgInputError("no room")

    monkeypatch.setattr(session._sessions, "make_room", full)
    assert "No room" in receive(tmp_path, session, "a", lambda paths, **form: [example("normal")])[1]


@pytest.mark.parametrize("gone", ["before it is moved", "before it is read"])
def test_file_that_is_gone_is_refused_in_words(session, tmp_path, monkeypatch, gone):
    if gone == "before it is read":
        said = _read(demo(tmp_path, None), session, (tmp_path / "gone.csv",), session.choose(), FORM)[1]
    else:
        monkeypatch.setattr(session_module, "_moved", lambda path, *_: shutil.move(tmp_path / "gone.csv", path))
        said = receive(tmp_path, session, "a", None)[1]
    assert "no longer here" in said
    assert files(tmp_path) == []


def test_upload_to_a_page_that_was_closed_is_deleted(session, tmp_path):
    session.close()
    assert "Load the page again" in receive(tmp_path, session, "a", None)[1]
    assert files(tmp_path) == []


def test_nobody_leaves_between_the_move_of_a_file_and_its_note(session, tmp_path, monkeypatch):
    move, taken, threads = shutil.move, [], []

    def slowly(*arguments):
        probe = threading.Thread(target=lambda: taken.append(session.lock.acquire(blocking=False)))
        probe.start()
        probe.join()
        threads.append(threading.Thread(target=session.close))
        threads[0].start()
        return move(*arguments)

    monkeypatch.setattr(session_module.shutil, "move", slowly)
    session.keep_upload([sent(tmp_path, "a")])
    threads[0].join()
    assert taken == [False]
    assert session.upload == ()
    assert not session.folder.exists()
