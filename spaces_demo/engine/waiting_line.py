"""Who waits for the worker, and who comes next: first come, first served, and others that fit go with the first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from dataset_scripts.errors import EcgInputError

# So long the first one waits for others to go with it; visitors who ask together arrive within it.
_GATHER_S = 0.005


class Job(Protocol):
    """What stands in the line."""

    @property
    def group(self) -> Hashable:
        """Jobs of one group may go together; None goes alone."""

    @property
    def batch_limit(self) -> int:
        """With how many it may go, itself counted."""

    @property
    def left(self) -> bool:
        """Whether nobody waits for it any more."""

    def set_waiting(self, before: int) -> None:
        """Told whenever the number of jobs before it changes."""

    def cancel(self) -> None:
        """End it as soon as can be."""

    def fail(self, error: Exception) -> None:
        """Raise the error where it is waited for."""


J = TypeVar("J", bound=Job)


class WaitingLine(Generic[J]):
    """A bounded line of jobs for one worker. All methods may be called from any thread, `take` from the worker alone.

    Args:
        max_waiting: jobs that may wait, those being worked on not counted.
        on_leave: called with each job that leaves before its turn, while the line is locked.
    """

    def __init__(self, max_waiting: int, on_leave: Callable[[J], None]) -> None:
        self._max_waiting = max_waiting
        self._on_leave = on_leave
        self._waiting: list[J] = []
        self._running: list[J] = []
        self._closed = False
        self._changed = threading.Condition()

    def put(self, job: J) -> None:
        """Join at the end.

        Raises:
            EcgInputError: the line is full or closed.
        """
        with self._changed:
            if self._closed:
                raise EcgInputError("the server is stopping, expected it to run; try again when it is back")
            self._tell()
            if len(self._waiting) >= self._max_waiting:
                raise EcgInputError(
                    f"the server is busy: {len(self._waiting)} requests are waiting, try again in a moment"
                )
            self._waiting.append(job)
            job.set_waiting(len(self._running) + len(self._waiting) - 1)
            self._changed.notify()

    def withdraw(self, job: J) -> None:
        """Leave, if the job still waits."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._on_leave(job)
                self._tell()

    def take(self) -> list[J]:
        """The next jobs that go together, waited for; empty once the line is closed. What was taken before is done."""
        self.done()
        with self._changed:
            self._gather()
            # All may leave while they gather: then the line is empty again, and still open.
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
                self._gather()
            self._running = self._fitting()
            self._waiting = [job for job in self._waiting if job not in self._running]
            self._tell()
            return list(self._running)

    def done(self) -> None:
        """What was taken is done: call it before telling so, or a visitor who asks again waits for himself."""
        with self._changed:
            if self._running:
                self._running = []
                self._tell()

    def close(self) -> None:
        """Nobody joins any more; who waits is sent away, what runs is to end."""
        with self._changed:
            self._closed = True
            for job in self._waiting:
                job.fail(EcgInputError("the server is stopping, expected it to run; try again when it is back"))
            self._waiting = []
            for job in self._running:
                job.cancel()
            self._changed.notify()

    def lengths(self) -> tuple[int, int]:
        """How many wait, and how many are being worked on."""
        with self._changed:
            return sum(not job.left for job in self._waiting), len(self._running)

    def _gather(self) -> None:
        until = time.monotonic() + _GATHER_S
        while (
            self._waiting
            and self._waiting[0].group is not None
            and len(self._fitting()) < self._waiting[0].batch_limit
            and (left := until - time.monotonic()) > 0
        ):
            self._changed.wait(left)
        self._drop_left()

    def _fitting(self) -> list[J]:
        first = self._waiting[0]
        if first.group is None:
            return [first]
        return [job for job in self._waiting if job.group == first.group][: first.batch_limit]

    def _drop_left(self) -> None:
        """Who was let go of left without the line's lock, so its place is taken away here."""
        gone = [job for job in self._waiting if job.left]
        self._waiting = [job for job in self._waiting if job not in gone]
        for job in gone:
            self._on_leave(job)

    def _tell(self) -> None:
        self._drop_left()
        for job in self._running:
            job.set_waiting(0)
        for place, job in enumerate(self._waiting, len(self._running)):
            job.set_waiting(place)
