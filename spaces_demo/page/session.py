"""What one visitor's page holds on the server, from opening it to leaving; no other visitor's page can reach it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError

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
        second: the ECG to compare with, from a file; None without one.
        closed: whether the visitor has left.
    """

    folder: Path
    upload: tuple[Path, ...] = ()
    records: tuple[EcgFile, ...] = ()
    chosen: int = 0
    start_s: float = 0.0
    reading: Reading | None = None
    heat: Any = None
    heat_drawn: bool = False
    second: EcgFile | None = None
    closed: bool = False
    _running: dict[str, threading.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
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
        self.check_open()
        if not self.records:
            raise EcgInputError("There is no ECG yet. Drop a file into the field above, or take one of the examples.")
        record = self.records[self.chosen]
        return record if record.duration <= SHOWN_S else record.window(self.start_s, SHOWN_S)

    def show(self, records: tuple[EcgFile, ...]) -> None:
        """Take new records in place of the old ones; what was found of the old ones goes with them.

        Raises:
            EcgInputError: the session was closed.
        """
        self.check_open()
        self.records, self.chosen, self.start_s = records, 0, 0.0
        self.forget_reading()

    def forget_reading(self) -> None:
        """Drop what was found of the ECG, and stop what still runs on it."""
        for name in tuple(self._running):
            self.stop(name)
        self.reading, self.heat = None, None

    def begin(self, name: str) -> threading.Event:
        """The event that stops a new run of some name; an earlier run of that name is stopped."""
        self.stop(name)
        stop = threading.Event()
        if self.closed:
            stop.set()
        else:
            self._running[name] = stop
        return stop

    def stop(self, name: str) -> None:
        """Stop the run of some name, where there is one."""
        running = self._running.pop(name, None)
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
        self.closed = True
        self.forget_reading()
        self.records, self.second = (), None
        self.drop_upload()


class Sessions:
    """The sessions of a page by the hash that the server gives each, so that one is closed when its page is left.

    Args:
        folder: private folder in which each session makes its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()

    def gone(self) -> Session:
        """A closed session, for a page whose own is not there: not opened yet, or removed."""
        return Session(self._folder / "page-gone", closed=True)

    def open(self, session_hash: str) -> Session:
        """A new session for the page of that hash; an earlier one of it is closed."""
        self.close(session_hash)
        session = Session(Path(tempfile.mkdtemp(prefix="page-", dir=self._folder)))
        self._open[session_hash] = session
        return session

    def close(self, session_hash: str) -> None:
        """Close the session of that hash, where there is one."""
        session = self._open.pop(session_hash, None)
        if session is not None:
            session.close()
