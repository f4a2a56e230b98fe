from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb
from datasets import load_dataset

from dataset_scripts.build import build
from dataset_scripts.shards import signal_batch
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs: what the machine does besides is not measured."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def test_a_batch_takes_under_a_tenth_of_wfdb(shared_archive: Path, tmp_path: Path):
    compare(shared_archive, tmp_path, repeats=5)


def test_a_batch_of_real_records_takes_under_a_tenth_of_wfdb(ptbxl_dir: Path, tmp_path: Path):
    compare(ptbxl_dir, tmp_path, repeats=3, shard=(1, 50))


def compare(archive: Path, tmp_path: Path, repeats: int, shard: tuple[int, int] | None = None) -> None:
    build("ptb-xl", archive, tmp_path / "set", num_proc=1, shard=shard)
    dataset = load_dataset(str(tmp_path / "set"), split="train", cache_dir=str(tmp_path / "cache"))
    extractor = MeitFeatureExtractor(sampling_rate=100)
    with (archive / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        paths = {row["ecg_id"]: str(archive / row["filename_lr"]) for row in csv.DictReader(file)}
    rows = np.random.default_rng(0).integers(0, len(dataset), 64).tolist()
    files = [paths[ecg_id] for ecg_id in dataset["ecg_id"]]

    def batch() -> np.ndarray:
        return extractor(signal_batch(dataset, rows), sampling_rate=100)["ecg_values"]

    def one_by_one() -> np.ndarray:
        return np.stack([wfdb.rdrecord(files[row]).p_signal.T for row in rows]).astype(np.float32)

    np.testing.assert_allclose(batch(), one_by_one(), atol=1e-6)
    assert seconds(batch, repeats * 3) < seconds(one_by_one, repeats) / 10
