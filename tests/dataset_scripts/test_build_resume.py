"""Builds that are cut, shared by several machines, or begun anew."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_scripts import build as build_module
from dataset_scripts import shards
from dataset_scripts.build import build, build_part
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.ptb_xl import PtbXlSource

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(build_module, "SHARD_ROWS", 5)
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 2)  # so that a file is begun before its shard is done


@pytest.fixture
def whole(shared_archive: Path, tmp_path: Path) -> dict[str, bytes]:
    build("ptb-xl", shared_archive, tmp_path / "whole", num_proc=1)
    return contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The records that are read from here on."""
    read, seen = PtbXlSource.read, []

    def watched(self, row):
        seen.append(row["ecg_id"])
        return read(self, row)

    monkeypatch.setattr(PtbXlSource, "read", watched)
    return seen


def cut_at(monkeypatch, records: int, error: BaseException) -> None:
    read, seen = PtbXlSource.read, []

    def cut(self, row):
        seen.append(row)
        if len(seen) == records:
            raise error
        return read(self, row)

    monkeypatch.setattr(PtbXlSource, "read", cut)


def test_a_cut_build_goes_on_where_it_stopped(whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    with monkeypatch.context() as patch:
        cut_at(patch, 18, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert not (tmp_path / "set").exists()
    left = sorted(path.name for path in (tmp_path / ".set.partial").rglob("*.parquet"))
    assert left == [f"train-0000{i}-of-00007.parquet" for i in range(3)]
    read, seen = PtbXlSource.read, []
    monkeypatch.setattr(PtbXlSource, "read", lambda self, row: seen.append(row["ecg_id"]) or read(self, row))
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    done = [entry for entry in json.loads(whole["manifest.json"]) if entry["file"] and Path(entry["file"]).name in left]
    records = sum(entry["rows"] + sum(map(len, entry["dropped"].values())) for entry in done)
    assert len(seen) == len(set(seen)) == 40 - records
    assert contents(tmp_path / "set") == whole
    assert not (tmp_path / ".set.partial").exists()


STEP_BY_STEP = """
import os, sys, dataset_scripts.build as b, dataset_scripts.shards as s
b.SHARD_ROWS, s.ROW_GROUP_ROWS = 5, 2
add, steps = s.ShardWriter.add, int(sys.argv[1])
def one(self, *row): add(self, *row); os.write(1, b'row\\n'); os.read(steps, 1)
s.ShardWriter.add = one
"""  # each row is told, and waits for a byte or for the end of the pipe, so nothing depends on the machine's speed


def started(code: str) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a build that has made its first row and waits; returns it and the pipe that lets it go on."""
    steps, pipe = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(steps)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[steps],
    )
    os.close(steps)
    assert process.stdout.readline() == b"row\n"
    return process, pipe


def goes_on_to_its_end(process: subprocess.Popen[bytes], pipe: int) -> bool:
    os.close(pipe)
    process.communicate(timeout=600)
    return process.returncode == 0


@pytest.mark.parametrize("num_proc", [1, 2])
def test_killed_at_random_points_and_resumed(num_proc: int, whole, shared_archive: Path, tmp_path: Path):
    code = f"{STEP_BY_STEP}b.build('ptb-xl', {str(shared_archive)!r}, {str(tmp_path / 'set')!r}, num_proc={num_proc})"
    places = random.Random(num_proc)
    for rows in (11, places.randint(1, 5), places.randint(1, 5)):  # 11: one shard of five is done, whoever did it
        process, steps = started(code)
        os.write(steps, b"." * rows)
        for _ in range(rows):
            assert process.stdout.readline() == b"row\n"
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
        workers = [int(pid) for pid in children.stdout.split()]
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(steps)
        assert len(workers) == (num_proc if num_proc > 1 else 0)
        for _ in range(600):
            if not any(alive(pid) for pid in workers):
                break
            time.sleep(0.1)
        assert not any(alive(pid) for pid in workers)
        assert not (tmp_path / "set").exists()
    partial = tmp_path / ".set.partial"
    assert list(partial.rglob("train-*.parquet"))
    assert len(list(partial.rglob("*.parquet"))) < len([name for name in whole if name.endswith(".parquet")])
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=num_proc)
    assert contents(tmp_path / "set") == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "whole"]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def cut(shared_archive: Path, out: Path, monkeypatch, options: BuildOptions | None = None) -> Path:
    with monkeypatch.context() as patch:
        cut_at(patch, 18, RuntimeError("cut"))
        with pytest.raises(RuntimeError, match="cut"):
            build("ptb-xl", shared_archive, out, num_proc=1, options=options)
    return out.with_name(f".{out.name}.partial")


def test_a_shard_that_was_damaged_meanwhile_is_built_again(whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    partial = cut(shared_archive, tmp_path / "set", monkeypatch)
    shard = next(partial.rglob("train-00001-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-10] + b"0123456789")
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert contents(tmp_path / "set") == whole


def test_unfinished_work_of_another_plan_is_kept_unless_told(whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    partial = cut(shared_archive, tmp_path / "set", monkeypatch, BuildOptions(seed=3))
    before = contents(partial)
    with pytest.raises(EcgInputError, match=r"unfinished work with another options; .* --fresh"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert contents(partial) == before
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1, fresh=True)
    assert contents(tmp_path / "set") == whole


def test_parts_built_apart_make_the_same_set(whole, shared_archive: Path, tmp_path: Path, reads):
    results = [build_part("ptb-xl", shared_archive, tmp_path / "set", (i, 3), num_proc=1) for i in (2, 1, 3)]
    number = len(json.loads(whole["manifest.json"]))
    assert [result.missing for result in results] == [number - results[0].shards, results[2].shards, 0]
    assert sum(result.shards for result in results) == number
    assert sorted(reads, key=int) == sorted(set(reads), key=int)
    assert len(reads) == 40
    assert not (tmp_path / "set").exists()
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert len(reads) == 40
    assert contents(tmp_path / "set") == whole


def test_a_missing_part_is_built_by_the_last_run(whole, shared_archive: Path, tmp_path: Path, reads):
    build_part("ptb-xl", shared_archive, tmp_path / "set", (1, 2), num_proc=1)
    done = len(reads)
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert 0 < done < len(reads) == 40
    assert contents(tmp_path / "set") == whole


def test_parts_are_counted_from_one(shared_archive: Path, tmp_path: Path):
    with pytest.raises(EcgInputError, match="shard 4/3, expected i/n with i from 1 to n"):
        build_part("ptb-xl", shared_archive, tmp_path / "set", (4, 3))


def test_the_manifest_names_every_record_once(whole, shared_archive: Path, tmp_path: Path):
    manifest = json.loads(whole["manifest.json"])
    dropped = [ecg_id for entry in manifest for ids in entry["dropped"].values() for ecg_id in ids]
    rows = [
        i for e in manifest if e["file"] for i in pq.read_table(tmp_path / "whole" / e["file"])["ecg_id"].to_pylist()
    ]
    assert sorted(map(int, dropped + rows)) == sorted(int(row["ecg_id"]) for row in PtbXlSource(shared_archive).index())
    assert [e["rows"] for e in manifest if e["file"]] == [
        pq.read_metadata(tmp_path / "whole" / e["file"]).num_rows for e in manifest if e["file"]
    ]


@pytest.mark.parametrize("num_proc", [1, 2])
def test_damaged_records_are_dropped_on_request(archive: Path, tmp_path: Path, num_proc: int):
    (archive / "records100/00000/00002_lr.dat").unlink()
    options = BuildOptions(on_damaged="drop")
    result = build("ptb-xl", archive, tmp_path / "set", num_proc=num_proc, options=options)
    assert result.dropped["damaged"] == {"train": 1}
    manifest = json.loads((tmp_path / "set/manifest.json").read_text())
    assert [ids for entry in manifest for reason, ids in entry["dropped"].items() if reason == "damaged"] == [["2"]]
    assert "| damaged | 1 | 1 |" in (tmp_path / "set/README.md").read_text()


def test_a_stream_is_shuffled_and_taken_up_where_it_stopped(whole, tmp_path: Path):
    def stream():
        return load_dataset(str(tmp_path / "whole"), split="train", streaming=True).shuffle(seed=4, buffer_size=1)

    uncut = [row["ecg_id"] for row in stream()]
    assert sorted(uncut) == sorted(
        row["ecg_id"] for row in load_dataset(str(tmp_path / "whole"), split="train", streaming=True)
    )
    first = stream()
    seen = []
    for row in first:
        seen.append(row["ecg_id"])
        if len(seen) == 10:
            break
    resumed = stream()
    resumed.load_state_dict(first.state_dict())
    assert seen + [row["ecg_id"] for row in resumed] == uncut


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_note_that_is_damaged_is_no_note(content: str, whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    partial = cut(shared_archive, tmp_path / "set", monkeypatch)
    next((partial / "shards").glob("*.json")).write_text(content)
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert contents(tmp_path / "set") == whole


def test_a_plan_that_is_damaged_is_named(whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    (cut(shared_archive, tmp_path / "set", monkeypatch) / "plan.json").write_text("")
    with pytest.raises(EcgInputError, match=r"plan\.json is damaged; .* --fresh"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1, fresh=True)
    assert contents(tmp_path / "set") == whole


def test_work_of_other_code_is_not_mixed_in(whole, shared_archive: Path, tmp_path: Path, monkeypatch):
    cut(shared_archive, tmp_path / "set", monkeypatch)
    monkeypatch.setattr(build_module, "code_digest", lambda: "newer")
    with pytest.raises(EcgInputError, match="unfinished work with another code"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)


def test_a_record_that_could_not_be_read_is_tried_again(whole, archive: Path, tmp_path: Path):
    options = BuildOptions(on_damaged="drop")
    file = archive / "records100/00000/00002_lr.dat"
    file.rename(file.with_suffix(".away"))
    build_part("ptb-xl", archive, tmp_path / "set", (1, 1), num_proc=1, options=options)
    file.with_suffix(".away").rename(file)
    result = build("ptb-xl", archive, tmp_path / "set", num_proc=1, options=options)
    assert "damaged" not in result.dropped


def test_parts_at_the_same_time_and_a_build_that_comes_too_early(whole, shared_archive: Path, tmp_path: Path):
    out = tmp_path / "set"
    parts = [
        started(f"{STEP_BY_STEP}b.build_part('ptb-xl', {str(shared_archive)!r}, {str(out)!r}, ({i}, 2), num_proc=1)")
        for i in (1, 2)
    ]
    for fresh in (False, True):
        with pytest.raises(EcgInputError, match=r"at work on .*: part [12]/2 \(process \d+ on .*; wait for it to end"):
            build("ptb-xl", shared_archive, out, num_proc=1, fresh=fresh)
    assert [goes_on_to_its_end(*part) for part in parts] == [True, True]
    build("ptb-xl", shared_archive, out, num_proc=1)
    assert contents(out) == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "whole"]


def test_a_part_that_comes_while_the_whole_is_built(whole, shared_archive: Path, tmp_path: Path):
    out = tmp_path / "set"
    building = started(f"{STEP_BY_STEP}b.build('ptb-xl', {str(shared_archive)!r}, {str(out)!r}, num_proc=1)")
    with pytest.raises(EcgInputError, match=r"at work on .*: the whole data set"):
        build_part("ptb-xl", shared_archive, out, (1, 2), num_proc=1)
    assert goes_on_to_its_end(*building)
    assert contents(out) == whole


def test_a_killed_part_keeps_nobody_out(whole, shared_archive: Path, tmp_path: Path):
    out = tmp_path / "set"
    part, pipe = started(
        f"{STEP_BY_STEP}b.build_part('ptb-xl', {str(shared_archive)!r}, {str(out)!r}, (1, 2), num_proc=1)"
    )
    part.kill()
    part.wait()
    os.close(pipe)
    build("ptb-xl", shared_archive, out, num_proc=1)
    assert contents(out) == whole
