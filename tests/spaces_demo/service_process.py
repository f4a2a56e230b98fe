"""`meit demo` in a process of its own, with a home, a folder and a temporary folder that are its own and empty."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.made_up_ecg import write_record

ROOT = Path(__file__).resolve().parents[2]
HTTP = httpx.Client(timeout=60)
_KEPT = ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")


def _hear_ctrl_c() -> None:
    # A shell's background jobs ignore it, and so would what they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class ServiceProcess:
    """A server that was asked to start.

    Attributes:
        folder: holds `home`, `cwd` and `tmp`, which the server was given, and `log`, its stderr.
        url: of the page.
    """

    def __init__(self, folder: Path, *arguments: str, command: list[str] | None = None, **environment: str) -> None:
        self.folder = folder
        for name in ("home", "cwd", "tmp"):
            (folder / name).mkdir(parents=True)
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
        variables |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "HF_HUB_OFFLINE": "1"}
        variables |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                command or [sys.executable, "-m", "meit_cli", "demo", "--port", "0", *arguments],
                cwd=folder / "cwd",
                env=variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=_hear_ctrl_c,
            )
        self._said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        said = self._lines.get(timeout=120)
        if " answers at " not in said:
            raise AssertionError(f"the server did not start: {said} {self.log()}")
        self.url = said.split()[-1]

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self._said.append(line.strip())
            self._lines.put(line.strip())
        self._lines.put("")

    def log(self) -> str:
        """Its stderr so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def events(self) -> list[dict[str, Any]]:
        """The lines of its log; each must be JSON."""
        return [json.loads(line) for line in self.log().splitlines()]

    def last_line(self, beginning: str) -> str:
        """The last line that it printed with this beginning, once it has ended."""
        self._listener.join(timeout=30)
        return [line for line in self._said if line.startswith(beginning)][-1]

    def client(self) -> Client:
        """A client of Gradio's, as docs/demo-api.md has it."""
        downloads = self.folder / "downloads"
        return Client(self.url, verbose=False, analytics_enabled=False, download_files=str(downloads))

    def stored(self) -> list[Path]:
        """The files in its temporary folder, without what the reader's own processes need."""
        return sorted(path for path in self.private_folder().rglob("*") if path.is_file())

    def private_folder(self) -> Path:
        """The folder of its uploads."""
        (found,) = (self.folder / "tmp").glob("meit-demo-*")
        return found

    def written(self) -> set[Path]:
        """All in the folders that the server was given, but for its own private ones."""
        found = {path for name in ("home", "cwd", "tmp") for path in (self.folder / name).rglob("*")}
        own = tuple(
            str(path) for pattern in ("meit-demo-*", "meit-reader-*") for path in (self.folder / "tmp").glob(pattern)
        )
        return {path for path in found if not own or not str(path).startswith(own)}

    def stop(self) -> int:
        """Press Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One for all tests of a module; after a first ECG was read it writes nothing outside its folder, and that goes."""
    folder = tmp_path_factory.mktemp("service")
    running = ServiceProcess(folder)
    try:
        running.client().predict(files=ecg_files(folder / "first"), api_name="/read")
        # What libraries keep: the models' code, fonts.
        before = running.written()
        yield running
        assert running.stop() == 0
        assert running.events()[-1]["event"] == "closed"
    finally:
        running.process.kill()
        running.process.wait()
    new = running.written() - before
    assert not new, new
    assert not [*(folder / "tmp").glob("meit-*")]
    shutil.rmtree(folder)


def ecg_files(folder: Path, name: str = "made_up", **options: Any) -> list[Any]:
    """A WFDB record, as a client of Gradio's sends it."""
    folder.mkdir(parents=True, exist_ok=True)
    record = write_record(folder, name, **options)
    return [handle_file(str(record.with_suffix(ending))) for ending in (".hea", ".dat")]


def upload(url: str, *files: tuple[str, bytes]) -> list[str]:
    """Upload over HTTP; returns the paths that the server answers with."""
    sent = HTTP.post(f"{url}/gradio_api/upload", files=[("files", file) for file in files])
    assert sent.status_code == 200, sent.text
    return sent.json()


READ_DEFAULTS = ["", "en", "", None, "", "", "", 0.0, 0.0, 1, None, 0]


def call(url: str, endpoint: str, *data: Any) -> tuple[int, str]:
    """Call an endpoint as curl does; returns the status and the body, of the events where there are some."""
    # In ASCII, so that half a character goes out as its escape, and with Python's NaN.
    body, headers = json.dumps({"data": list(data)}), {"Content-Type": "application/json"}
    begun = HTTP.post(f"{url}/gradio_api/call/{endpoint}", content=body, headers=headers)
    if begun.status_code != 200:
        return begun.status_code, begun.text
    answer = HTTP.get(f"{url}/gradio_api/call/{endpoint}/{begun.json()['event_id']}", timeout=120)
    return answer.status_code, answer.text
