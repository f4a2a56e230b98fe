"""Size and speed of the ways to store and read signals: `python benchmarks/reading.py --src PTB-XL-FOLDER`.

Prints the two tables of docs/dataset.md: Parquet encodings and codecs, then reading batches of 64 against `wfdb`.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import wfdb
from datasets import Array2D, Dataset, Features, List, Value, disable_progress_bars, load_dataset

from dataset_scripts.shards import ROW_GROUP_ROWS, signal_batch
from dataset_scripts.sources.ptb_xl import TABLE, PtbXlSource
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor

BATCH = 64
EXTRACTOR = MeitFeatureExtractor(sampling_rate=100)
LEAF = "signal.list.element.list.element"
ENCODINGS = [
    ("PLAIN", "snappy", None),
    ("PLAIN", "zstd", 3),
    ("DELTA_BINARY_PACKED", "none", None),
    ("DELTA_BINARY_PACKED", "zstd", 3),
    ("BYTE_STREAM_SPLIT", "zstd", 1),
    ("BYTE_STREAM_SPLIT", "zstd", 3),
    ("BYTE_STREAM_SPLIT", "zstd", 9),
]


def best_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Returns the shortest time of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def tables(signals: np.ndarray) -> dict[str, pa.Table]:
    """Returns the same signals, int16 [N, 12, T], as nested lists of fixed length and as `Array2D`."""
    n, leads, samples = signals.shape
    flat = pa.array(signals.reshape(-1))
    fixed = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(flat, samples), leads)
    rows = pa.ListArray.from_arrays(pa.array(np.arange(n * leads + 1, dtype=np.int32) * samples), flat)
    nested = pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32) * leads), rows)
    lists = Features({"signal": List(List(Value("int16"), length=samples), length=leads)}).arrow_schema
    array2d = Features({"signal": Array2D((leads, samples), "int16")}).arrow_schema
    extension = pa.ExtensionArray.from_storage(array2d.field("signal").type, nested)
    return {
        "List of fixed length": pa.Table.from_arrays([fixed], schema=lists),
        "Array2D": pa.Table.from_arrays([extension], schema=array2d),
    }


def compare_encodings(table: pa.Table, folder: Path) -> None:
    """Prints size, write and read time a record for each encoding, codec and row-group size."""
    print("| encoding | codec | row group | bytes a record | write us | read us |\n|---|---|---|---|---|---|")
    settings = [(*chosen, ROW_GROUP_ROWS) for chosen in ENCODINGS]
    settings += [("BYTE_STREAM_SPLIT", "zstd", 3, rows) for rows in (64, 1024)]
    path = folder / "encoding.parquet"
    for encoding, codec, level, rows in settings:
        options: dict[str, Any] = {"compression": codec, "compression_level": level, "row_group_size": rows}
        options |= {"use_dictionary": False, "column_encoding": {LEAF: encoding}}
        write = best_of(partial(pq.write_table, table, path, **options))
        read = best_of(partial(pq.read_table, path))
        micro = 1e6 / table.num_rows
        size = path.stat().st_size / table.num_rows
        name = f"{codec} {level}" if level else codec
        print(f"| {encoding} | {name} | {rows} | {size:,.0f} | {write * micro:.0f} | {read * micro:.0f} |", flush=True)


def column(dataset: Dataset, rows: list[int]) -> object:
    """Reads the signals in the data set's own format."""
    return dataset[rows]["signal"]


def row_by_row(dataset: Dataset, rows: list[int]) -> np.ndarray:
    """Reads the signals as a data loader does."""
    return np.stack([dataset[row]["signal"] for row in rows])


def processed(dataset: Dataset, rows: list[int]) -> object:
    """Reads the signals as the model takes them."""
    return EXTRACTOR(signal_batch(dataset, rows), sampling_rate=100)


def with_wfdb(files: list[str], rows: list[int]) -> list[np.ndarray]:
    """Reads the same records from the archive."""
    return [wfdb.rdrecord(files[row]).p_signal for row in rows]


def each(read: Callable[[list[int]], object], batches: list[list[int]]) -> None:
    """Reads batch after batch."""
    for rows in batches:
        read(rows)


def compare_reading(stored: dict[str, pa.Table], files: list[str], folder: Path) -> None:
    """Prints the time to read a batch of 64 in sequence and at random, by each way and by `wfdb`."""
    count = len(files)
    orders = [np.arange(count), np.random.default_rng(0).permutation(count)]
    batches = [[order[i : i + BATCH].tolist() for i in range(0, count - BATCH + 1, BATCH)] for order in orders]
    ways: list[tuple[str, Callable[[list[int]], object]]] = []
    for kind, table in stored.items():
        (folder / kind).mkdir()
        pq.write_table(table, folder / kind / "data.parquet", row_group_size=ROW_GROUP_ROWS)
        dataset: Dataset = load_dataset(str(folder / kind), split="train", cache_dir=str(folder / "cache"))
        numpy, torch = dataset.with_format("numpy", dtype=np.int16), dataset.with_format("torch")
        ways += [
            (f"{kind}, no format", partial(column, dataset)),
            (f"{kind}, numpy", partial(column, numpy)),
            (f"{kind}, torch", partial(column, torch)),
            (f"{kind}, numpy, row by row", partial(row_by_row, numpy)),
        ]
        if kind != "Array2D":
            ways += [
                ("**`signal_batch`**", partial(signal_batch, dataset)),
                ("`signal_batch` and the processor", partial(processed, dataset)),
            ]
    ways.append(("wfdb.rdrecord one by one", partial(with_wfdb, files)))
    print(f"\n| reading {BATCH} records | in sequence, ms | at random, ms |\n|---|---|---|")
    for name, read in ways:
        chosen = [order[: 4 if "wfdb" in name or "no format" in name else 16] for order in batches]
        times = [best_of(partial(each, read, part)) / len(part) for part in chosen]
        print(f"| {name} | {times[0] * 1e3:.1f} | {times[1] * 1e3:.1f} |", flush=True)


def main() -> None:
    """Reads the first records of PTB-XL at 100 Hz and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, required=True, help=f"the folder that holds {TABLE}")
    parser.add_argument("--records", type=int, default=2048)
    arguments = parser.parse_args()
    disable_progress_bars()
    source = PtbXlSource(arguments.src, 100)
    with (arguments.src / TABLE).open(encoding="utf-8", newline="") as file:
        files = [str(arguments.src / row["filename_lr"]) for row in csv.DictReader(file)][: arguments.records]
    records = [source.read(row).signal for row in islice(source.index(), arguments.records)]
    stored = tables(np.rint(np.stack(records) * 1000).astype(np.int16))
    with tempfile.TemporaryDirectory() as folder:
        compare_encodings(stored["List of fixed length"], Path(folder))
        compare_reading(stored, files, Path(folder))


if __name__ == "__main__":
    main()
