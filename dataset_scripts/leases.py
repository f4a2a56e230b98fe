"""Who is at work in a folder that several processes, perhaps of several machines, may share."""

from __future__ import annotations

import errno
import json
import os
import platform
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BEAT_S = 20.0
_DEAD_AFTER_S = 300.0  # of a process of another machine, whose pid says nothing here


@dataclass(frozen=True)
class Lease:
    """One process at work.

    Attributes:
        task: what it does, for whoever has to wait.
        host: of the process.
        pid: there.
    """

    task: str
    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.task} (process {self.pid} on {self.host})"


@contextmanager
def lease(folder: Path, task: str) -> Iterator[list[Lease]]:
    """Leaves a sign of life in `folder` while the block runs.

    The sign is there before anybody else's is looked for, so of two that start together each sees the other.

    Args:
        folder: made if it is not there.
        task: see `Lease`.

    Yields:
        the others that are alive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / f"{uuid.uuid4().hex}.json"
    own.write_text(json.dumps({"task": task, "host": platform.node(), "pid": os.getpid()}), encoding="utf-8")
    ended = threading.Event()
    threading.Thread(target=_beat, args=(own, ended), daemon=True).start()
    try:
        yield _others(folder, own)
    finally:
        ended.set()
        own.unlink(missing_ok=True)


def _beat(own: Path, ended: threading.Event) -> None:
    while not ended.wait(_BEAT_S):
        try:
            os.utime(own)
        except FileNotFoundError:  # the folder is gone, and so is what this sign protected
            return


def _others(folder: Path, own: Path) -> list[Lease]:
    now = own.stat().st_mtime  # by the clock of the disk they share
    alive = []
    for path in sorted(folder.glob("*.json")):
        if path == own:
            continue
        try:
            other, beat = Lease(**json.loads(path.read_text(encoding="utf-8"))), path.stat().st_mtime
        except (FileNotFoundError, json.JSONDecodeError):
            continue  # it has just ended, or has just begun and will see this one
        if _lives(other.pid) if other.host == platform.node() else now - beat < _DEAD_AFTER_S:
            alive.append(other)
        else:
            path.unlink(missing_ok=True)
    return alive


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True
