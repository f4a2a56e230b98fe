"""What the engine's tests share: ECGs that differ, a worker that is held or slowed, and streams taken to their end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import numpy as np

from spaces_demo.engine.engine import ReportEngine
from spaces_demo.engine.requests import LoneWork
from spaces_demo.engine.states import ReportOptions, ReportState

RATE = 100
PROMPTS = ("What does it show?", "Write the report.", "Is this sinus rhythm, and what else is there to see in it?", "?")


def ecg(number: int, seconds: int = 10) -> np.ndarray:
    """float32 [12, T]: noise on another level in each lead, another one for each number."""
    random = np.random.default_rng(number)
    level = random.normal(size=(12, 1))
    return (level + random.normal(size=(12, seconds * RATE))).astype(np.float32)


def ask(engine: ReportEngine, number: int, options: ReportOptions | None = None, **more) -> Iterator[ReportState]:
    """The stream of one of many requests that differ in ECG and prompt."""
    prompt = more.pop("prompt", PROMPTS[number % len(PROMPTS)])
    model = more.pop("model", engine.names[0])
    return engine.stream(model, more.pop("signal", ecg(number)), RATE, prompt, options, **more)


def last(stream: Iterator[ReportState]) -> ReportState:
    """Take a stream to its end."""
    *_, state = stream
    assert state.done
    return state


@contextlib.contextmanager
def held(engine: ReportEngine) -> Iterator[None]:
    """The worker does nothing else meanwhile, so that requests gather."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(should_stop) -> None:
        begun.set()
        while not go_on.wait(0.01) and not should_stop():
            pass

    job = LoneWork(wait)
    engine._line.put(job)
    assert begun.wait(60)
    try:
        yield
    finally:
        go_on.set()
        job.future.result(60)


def slow(engine: ReportEngine, seconds: float = 0.01) -> None:
    """Let the first model take so much longer for each token."""
    last(ask(engine, 0))
    entry = engine._entries[engine.names[0]]
    engine._residents.get(entry).model.register_forward_pre_hook(lambda *_: time.sleep(seconds))
