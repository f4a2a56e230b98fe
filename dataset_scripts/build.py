"""An archive -> an instruction data set in Parquet: planned, built shard by shard, taken up again where it was cut.

The data set appears under its name only when it is whole (`ResumableFolder`). Shards may be built by several processes
of one machine (`num_proc`) or by several machines that share a disk (`shard`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset_scripts import figures
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.card import BUILD_FILE, write_card
from dataset_scripts.code_version import code_digest
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.translators import NOTHING_SENT, Sending, make_translator
from dataset_scripts.resumable_folder import ResumableFolder
from dataset_scripts.shard_work import ShardJob, ShardNote, dropped_of, run_shards
from dataset_scripts.shards import SHARD_ROWS, sha256_of
from dataset_scripts.source_options import check_options
from dataset_scripts.sources import Source, source_class
from dataset_scripts.splits import SPLITS, SplitRule
from dataset_scripts.whole_file import write_whole
from dataset_scripts.work_list import WorkList

DATA, MANIFEST_FILE = "data", "manifest.json"
SCHEMA_VERSION = "2"


@dataclass(frozen=True)
class BuildResult:
    """What a build wrote and what it left out.

    Attributes:
        out: the data set's folder.
        counts: see `figures.count`.
        dropped: reason -> split -> records left out.
        built: False where it was there already, whole and just so.
    """

    out: Path
    counts: dict[str, Any]
    dropped: dict[str, dict[str, int]]
    built: bool = True

    @property
    def rows(self) -> dict[str, int]:
        """Split -> rows."""
        return dict(self.counts["rows"])


@dataclass(frozen=True)
class PartResult:
    """What a build of one part left to do.

    Attributes:
        out: the data set's folder to be.
        shards: of this part, all of them done now.
        missing: shards of the whole that are not done.
    """

    out: Path
    shards: int
    missing: int


def build(
    source_name: str,
    src: str | Path | None,
    out: str | Path,
    sampling_rate: int = 100,
    num_proc: int | None = None,
    options: BuildOptions | None = None,
    fresh: bool = False,
    sending: Sending = NOTHING_SENT,
) -> BuildResult:
    """Builds a data set that `datasets.load_dataset(out)` opens.

    The same arguments give the same bytes, whatever `num_proc` is and however often the build was cut: what a cut run
    of the same arguments has done is taken over, its checksums verified, and a finished data set of just these is left
    as it is. One of an older archive or by older code is replaced when the new one is whole; any other folder that is
    not empty is refused.

    Args:
        source_name: one of `dataset_scripts.sources.REGISTRY`.
        src: the archive's folder.
        out: folder to write.
        sampling_rate: in Hz, one that the source offers.
        num_proc: worker processes; None takes one for each processor this process may use.
        options: what decides the content; None takes the defaults.
        fresh: throw away the unfinished work of an earlier run, or a finished data set with other options.
        sending: what may be sent to a translator's endpoint; nothing that leaves this machine, by default.

    Raises:
        EcgInputError: unknown source, unusable folder, a damaged record, a patient in two splits, a full disk, or
            unfinished work of another plan.
    """
    options = options or BuildOptions()
    source = _source(source_name, src, sampling_rate, options)
    folder = ResumableFolder(Path(out), BUILD_FILE)
    with folder.saying_what_is_full(), _listed(source, options) as work_list:
        plan = make_plan(source, source_name, options, sending, work_list)
        # Who began to replace a finished data set has said so then.
        if not (fresh or folder.is_under_way(plan)) and (done := _already_built(folder.out, plan)):
            return done
        with folder.alone(fresh):
            folder.take_up(plan)
            job = _job(folder, source, options, sending, work_list)
            result = _complete(
                folder, job, plan, run_shards(job, work_list.shards(SHARD_ROWS), num_proc or _processors())
            )
            folder.finish()
    return result


def build_part(
    source_name: str,
    src: str | Path | None,
    out: str | Path,
    part: tuple[int, int],
    sampling_rate: int = 100,
    num_proc: int | None = None,
    options: BuildOptions | None = None,
    sending: Sending = NOTHING_SENT,
) -> PartResult:
    """Builds the i-th of n parts of a data set's shards, beside other machines that build the others.

    All are given the same `out` on a disk they share. When all have ended, `build` with the same arguments finds the
    work done and puts the data set together.

    Args:
        source_name: as for `build`, like the other arguments.
        src: see there.
        out: see there.
        part: (i, n), i from 1 to n.
        sampling_rate: see there.
        num_proc: see there.
        options: see there.
        sending: see there.

    Raises:
        EcgInputError: as `build`, or i is not within 1 to n.
    """
    i, n = part
    if not 1 <= i <= n:
        raise EcgInputError(f"shard {i}/{n}, expected i/n with i from 1 to n")
    options = options or BuildOptions()
    source = _source(source_name, src, sampling_rate, options)
    folder = ResumableFolder(Path(out), BUILD_FILE)
    with folder.saying_what_is_full(), _listed(source, options) as work_list, folder.beside_others(f"part {i}/{n}"):
        folder.take_up(make_plan(source, source_name, options, sending, work_list))
        job = _job(folder, source, options, sending, work_list)
        shards = work_list.shards(SHARD_ROWS)
        mine = shards[i - 1 :: n]
        run_shards(job, mine, num_proc or _processors())
        missing = sum(not job.noted(shard) for shard in shards)
    return PartResult(folder.out, len(mine), missing)


def _source(name: str, src: str | Path | None, sampling_rate: int, options: BuildOptions) -> Source:
    check_options(name, options.source_options)
    source = source_class(name)(None if src is None else Path(src), sampling_rate, **options.source_options)
    if sampling_rate not in source.sampling_rates:
        offered = ", ".join(map(str, source.sampling_rates))
        raise EcgInputError(f"{source.name} is not built at {sampling_rate} Hz; choose one of {offered}")
    return source


@contextmanager
def _listed(source: Source, options: BuildOptions) -> Iterator[WorkList]:
    """Lists the archive in a temporary file of this machine."""
    with tempfile.TemporaryDirectory(prefix="meit-build-") as folder:
        rule = SplitRule(options.splits, options.split_seed)
        work_list = WorkList.write(Path(folder) / "records.sqlite", source.index(), rule)
        if not work_list.count():
            raise EcgInputError(f"{source.name}: no record is listed; look into the archive's folder")
        yield work_list


def _job(
    folder: ResumableFolder, source: Source, options: BuildOptions, sending: Sending, work_list: WorkList
) -> ShardJob:
    return ShardJob(source, options, sending, work_list, folder.content / DATA, folder.drafts, folder.notes)


def make_plan(
    source: Source, source_name: str, options: BuildOptions, sending: Sending, work_list: WorkList
) -> dict[str, Any]:
    """Returns all that decides the content, as build.json has it."""
    return {
        "schema": SCHEMA_VERSION,
        "builder": source_name,
        "source": source.name,
        "sampling_rate": source.sampling_rate,
        "options": options.as_json(),
        "translator": make_translator(options.translator, sending).version,
        "shard_rows": SHARD_ROWS,
        "records": work_list.digest,
        "code": code_digest(),
    }


def _already_built(out: Path, plan: Mapping[str, Any]) -> BuildResult | None:
    """Returns the data set that is there, if it is whole and just what is asked for.

    Raises:
        EcgInputError: there is one of another source or with other options, which nobody asked to throw away.
    """
    if not (out / BUILD_FILE).is_file():
        return None
    there = json.loads((out / BUILD_FILE).read_text(encoding="utf-8"))
    wanted = json.loads(json.dumps(plan))
    other = sorted(name for name in ("builder", "sampling_rate", "options") if there.get(name) != wanted[name])
    if other:
        raise EcgInputError(
            f"{out} holds a finished data set with another {', '.join(other)}; give another folder, or replace it with "
            "--fresh"
        )
    # The same data set of an older archive or by older code is what a rebuild is for.
    if any(there.get(name) != wanted[name] for name in wanted) or not (out / MANIFEST_FILE).is_file():
        return None
    notes = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
    whole = all(
        (out / note["file"]).is_file() and sha256_of(out / note["file"]) == note["sha256"]
        for note in notes
        if note["file"]
    )
    counts = {name: value for name, value in there.items() if name not in wanted and name != "dropped"}
    return BuildResult(out, counts, there["dropped"], built=False) if whole else None


def _complete(
    folder: ResumableFolder, job: ShardJob, plan: Mapping[str, Any], notes: Sequence[ShardNote]
) -> BuildResult:
    """Writes card, counts and manifest beside the shards."""
    files: dict[str, list[Path]] = {
        split: [job.data / note.file for note in notes if note.split == split and note.file] for split in SPLITS
    }
    files = {split: paths for split, paths in files.items() if paths}
    dropped = dropped_of(notes)
    if not files:
        records = sum(job.work_list.count().values())
        raise EcgInputError(
            f"{job.source.name}: none of {records} records is left to write ({_named(dropped)}); see the cleaning "
            "rules in docs/dataset.md, and look into the archive's folder where they are damaged"
        )
    lengths = {note.samples: note.file for note in notes if note.file}
    if len(lengths) > 1:
        raise EcgInputError(f"records of {' and '.join(map(str, lengths))} samples; one data set holds one length")
    result = BuildResult(folder.out, figures.count(files), dropped)
    write_card(folder.content, job.source, plan, result.counts, dropped, files)
    manifest = [{**asdict(note), "file": f"{DATA}/{note.file}" if note.file else None} for note in notes]
    write_whole(folder.content / MANIFEST_FILE, json.dumps(manifest, indent=1) + "\n")
    # Last: a folder that has this file is a finished data set.
    write_whole(folder.content / BUILD_FILE, json.dumps({**plan, **result.counts, "dropped": dropped}, indent=1) + "\n")
    return result


def _named(dropped: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(f"{sum(by_split.values())} {reason}" for reason, by_split in dropped.items())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
