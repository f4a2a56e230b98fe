from __future__ import annotations

import builtins
import csv
import errno
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError, Label
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.archives.code_15 import LENGTHS, write_code_15
from dataset_scripts.sources import code_15, source_class
from dataset_scripts.sources.code_15 import FINDINGS, Code15Source

h5py = pytest.importorskip("h5py")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Seven exams in two files."""
    return write_code_15(tmp_path / "code-15", 7, exams_per_file=4)


def table_of(archive: Path) -> list[dict[str, str]]:
    with (archive / "exams.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_table(archive: Path, rows: list[dict[str, str]]) -> None:
    with (archive / "exams.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def tracing_of(archive: Path, row: dict) -> np.ndarray:
    with h5py.File(archive / row["file"]) as opened:
        assert int(opened["exam_id"][row["position"]]) == int(row["ecg_id"])
        return opened["tracings"][row["position"]]


def test_registered():
    assert source_class("code-15") is Code15Source


@pytest.mark.parametrize("rate", [100, 400, 500])
def test_records_equal_h5py(archive: Path, rate: int):
    source = pickle.loads(pickle.dumps(Code15Source(archive, rate)))
    rows = json.loads(json.dumps(list(source.index())))
    assert len(rows) == 7
    source.read(rows[0])
    pickle.dumps(source)  # no open file is kept in it
    for row, length in zip(rows, (LENGTHS * 2)[:7], strict=True):
        tracing = tracing_of(archive, row)
        start = (4096 - length) // 2
        assert not tracing[:start].any()
        expected = to_length(tracing[start : start + length].T, 400, rate)
        record = source.read(row)
        assert record.signal.dtype == np.float32
        assert record.signal.shape == (12, 10 * rate)
        assert np.array_equal(record.signal, expected, equal_nan=True)
        if rate == 400:
            kept = min(length, 4000)
            assert np.array_equal(record.signal[:, :kept], tracing[start : start + kept].T)
            assert np.isnan(record.signal[:, kept:]).all()


def test_index_is_in_file_order_whatever_the_tables_order(archive: Path):
    rows = list(Code15Source(archive).index())
    assert [(row["file"], row["position"]) for row in rows] == [
        *(("exams_part0.hdf5", i) for i in range(4)),
        *(("exams_part1.hdf5", i) for i in range(3)),
    ]
    table = table_of(archive)
    assert [row["exam_id"] for row in table] != [row["ecg_id"] for row in rows]
    write_table(archive, table[::-1])
    assert list(Code15Source(archive).index()) == rows


def test_files_are_taken_by_number(tmp_path: Path):
    archive = write_code_15(tmp_path / "x", 11, exams_per_file=1)
    parts = [row["file"] for row in Code15Source(archive).index()]
    assert parts == [f"exams_part{i}.hdf5" for i in range(11)]


def test_metadata_labels_and_text(archive: Path):
    rows = table_of(archive)
    by_exam = {row["exam_id"]: row for row in rows}
    first, second, third, fourth = (row["ecg_id"] for row in list(Code15Source(archive).index())[:4])
    nothing = dict.fromkeys(FINDINGS, "False")
    by_exam[first] |= nothing | {"LBBB": "True", "AF": "True", "normal_ecg": "False", "is_male": "True", "age": "61"}
    by_exam[second] |= nothing | {"normal_ecg": "True", "is_male": "False", "age": ""}
    by_exam[third] |= nothing | {"normal_ecg": "False", "is_male": "", "age": "nan", "patient_id": "77.0"}
    by_exam[fourth] |= nothing | {"normal_ecg": "", "1dAVb": "1"}
    write_table(archive, rows)
    source = Code15Source(archive)
    one, two, three, four = (source.read(row) for row in list(source.index())[:4])
    assert (one.age, one.sex, one.text, one.report) == (
        61.0,
        "male",
        "Atrial fibrillation. Left bundle branch block.",
        "",
    )
    assert one.labels == (
        Label("code-15", "AF", "atrial_fibrillation"),
        Label("code-15", "LBBB", "left_bundle_branch_block"),
    )
    assert (two.age, two.sex, two.text) == (None, "female", "Normal ECG.")
    assert two.labels == (Label("code-15", "normal_ecg", "normal_ecg"),)
    assert (three.age, three.sex, three.text, three.labels, three.patient_id) == (None, None, "Abnormal ECG.", (), "77")
    assert four.text == "First degree atrioventricular block."
    assert (one.language, one.source, one.fold) == ("en", "code-15-1.0.0", None)


def test_exams_without_their_file_are_counted(archive: Path, capsys: pytest.CaptureFixture[str]):
    (archive / "exams_part1.hdf5").unlink()
    assert len(list(Code15Source(archive).index())) == 4
    assert capsys.readouterr().err == (
        "code-15-1.0.0: 4 of 7 exams indexed from 1 files; 3 exams skipped because no file here has their tracing; "
        "0 tracings skipped because exams.csv does not list them; 1 tracings of exam 0 skipped, which close each file\n"
    )


def test_zeros_inside_and_missing_values(archive: Path):
    row = next(iter(Code15Source(archive).index()))
    with h5py.File(archive / row["file"], "r+") as opened:
        tracing = np.zeros((4096, 12), np.float32)
        tracing[1000:2000] = 0.5
        tracing[1200:1300] = 0  # zeros that were measured
        tracing[1400, 3] = np.nan
        tracing[1401, 3] = np.inf
        opened["tracings"][0] = tracing
        opened["tracings"][1] = 0
    source = Code15Source(archive, 400)
    rows = list(source.index())
    signal = source.read(rows[0]).signal
    assert np.array_equal(np.isnan(signal[0]), np.arange(4000) >= 1000)
    assert (signal[0, 200:300] == 0).all()
    assert np.flatnonzero(np.isnan(signal[3, :1000])).tolist() == [400, 401]
    empty = source.read(rows[1]).signal
    assert empty.shape == (12, 4000)
    assert np.isnan(empty).all()


def test_scale(archive: Path):
    row = next(iter(Code15Source(archive).index()))
    whole, half = (Code15Source(archive, 400, millivolts_per_unit=scale).read(row).signal for scale in (1.0, 0.5))
    assert np.array_equal(half, whole / 2, equal_nan=True)


def test_description_says_the_scale(archive: Path):
    assert Code15Source(archive).description == Code15Source.description
    assert Code15Source.description.endswith("no unit of the signals; they are taken as millivolts.")
    half = Code15Source(archive, millivolts_per_unit=0.5).description
    assert half.endswith("no unit of the signals; a stored 1 is taken as 0.5 mV.")


def test_ids_are_written_in_one_way(archive: Path):
    before = list(Code15Source(archive).index())
    rows = table_of(archive)
    for number, row in enumerate(rows):
        row["exam_id"] = (" {}", "{}.0 ", "0{}", "{}.00")[number % 4].format(row["exam_id"])
        row["patient_id"] = ("{} ", "{}.0", "0{}")[number % 3].format(row["patient_id"])
    write_table(archive, rows)
    assert list(Code15Source(archive).index()) == before


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_full_disk_is_no_damaged_record(archive: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    source = Code15Source(archive)
    row = next(source.index())

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(code_15, "_opened", fail)
    with pytest.raises(OSError if number == errno.ENOSPC else EcgInputError, match=os.strerror(number)):
        source.read(row)


@pytest.mark.parametrize("read_first", [True, False])
def test_a_forked_worker_opens_its_own_file(archive: Path, read_first: bool):
    source = Code15Source(archive, 400)
    rows = list(source.index())
    script = """
import multiprocessing, pickle, sys
import numpy
source, rows, first = pickle.loads(sys.stdin.buffer.read())
expected = source.read(rows[0]).signal if first else None
with multiprocessing.get_context("fork").Pool(2) as pool:
    records = pool.map(source.read, rows)
print(len(records), expected is None or numpy.array_equal(records[0].signal, expected, equal_nan=True))
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((source, rows, read_first)),
        capture_output=True,
        check=True,
        timeout=600,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.decode().split() == ["7", "True", "False"]


def set_field(archive: Path, column: str, value: str) -> None:
    rows = table_of(archive)
    for row in rows:
        row[column] = value
    write_table(archive, rows)


def replace_data(archive: Path, name: str, data: np.ndarray | None) -> None:
    with h5py.File(archive / "exams_part0.hdf5", "r+") as opened:
        del opened[name]
        if data is not None:
            opened[name] = data


def cut(archive: Path) -> None:
    path = archive / "exams_part0.hdf5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def open_a_cell(archive: Path) -> None:
    table = archive / "exams.csv"
    table.write_text(table.read_text().replace("\n", '\n"', 2))


def drop_column(archive: Path) -> None:
    write_table(archive, [{k: v for k, v in row.items() if k not in ("AF", "age")} for row in table_of(archive)])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "exams_part0.hdf5 cannot be read as HDF5"),
        (lambda a: (a / "exams_part1.hdf5").write_bytes(b"PK"), "exams_part1.hdf5 cannot be read as HDF5"),
        (lambda a: replace_data(a, "tracings", None), "has no data set tracings"),
        (lambda a: replace_data(a, "exam_id", None), "has no data set exam_id"),
        (lambda a: replace_data(a, "tracings", np.zeros((5, 4096, 11), "f4")), "tracings (5, 4096, 11) for 5 exams"),
        (lambda a: replace_data(a, "exam_id", np.arange(3)), "tracings (5, 4096, 12) for 3 exams"),
        (drop_column, "has no column age, AF"),
        (lambda a: (a / "exams.csv").write_text((a / "exams.csv").read_text()[:-20]), "cells for 15 columns"),
        (lambda a: set_field(a, "patient_id", "inf"), "a field cannot be read"),
        (open_a_cell, "exams.csv, line 2: the row"),
        (lambda a: set_field(a, "AF", "perhaps"), "a field cannot be read"),
        (lambda a: set_field(a, "patient_id", "x"), "a field cannot be read"),
        (lambda a: set_field(a, "exam_id", "abc"), "exam 'abc': a field cannot be read (id 'abc', expected a whole"),
        (lambda a: set_field(a, "age", "old"), "a field cannot be read"),
        (lambda a: write_table(a, table_of(a) * 2), "stands twice"),
        (lambda a: (a / "exams.csv").write_bytes(b"exam_id\xff\xfe\n"), "cannot be read as a table"),
        (lambda a: [path.unlink() for path in a.glob("*.hdf5")], "no exams_part*.hdf5"),
        (lambda a: (a / "exams_part5.hdf5").write_bytes((a / "exams_part1.hdf5").read_bytes()), "stands twice"),
    ],
)  # fmt: skip
def test_damaged_archives_are_refused(archive: Path, damage, message: str):
    damage(archive)
    with pytest.raises(EcgInputError, match=re.escape(message)) as caught:
        list(Code15Source(archive).index())
    assert "\n" not in str(caught.value)


def test_a_tracing_given_twice_is_refused(archive: Path):
    with h5py.File(archive / "exams_part0.hdf5", "r+") as opened:
        opened["exam_id"][1] = opened["exam_id"][0]
    with pytest.raises(EcgInputError, match=r"exams_part0\.hdf5: exam \d+ stands twice"):
        list(Code15Source(archive).index())


def test_tracings_that_the_table_does_not_list_are_counted(archive: Path, capsys: pytest.CaptureFixture[str]):
    with h5py.File(archive / "exams_part0.hdf5", "r+") as opened:
        opened["exam_id"][:2] = [-1, -2]
    assert len(list(Code15Source(archive).index())) == 5
    assert (
        "; 2 exams skipped because no file here has their tracing; "
        "2 tracings skipped because exams.csv does not list them; "
    ) in capsys.readouterr().err


def test_a_file_damaged_after_indexing(archive: Path):
    source = Code15Source(archive)
    rows = list(source.index())
    (archive / "exams_part1.hdf5").unlink()
    with pytest.raises(
        EcgInputError, match=rf"^exam {rows[4]['ecg_id']}, .*exams_part1\.hdf5: tracing 0 cannot be read"
    ):
        source.read(rows[4])
    (archive / "exams_part1.hdf5").mkdir()
    with pytest.raises(EcgInputError, match="tracing 0 cannot be read"):
        source.read(rows[4])
    with pytest.raises(EcgInputError, match="tracing 99 cannot be read"):
        source.read(rows[0] | {"position": 99})


def test_unusable_arguments_are_refused(archive: Path, tmp_path: Path):
    for missing in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(EcgInputError, match=r"no exams\.csv in"):
            Code15Source(missing)
    with pytest.raises(EcgInputError, match="read at 100, 400 or 500"):
        Code15Source(archive, 250)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(EcgInputError, match="expected a positive number"):
            Code15Source(archive, millivolts_per_unit=scale)


def test_without_h5py(archive: Path, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install h5py"):
        list(Code15Source(archive).index())


def test_the_writer_is_deterministic(archive: Path, tmp_path: Path):
    again = write_code_15(tmp_path / "again", 7, exams_per_file=4)
    other = write_code_15(tmp_path / "other", 7, seed=1, exams_per_file=4)
    assert (again / "exams.csv").read_bytes() == (archive / "exams.csv").read_bytes()
    assert (other / "exams.csv").read_bytes() != (archive / "exams.csv").read_bytes()
    with h5py.File(archive / "exams_part0.hdf5") as a, h5py.File(again / "exams_part0.hdf5") as b:
        assert np.array_equal(a["tracings"], b["tracings"])
        assert a["exam_id"][-1] == 0
        assert not a["tracings"][-1].any()
    patients = [row["patient_id"] for row in table_of(archive)]
    assert len(set(patients)) < len(patients)
