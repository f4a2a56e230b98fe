"""The line before the worker: who leaves it, at whatever moment, neither ends the worker nor keeps a place."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from dataset_scripts.errors import EcgInputError
from spaces_demo.engine import waiting_line
from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.models import ModelEntry
from spaces_demo.engine.requests import Request
from spaces_demo.engine.states import ReportOptions
from spaces_demo.engine.waiting_line import WaitingLine
from tests.spaces_demo.tiny_engine import ask, held, last
from tests.tiny import save_tiny_model_folder


class Visitor:
    """A job that goes with up to two others."""

    group = "all"
    batch_limit = 3
    left = False

    def set_waiting(self, before: int) -> None:
        self.before = before


@pytest.fixture
def line():
    gone: list[Visitor] = []
    line: WaitingLine[Visitor] = WaitingLine(2, gone.append)
    line.gone = gone
    return line


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)
    engine = ReportEngine([ModelEntry("tiny", str(folder))], max_batch=3, max_waiting=3)
    yield engine
    engine.close()


def test_who_leaves_while_others_are_waited_for_does_not_end_the_line(line, monkeypatch):
    monkeypatch.setattr(waiting_line, "_GATHER_S", 60)
    taken = []
    visitor, others = Visitor(), [Visitor(), Visitor(), Visitor()]
    line.put(visitor)
    worker = threading.Thread(target=lambda: taken.append(line.take()), daemon=True)
    worker.start()
    until = time.monotonic() + 20
    while not line._changed._waiters and time.monotonic() < until:
        time.sleep(0.001)
    line.withdraw(visitor)
    with line._changed:
        line._changed.notify()  # as if the time for gathering were over
    worker.join(0.2)
    assert worker.is_alive(), "an open line gave nothing, which is how a closed one ends the worker"
    line._max_waiting = 3
    for other in others:
        line.put(other)
    worker.join(20)
    assert taken == [others]
    assert line.gone == [visitor]


def test_a_closed_line_gives_nothing(line):
    line.close()
    assert line.take() == []


def test_who_left_keeps_no_place(line):
    first, second, third = Visitor(), Visitor(), Visitor()
    line.put(first)
    line.put(second)
    with pytest.raises(EcgInputError, match="busy"):
        line.put(third)
    first.left = True
    assert line.lengths() == (1, 0)
    line.put(third)
    assert (second.before, third.before) == (0, 1)
    second.left = True
    third.group = None
    assert line.take() == [third]
    assert line.gone == [first, second]


def test_a_full_line_that_everybody_let_go_of_takes_others(engine):
    before = engine.statistics()["stopped"]
    with held(engine):
        streams = [ask(engine, number) for number in range(3)]
        with pytest.raises(EcgInputError, match="busy: 3 requests"):
            ask(engine, 3)
        del streams
        gc.collect()
        assert engine.statistics()["waiting"] == 0
        stop = threading.Event()
        streams = [ask(engine, number, stop=stop if number == 1 else None) for number in range(3)]
        stop.set()
        assert last(streams[1]).stopped
        streams[2].close()
    assert last(streams[0]).text
    assert engine.statistics()["stopped"] == before + 5


def test_more_beams_than_rows_are_refused(engine):
    with pytest.raises(EcgInputError, match="number of beams is 4, expected a whole number from 1 to 3"):
        ask(engine, 0, ReportOptions(num_beams=4))
    assert last(ask(engine, 0, ReportOptions(num_beams=3, max_new_tokens=4))).text


def test_a_report_that_cannot_be_told_does_not_end_the_worker(engine, monkeypatch, caplog):
    def broken(*args):
        raise KeyError("threshold")

    before = engine.statistics()["failed"]
    with monkeypatch.context() as patched:
        patched.setattr(Request, "finish", broken)
        with held(engine):
            streams = [ask(engine, number) for number in range(2)]
        for stream in streams:
            with pytest.raises(RuntimeError, match="could not be written: KeyError"):
                last(stream)
    assert "KeyError in broken" in caplog.text
    assert engine.statistics()["failed"] == before + 2
    assert engine.statistics()["worker_alive"]
    assert last(ask(engine, 0)).text
