"""What one visitor's page holds on the server, from opening it to leaving; no other visitor's page can reach it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError
from spaces_demo.page.room import Room

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile
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
        heat_drawn: whether the picture shows such a heat.
        second: the ECGs to compare with, from a file, each cut to the stretch that is compared.
        closed: whether the visitor has left.
        turn: counts how often another stretch was shown; what was worked out in an earlier turn is not of this one.
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
    heat_drawn: bool = False
    second: tuple[EcgFile, ...] = ()
    closed: bool = False
    turn: int = 0
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

    def shown(self) -> EcgFile:
        """The stretch of the record that is drawn and read.

        Raises:
            EcgInputError: no ECG was chosen.
        """
        with self.lock:
            self.check_open()
            self.used = time.monotonic()
            if not self.records:
                raise EcgInputError(
                    "There is no ECG yet. Drop a file into the field above, or take one of the examples."
                )
            record = self.records[self.chosen]
            return record if record.duration <= SHOWN_S else record.window(self.start_s, SHOWN_S)

    def show(self, records: tuple[EcgFile, ...]) -> None:
        """Take new records in place of the old ones; what was found of the old ones goes with them.

        Raises:
            EcgInputError: the session was closed, or there is no room for so many samples.
        """
        with self._sessions.room.lock if self._sessions else nullcontext():
            if self._sessions:
                self._sessions.make_room(self, sum(record.signal.size for record in records))
            with self.lock:
                self.check_open()
                self.records, self.used = records, time.monotonic()
                self.turn_to(0, 0.0)

    def turn_to(self, chosen: int, start_s: float) -> None:
        """Show another stretch; what was found of the last one is forgotten."""
        with self.lock:
            self.chosen, self.start_s = chosen, start_s
            self.turn += 1
            self.forget_reading()

    def held(self) -> int:
        """Samples that the records have."""
        return sum(record.signal.size for record in self.records)

    def forget_reading(self) -> None:
        """Drop what was found of the ECG, and stop what still runs on it."""
        with self.lock:
            for name in tuple(self._runs):
                self.drop(name)
            self.reading, self.heat = None, None

    def begin(self, name: str) -> threading.Event:
        """The event that stops a new run of some name; an earlier run of that name is stopped and counts no more."""
        with self.lock:
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

    def drop(self, name: str) -> None:
        """Stop the run of some name, where there is one; what it finds counts no more."""
        running = self._runs.pop(name, None)
        if running is not None:
            running.set()

    def keep_upload(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Move uploaded files into the session's folder, in place of an earlier upload; return where they are.

        Raises:
            EcgInputError: the session was closed.
        """
        self.check_open()
        self.drop_upload()
        self.folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        kept = []
        for number, path in enumerate(paths):
            # Files of one name in one upload must not overwrite each other.
            target = place / path.name if not (place / path.name).exists() else place / f"{number}-{path.name}"
            shutil.move(path, target)
            kept.append(target)
        self.upload = tuple(kept)
        return self.upload

    def drop_upload(self) -> None:
        """Delete the uploaded files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.upload = ()

    def close(self) -> None:
        """The visitor has left: stop what runs and forget everything."""
        with self.lock:
            self.closed = True
            self.forget_reading()
            self.records, self.second = (), ()
            self.drop_upload()


class Sessions:
    """The sessions of a page by the hash that the server gives each, so that one is closed when its page is left.

    Args:
        folder: private folder in which each session makes its own.
        room: memory that their recordings share.
    """

    def __init__(self, folder: Path, room: Room | None = None) -> None:
        self._folder = folder
        self.room = room or Room()
        self._open: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()

    def gone(self) -> Session:
        """A closed session, for a page whose own is not there: not opened yet, or removed."""
        return Session(self._folder / "page-gone", closed=True)

    def open(self, session_hash: str) -> Session:
        """A new session for the page of that hash; an earlier one of it is closed."""
        self.close(session_hash)
        session = Session(Path(tempfile.mkdtemp(prefix="page-", dir=self._folder)), sessions=self)
        self._open[session_hash] = session
        return session

    def make_room(self, session: Session, values: int) -> None:
        """Make room for the samples that a session wants to keep in place of its own; see `Room.check`."""
        self.room.check(session, values, list(self._open.values()))

    def close(self, session_hash: str) -> None:
        """Close the session of that hash, where there is one."""
        session = self._open.pop(session_hash, None)
        if session is not None:
            session.close()
