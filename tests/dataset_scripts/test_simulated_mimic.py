from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.archives.mimic_iv_ecg import write_mimic_iv_ecg
from dataset_scripts.simulation.archives.pool import SignalPool, disturb
from dataset_scripts.sources.mimic_iv_ecg import MimicIvEcgSource

RECORDS, MACHINE = "record_list.csv", "machine_measurements.csv"


def cells(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_layout_is_physionets(tmp_path: Path):
    shared = write_mimic_iv_ecg(tmp_path / "archive", 20, pool=2)
    records = cells(shared / RECORDS)
    assert list(records[0]) == ["subject_id", "study_id", "file_name", "ecg_time", "path"]
    machine = list(cells(shared / MACHINE)[0])
    assert machine[:4] == ["subject_id", "study_id", "cart_id", "ecg_time"]
    assert machine[4:22] == [f"report_{i}" for i in range(18)]
    assert machine[22:] == [
        *("bandwidth", "filtering", "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end"),
        *("p_axis", "qrs_axis", "t_axis"),
    ]
    for row in records:
        subject, study = row["subject_id"], row["study_id"]
        assert (len(subject), len(study)) == (8, 8)
        assert row["path"] == f"files/p{subject[:4]}/p{subject}/s{study}/{study}"
    header = wfdb.rdheader(str(shared / records[0]["path"]))
    assert header.sig_name == ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert (header.fs, header.sig_len, set(header.adc_gain), set(header.fmt)) == (500, 5000, {200.0}, {"16"})
    assert [row["study_id"] for row in records] != [row["study_id"] for row in cells(shared / MACHINE)]


def test_the_archive_depends_on_its_seed_alone(tmp_path: Path):
    def digests(name: str, seed: int) -> dict[str, str]:
        folder = write_mimic_iv_ecg(tmp_path / name, 12, seed=seed, pool=3)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    one = digests("a", 7)
    assert len(one) == 5 + 2 * 12
    assert digests("b", 7) == one
    assert digests("c", 8) != one


def test_the_archive_has_flaws(tmp_path: Path):
    source = MimicIvEcgSource(write_mimic_iv_ecg(tmp_path / "tables", 5000, pool=2, signals=False))
    entries = list(source.index())
    assert len({entry["ecg_id"] for entry in entries}) == 5000
    assert 500 < len({entry["patient_id"] for entry in entries}) <= 1000
    assert 20 < sum(not entry["statements"] for entry in entries) < 100
    written = {cell for entry in entries for cell in entry["machine"].values()}
    assert {"29999", "32767", "65535", "-4"} <= written
    assert np.mean([len(entry["statements"]) for entry in entries]) > 2.5
    assert len({tuple(entry["statements"]) for entry in entries}) > 40


def test_two_in_a_hundred_signals_are_spoilt():
    pool = SignalPool(0, 2, 500)
    rng = np.random.default_rng(0)
    clean = pool.digital(rng, 1, 200.0)
    one, two, three, _, left, _ = clean[:6].astype(int)
    assert np.array_equal(three, two - one)
    assert np.abs(left - (one - two / 2)).max() <= 0.5
    seen: Counter[str | None] = Counter()
    for _ in range(3000):
        digital = clean.copy()
        kind = disturb(digital, rng, 200.0)
        seen[kind] += 1
        assert (digital == -32768).any() == (kind == "missing")
        assert (not digital.any(axis=1).all()) == (kind == "zero")
        assert ((digital[6:] == 1000).sum(axis=1) > 100).any() == (kind == "saturated")
    assert 30 < 3000 - seen[None] < 100
    assert set(seen) == {None, "missing", "zero", "saturated"}


def test_the_archive_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    with pytest.raises(EcgInputError, match="is there already and not empty"):
        write_mimic_iv_ecg(full, 3)
    with pytest.raises(EcgInputError, match="0 records of"):
        write_mimic_iv_ecg(tmp_path / "none", 0)
    monkeypatch.setattr("dataset_scripts.simulation.archives.mimic_iv_ecg.disturb", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_mimic_iv_ecg(tmp_path / "cut", 3, pool=1)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
