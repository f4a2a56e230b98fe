"""Runs the Hub's client as a user does: in a process of its own, on the network, with an empty home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.hub.hub_server import HubServer

ROOT = Path(__file__).resolve().parents[2]
WRITER = "hf_writer"
_KEPT = ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")


def run_python(
    hub: HubServer | str,
    home: Path,
    *arguments: object,
    token: str | None = WRITER,
    cwd: Path = ROOT,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """`python ARGUMENTS` with this Hub; returns what it printed and its exit code.

    Args:
        hub: the server, or its address.
        home: holds the caches; a new one is empty.
        *arguments: of the interpreter.
        token: None for a visitor.
        cwd: where it runs.
        **environment: further variables.
    """
    home.mkdir(parents=True, exist_ok=True)
    variables = {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": hub if isinstance(hub, str) else hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **({} if token is None else {"HF_TOKEN": token}),
        **environment,
    }
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    """What a process printed; the test fails if the process did."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout
