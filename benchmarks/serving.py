"""The demo under load: clients at once, each with ECGs of its own whose reports are known beforehand.

python benchmarks/serving.py [--clients 10] [--requests 50]

Prints mixed-up answers and errors, seconds of a request, seconds until the first token, seconds of a start, and the
memory of the server with its readers' processes. A report counts as mixed up if it is not, word for word, the one that
the same ECG gets alone, or comes with another recording's name.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
_ALONE = 20


@dataclass
class Serving:
    """What was measured.

    Attributes:
        start_s: from the command to the line with the address.
        alone_s: of requests that came one after the other.
        alone_first_token_s: of these.
        load_s: of requests that came at once.
        load_first_token_s: of these.
        wall_s: of all requests that came at once.
        mixed: answers with another ECG's report or name.
        errors: what went wrong otherwise.
        distinct: different reports among those expected.
        memory_mb: of the server, before the load and after every tenth of it.
    """

    start_s: float = 0.0
    alone_s: list[float] = field(default_factory=list)
    alone_first_token_s: list[float] = field(default_factory=list)
    load_s: list[float] = field(default_factory=list)
    load_first_token_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    mixed: int = 0
    errors: list[str] = field(default_factory=list)
    distinct: int = 0
    memory_mb: list[float] = field(default_factory=list)

    def table(self) -> str:
        """As lines of text."""

        def spread(seconds: list[float]) -> str:
            p50, p95 = np.percentile(seconds, [50, 95])
            return f"p50 {p50:.2f} s, p95 {p95:.2f} s"

        rows = {
            "start until the page answers": f"{self.start_s:.1f} s",
            "one at a time, first token": spread(self.alone_first_token_s),
            "one at a time, request": spread(self.alone_s),
            "at once, first token": spread(self.load_first_token_s),
            "at once, request": spread(self.load_s),
            "at once, throughput": f"{len(self.load_s) / self.wall_s:.1f} requests/s",
            "requests answered": f"{len(self.load_s)}",
            "mixed up": f"{self.mixed} (of {self.distinct} different reports)",
            "errors": f"{len(self.errors)}",
            "memory, first and last": f"{self.memory_mb[0]:.0f} MB, {self.memory_mb[-1]:.0f} MB",
            "memory, each tenth of the load": " ".join(f"{each:.0f}" for each in self.memory_mb),
        }
        width = max(map(len, rows))
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows.items())


def measure(clients: int, requests: int, ecgs: int = 40) -> Serving:
    """Start a server, load it, stop it.

    Args:
        clients: at once.
        requests: of each.
        ecgs: different ones, simulated; each client begins with another.
    """
    with tempfile.TemporaryDirectory() as place:
        expected = _expected(Path(place), ecgs)
        found = Serving(distinct=len(set(expected.values())))
        began = time.monotonic()
        command = [sys.executable, "-m", "meit_cli", "demo", "--port", "0"]
        log = (Path(place) / "log").open("w+")
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
        try:
            said = server.stdout.readline() if server.stdout else ""
            found.start_s = time.monotonic() - began
            if " answers at " not in said:
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read()}")
            _load(said.split()[-1], psutil.Process(server.pid), expected, clients, requests, found)
        finally:
            server.terminate()
            server.wait(timeout=30)
            log.close()
    return found


def _expected(folder: Path, ecgs: int) -> dict[Path, str]:
    """Records in a folder, and what the model writes of each when it is asked for this one alone."""
    from dataset_scripts.instructions.prompts import draw_prompt
    from dataset_scripts.simulation.wfdb_io import write_wfdb
    from dataset_scripts.sources.synthetic import SyntheticSource
    from ecg_files.read import read_ecg_file
    from spaces_demo.engine.engine import ReportEngine
    from spaces_demo.engine.models import read_models

    source = SyntheticSource(sampling_rate=500, num_records=ecgs, languages=("en",))
    engine = ReportEngine(read_models(None), max_batch=1)
    reports = {}
    for number, row in enumerate(source.index()):
        path = write_wfdb(source.read(row), folder, f"ecg{number}")
        record = read_ecg_file(path)
        *_, state = engine.stream(engine.names[0], record.signal, record.sampling_rate, draw_prompt("", "en"))
        reports[path] = state.text
    engine.close()
    return reports


def _load(
    url: str, server: psutil.Process, expected: dict[Path, str], clients: int, requests: int, found: Serving
) -> None:
    from gradio_client import Client, handle_file

    paths = list(expected)
    lock = threading.Lock()
    done = 0

    def ask(client: Any, path: Path, seconds: list[float], first: list[float]) -> None:
        began = time.monotonic()
        files = [handle_file(str(path.with_suffix(ending))) for ending in (".hea", ".dat")]
        try:
            reading = client.predict(files=files, api_name="/read")
        except Exception as error:
            with lock:
                found.errors.append(f"{type(error).__name__}: {error}")
            return
        with lock:
            seconds.append(time.monotonic() - began)
            first.append(reading["seconds"]["first_token"])
            if reading["report"] != expected[path] or reading["record"]["name"] != path.name:
                found.mixed += 1

    def visit(client: Any, number: int) -> None:
        nonlocal done
        for turn in range(requests):
            ask(client, paths[(number * 7 + turn) % len(paths)], found.load_s, found.load_first_token_s)
            with lock:
                done += 1
                if done % max(1, clients * requests // 10) == 0:
                    found.memory_mb.append(_memory_mb(server))

    visitors = [Client(url, verbose=False, analytics_enabled=False) for _ in range(clients)]
    for path in paths[:_ALONE]:
        ask(visitors[0], path, found.alone_s, found.alone_first_token_s)
    found.memory_mb.append(_memory_mb(server))
    threads = [threading.Thread(target=visit, args=(each, number)) for number, each in enumerate(visitors)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.wall_s = time.monotonic() - began


def _memory_mb(server: psutil.Process) -> float:
    """Resident, of the server and the processes that it started."""
    total = 0
    for process in [server, *server.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # a reader that was replaced meanwhile
    return total / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Load the demo and measure it.")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--requests", type=int, default=50, help="of each client")
    arguments = parser.parse_args()
    found = measure(arguments.clients, arguments.requests)
    print(found.table())
    for error in found.errors[:5]:
        print(error)


if __name__ == "__main__":
    main()
