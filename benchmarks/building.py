"""How fast PTB-XL is built, against the loop that one would write: `python benchmarks/building.py --src PTB-XL-FOLDER`.

The other side reads every record with `wfdb.rdrecord` in a generator, makes a `datasets.Dataset` of it and writes that
to Parquet: signals, texts and codes, without cleaning, translation, lead check or quality. Both sides run on the same
records, in one process, by turns, every report translated anew; what is compared is CPU time. Then the whole archive is
built by two processes.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import wfdb
from datasets import Dataset, Features, List, Value, disable_progress_bars

from dataset_scripts.build import build
from dataset_scripts.reports.cleaning import clean
from dataset_scripts.reports.translation import translate
from dataset_scripts.sources.ptb_xl import TABLE

OTHER_COLUMNS = Features(
    {
        "ecg_id": Value("string"),
        "patient_id": Value("string"),
        "signal": List(List(Value("int16"), length=1000), length=12),
        "report": Value("string"),
        "scp_codes": Value("string"),
    }
)


def part_of(src: Path, folder: Path, records: int) -> Path:
    """Returns an archive of the first `records` records: a table of its own, and the signals by link."""
    folder.mkdir()
    with (src / TABLE).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row, _ in zip(reader, range(records), strict=False)]
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "records100").symlink_to(src / "records100")
    return folder


def generator_loop(archive: Path, folder: Path) -> None:
    """Writes the archive to Parquet as one would without this project."""

    def rows() -> Iterator[dict[str, Any]]:
        with (archive / TABLE).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                signal = wfdb.rdrecord(str(archive / row["filename_lr"])).p_signal
                microvolts = (signal.T * 1000).round().astype("int16")
                yield {**{name: row[name] for name in OTHER_COLUMNS if name != "signal"}, "signal": microvolts}

    data = Dataset.from_generator(rows, features=OTHER_COLUMNS, cache_dir=str(folder / "cache"))
    data.to_parquet(folder / "data.parquet")


def cpu_seconds(work: Callable[[], object]) -> float:
    """Returns the CPU time of one run."""
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    """Prints the comparison and the whole build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, required=True)
    parser.add_argument("--records", type=int, default=2000, help="of the comparison")
    parser.add_argument("--runs", type=int, default=5, help="of each side")
    arguments = parser.parse_args()
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = part_of(arguments.src.resolve(), folder / "archive", arguments.records)
        ours, other = [], []
        for run in range(arguments.runs + 1):
            out = folder / str(run)
            out.mkdir()
            clean.cache_clear()
            translate.cache_clear()
            other.append(cpu_seconds(lambda out=out: generator_loop(archive, out)))
            ours.append(cpu_seconds(lambda out=out: build("ptb-xl", archive, out / "set", num_proc=1)))
            shutil.rmtree(out)
        # The first run of either warms the disk's cache and the imports.
        ratios = sorted(theirs / mine for theirs, mine in zip(other[1:], ours[1:], strict=True))
        per_record = [1000 * statistics.median(times[1:]) / arguments.records for times in (other, ours)]
        print(f"CPU ms a record, median of {arguments.runs} runs by turns on {arguments.records} records:")
        print(f"  wfdb.rdrecord and a datasets generator  {per_record[0]:.2f}")
        print(f"  meit build                              {per_record[1]:.2f}")
        print(f"  ratio {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")

        start = time.perf_counter()
        result = build("ptb-xl", arguments.src, folder / "whole", num_proc=2)
        seconds = time.perf_counter() - start
        bytes_written = sum(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
        rows = sum(result.rows.values())
        records = rows + sum(sum(by_split.values()) for by_split in result.dropped.values())
        print(f"the whole archive by two processes: {records} records in {seconds:.1f} s")
        print(f"on disk: {bytes_written / rows:,.0f} bytes a row; {json.dumps(result.rows)}")


if __name__ == "__main__":
    main()
