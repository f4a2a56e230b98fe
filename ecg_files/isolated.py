"""Reads what strangers upload in a process of its own, so that no file can stop, fill or steer the server."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from ecg_files.channels import MOST_SAMPLES
from ecg_files.ecg_file import EcgFile
from ecg_files.handover import read_answer
from ecg_files.limits import Limits

_START_S = 120.0  # to load the libraries, on a slow disk
_WAIT_S = 10.0  # for a worker that is free
_GRACE_S = 5.0  # beyond the limit, which the system holds by itself
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from ecg_files.isolated_child import main; main(json.loads(sys.argv[2]))"
)
_CRASHED = "the upload made its reader crash: the file is damaged, or made to do so; export it again"
_OVERDUE, _GONE = 1000, 1001  # beside the numbers of signals
# Where the loader finds libraries; nothing else of the server's environment, which may hold tokens.
_KEPT_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class IsolatedReader:
    """Does what `ecg_files.read.read_ecg_files` does, in warm child processes with limits of their own.

    A read that takes too much memory, time or disk is ended by the system; a crash of a library is one refusal. The
    child knows nothing of the server's environment, and gives back numbers and JSON. Safe to use from many threads.

    Args:
        limits: of one upload.
        workers: child processes; as many uploads are read at once, others wait a while and are refused then.
        memory_bytes: that one read may take beside the libraries.
        seconds: of processor and of wall time that one read may take.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        workers: int = 2,
        memory_bytes: int = 1 << 30,
        seconds: float = 5.0,
    ) -> None:
        self.limits = limits or Limits()
        self._folder = Path(tempfile.mkdtemp(prefix="meit-reader-"))
        file_bytes = max(self.limits.zip_bytes, 4 * MOST_SAMPLES)
        settings = {"memory_bytes": memory_bytes, "seconds": seconds, "file_bytes": file_bytes}
        self._workers = [_Worker(self._folder, settings) for _ in range(workers)]
        self._idle: queue.Queue[_Worker] = queue.Queue()
        for worker in self._workers:
            self._idle.put(worker)
        self._closed = False
        self._finalizer = weakref.finalize(self, _end, self._workers, self._folder)

    def read(
        self,
        paths: Sequence[str | Path],
        fs: float | None = None,
        leads: Sequence[str] | None = None,
        unit: str | None = None,
    ) -> list[EcgFile]:
        """Return the ECGs of one upload.

        Args:
            paths: of its files.
            fs: see `read_ecg_files`.
            leads: see `read_ecg_files`.
            unit: see `read_ecg_files`.

        Raises:
            EcgInputError: what `read_ecg_files` refuses; ECGs with more than `Limits.values` numbers; a read that took
                too much or crashed; no worker became free.
            RuntimeError: the reader was closed.
        """
        return self._read(paths, fs, leads, unit, None)

    def read_stretch(
        self,
        paths: Sequence[str | Path],
        fs: float | None = None,
        leads: Sequence[str] | None = None,
        unit: str | None = None,
        *,
        record: str | None = None,
        start_s: float = 0.0,
        length_s: float,
    ) -> EcgFile:
        """Return a stretch of one ECG; the rest of a long recording never leaves the child process.

        Args:
            paths: of the upload's files.
            fs: see `read_ecg_files`.
            leads: see `read_ecg_files`.
            unit: see `read_ecg_files`.
            record: name of the ECG; None: the upload holds one.
            start_s: where the stretch begins, in seconds.
            length_s: of the stretch; less where the recording ends before.

        Raises:
            EcgInputError: as `read`; several ECGs and none is named, or the recording does not reach `start_s`.
            RuntimeError: the reader was closed.
        """
        stretch = {"record": record, "start_s": start_s, "length_s": length_s}
        (found,) = self._read(paths, fs, leads, unit, stretch)
        return found

    def _read(
        self,
        paths: Sequence[str | Path],
        fs: float | None,
        leads: Sequence[str] | None,
        unit: str | None,
        stretch: dict[str, Any] | None,
    ) -> list[EcgFile]:
        if self._closed:
            raise RuntimeError("this reader was closed")
        try:
            worker = self._idle.get(timeout=_WAIT_S)
        except queue.Empty:
            raise EcgInputError("the server is busy reading other files; try again in a moment") from None
        try:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            try:
                request = {
                    "paths": [os.path.abspath(path) for path in paths],
                    "fs": None if fs is None else float(fs),
                    "leads": None if leads is None else list(leads),
                    "unit": unit,
                    "stretch": stretch,
                    "limits": asdict(self.limits),
                    "folder": str(folder),
                }
                worker.ask(request)
                return _answer(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End the child processes and remove their folder."""
        self._closed = True
        self._finalizer()

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(folder: Path) -> list[EcgFile]:
    try:
        return read_answer(folder)
    except EcgInputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # written by a child gone astray
        raise EcgInputError(_CRASHED) from error


def unlimited() -> tuple[str, ...]:
    """Return what this system does not limit in a child process; empty on Linux."""
    if not hasattr(os, "fork"):
        return ("memory", "processor time", "size of files", "number of processes")
    return () if sys.platform == "linux" else ("memory",)


class _Worker:
    """One child process, started again where it was ended."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder, self._settings = folder, settings
        self._process = self._started()
        self._is_ready = self._is_overdue = False

    def ask(self, request: dict[str, Any]) -> None:
        """Let one upload be read.

        Raises:
            EcgInputError: the read was ended by a limit or a crash.
        """
        if self._process.poll() is not None:
            self.end()
            self._process, self._is_ready = self._started(), False
        if not self._is_ready and self._line(_START_S) != "ready":
            reason = "; see whether meit-ecg is installed whole" if self._process.poll() else ""
            self.end()
            raise RuntimeError(f"the process that reads files did not start{reason}")
        self._is_ready = True
        seconds = float(self._settings["seconds"])
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it ended since it was looked at; what it may still have said is read below
            self._is_ready = False
        answer = self._line(seconds + _GRACE_S)
        if not answer:
            self.end()
        if ended_by := -int(answer) if answer else _OVERDUE if self._is_overdue else _GONE:
            raise EcgInputError(_why(ended_by, seconds, self._settings["memory_bytes"]))

    def end(self) -> None:
        """End the process and what it started."""
        # First, since closing a pipe waits for the thread that still reads from it.
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # a request that the process did not take is lost with it
                    pipe.close()
        self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        variables |= {"HOME": str(self._folder), "TMPDIR": str(self._folder), "LANG": "C.UTF-8"}
        variables |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        variables["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pandas' allocator: a fork wants no threads
        search = json.dumps([os.path.abspath(path) for path in sys.path])
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _CODE, search, json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=variables,
            start_new_session=True,
        )

    def _line(self, seconds: float) -> str:
        """Return the next line of the child's, empty where it ended or was ended for saying nothing for so long."""
        self._is_overdue = False
        timer = threading.Timer(seconds, self._end_overdue)
        timer.start()
        try:
            assert self._process.stdout is not None
            return self._process.stdout.readline().decode("ascii", errors="replace").strip()
        finally:
            timer.cancel()

    def _end_overdue(self) -> None:
        self._is_overdue = True
        self._kill()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # it ended by itself
        else:
            self._process.kill()


def _why(ended_by: int, seconds: float, memory_bytes: int) -> str:
    if ended_by in (_OVERDUE, getattr(signal, "SIGALRM", None), getattr(signal, "SIGXCPU", None)):
        return f"the upload takes more than {seconds:g} s to read; give a shorter recording, or fewer at once"
    if ended_by == getattr(signal, "SIGKILL", None):
        return f"the upload takes more than {memory_bytes / 2**20:.0f} MiB to read; give a shorter recording"
    return _CRASHED


def _end(workers: Sequence[_Worker], folder: Path) -> None:
    for worker in workers:
        worker.end()
    shutil.rmtree(folder, ignore_errors=True)
