"""A page that was left, or whose connection broke: what runs stops, and nothing of it stays."""

from types import SimpleNamespace

from spaces_demo.page import compare
from spaces_demo.page import sessions as sessions_module
from spaces_demo.page.examples import example
from spaces_demo.page.room import IDLE_S
from spaces_demo.page.sessions import Sessions


def test_page_whose_connection_broke_is_closed_when_it_stays_unused(tmp_path, monkeypatch):
    clock, timers = [1000.0], []

    def timer(rest, function, arguments):
        timers.append(SimpleNamespace(rest=rest, ring=lambda: function(*arguments), start=lambda: None))
        return timers[-1]

    monkeypatch.setattr(sessions_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(sessions_module, "threading", SimpleNamespace(Timer=timer))
    sessions = Sessions(tmp_path, grace_s=100.0)
    page = sessions.open("one")
    page.show((example("normal"),))
    stop = page.begin("report")
    page.used = 500.0
    sessions.leave("one")
    sessions.leave("nobody")
    assert stop.is_set()
    assert [(one.rest, one.daemon) for one in timers] == [(100.0, True)]
    clock[0], page.used = 1100.0, 1040.0  # it was used since
    timers[0].ring()
    assert page.records
    assert timers[1].rest == 1040.0 + IDLE_S - 1100.0
    clock[0] = 1040.0 + IDLE_S
    timers[1].ring()
    assert page.closed
    assert page.records == ()
    assert len(timers) == 2


def test_page_is_closed_at_once_without_a_grace_time(tmp_path):
    sessions = Sessions(tmp_path, grace_s=0.0)
    page = sessions.open("one")
    sent = tmp_path / "ecg.csv"
    sent.write_text("could not be read")
    (kept,) = page.keep_upload([sent])
    assert kept.is_file()
    page.used -= 1.0
    sessions.leave("one")
    assert page.closed
    assert list(tmp_path.iterdir()) == []


def test_who_left_takes_no_second_ecg(tmp_path):
    session = Sessions(tmp_path).open("one")

    def read(paths, **form):
        session.close()
        return [example("normal")]

    sent = tmp_path / "sent" / "ecg.csv"
    sent.parent.mkdir()
    sent.write_text("")
    demo = SimpleNamespace(folder=tmp_path, reader=SimpleNamespace(read=read))
    *_, says = compare._take(demo, session, [{"path": str(sent)}], None, "mV", "")
    assert "Load the page again" in says
    assert session.second == ()
    assert not sent.exists()
