"""The work of a build: one shard after the other, by as many processes as are given."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from dataset_scripts.build_options import BuildOptions
from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.reports.translators import Sending, make_translator
from dataset_scripts.rows import UNREADABLE, to_rows, why_dropped
from dataset_scripts.shards import ShardWriter, sha256_of
from dataset_scripts.sources import Source
from dataset_scripts.whole_file import write_whole
from dataset_scripts.work_list import Shard, WorkList

DAMAGED = "damaged"
GROUP = 32  # records read before their signals are assessed together


@dataclass(frozen=True)
class ShardNote:
    """What became of the records of one shard: each is a row of the file or named under `dropped`.

    Attributes:
        file: name of the Parquet file; None where no record was left.
        split: its split.
        rows: in the file.
        samples: of each lead; 0 without a file.
        bytes: of the file.
        sha256: of the file.
        dropped: reason -> ids of the records left out for it.
    """

    file: str | None
    split: str
    rows: int
    samples: int
    bytes: int
    sha256: str | None
    dropped: dict[str, list[str]]


@dataclass(frozen=True)
class ShardJob:
    """Builds any shard of a work list; pickled to worker processes.

    Attributes:
        source: of the records.
        options: of the rows.
        sending: what may be sent to a translator's endpoint.
        work_list: what there is to do.
        data: folder of the Parquet files.
        drafts: folder of files that are being written.
        notes: folder of the notes on the shards that are done.
    """

    source: Source
    options: BuildOptions
    sending: Sending
    work_list: WorkList
    data: Path
    drafts: Path
    notes: Path

    def __call__(self, shard: Shard, count: Callable[[int], object]) -> ShardNote:
        """Writes one shard, then the note that it is done.

        Args:
            shard: which.
            count: told of every so many records that are done.

        Raises:
            EcgInputError: a damaged record, unless the options drop it.
        """
        path = self.data / shard.file
        dropped: dict[str, list[str]] = defaultdict(list)
        samples = 0
        translator = make_translator(self.options.translator, self.sending)
        # Matrices of a few leads are too small for two threads to share; and so no sum depends on their number.
        with threadpool_limits(1, "blas"), ShardWriter(path, self.drafts) as writer:
            for entries in _groups(self.work_list.entries(shard), GROUP):
                records = self._kept(entries, dropped)
                for record, made in zip(records, to_rows(records, self.options, translator), strict=True):
                    if made is None:
                        dropped[UNREADABLE].append(record.ecg_id)
                    else:
                        writer.add(*made)
                        samples = made[0].shape[1]
                count(len(entries))
            digest = writer.finish()
        size = path.stat().st_size if digest else 0
        file = shard.file if digest else None
        note = ShardNote(file, shard.split, writer.rows, samples, size, digest, dict(sorted(dropped.items())))
        write_whole(self._note_path(shard), json.dumps(asdict(note)) + "\n")
        return note

    def _kept(self, entries: Sequence[Mapping[str, Any]], dropped: dict[str, list[str]]) -> list[EcgRecord]:
        """Reads records, and notes those that are left out."""
        records = []
        for entry in entries:
            try:
                record = self.source.read(entry)
            except EcgInputError:
                if self.options.on_damaged == "stop":
                    raise
                dropped[DAMAGED].append(entry["ecg_id"])
                continue
            reason = why_dropped(record, self.options)
            if reason:
                dropped[reason].append(entry["ecg_id"])
            else:
                records.append(record)
        return records

    def done(self, shard: Shard) -> ShardNote | None:
        """Returns the note of a shard that an earlier run finished.

        None where it did not, where note or file is damaged, and where records were left out that could not be read:
        they may be back.
        """
        try:
            note = ShardNote(**json.loads(self._note_path(shard).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if DAMAGED in note.dropped:
            return None
        if note.file is None:
            return note
        file = self.data / note.file
        return note if file.is_file() and sha256_of(file) == note.sha256 else None

    def noted(self, shard: Shard) -> bool:
        """Whether a shard is done as far as its note tells, wherever it was built."""
        return self._note_path(shard).is_file()

    def _note_path(self, shard: Shard) -> Path:
        return self.notes / f"{shard.split}-{shard.number:05d}.json"


def run_shards(job: ShardJob, shards: Sequence[Shard], num_proc: int) -> list[ShardNote]:
    """Builds the shards that are not done yet, and returns the notes of all in their order.

    Args:
        job: builds one.
        shards: which.
        num_proc: worker processes at most, one a shard; 1 works in this one.

    Raises:
        EcgInputError: a damaged record, unless the options drop it.
        RuntimeError: a worker was ended from outside.
    """
    job.data.mkdir(exist_ok=True)
    job.drafts.mkdir(exist_ok=True)
    job.notes.mkdir(exist_ok=True)
    notes = {shard: note for shard in shards if (note := job.done(shard))}
    to_do = [shard for shard in shards if shard not in notes]
    records = sum(shard.last - shard.first for shard in shards)
    kept = records - sum(shard.last - shard.first for shard in to_do)
    with tqdm(total=records, initial=kept, unit="record", desc=f"building {job.source.name}") as bar:
        workers = min(num_proc, len(to_do))
        if workers <= 1:
            for shard in to_do:
                notes[shard] = job(shard, bar.update)
        else:
            for shard, note in _in_processes(job, to_do, workers, bar):
                notes[shard] = note
    return [notes[shard] for shard in shards]


def dropped_of(notes: Sequence[ShardNote]) -> dict[str, dict[str, int]]:
    """Counts what was left out: reason -> split -> records."""
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    for note in notes:
        for reason, ids in note.dropped.items():
            dropped[reason][note.split] += len(ids)
    return {reason: dict(dropped[reason]) for reason in sorted(dropped)}


_T = TypeVar("_T")


def _groups(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    waiting = iter(items)
    while group := list(islice(waiting, size)):
        yield group


_job: ShardJob
_counted: multiprocessing.sharedctypes.Synchronized[int]


def _in_processes(
    job: ShardJob, shards: Sequence[Shard], num_proc: int, bar: tqdm
) -> Iterator[tuple[Shard, ShardNote]]:
    counted = multiprocessing.Value("q", 0)
    before = bar.n
    with ProcessPoolExecutor(num_proc, initializer=_start_worker, initargs=(job, counted)) as pool:
        waiting = iter(shards)
        running: dict[Future[ShardNote], Shard] = {
            pool.submit(_work, shard): shard for shard in islice(waiting, num_proc)
        }
        try:
            while running:
                finished, _ = wait_for(running, timeout=0.5, return_when=FIRST_COMPLETED)
                bar.update(before + counted.value - bar.n)
                for future in finished:
                    yield running.pop(future), future.result()
                    running.update({pool.submit(_work, shard): shard for shard in islice(waiting, 1)})
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process was ended from outside, as happens when memory runs out; try a smaller --num-proc"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # the shards under way end and are kept


def _start_worker(job: ShardJob, counted: multiprocessing.sharedctypes.Synchronized[int]) -> None:
    """Ends this worker when the process that started it is gone: a killed build leaves no process behind."""
    global _job, _counted
    _job, _counted = job, counted
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _work(shard: Shard) -> ShardNote:
    def count(records: int) -> None:
        with _counted.get_lock():
            _counted.value += records

    return _job(shard, count)
