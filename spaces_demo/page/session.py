"""What one visitor's page holds on the server, from opening it to leaving; no other visitor's page can reach it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile
    from spaces_demo.page.sessions import Sessions
    from spaces_demo.reading import Reading

SHOWN_S = 10.0
"""Length of the stretch of a longer record that is drawn and read, in seconds."""
LONGEST_S = 8 * 3600.0
"""A session is removed so long after its page was opened, also where the browser never said that it was left."""


@dataclass(eq=False)
class Session:
    """One visitor's ECGs and what was found of them.

    Attributes:
        folder: private and temporary; the last upload lies there until it could be read.
        upload: the files of an upload that could not be read yet, to be read again with what the visitor fills in.
        records: the ECGs of the last upload, or the example.
        chosen: place in `records` of the one that is shown.
        start_s: where the stretch that is shown begins, in seconds.
        reading: of the stretch that is shown; None before a report is written.
        heat: which part of the ECG mattered, as `ecg_image` draws it; None before it was asked for.
        heat_drawn: the one that the picture shows, if any.
        second: the ECGs to compare with, from a file, each cut to the stretch that is compared.
        closed: whether the visitor has left.
        choices: counts how often the visitor chose an ECG; only what was chosen last is shown.
        turn: counts how often another stretch was shown; what was worked out in an earlier turn is not of this one.
        pictures: counts how often the ECG was drawn; only the last picture that was asked for is shown.
        sessions: of the page; what they keep shares one room.
        lock: held while what belongs together is taken or changed: an ECG, where it starts, and what was found of it.
        used: time.monotonic() when it was last used.
    """

    folder: Path
    upload: tuple[Path, ...] = ()
    records: tuple[EcgFile, ...] = ()
    chosen: int = 0
    start_s: float = 0.0
    reading: Reading | None = None
    heat: Any = None
    heat_drawn: Any = None
    second: tuple[EcgFile, ...] = ()
    closed: bool = False
    choices: int = 0
    turn: int = 0
    pictures: int = 0
    sessions: InitVar[Sessions | None] = None
    used: float = field(default_factory=time.monotonic)

    def __post_init__(self, sessions: Sessions | None) -> None:
        # No fields: Gradio copies those of the state that a page begins with, and locks cannot be copied.
        self.lock = threading.RLock()
        self._sessions = sessions
        self._runs: dict[str, threading.Event] = {}
        # Also where the server drops the session without a word, as the oldest of too many.
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Session:
        # Gradio copies the state that a page begins with: nobody may share it, and of a visitor there is only one.
        return Session(self.folder, closed=True) if self.closed else self

    def check_open(self) -> None:
        """Refuse to take anything for a visitor who has left.

        Raises:
            EcgInputError: it was closed.
        """
        if self.closed:
            raise EcgInputError("This page was closed and its ECG removed. Load the page again.")

    def touch(self) -> None:
        """Note that the visitor is at the page: one who only edits a text is not idle."""
        self.used = time.monotonic()

    def shown(self) -> EcgFile:
        """The stretch of the record that is drawn and read.

        Raises:
            EcgInputError: no ECG was chosen.
        """
        with self.lock:
            self.check_open()
            self.touch()
            if not self.records:
                raise EcgInputError(
                    "There is no ECG yet. Drop a file into the field above, or take one of the examples."
                )
            record = self.records[self.chosen]
            return record if record.duration <= SHOWN_S else record.window(self.start_s, SHOWN_S)

    def choose(self) -> int:
        """The number of a choice of an ECG that begins; what was chosen before it is not shown any more."""
        with self.lock:
            self.touch()
            self.choices += 1
            return self.choices

    def show(self, records: tuple[EcgFile, ...], choice: int | None = None) -> bool:
        """Take new records in place of the old ones; what was found of the old ones, and the upload, go with them.

        Args:
            records: to show.
            choice: number of the choice that they come from; None: of one that begins now.

        Returns:
            Whether they were taken: not where the visitor has chosen something else meanwhile.

        Raises:
            EcgInputError: the session was closed, or there is no room for so many samples.
        """
        with self._shared_room(), self.lock:
            self.check_open()
            choice = self.choose() if choice is None else choice
            if choice != self.choices:
                return False
            self._make_room(records, self.second)
            self.records = records
            self.touch()
            self.turn_to(0, 0.0)
            self.drop_upload()
            return True

    def show_nothing(self, choice: int) -> bool:
        """Show no ECG, as the chosen one could not be read; whether that was so: not where another was chosen since."""
        with self.lock:
            if choice != self.choices:
                return False
            self.records = ()
            self.turn_to(0, 0.0)
            return True

    def show_second(self, second: tuple[EcgFile, ...]) -> None:
        """Take the ECGs to compare with.

        Raises:
            EcgInputError: the session was closed, or there is no room for so many samples.
        """
        with self._shared_room(), self.lock:
            self.check_open()
            self.touch()
            self._make_room(self.records, second)
            self.second = second

    def _shared_room(self) -> AbstractContextManager[Any]:
        """To be held before the session's own lock: making room closes other sessions."""
        return self._sessions.room.lock if self._sessions else nullcontext()

    def _make_room(self, *kept: tuple[EcgFile, ...]) -> None:
        if self._sessions:
            self._sessions.make_room(self, sum(map(_samples, kept)))

    def turn_to(self, chosen: int, start_s: float) -> None:
        """Show another stretch; what was found of the last one is forgotten."""
        with self.lock:
            self.chosen, self.start_s = chosen, start_s
            self.turn += 1
            self.forget_reading()

    def held(self) -> int:
        """Samples of all ECGs that it keeps."""
        return _samples(self.records) + _samples(self.second)

    def forget_reading(self) -> None:
        """Drop what was found of the ECG, and stop what still runs on it."""
        with self.lock:
            for name in tuple(self._runs):
                self.drop(name)
            self.reading, self.heat = None, None

    def begin(self, name: str) -> threading.Event:
        """The event that stops a new run of some name; an earlier run of that name is stopped and counts no more."""
        with self.lock:
            self.touch()
            self.drop(name)
            stop = threading.Event()
            if self.closed:
                stop.set()
            else:
                self._runs[name] = stop
            return stop

    def is_current(self, name: str, stop: threading.Event) -> bool:
        """Whether what a run found still belongs to what is shown: no other ECG was chosen, no newer run begun.

        A run that the visitor stopped is still current.
        """
        return self._runs.get(name) is stop

    def has_run(self, name: str) -> bool:
        """Whether a run of that name is current."""
        return name in self._runs

    def keep(self, name: str, stop: threading.Event, **found: Any) -> bool:
        """Set attributes to what a run found, unless it is no longer current; whether they were set."""
        with self.lock:
            if not self.is_current(name, stop):
                return False
            for attribute, value in found.items():
                setattr(self, attribute, value)
            return True

    def stop(self, name: str) -> None:
        """Stop the run of some name, where there is one; what it has found until then counts."""
        running = self._runs.get(name)
        if running is not None:
            running.set()

    def stop_all(self) -> None:
        """Stop all that runs; what it has found until then counts."""
        with self.lock:
            for name in self._runs:
                self.stop(name)

    def drop(self, name: str) -> None:
        """Stop the run of some name, where there is one; what it finds counts no more."""
        running = self._runs.pop(name, None)
        if running is not None:
            running.set()

    def keep_upload(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Move uploaded files into the session's folder, in place of an earlier upload; return where they are.

        Raises:
            EcgInputError: the session was closed, or a file was deleted to make room for other uploads.
        """
        # All under the lock: who leaves meanwhile must find the files, to remove them.
        with self.lock:
            self.check_open()
            self.drop_upload()
            self.folder.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(dir=self.folder))
            try:
                self.upload = tuple(_moved(path, place, number) for number, path in enumerate(paths))
            except FileNotFoundError as error:
                self.drop_upload()
                raise EcgInputError("An uploaded file is no longer here. Upload it again.") from error
            return self.upload

    def drop_upload(self) -> None:
        """Delete the uploaded files."""
        with self.lock:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.upload = ()

    def close(self) -> None:
        """The visitor has left: stop what runs and forget everything."""
        with self.lock:
            self.closed = True
            self.forget_reading()
            self.records, self.second = (), ()
            self.drop_upload()


def _samples(records: tuple[EcgFile, ...]) -> int:
    return sum(record.signal.size for record in records)


def _moved(path: Path, place: Path, number: int) -> Path:
    """Where a file lies after it was moved; files of one name in one upload must not overwrite each other."""
    target = place / path.name if not (place / path.name).exists() else place / f"{number}-{path.name}"
    shutil.move(path, target)
    return target
