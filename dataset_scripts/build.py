"""An archive -> an instruction data set: records read by worker processes, cleaned, prompted, split, in Parquet.

The data set appears under its name only when it is whole (`whole_or_nothing`); a damaged record stops the build.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from dataset_scripts.card import BUILD_FILE, write_card
from dataset_scripts.instructions.prompts import draw_prompt
from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.reports.cleaning import clean, drop_reason
from dataset_scripts.shards import SplitWriter
from dataset_scripts.sources import Source, source_class
from dataset_scripts.splits import SPLITS, assert_patient_disjoint, split_of
from dataset_scripts.whole_folder import whole_or_nothing
from modeling_meit.ecg_signal import MISSING_INT16

CHUNK = 64  # records a worker reads at a time


@dataclass(frozen=True)
class BuildOptions:
    """What decides a data set's content, beside its source.

    Attributes:
        cleaning: "standard" or "paper".
        name_language: whether the prompt names the language the report is to be in.
        seed: of the prompts drawn.
        shard: (i, n) builds the i-th of n parts of the archive, 1 <= i <= n; None builds all of it.
        source_options: what the source was told beside folder and sampling rate.
    """

    cleaning: str = "standard"
    name_language: bool = True
    seed: int = 0
    shard: tuple[int, int] | None = None
    source_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildResult:
    """What a build wrote and what it left out.

    Attributes:
        out: the data set's folder.
        rows: split -> rows.
        patients: split -> patients.
        languages: split -> language -> rows.
        dropped: reason -> split -> records left out.
    """

    out: Path
    rows: dict[str, int]
    patients: dict[str, int]
    languages: dict[str, dict[str, int]]
    dropped: dict[str, dict[str, int]]


@dataclass
class _Tally:
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # patients, of dropped records too
    patients: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    languages: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def build(
    source_name: str,
    src: str | Path | None,
    out: str | Path,
    sampling_rate: int = 100,
    num_proc: int | None = None,
    cleaning: str = "standard",
    name_language: bool = True,
    seed: int = 0,
    shard: tuple[int, int] | None = None,
    source_options: Mapping[str, Any] | None = None,
) -> BuildResult:
    """Builds a data set that `datasets.load_dataset(out)` opens.

    The same arguments give the same bytes, whatever `num_proc` is. A finished data set under `out` is replaced when the
    new one is whole; any other folder that is not empty is refused.

    Args:
        source_name: one of `dataset_scripts.sources.REGISTRY`.
        src: the archive's folder.
        out: folder to write.
        sampling_rate: in Hz, one that the archive has.
        num_proc: worker processes; None takes one for each processor this process may use.
        cleaning: see `BuildOptions`, as for the next three.
        name_language: see there.
        seed: see there.
        shard: see there.
        source_options: further arguments of the source's class, for example `num_records` of the synthetic one.

    Raises:
        EcgInputError: unknown source, unusable folder, a damaged record, a patient in two splits, or a full disk.
    """
    options = BuildOptions(cleaning, name_language, seed, shard, dict(source_options or {}))
    src = Path(src) if src is not None else None
    source = source_class(source_name)(src, sampling_rate, **options.source_options)
    drop_reason("", cleaning)  # an unknown mode shall be said before any work
    index = _part(source.index(), shard)
    with whole_or_nothing(Path(out), BUILD_FILE) as folder:
        return _write(source, index, options, folder, Path(out), num_proc or _processors())


def _write(
    source: Source, index: Sequence[Any], options: BuildOptions, folder: Path, out: Path, num_proc: int
) -> BuildResult:
    (folder / "data").mkdir()
    writers = {split: SplitWriter(folder / "data", split) for split in SPLITS}
    tally = _Tally()
    try:
        with closing(_rows(source, index, options, num_proc)) as rows:
            progress = tqdm(rows, total=len(index), unit="record", desc=f"building {source.name}")
            for microvolts, row, split, reason in progress:
                tally.seen[split].add(row["patient_id"])
                if reason:
                    tally.dropped[reason][split] += 1
                    continue
                tally.patients[split].add(row["patient_id"])
                tally.languages[split][row["language"]] += 1
                writers[split].add(microvolts, row)
        assert_patient_disjoint(tally.seen)
        files = {split: writer.finish() for split, writer in writers.items()}
    finally:
        for writer in writers.values():
            writer.close()
    written = [split for split in SPLITS if writers[split].rows]
    if not written:
        raise EcgInputError(f"{source.name}: none of {len(index)} records is left to write; see the cleaning rules")
    result = BuildResult(
        out=out,
        rows={split: writers[split].rows for split in written},
        patients={split: len(tally.patients[split]) for split in written},
        languages={split: dict(sorted(tally.languages[split].items())) for split in written},
        dropped={reason: dict(tally.dropped[reason]) for reason in sorted(tally.dropped)},
    )
    write_card(folder, source, options, result, {split: files[split] for split in written})
    return result


_Row = tuple[np.ndarray, dict[str, Any], str, str | None]  # signal, other columns, split, why it is dropped


def _rows(source: Source, index: Sequence[Any], options: BuildOptions, num_proc: int) -> Generator[_Row, None, None]:
    """Yields every record of `index` in its order, read by `num_proc` processes."""
    chunks = [index[i : i + CHUNK] for i in range(0, len(index), CHUNK)]
    if num_proc == 1:
        for chunk in chunks:
            yield from _read_chunk(source, chunk, options)
        return
    with ProcessPoolExecutor(num_proc, initializer=_start_worker) as pool:
        # Only so many chunks are on their way that a slow disk cannot fill the memory.
        pending = deque(pool.submit(_read_chunk, source, chunk, options) for chunk in chunks[: 4 * num_proc])
        waiting = iter(chunks[4 * num_proc :])
        try:
            while pending:
                rows = pending.popleft().result()
                pending.extend(pool.submit(_read_chunk, source, chunk, options) for chunk in islice(waiting, 1))
                yield from rows
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process was ended from outside, as happens when memory runs out; try a smaller --num-proc"
            ) from error
        finally:
            for future in pending:
                future.cancel()


def _read_chunk(source: Source, chunk: Sequence[Any], options: BuildOptions) -> list[_Row]:
    return [_to_row(source.read(entry), options) for entry in chunk]


def _to_row(record: EcgRecord, options: BuildOptions) -> _Row:
    report = clean(record.report, options.cleaning)
    language = record.language if options.name_language else None
    row = {
        "ecg_id": record.ecg_id,
        "patient_id": record.patient_id,
        "sampling_rate": record.sampling_rate,
        "report_raw": record.report,
        "report": report,
        "language": record.language,
        "prompt": draw_prompt(record.ecg_id, language, options.seed),
        "completion": report,
        "age": record.age,
        "sex": record.sex,
        "scp_codes": [{"code": code, "likelihood": percent} for code, percent in record.scp_codes.items()],
        "measurements": [{"name": name, "value": value} for name, value in record.measurements.items()],
        "quality": [{"name": name, "text": text} for name, text in record.quality.items()],
        "source": record.source,
    }
    split = split_of(record.fold, record.patient_id)
    return _microvolts(record), row, split, drop_reason(record.report, options.cleaning)


def _microvolts(record: EcgRecord) -> np.ndarray:
    """Rounds to int16 microvolts; a missing sample becomes WFDB's -32768."""
    microvolts = np.rint(record.signal * np.float32(1000))
    peak = float(np.nanmax(np.abs(microvolts), initial=0))
    if peak > 32767:
        raise EcgInputError(
            f"record {record.ecg_id}: {peak / 1000:g} mV, more than 16 bits of microvolts hold (32.767 mV); "
            "check the header's gain"
        )
    return np.nan_to_num(microvolts, nan=MISSING_INT16).astype(np.int16)


def _start_worker() -> None:
    """Ends this worker when the process that started it is gone: a killed build leaves no process behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _part(index: Sequence[Any], shard: tuple[int, int] | None) -> Sequence[Any]:
    if shard is None:
        return index
    i, n = shard
    if not 1 <= i <= n:
        raise EcgInputError(f"shard {i}/{n}, expected i/n with i from 1 to n")
    return index[len(index) * (i - 1) // n : len(index) * i // n]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
