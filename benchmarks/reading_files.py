"""Milliseconds to read an uploaded ECG (12 leads, 10 s, 500 Hz) of each format, in this process and isolated.

python -m benchmarks.reading_files [--repeats 20]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ecg_files.isolated import IsolatedReader
from ecg_files.read import read_ecg_file, read_ecg_files
from tests.ecg_files.make_files import write_all

EXAMPLE = Path(__file__).parents[1] / "examples" / "normal.hea"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    example = read_ecg_file(EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        files = write_all(Path(folder), example.signal, int(example.sampling_rate))
        started = time.perf_counter()
        with IsolatedReader() as reader:
            reader.read(files["WFDB"])
            print(f"isolated reader ready after {time.perf_counter() - started:.1f} s\n")
            print("| format | size (KiB) | direct (ms) | isolated (ms) |\n|---|---|---|---|")
            for kind, paths in files.items():
                size = sum(path.stat().st_size for path in paths) / 1024
                direct = _median_ms(lambda paths=paths: read_ecg_files(paths, fs=500), repeats)
                isolated = _median_ms(lambda paths=paths: reader.read(paths, fs=500), repeats)
                print(f"| {kind} | {size:.0f} | {direct:.1f} | {isolated:.1f} |")


def _median_ms(read: Callable[[], object], repeats: int) -> float:
    read()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        read()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    main()
