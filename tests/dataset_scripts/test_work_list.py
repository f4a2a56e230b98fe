from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import SplitRule
from dataset_scripts.work_list import Shard, WorkList


def archive(records: int, note: str = "") -> Iterator[dict[str, Any]]:
    for number in range(records):
        fold = number // 2 % 10 + 1
        yield {"ecg_id": str(number), "patient_id": str(number // 2), "fold": fold, "note": note or f"ü{number}"}


def test_every_record_is_in_one_shard_in_the_order_of_the_archive(tmp_path: Path):
    work = WorkList.write(tmp_path / "list", archive(100), SplitRule())
    assert work.count() == {"train": 80, "validation": 10, "test": 10}
    shards = work.shards(rows=30)
    assert [(s.split, s.number, s.of, s.last - s.first) for s in shards] == [
        *(("train", i, 3, rows) for i, rows in enumerate((26, 27, 27))),
        ("validation", 0, 1, 10),
        ("test", 0, 1, 10),
    ]
    assert shards[1].file == "train-00001-of-00003.parquet"
    entries = [entry for shard in shards for entry in work.entries(shard)]
    by_split = [
        entry for first, last in ((1, 8), (9, 9), (10, 10)) for entry in archive(100) if first <= entry["fold"] <= last
    ]
    assert entries == by_split


def test_the_digest_is_that_of_the_entries(tmp_path: Path):
    first = WorkList.write(tmp_path / "a", archive(20), SplitRule())
    assert first.digest == WorkList.write(tmp_path / "b", archive(20), SplitRule()).digest
    assert first.digest != WorkList.write(tmp_path / "c", archive(20, "changed"), SplitRule()).digest
    assert first.digest != WorkList.write(tmp_path / "d", archive(19), SplitRule()).digest


def test_shared_patients_are_named(tmp_path: Path):
    entries = [
        *archive(40),
        {"ecg_id": "x", "patient_id": "3", "fold": 9},
        {"ecg_id": "y", "patient_id": "5", "fold": 10},
    ]
    with pytest.raises(
        EcgInputError, match=r"2 patients are in more than one split: 3 \(train and validation\), 5 \(test and train\)"
    ):
        WorkList.write(tmp_path / "list", entries, SplitRule())
    WorkList.write(tmp_path / "list", entries, SplitRule("70-10-20"))


def test_an_id_that_stands_twice_is_named(tmp_path: Path):
    with pytest.raises(EcgInputError, match="listed more than once: 7; correct"):
        WorkList.write(tmp_path / "list", [*archive(10), {"ecg_id": "7", "patient_id": "3"}], SplitRule("all-test"))


def test_memory_does_not_grow_with_the_archive(tmp_path: Path):
    def peak(records: int) -> int:
        tracemalloc.start()
        work = WorkList.write(tmp_path / "list", archive(records, "x" * 200), SplitRule())
        for _ in work.entries(Shard("train", 0, 1, 0, records)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(60_000) < 1.5 * peak(15_000)
