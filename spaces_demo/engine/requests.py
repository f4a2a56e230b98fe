"""One request from the visitor's side and the worker's: what is asked, its states as they come, and its end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError
from spaces_demo.engine.answers import Answer, Asked
from spaces_demo.engine.models import ModelEntry
from spaces_demo.engine.states import ReportOptions, ReportState

if TYPE_CHECKING:
    from spaces_demo.engine.waiting_line import WaitingLine

# How soon a stop is noticed that is set while a request waits.
_POLL_S = 0.05


class Request:
    """A report that is asked for; a `Listener` of its row, and a `Job` of the waiting line.

    Args:
        entry: the model.
        asked: ECG and instruction.
        options: checked.
        stop: set by the visitor; None: nobody stops it.
        max_batch: rows that a batch may have, beams counted; no fewer than the beams of one.
    """

    def __init__(
        self,
        entry: ModelEntry,
        asked: Asked,
        options: ReportOptions,
        stop: threading.Event | None,
        max_batch: int,
    ) -> None:
        self.entry = entry
        self.asked = asked
        self.options = options
        # Rows that draw tokens share one generator of random numbers, so each is written alone.
        self.group: Hashable = None if options.temperature > 0 else (entry, options)
        self.batch_limit = max_batch // options.num_beams
        self.left = False
        self._stop = stop
        self._began = time.monotonic()
        self._state, self._told = ReportState(model=entry.name), False
        self._items: queue.SimpleQueue[ReportState | Exception] = queue.SimpleQueue()

    def wants_stop(self) -> bool:
        """Whether the visitor stopped it, or left."""
        return self.left or (self._stop is not None and self._stop.is_set())

    def cancel(self) -> None:
        """End it as soon as can be."""
        self.left = True

    def set_waiting(self, before: int) -> None:
        """Tell how many requests come before it."""
        if not self._told or before != self._state.waiting:
            self._tell(replace(self._state, waiting=before))

    def on_text(self, text: str) -> None:
        """Tell the text so far."""
        first = self._state.first_token_s
        if first is None or text != self._state.text:
            first = time.monotonic() - self._began if first is None else first
            self._tell(replace(self._state, text=text, waiting=0, first_token_s=first))

    def finish(self, answer: Answer | None) -> None:
        """Tell the last state; None: it was stopped before its turn came."""
        state = replace(self._state, done=True, waiting=0, total_s=time.monotonic() - self._began)
        if answer is None:
            self._tell(replace(state, stopped=True))
            return
        written, threshold = answer.written, answer.abstention
        abstains = (
            None if threshold is None or written.confidence is None else written.confidence < threshold["threshold"]
        )
        self._tell(
            replace(
                state,
                text=written.text,
                stopped=written.stopped,
                confidence=written.confidence,
                sentences=written.sentences,
                warnings=answer.warnings,
                abstention=threshold,
                abstains=abstains,
                first_token_s=state.first_token_s if written.stopped else state.first_token_s or state.total_s,
            )
        )

    def fail(self, error: BaseException) -> None:
        """Raise it where the states are taken; several requests may fail by one error, so each gets its own."""
        own: Exception
        if isinstance(error, EcgInputError):
            own = EcgInputError(str(error))
        else:
            own = RuntimeError(f"the report could not be written: {type(error).__name__}")
        own.__cause__ = error
        self._items.put(own)

    def newest(self) -> ReportState:
        """The newest state that was not yet taken; the ones between are left out.

        Raises:
            queue.Empty: there is none for a moment.
            Exception: the request failed.
        """
        item = self._items.get(timeout=_POLL_S)
        while not isinstance(item, Exception) and not item.done:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                break
        if isinstance(item, Exception):
            raise item
        return item

    def _tell(self, state: ReportState) -> None:
        self._state, self._told = state, True
        self._items.put(state)


class ReportStream(Iterator[ReportState]):
    """The states of one report. Who takes no more of them closes it or lets go of it, and its row ends.

    Args:
        request: stands in the line.
        line: of the engine.
    """

    def __init__(self, request: Request, line: WaitingLine) -> None:
        self._request = request
        self._line = line
        self._over = False

    def __next__(self) -> ReportState:
        """The newest state, waited for.

        Raises:
            EcgInputError: the ECG, the instruction or the model cannot be used, or the server stops.
            RuntimeError: the model failed.
        """
        while not self._over:
            try:
                state = self._request.newest()
            except queue.Empty:
                if self._request.wants_stop():
                    self._line.withdraw(self._request)  # which ends it, if it still waits
            except Exception:
                self._over = True
                raise
            else:
                self._over = state.done
                return state
        raise StopIteration

    def close(self) -> None:
        """Take no more."""
        if not self._over:
            self._over = True
            self._request.cancel()
            self._line.withdraw(self._request)

    def __del__(self) -> None:
        # No more than this: whoever collects garbage may hold the line's lock. The line drops it.
        self._request.cancel()


class LoneWork:
    """Something that the worker does for one visitor, and not in a batch; a `Job` of the waiting line.

    Args:
        work: takes a function that says whether to stop; runs in the worker.
    """

    group: Hashable = None
    batch_limit = 1

    def __init__(self, work: Callable[[Callable[[], bool]], Any]) -> None:
        self._work = work
        self.left = False
        self.future: Future[Any] = Future()

    def run(self) -> None:
        """Do it; what it returns or raises is the future's."""
        try:
            self.future.set_result(self._work(self.wants_stop))
        except (Exception, SystemExit) as error:  # a model's own code may try to end the server
            self.future.set_exception(error)

    def wants_stop(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.left

    def cancel(self) -> None:
        """End it as soon as can be."""
        self.left = True

    def set_waiting(self, before: int) -> None:
        """Nobody is told."""

    def fail(self, error: Exception) -> None:
        """Raise it where the result is waited for."""
        self.future.set_exception(error)
