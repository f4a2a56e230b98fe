from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import wfdb
from datasets import load_dataset

from dataset_scripts.build import build
from dataset_scripts.shards import signal_batch
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor


def test_a_batch_is_what_wfdb_reads(shared_archive: Path, tmp_path: Path):
    compare(shared_archive, tmp_path)


def test_a_batch_of_real_records_is_what_wfdb_reads(ptbxl_dir: Path, tmp_path: Path):
    compare(ptbxl_dir, tmp_path)


def compare(archive: Path, tmp_path: Path) -> None:
    build("ptb-xl", archive, tmp_path / "set")
    dataset = load_dataset(str(tmp_path / "set"), split="train", cache_dir=str(tmp_path / "cache"))
    with (archive / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        paths = {row["ecg_id"]: str(archive / row["filename_lr"]) for row in csv.DictReader(file)}
    rows = np.random.default_rng(0).integers(0, len(dataset), 64).tolist()
    batch = MeitFeatureExtractor(sampling_rate=100)(signal_batch(dataset, rows), sampling_rate=100)["ecg_values"]
    files = [paths[ecg_id] for ecg_id in dataset["ecg_id"]]
    expected = np.stack([wfdb.rdrecord(files[row]).p_signal.T for row in rows])
    np.testing.assert_allclose(batch, expected, atol=1e-6)
