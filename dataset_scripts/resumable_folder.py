"""A folder that appears under its name only when it is whole, and is taken up again where a run was cut.

It is written to a hidden folder beside it and renamed in the end. Whatever ends the work early (an error, a full disk,
a signal) leaves nothing new under the name; the pieces that were done are kept for the next run of the same plan.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dataset_scripts.leases import lease
from dataset_scripts.record import EcgInputError
from dataset_scripts.whole_file import write_whole


class ResumableFolder:
    """The place a folder is made in: what is under `content` becomes `out`, what is beside it in `partial` does not.

    Args:
        out: the folder to write; a link is followed. One that holds `marker` is replaced when the new one is whole.
        marker: a file that tells a finished folder of ours from anybody else's.

    Raises:
        EcgInputError: `out` is a file, a mount point or another folder that is not empty, or cannot be written.
    """

    def __init__(self, out: Path, marker: str) -> None:
        self.out = Path(out).resolve()
        if not self.out.name or os.path.ismount(self.out):
            raise EcgInputError(
                f"{out} is where a disk is mounted, and a data set is renamed when it is whole; give a folder below it"
            )
        self.partial = self.out.with_name(f".{self.out.name}.partial")
        self.content = self.partial / "content"
        self._plan = self.partial / "plan.json"
        self._previous = self.out.with_name(f".{self.out.name}.previous")
        self._lock = self.out.with_name(f".{self.out.name}.lock")
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(self.out.parent, os.W_OK):
                raise PermissionError(errno.EACCES, "permission denied")
        except OSError as error:
            raise EcgInputError(f"cannot write to {self.out.parent} ({error.strerror}); give another folder") from error
        if self._previous.exists() and not self.out.exists():
            self._previous.rename(self.out)  # the last run was killed between the two renames of `finish`
        _assert_replaceable(self.out, marker)

    @contextmanager
    def alone(self, fresh: bool = False) -> Iterator[None]:
        """Opens the hidden folder for one process that may end the work, or throw it away.

        Args:
            fresh: throw away what is there.

        Raises:
            EcgInputError: another process is at work there, of this machine or another.
        """
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise EcgInputError(f"another build is writing {self.out}; wait for it, or give another folder") from error
        except OSError as error:
            raise EcgInputError(f"cannot write to {self.out.parent} ({error.strerror}); give another folder") from error
        try:
            with lease(self.partial / "running", "the whole data set") as others:
                if others:
                    raise EcgInputError(f"at work on {self.out}: {', '.join(map(str, others))}; wait for it to end")
                if fresh:
                    for path in self.partial.iterdir():
                        if path.name != "running":
                            shutil.rmtree(path) if path.is_dir() else path.unlink()
                shutil.rmtree(self.drafts, ignore_errors=True)  # of those that were killed
                self.content.mkdir(exist_ok=True)
                yield
        finally:
            if self.partial.is_dir() and not any(self._useful()):
                shutil.rmtree(self.partial, ignore_errors=True)
            lock.release()
            self._lock.unlink(missing_ok=True)

    @contextmanager
    def beside_others(self, task: str) -> Iterator[None]:
        """Opens the hidden folder for one of several processes that each do a part.

        Args:
            task: which, for those that must wait for it.

        Raises:
            EcgInputError: a process that does not share is at work there.
        """
        with lease(self.partial / "running", task) as others:
            for other in others:
                if not other.task.startswith("part"):
                    raise EcgInputError(f"at work on {self.out}: {other}; wait for it to end")
            self.content.mkdir(exist_ok=True)
            yield

    def take_up(self, plan: Mapping[str, Any]) -> None:
        """Says what is made here; work that a cut run of the same plan left is gone on with.

        Args:
            plan: all that decides the content, as JSON.

        Raises:
            EcgInputError: there is unfinished work of another plan.
        """
        wanted, there = json.loads(json.dumps(plan)), self._plan_there()
        if there is None:
            write_whole(self._plan, json.dumps(wanted, indent=1) + "\n")
        elif there != wanted:
            names = sorted(name for name in there | wanted if there.get(name) != wanted.get(name))
            raise EcgInputError(
                f"{self.partial} holds unfinished work with another {', '.join(names)}; run that command again, or "
                "throw the work away with --fresh"
            )

    def is_under_way(self, plan: Mapping[str, Any]) -> bool:
        """Whether a cut run of this plan has left work."""
        return self._plan_there() == json.loads(json.dumps(plan))

    def _plan_there(self) -> dict[str, Any] | None:
        try:
            return json.loads(self._plan.read_text(encoding="utf-8")) if self._plan.is_file() else None
        except json.JSONDecodeError as error:
            raise EcgInputError(f"{self._plan} is damaged; throw the unfinished work away with --fresh") from error

    @contextmanager
    def saying_what_is_full(self) -> Iterator[None]:
        """Says a full disk in one line.

        Raises:
            EcgInputError: a disk is full.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            raise EcgInputError("the disk of temporary files is full; make room, or set TMPDIR to another") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            rest = "the same command goes on where it stopped" if any(self._useful()) else "give another folder"
            raise EcgInputError(
                f"the disk of {self.out.parent} is full; nothing was written to {self.out.name}: make room ({rest})"
            ) from error

    def finish(self) -> None:
        """Puts what was made in the place of `out`, and removes the rest of the hidden folder."""
        if self._previous.exists():
            shutil.rmtree(self._previous)
        if self.out.exists():
            self.out.rename(self._previous)
        self.content.rename(self.out)
        shutil.rmtree(self._previous, ignore_errors=True)
        shutil.rmtree(self.partial, ignore_errors=True)

    @property
    def drafts(self) -> Path:
        """Folder of files that are being written."""
        return self.partial / "drafts"

    @property
    def notes(self) -> Path:
        """Folder of the notes on pieces that are done."""
        return self.partial / "shards"

    def _useful(self) -> Iterator[Path]:
        """Yields what is of use to the next run, or to one that is at work."""
        yield from self.notes.glob("*.json")
        yield from (self.partial / "running").glob("*.json")


def _assert_replaceable(out: Path, marker: str) -> None:
    if out.exists() and not out.is_dir():
        raise EcgInputError(f"{out} is a file, expected the name of a folder to write")
    if out.exists() and any(out.iterdir()) and not (out / marker).is_file():
        raise EcgInputError(
            f"{out} is not empty and no data set of `meit build` (it has no {marker}); give a new folder, or empty it"
        )
