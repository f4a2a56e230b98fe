"""What a build of MIMIC-IV-ECG's size takes: `python benchmarks/scale.py [--kills 3]`.

Writes archives in MIMIC-IV-ECG's layout at 500 Hz with simulated signals, builds them by two processes, and gives rate,
disk and peak memory (proportional set size of all processes together, sampled) at each size, and what follows for
800,035 records. Then the largest is built once more, killed at random points and taken up again: every file must be the
same. Needs Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from dataset_scripts.simulation.archives.mimic_iv_ecg import write_mimic_iv_ecg

RECORDS = 800_035


@dataclass(frozen=True)
class Measured:
    """One build: seconds, bytes on disk of the data set, most bytes of memory, rows."""

    seconds: float
    disk: int
    memory: int


def command(archive: Path, out: Path, rate: int) -> list[str]:
    """Returns the build's command line."""
    arguments = ["build", "mimic-iv-ecg", "--src", str(archive), "--out", str(out)]
    return [sys.executable, "-m", "meit_cli", *arguments, "--sampling-rate", str(rate), "--num-proc", "2"]


def memory(process: psutil.Process) -> int:
    """Returns the proportional set size of a process and its children, in bytes."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def measure(archive: Path, out: Path, rate: int) -> Measured:
    """Builds once."""
    start = time.perf_counter()
    running = subprocess.Popen(command(archive, out, rate), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    seen, process = [0], psutil.Process(running.pid)

    def watch() -> None:
        while running.poll() is None:
            try:
                seen.append(memory(process))
            except psutil.Error:
                return
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    if running.wait():
        raise RuntimeError("the build failed")
    seconds = time.perf_counter() - start
    thread.join()
    return Measured(seconds, sum(path.stat().st_size for path in out.rglob("*") if path.is_file()), max(seen))


def killed(archive: Path, out: Path, rate: int, seconds: float, kills: int) -> int:
    """Builds with `kills` kills at random points; returns how many struck a running build."""
    draw, struck = random.Random(0), 0
    for _ in range(kills):
        running = subprocess.Popen(command(archive, out, rate), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.1, 0.35) * seconds)
        struck += running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run(command(archive, out, rate), check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return struck


def digests(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Prints the table and whether the killed build gave the same files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000, 20000])
    parser.add_argument("--sampling-rate", type=int, default=500, choices=(100, 500))
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        print("| records | s | records/s | kB a record | peak MB |")
        print("|---|---|---|---|---|")
        for size in sorted(arguments.sizes):
            archive, out = folder / f"archive-{size}", folder / f"set-{size}"
            write_mimic_iv_ecg(archive, size)
            found = measure(archive, out, arguments.sampling_rate)
            each = found.disk / size
            row = (f"{size:,}", f"{found.seconds:.0f}", f"{size / found.seconds:.0f}", f"{each / 1000:.1f}")
            print("| " + " | ".join((*row, f"{found.memory / 1e6:.0f}")) + " |", flush=True)
        hours = RECORDS / size * found.seconds / 3600
        print(
            f"{RECORDS:,} records at this rate: {hours:.1f} h by two processes, {RECORDS * each / 1e9:.0f} GB on disk"
        )
        if arguments.kills:
            struck = killed(archive, folder / "again", arguments.sampling_rate, found.seconds, arguments.kills)
            same = digests(out) == digests(folder / "again")
            print(f"killed {struck} times and taken up again: {'the same' if same else 'NOT the same'} files")
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
