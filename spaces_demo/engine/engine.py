"""`ReportEngine`: many visitors, one worker. Requests that fit together are written as one batch, each told its own."""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any, Literal

import numpy as np
import torch

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import draw_prompt
from eval_suite.occlusion import Occlusion, OcclusionCancelled
from spaces_demo.engine.answers import Asked, attribute, write_answers
from spaces_demo.engine.models import ModelEntry, unique
from spaces_demo.engine.requests import LoneWork, ReportStream, Request
from spaces_demo.engine.resident_models import ResidentModels
from spaces_demo.engine.states import ReportOptions, checked_text
from spaces_demo.engine.waiting_line import WaitingLine
from spaces_demo.engine.zero_gpu import on_zero_gpu
from spaces_demo.reading import LONGEST_TEXT

_log = logging.getLogger(__name__)
_POLL_S = 0.05
_COUNTED = ("reports", "stopped", "refused", "failed", "attributions", "batches")


class ReportEngine:
    """Writes reports of the operator's models. One thread works; all methods may be called from any.

    Args:
        models: that may be opened, as `read_models` gives them; no other is.
        max_batch: rows that are written at a time: reports, times the beams of each; so many beams are the most.
        max_waiting: requests that may wait; more are refused.
        resident_models: that are kept in memory; the least recently used one goes.

    Raises:
        EcgInputError: no model, one that is not what an entry must be, two of a name, or a number under 1.
    """

    def __init__(
        self, models: Sequence[ModelEntry], *, max_batch: int = 8, max_waiting: int = 64, resident_models: int = 2
    ) -> None:
        for what, number in (
            ("models", len(models)),
            ("max_batch", max_batch),
            ("max_waiting", max_waiting),
            ("resident_models", resident_models),
        ):
            if number < 1:
                raise EcgInputError(f"{what}: {number}, expected 1 or more")
        unique(tuple(entry.checked() for entry in models), "the list of models")
        self._entries = {entry.name: entry for entry in models}
        self._max_batch = max_batch
        self._residents = ResidentModels(resident_models)
        self._line: WaitingLine[Request | LoneWork] = WaitingLine(max_waiting, self._left)
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._worker = threading.Thread(target=self._work, name="report-engine", daemon=True)
        self._worker.start()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, the one offered first at the front."""
        return tuple(self._entries)

    def add_model(self, entry: ModelEntry) -> None:
        """Offer one more model. Its code is run when it is asked for: call it only where the operator allows that.

        Raises:
            EcgInputError: not what an entry must be, or another model has its name.
        """
        if self._entries.get(entry.name) != entry:
            entry = entry.checked()
            unique((*self._entries.values(), entry), "the list of models")
            self._entries = {**self._entries, entry.name: entry}

    def stream(
        self,
        model: str,
        signal: np.ndarray,
        sampling_rate: float,
        prompt: str,
        options: ReportOptions | None = None,
        stop: threading.Event | None = None,
    ) -> ReportStream:
        """A report, as it is written.

        States come as tokens do; who takes them more slowly gets the newest. With beams, only how many wait, and the
        last state. Who closes the iterator or lets go of it ends the report.

        Args:
            model: of `names`.
            signal: float [12, T], mV, standard lead order; NaN where not measured.
            sampling_rate: Hz.
            prompt: the instruction.
            options: None: the likeliest token each time.
            stop: ends the report where it is; the last state says that it was stopped.

        Raises:
            EcgInputError: an unknown model, options out of range, or too many requests wait. From the iterator: the
                model refuses the ECG or the instruction, or cannot be opened, or the server stops.
            RuntimeError: from the iterator: the model failed.
        """
        options = (options or ReportOptions()).checked(self._max_batch)
        asked = Asked(np.array(signal), sampling_rate, checked_text("the instruction", prompt))
        request = Request(self._entry(model), asked, options, stop, self._max_batch)
        self._put(request)
        return ReportStream(request, self._line)

    def occlude(
        self,
        model: str,
        signal: np.ndarray,
        sampling_rate: float,
        prompt: str,
        text: str,
        what: Literal["report"] | tuple[int, int] = "report",
        progress: Callable[[float], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Occlusion:
        """How much each stretch of each lead matters for a text; waits its turn like a report.

        Args:
            model: of `names`.
            signal: float [12, T], mV, standard lead order; NaN where not measured.
            sampling_rate: Hz.
            prompt: under which the text was written.
            text: the report.
            what: "report", or the characters of a part of it, (first, one past the last).
            progress: called with the share that is done, 0 to 1, in the caller's thread.
            stop: ends it.

        Raises:
            EcgInputError: an unknown model, too many requests wait, or the ECG or the text cannot be used.
            OcclusionCancelled: it was stopped.
            RuntimeError: the model failed.
        """
        entry, text = self._entry(model), checked_text("the text", text, LONGEST_TEXT)
        asked = Asked(np.array(signal), sampling_rate, checked_text("the instruction", prompt))
        share = [0.0]

        def work(should_stop: Callable[[], bool]) -> Occlusion:
            if on_zero_gpu():  # nothing is called back from the process that has the GPU
                return attribute(self._residents, entry, asked, text, what)
            return attribute(self._residents, entry, asked, text, what, partial(share.__setitem__, 0), should_stop)

        job = LoneWork(work)
        self._put(job)
        said = 0.0
        try:
            while True:
                if stop is not None and stop.is_set():
                    raise OcclusionCancelled("the attribution was stopped")
                if progress is not None and share[0] > said:
                    said = share[0]
                    progress(said)
                if wait([job.future], _POLL_S).done:
                    if progress is not None and said < 1:
                        progress(1.0)
                    return _result(job)
        finally:
            job.cancel()
            self._line.withdraw(job)

    def warm_up(self) -> None:
        """Open the first model and let it write two tokens, so that the first visitor need not wait for either.

        Raises:
            EcgInputError: it cannot be opened; the message says why.
        """
        if on_zero_gpu():  # the processes that have the GPU are forked of this one, with the models it holds
            job = LoneWork(lambda _: self._residents.get(self._entries[self.names[0]]))
            self._put(job)
            job.future.result()
            return
        seconds = np.arange(0, 10, 0.002)
        signal = np.sin(2 * np.pi * (seconds + np.arange(12)[:, None] / 12)).astype(np.float32)
        try:
            for _ in self.stream(self.names[0], signal, 500, draw_prompt("", "en"), ReportOptions(max_new_tokens=2)):
                pass
        except EcgInputError as error:
            cause = error.__cause__.__cause__ if error.__cause__ is not None else None
            raise EcgInputError(str(error) if cause is None else f"the model {self.names[0]}: {cause}") from error

    def statistics(self) -> dict[str, Any]:
        """Counts since the start, how many wait and run, which models are in memory, whether the worker lives."""
        waiting, running = self._line.lengths()
        with self._counting:
            counts = {name: self._counts[name] for name in _COUNTED}
        alive, loaded = self._worker.is_alive(), self._residents.names
        return {"worker_alive": alive, "waiting": waiting, "running": running, **counts, "loaded": loaded}

    def close(self) -> None:
        """Send away who waits, end what runs, and let go of the models."""
        self._line.close()
        self._worker.join()
        self._residents.clear()

    def _entry(self, model: str) -> ModelEntry:
        if model not in self._entries:
            raise EcgInputError(f"there is no model {str(model)[:80]!r} here, expected one of {', '.join(self.names)}")
        return self._entries[model]

    def _put(self, job: Request | LoneWork) -> None:
        try:
            self._line.put(job)
        except EcgInputError:
            self._count("refused")
            raise

    def _left(self, job: Request | LoneWork) -> None:
        if isinstance(job, Request):
            self._count("stopped")
            job.finish(None)

    def _count(self, name: str, number: int = 1) -> None:
        with self._counting:
            self._counts[name] += number

    def _work(self) -> None:
        # One core stays free for pages and pictures. With a thread on each, any other work on one of them makes all
        # wait at every step: on two busy cores that took a quarter to a half of the reports a second of one thread.
        torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))
        while batch := self._line.take():
            self._count("batches")
            if isinstance(batch[0], LoneWork):
                self._count("attributions")
                batch[0].run()
            else:
                self._write([job for job in batch if isinstance(job, Request)])

    def _write(self, requests: list[Request]) -> None:
        """Whatever fails here fails the requests that have no end yet: there is no other worker."""
        open_requests = list(requests)
        try:
            self._answer(open_requests)
        except (Exception, SystemExit) as error:  # a model's own code may try to end the server
            if not isinstance(error, EcgInputError):
                _log_failure(f"a batch of {len(open_requests)}", error)
            self._count("failed", len(open_requests))
            self._line.done()
            for request in open_requests:
                request.fail(error)

    def _answer(self, open_requests: list[Request]) -> None:
        """Give each request its end, and take it from the list."""
        for request in [each for each in open_requests if each.wants_stop()]:
            self._left(request)
            open_requests.remove(request)
        if not open_requests:
            return
        first = open_requests[0]
        listeners = None if on_zero_gpu() else tuple(open_requests)
        answers = write_answers(
            self._residents, first.entry, [request.asked for request in open_requests], first.options, listeners
        )
        self._line.done()
        for request, answer in zip(tuple(open_requests), answers, strict=True):
            if isinstance(answer, EcgInputError):
                self._count("refused")
                request.fail(answer)
            elif isinstance(answer, Exception):
                _log_failure("a report", answer)
                self._count("failed")
                request.fail(answer)
            else:
                self._count("stopped" if answer.written.stopped else "reports")
                request.finish(answer)
            open_requests.remove(request)


def _result(job: LoneWork) -> Occlusion:
    try:
        return job.future.result()
    except (EcgInputError, OcclusionCancelled):
        raise
    except (Exception, SystemExit) as error:
        _log_failure("an attribution", error)
        raise RuntimeError(f"the attribution could not be computed: {type(error).__name__}") from error


def _log_failure(what: str, error: BaseException) -> None:
    """Log what kind of failure it was and where, without its message, which may quote what a visitor sent."""
    places = traceback.extract_tb(error.__traceback__)  # empty where it came from the process that has the GPU
    where = f" in {places[-1].name}, line {places[-1].lineno}" if places else ""
    _log.error("%s failed: %s%s", what, type(error).__name__, where)
