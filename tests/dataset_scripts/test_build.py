from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from fake_ptbxl import microvolts

from dataset_scripts import build as build_module
from dataset_scripts import shard_work, shards
from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.instructions.prompts import draw_prompt
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import signal_batch
from dataset_scripts.sources.ptb_xl import PtbXlSource


@pytest.fixture(scope="module")
def built(shared_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "set"
    build("ptb-xl", shared_archive, out, num_proc=2)
    return out


@pytest.fixture
def loaded(built: Path, tmp_path: Path):
    return load_dataset(str(built), cache_dir=str(tmp_path / "cache"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def nothing_but(parent: Path, *names: str) -> bool:
    return sorted(p.name for p in parent.iterdir()) == sorted(names)


def test_counts(shared_archive: Path, tmp_path: Path):
    result = build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert sum(result.dropped["empty"].values()) == 6
    assert sum(result.dropped["trace only requested"].values()) == 7
    assert sum(result.rows.values()) == 40 - 6 - 7
    assert json.loads((tmp_path / "set/build.json").read_text())["dropped"] == result.dropped


def test_rows(loaded, built: Path):
    assert list(loaded) == ["train", "validation", "test"]
    for split in loaded:
        for row in loaded[split]:
            number = int(row["ecg_id"])
            assert np.array_equal(row["signal"], microvolts(number, 100).T)
            assert row["completion"] == row["report"]
            assert row["prompt"] == draw_prompt(row["ecg_id"], row["language"])
            assert row["scp_codes"] == [{"code": "NORM", "likelihood": 80.0}, {"code": "SR", "likelihood": 0.0}]
            assert row["source"] == "ptb-xl-1.0.3"
    columns = """ecg_id patient_id signal sampling_rate report_raw report report_en language prompt completion questions
    age sex scp_codes labels measurements quality signal_quality source"""
    assert " ".join(loaded["train"].column_names) == " ".join(columns.split())
    english = loaded["train"].filter(lambda row: row["report"].startswith("sinus rhythm. left"))
    assert english[0]["report_raw"].endswith("(LAFB 100)")
    assert english[0]["report"] == "sinus rhythm. left axis deviation."


def test_streaming_gives_the_same_rows(loaded, built: Path):
    streamed = load_dataset(str(built), streaming=True)
    assert list(streamed["validation"]) == list(loaded["validation"])


def test_signal_batch(loaded):
    train = loaded["train"]
    indices = [5, 0, 11]
    batch = signal_batch(train, indices)
    assert batch.dtype == np.int16
    assert batch.shape == (3, 12, 1000)
    assert np.array_equal(batch, np.array([train[i]["signal"] for i in indices]))
    assert np.array_equal(signal_batch(train, slice(None)), np.array(train["signal"]))
    assert np.array_equal(
        signal_batch(train.shuffle(seed=1), [0, 3]), np.array(train.shuffle(seed=1)[[0, 3]]["signal"])
    )
    assert np.array_equal(train.with_format("numpy", columns=["signal"], dtype=np.int16)[indices]["signal"], batch)


def test_card_opens_and_says_what_was_left_out(built: Path):
    card = (built / "README.md").read_text()
    assert "license: cc-by-4.0" in card
    assert "| trace only requested |" in card
    assert "10.1038/s41597-020-0495-6" in card


def test_plain_parquet_readers_understand_the_columns(built: Path):
    table = pq.read_table(built / "data")
    assert table.num_rows == 27
    assert np.array(table["signal"][0].as_py()).shape == (12, 1000)


def test_same_bytes_whatever_the_number_of_processes(built: Path, shared_archive: Path, tmp_path: Path):
    build("ptb-xl", shared_archive, tmp_path / "again", num_proc=1)
    assert contents(tmp_path / "again") == contents(built)


def test_shards_are_numbered_and_lose_no_row(monkeypatch, shared_archive: Path, tmp_path: Path, built: Path):
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 3)
    monkeypatch.setattr(build_module, "SHARD_ROWS", 14)
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    files = sorted((tmp_path / "set/data").glob("train-*"))
    assert [f.name for f in files] == [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    whole = pq.read_table(next((built / "data").glob("train-*")))["ecg_id"].to_pylist()
    assert [i for f in files for i in pq.read_table(f)["ecg_id"].to_pylist()] == whole


def test_options(shared_archive: Path, tmp_path: Path):
    options = BuildOptions(cleaning="paper", name_language=False, seed=5)
    result = build("ptb-xl", shared_archive, tmp_path / "p", num_proc=1, options=options)
    assert result.dropped["under 5 words"]
    rows = pq.read_table(tmp_path / "p/data").to_pylist()
    assert all(row["prompt"] == draw_prompt(row["ecg_id"], None, seed=5) for row in rows)
    with pytest.raises(EcgInputError, match="unknown cleaning"):
        BuildOptions(cleaning="papers")
    assert nothing_but(tmp_path, "p")


def test_options_of_the_source(shared_archive: Path, tmp_path: Path):
    build("ptb-xl", shared_archive, tmp_path / "a", options=BuildOptions(source_options={"version": "1.0.1"}))
    assert set(pq.read_table(tmp_path / "a/data")["source"].to_pylist()) == {"ptb-xl-1.0.1"}
    with pytest.raises(EcgInputError, match="the source ptb-xl has no option edition; it has version"):
        build("ptb-xl", shared_archive, tmp_path / "b", options=BuildOptions(source_options={"edition": "1"}))
    with pytest.raises(EcgInputError, match="not at 250; choose one"):
        build("ptb-xl", shared_archive, tmp_path / "b", sampling_rate=250)


def test_a_split_without_records_is_left_out(archive: Path, tmp_path: Path):
    result = build("ptb-xl", archive, tmp_path / "set", sampling_rate=500, num_proc=1)
    assert list(result.rows) == ["train"]
    assert list(load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))) == ["train"]


@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_damaged_record_stops_the_build(archive: Path, tmp_path: Path, num_proc: int):
    (archive / "records100/00000/00002_lr.dat").unlink()
    with pytest.raises(EcgInputError, match=r"no signal file 00002_lr\.dat"):
        build("ptb-xl", archive, tmp_path / "set", num_proc=num_proc)
    assert nothing_but(tmp_path, "ptb-xl")


def test_a_patient_in_two_splits_stops_the_build(archive: Path, tmp_path: Path):
    table = archive / "ptbxl_database.csv"
    rows = list(csv.DictReader(table.open()))
    rows[0]["strat_fold"] = "9"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(EcgInputError, match=r"more than one split: 1 \(train and validation\)"):
        build("ptb-xl", archive, tmp_path / "set", num_proc=1)
    assert nothing_but(tmp_path, "ptb-xl")


def test_a_full_disk_leaves_nothing(monkeypatch, shared_archive: Path, tmp_path: Path):
    write_table = pq.ParquetWriter.write_table

    def full(self, table, *args):
        write_table(self, table, *args)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(EcgInputError, match=r"the disk of .* is full; nothing was written to set"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=2)
    assert nothing_but(tmp_path)


def test_a_disk_that_fills_at_the_card_leaves_the_old_set(
    monkeypatch, built: Path, shared_archive: Path, tmp_path: Path
):
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    before = contents(tmp_path / "set")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(build_module, "write_card", full)
    with pytest.raises(EcgInputError, match="is full"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1, options=BuildOptions(seed=9), fresh=True)
    assert contents(tmp_path / "set") == before
    assert nothing_but(tmp_path, ".set.partial", "set")
    monkeypatch.undo()
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1, options=BuildOptions(seed=9))
    assert contents(tmp_path / "set") != before
    assert nothing_but(tmp_path, "set")


def test_what_is_replaced_and_what_is_not(shared_archive: Path, tmp_path: Path):
    out = tmp_path / "set"
    out.mkdir()
    build("ptb-xl", shared_archive, out, num_proc=1)  # an empty folder is fine
    first = contents(out)
    other_options = {"num_proc": 1, "options": BuildOptions(seed=1)}
    with pytest.raises(EcgInputError, match=r"holds a finished data set with another options; .* --fresh"):
        build("ptb-xl", shared_archive, out, **other_options)
    assert contents(out) == first
    build("ptb-xl", shared_archive, out, fresh=True, **other_options)
    assert contents(out) != first
    assert nothing_but(tmp_path, "set")
    other = tmp_path / "papers"
    other.mkdir()
    (other / "thesis.tex").write_text("precious")
    with pytest.raises(EcgInputError, match=r"papers is not empty and no data set of `meit build`"):
        build("ptb-xl", shared_archive, other, num_proc=1)
    assert (other / "thesis.tex").read_text() == "precious"
    with pytest.raises(EcgInputError, match="is a file, expected the name of a folder"):
        build("ptb-xl", shared_archive, other / "thesis.tex", num_proc=1)
    with pytest.raises(EcgInputError, match="is where a disk is mounted"):
        build("ptb-xl", shared_archive, "/", num_proc=1)


def test_what_is_there_already_is_left_alone(shared_archive: Path, tmp_path: Path, monkeypatch):
    first = build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    before = contents(tmp_path / "set")
    with monkeypatch.context() as patch:
        patch.setattr(PtbXlSource, "read", None)
        again = build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert first.built
    assert not again.built
    assert (again.counts, again.dropped) == (first.counts, first.dropped)
    shard = next((tmp_path / "set/data").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1).built
    assert contents(tmp_path / "set") == before
    monkeypatch.setattr(build_module, "code_digest", lambda: "newer")
    assert build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1).built
    assert nothing_but(tmp_path, "set")


def test_a_link_is_followed(shared_archive: Path, tmp_path: Path):
    (tmp_path / "disk/set").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk/set")
    for seed in (0, 1):
        options = BuildOptions(seed=seed)
        build("ptb-xl", shared_archive, tmp_path / "link", num_proc=1, options=options, fresh=True)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "disk/set/build.json").is_file()


def test_there_are_no_more_workers_than_shards(shared_archive: Path, tmp_path: Path, monkeypatch):
    pool = shard_work.ProcessPoolExecutor
    asked = []
    monkeypatch.setattr(shard_work, "ProcessPoolExecutor", lambda n, **rest: asked.append(n) or pool(n, **rest))
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=5000)
    assert asked == [3]


def test_a_build_killed_between_the_renames_gets_the_old_set_back(archive: Path, shared_archive: Path, tmp_path: Path):
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    before = contents(tmp_path / "set")
    (tmp_path / "set").rename(tmp_path / ".set.previous")
    (archive / "records100/00000/00001_lr.dat").unlink()
    with pytest.raises(EcgInputError, match="no signal file"):
        build("ptb-xl", archive, tmp_path / "set", num_proc=1)
    assert contents(tmp_path / "set") == before


def test_two_builds_at_once_are_refused(shared_archive: Path, tmp_path: Path):
    from filelock import FileLock

    with FileLock(tmp_path / ".set.lock"), pytest.raises(EcgInputError, match="another build is writing"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)


def test_a_folder_that_cannot_be_written(shared_archive: Path, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(EcgInputError, match=r"cannot write to .*file"):
        build("ptb-xl", shared_archive, tmp_path / "file/set", num_proc=1)


def test_the_real_archive(ptbxl_dir: Path, tmp_path: Path):
    import wfdb

    result = build("ptb-xl", ptbxl_dir, tmp_path / "set", num_proc=min(2, os.cpu_count() or 1))
    dataset = load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert len(dataset["validation"]) == result.rows["validation"] == 2156
    assert result.rows["train"] == 17139
    assert result.dropped["trace only requested"]["validation"] == 27
    patients = {split: set(dataset[split]["patient_id"]) for split in dataset}
    assert not patients["train"] & patients["validation"]
    with (ptbxl_dir / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        files = {row["ecg_id"]: row["filename_lr"] for row in csv.DictReader(file)}
    train = dataset["train"]
    chosen = np.random.default_rng(0).choice(len(train), 200, replace=False).tolist()
    for stored, ecg_id in zip(signal_batch(train, chosen), train.select(chosen)["ecg_id"], strict=True):
        reference = wfdb.rdrecord(str(ptbxl_dir / files[ecg_id]))
        assert np.array_equal(stored / 1000, reference.p_signal.T)
    size = sum(p.stat().st_size for p in (tmp_path / "set").rglob("*") if p.is_file())
    assert size / sum(result.rows.values()) <= 16_000
