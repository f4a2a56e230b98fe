from __future__ import annotations

import csv
import json
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.archives.mimic_iv_ecg import write_mimic_iv_ecg
from dataset_scripts.sources import source_class
from dataset_scripts.sources.mimic_iv_ecg import MimicIvEcgSource, measurements_of, sentences
from modeling_meit.ecg_signal import STANDARD_LEADS, signal_problems

RECORDS, MACHINE = "record_list.csv", "machine_measurements.csv"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty records, not to be changed."""
    return write_mimic_iv_ecg(tmp_path_factory.mktemp("mimic") / "archive", 60, pool=4)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Archives without signals, made once for each size."""
    made: dict[int, Path] = {}

    def make(records: int) -> Path:
        if records not in made:
            folder = tmp_path_factory.mktemp("tables") / "archive"
            made[records] = write_mimic_iv_ecg(folder, records, pool=2, signals=False)
        return made[records]

    return make


@pytest.fixture
def archive(shared: Path, tmp_path: Path) -> Path:
    """A copy of the shared archive, for a test to damage."""
    return Path(shutil.copytree(shared, tmp_path / "archive"))


def cells(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(table: Path, rows: list[dict[str, str]]) -> None:
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_every_record_is_joined_by_study(shared: Path):
    source = MimicIvEcgSource(shared, 500)
    machine = {row["study_id"]: row for row in cells(shared / MACHINE)}
    entries = list(source.index())
    assert [entry["ecg_id"] for entry in entries] == [row["study_id"] for row in cells(shared / RECORDS)]
    assert json.loads(json.dumps(entries)) == entries
    for entry in entries:
        record = source.read(entry)
        row = machine[record.ecg_id]
        assert record.patient_id == row["subject_id"]
        assert record.report.split("\n") == [row[f"report_{i}"] for i in range(18) if row[f"report_{i}"]]
        assert record.quality == {"bandwidth": row["bandwidth"], "filtering": row["filtering"]}
        if row["rr_interval"] not in ("29999", "32767", "65535", "-4"):
            assert record.measurements["rr_interval_ms"] == float(row["rr_interval"])


def test_the_order_of_the_tables_does_not_matter(archive: Path):
    before = list(MimicIvEcgSource(archive).index())
    rows = cells(archive / MACHINE)
    rewrite(archive / MACHINE, [rows[i] for i in np.random.default_rng(1).permutation(len(rows))])
    assert list(MimicIvEcgSource(archive).index()) == before
    rows = cells(archive / RECORDS)
    rewrite(archive / RECORDS, rows[::-1])
    assert list(MimicIvEcgSource(archive).index()) == before[::-1]


def test_signals_equal_wfdb_by_the_name_of_the_lead(shared: Path):
    source = pickle.loads(pickle.dumps(MimicIvEcgSource(shared, 500)))
    for entry in list(source.index())[:10]:
        record = source.read(entry)
        reference = wfdb.rdrecord(str(shared / entry["path"]))
        for lead, row in zip(STANDARD_LEADS, record.signal, strict=True):
            expected = reference.p_signal[:, reference.sig_name.index(lead)].astype(np.float32)
            assert np.array_equal(row, expected, equal_nan=True)
        # Goldberger's law tells aVL from aVF; a unit of rounding is 5 uV.
        if not np.isnan(record.signal).any() and signal_problems(record.signal, 500) == ([], []):
            assert np.allclose(record.signal[4], record.signal[0] - record.signal[1] / 2, atol=0.0026)


def test_100_hz_is_resampled(shared: Path):
    native, slow = MimicIvEcgSource(shared, 500), MimicIvEcgSource(shared, 100)
    entry = next(native.index())
    record = slow.read(entry)
    assert (record.signal.shape, record.sampling_rate, record.signal.dtype) == ((12, 1000), 100, np.float32)
    expected = to_length(native.read(entry).signal, 500, 100)
    np.testing.assert_allclose(record.signal, expected, atol=1e-6)


def write_samples(archive: Path, entry: dict, change: Callable[[np.ndarray], None]) -> None:
    """Changes the digital samples [5000, 12] of a record and mends its header's checksums."""
    path = archive / entry["path"]
    data = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(-1, 12)
    change(data)
    data.tofile(path.with_suffix(".dat"))
    lines = path.with_suffix(".hea").read_text().splitlines()
    for column, total in enumerate(data.sum(axis=0, dtype=np.int64) % 65536):
        parts = lines[1 + column].split(" ")
        parts[6] = str(total)
        lines[1 + column] = " ".join(parts)
    path.with_suffix(".hea").write_text("\n".join(lines) + "\n")


def test_missing_samples_are_nan(archive: Path):
    source = MimicIvEcgSource(archive, 500)
    entry = next(source.index())

    def change(data: np.ndarray) -> None:
        data[100:200, 4] = -32768  # aVF in the archive's order

    write_samples(archive, entry, change)
    signal = source.read(entry).signal
    assert np.isnan(signal[5, 100:200]).all()
    assert np.isnan(signal).sum() == 100


def test_a_study_without_measurements_has_an_empty_report(archive: Path):
    source = MimicIvEcgSource(archive, 500)
    gone = next(source.index())["ecg_id"]
    rewrite(archive / MACHINE, [row for row in cells(archive / MACHINE) if row["study_id"] != gone])
    entries = list(source.index())
    record = source.read(entries[0])
    assert len(entries) == 60
    assert (record.ecg_id, record.report, record.text, record.language) == (gone, "", "", "en")
    assert (record.measurements, record.quality) == ({}, {})


def test_statements_become_sentences():
    said = ["Sinus rhythm", "Possible  right atrial abnormality;", " ", "Borderline ECG.", "Is it?"]
    assert sentences(said) == "Sinus rhythm. Possible right atrial abnormality. Borderline ECG. Is it?"
    assert sentences([]) == ""


TIMES = {"rr_interval": "1000", "p_onset": "40", "p_end": "128", "qrs_onset": "170", "qrs_end": "258", "t_end": "570"}
AXES = {"p_axis": "81", "qrs_axis": "77", "t_axis": "270"}


def test_measurements():
    assert measurements_of(TIMES | AXES) == {
        "rr_interval_ms": 1000,
        "heart_rate_bpm": 60,
        "p_duration_ms": 88,
        "pr_interval_ms": 130,
        "qrs_duration_ms": 88,
        "qt_interval_ms": 400,
        "qtc_bazett_ms": 400,
        "p_axis_deg": 81,
        "qrs_axis_deg": 77,
        "t_axis_deg": -90,
    }
    corrected = measurements_of(TIMES | {"rr_interval": "640"})
    assert (corrected["heart_rate_bpm"], corrected["qtc_bazett_ms"]) == (93.8, 500)
    with pytest.raises(EcgInputError, match="qrs_end is 'wide', expected a number"):
        measurements_of({"qrs_end": "wide"})


@pytest.mark.parametrize("value", ["29999", "32767", "65535", "29999.0", "-4", "nan", "inf"])
@pytest.mark.parametrize(
    ("column", "lost"),
    [
        ("rr_interval", {"rr_interval_ms", "heart_rate_bpm", "qtc_bazett_ms"}),
        ("p_onset", {"p_duration_ms", "pr_interval_ms"}),
        ("qrs_onset", {"pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "qtc_bazett_ms"}),
        ("t_end", {"qt_interval_ms", "qtc_bazett_ms"}),
        ("t_axis", {"t_axis_deg"}),
    ],
)
def test_what_was_not_measured_is_left_out(column: str, lost: set[str], value: str):
    whole = measurements_of(TIMES | AXES)
    left = measurements_of(TIMES | AXES | {column: value})
    if (column, value) == ("t_axis", "-4"):
        assert left == whole | {"t_axis_deg": -4}
    else:
        assert left == {name: number for name, number in whole.items() if name not in lost}


@pytest.mark.parametrize(("column", "value"), [("rr_interval", "12"), ("t_end", "150"), ("qrs_end", "172")])
def test_what_no_heart_does_is_left_out(column: str, value: str):
    left = measurements_of(TIMES | {column: value})
    name = {"rr_interval": "rr_interval_ms", "t_end": "qt_interval_ms", "qrs_end": "qrs_duration_ms"}[column]
    assert name not in left


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.with_suffix(".dat").unlink(), r"^study (\d+): .*no signal file \1\.dat"),
        (lambda path: path.with_suffix(".hea").unlink(), r"^study (\d+): .*no header \1\.hea"),
        (
            lambda path: path.with_suffix(".hea").write_text(""),
            r"^study (\d+): .*\1\.hea is empty, expected a WFDB header",
        ),
        (lambda path: path.with_suffix(".dat").write_bytes(b"\0" * 24), r"^study (\d+): .*has 24 bytes"),
        (
            lambda path: path.with_suffix(".hea").write_text(
                path.with_suffix(".hea").read_text().replace("12 500 5000", "12 250 5000")
            ),
            r"^study (\d+): .*5000 samples at 250 Hz, expected 5000 at 500 Hz",
        ),
    ],
)
def test_damaged_studies_are_refused(archive: Path, damage, message: str):
    source = MimicIvEcgSource(archive, 500)
    entry = next(source.index())
    damage(archive / entry["path"])
    with pytest.raises(EcgInputError, match=message):
        source.read(entry)


def change_cell(table: str, column: str, value: str, row: int = 0) -> Callable[[Path], None]:
    def change(archive: Path) -> None:
        rows = cells(archive / table)
        rows[row][column] = value
        rewrite(archive / table, rows)

    return change


def double_a_row(table: str) -> Callable[[Path], None]:
    return lambda archive: rewrite(archive / table, [*cells(archive / table), cells(archive / table)[3]])


def unclosed(row: int) -> Callable[[Path], None]:
    def damage(archive: Path) -> None:
        lines = (archive / MACHINE).read_text().splitlines()
        lines[1 + row] = lines[1 + row].replace(",", ',"', 5)
        (archive / MACHINE).write_text("\n".join(lines) + "\n")

    return damage


def cut_off(archive: Path) -> None:
    (archive / MACHINE).write_bytes((archive / MACHINE).read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: (a / MACHINE).unlink(), r"there is no .*machine_measurements\.csv"),
        (lambda a: (a / MACHINE).write_text("study_id\n1\n"), r"has no column subject_id, report_0"),
        (lambda a: (a / RECORDS).write_text("subject_id,study_id,path\n"), r"record_list\.csv has no rows"),
        (lambda a: (a / RECORDS).write_bytes(b"\xff\xfe\0"), r"record_list\.csv cannot be read as a table"),
        (unclosed(0), r"machine_measurements\.csv, line 2: the row"),
        (unclosed(40), r"machine_measurements\.csv, line 42: the row"),
        (lambda a: (a / RECORDS).write_bytes((a / RECORDS).read_text().encode("utf-16")), r"it is not UTF-8"),
        (change_cell(RECORDS, "study_id", "inf"), r"record_list\.csv: study 'inf' of patient"),
        (cut_off, r"machine_measurements\.csv, line \d+: \d+ cells for 33 columns"),
        (change_cell(RECORDS, "study_id", "s1"), r"record_list\.csv: study 's1' of patient"),
        (change_cell(MACHINE, "subject_id", "1"), r"study \d+ is of patient \d+ in record_list\.csv and of 1 in"),
        (double_a_row(RECORDS), r"record_list\.csv has study \d+ more than once"),
        (double_a_row(MACHINE), r"machine_measurements\.csv has study \d+ more than once"),
    ],
)
def test_bad_tables_are_refused(archive: Path, damage, message: str):
    damage(archive)
    with pytest.raises(EcgInputError, match=message) as caught:
        list(MimicIvEcgSource(archive).index())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["../other/40000001", "/etc/40000001", "files/../../x", "c:/x", "files\\x", ""])
def test_paths_leading_outside_are_refused(archive: Path, path: str):
    source = MimicIvEcgSource(archive)
    entry = next(source.index()) | {"path": path}
    with pytest.raises(EcgInputError, match=r"^study \d+: record .*, expected a path inside"):
        source.read(entry)


def test_unusable_folders_are_refused(shared: Path):
    assert source_class("mimic-iv-ecg") is MimicIvEcgSource
    with pytest.raises(EcgInputError, match=r"no record_list\.csv in .*; did you mean .*archive\?"):
        MimicIvEcgSource(shared.parent)
    with pytest.raises(EcgInputError, match="needs its folder"):
        MimicIvEcgSource(None)
    with pytest.raises(EcgInputError, match="at 100 or 500 Hz, not at 250"):
        MimicIvEcgSource(shared, 250)


def peak_of_index(folder: Path) -> int:
    tracemalloc.start()
    count = sum(1 for _ in MimicIvEcgSource(folder).index())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count
    return peak


def test_memory_of_the_index_is_flat(tables: Callable[[int], Path]):
    peak_of_index(tables(500))  # what is imported and cached once
    assert peak_of_index(tables(5000)) < 1.5 * peak_of_index(tables(500)) + 100_000


def test_reading_needs_no_torch(shared: Path):
    code = (
        "import sys; from dataset_scripts.sources.mimic_iv_ecg import MimicIvEcgSource as S; "
        "import dataset_scripts.sources.wfdb_folder; "
        f"s = S({str(shared)!r}, 100); s.read(next(s.index())); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
