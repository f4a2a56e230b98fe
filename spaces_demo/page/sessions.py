"""All visitors' sessions: opened with a page, and closed some time after it was left."""

from __future__ import annotations

import tempfile
import threading
import time
import weakref
from pathlib import Path

from spaces_demo.page.room import IDLE_S, Room
from spaces_demo.page.session import Session

GRACE_S = 100.0
"""A page whose connection ended is closed so much later, unless it was used again: a phone that slept comes back.

The server notices the end some seconds late, and the page promises two minutes."""


class Sessions:
    """The sessions of a page by the hash that the server gives each, so that one is closed when its page is left.

    Args:
        folder: private folder in which each session makes its own.
        room: memory that their recordings share.
        grace_s: how long a page whose connection ended may be used again, in seconds.
    """

    def __init__(self, folder: Path, room: Room | None = None, grace_s: float = GRACE_S) -> None:
        self._folder, self._grace_s = folder, grace_s
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

    def leave(self, session_hash: str) -> None:
        """The connection of a page ended: stop what runs for it at once, and close it when it stays unused."""
        session = self._open.get(session_hash)
        if session is not None:
            session.stop_all()
            self._close_unused(session, time.monotonic())

    def _close_unused(self, session: Session, since: float) -> None:
        """Close a session that was not used for the grace time, and look again later at one that was."""
        # Used again, it stands in a browser, of which Gradio says no more: it ends as a page that lies idle.
        ends = since + self._grace_s if session.used <= since else session.used + IDLE_S
        rest = ends - time.monotonic()
        if rest <= 0:
            session.close()
            return
        # A daemon: the server stops without waiting for it, and removes the whole folder.
        timer = threading.Timer(rest, self._close_unused, (session, since))
        timer.daemon = True
        timer.start()
