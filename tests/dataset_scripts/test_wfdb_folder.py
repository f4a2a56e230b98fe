from __future__ import annotations

import csv
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb
from fake_ptbxl import write_record

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.archives.plain_wfdb import write_wfdb_folder
from dataset_scripts.sources import source_class, wfdb_folder
from dataset_scripts.sources.wfdb_folder import WfdbFolderSource
from modeling_meit.ecg_signal import STANDARD_LEADS


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records at 250 and 500 Hz in turn, not to be changed."""
    return write_wfdb_folder(tmp_path_factory.mktemp("wfdb") / "folder", 6)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """A copy of the shared folder, for a test to change."""
    return Path(shutil.copytree(shared, tmp_path / "folder"))


def change(folder: Path, edit: Callable[[list[dict[str, str]]], object]) -> None:
    table = folder / "records.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    edit(rows)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_records_and_metadata(shared: Path):
    assert source_class("wfdb-folder") is WfdbFolderSource
    source = pickle.loads(pickle.dumps(WfdbFolderSource(shared, 100)))
    entries = list(source.index())
    assert json.loads(json.dumps(entries)) == entries
    with (shared / "records.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, (entry, row) in enumerate(zip(entries, rows, strict=True)):
        record = source.read(entry)
        reference = wfdb.rdrecord(str(shared / row["record"]))
        assert reference.fs == (250, 500)[number % 2]
        assert np.array_equal(record.signal, to_length(reference.p_signal.T, reference.fs, 100), equal_nan=True)
        assert (record.ecg_id, record.patient_id, record.report) == (row["ecg_id"], row["patient_id"], row["report"])
        assert (record.fold, record.age, record.sex) == (int(row["fold"]), float(row["age"]), row["sex"])
        assert (record.language, record.source, record.sampling_rate) == (row["language"], "wfdb-folder", 100)
        assert record.measurements["heart_rate_bpm"] == float(row["heart_rate_bpm"])
        assert set(record.measurements) == {name for name, cell in row.items() if cell and "_" in name} - {
            "ecg_id",
            "patient_id",
        }


def test_only_three_columns_are_needed(folder: Path):
    def only(rows: list[dict[str, str]]) -> None:
        rows[:] = [{key: row[key] for key in ("record", "patient_id", "report")} for row in rows]
        rows[0]["report"] = "sinusrhythmus normales ekg"

    change(folder, only)
    source = WfdbFolderSource(folder)
    entry = next(source.index())
    assert "fold" not in entry
    record = source.read(entry)
    assert (record.ecg_id, record.language) == ("waves/000/r000000", "de")
    assert (record.fold, record.age, record.sex, record.measurements) == (None, None, None, {})


def test_leads_lengths_and_rates_are_brought_to_one(tmp_path: Path):
    mimic = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    digital = np.random.default_rng(0).integers(-500, 500, (2000, 12)).astype(np.int16)
    write_record(tmp_path, "short", digital, 250, mimic, adc_gain=[200.0] * 12, fmt=["212"] * 12)
    (tmp_path / "t.csv").write_text("record,patient_id,report\nshort,7,sinus rhythm\n")
    source = WfdbFolderSource(tmp_path, 250, table="t.csv")
    signal = source.read(next(source.index())).signal
    assert signal.shape == (12, 2500)
    for lead, row in zip(STANDARD_LEADS, signal, strict=True):
        assert np.array_equal(row[:2000], (digital[:, mimic.index(lead)] / 200).astype(np.float32))
    assert np.isnan(signal[:, 2000:]).all()
    assert WfdbFolderSource(tmp_path, 400, table="t.csv").sampling_rates == (100, 250, 400, 500)


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize("options", [{}, {"fmt": ["212"] * 12}], ids=["format-16", "format-212"])
def test_no_more_of_a_long_record_is_read_than_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict, rate: int
):
    digital = np.random.default_rng(0).integers(-500, 500, (60 * 360, 12)).astype(np.int16)
    write_record(tmp_path, "long", digital, 360, list(STANDARD_LEADS), **options)
    (tmp_path / "records.csv").write_text("record,patient_id,report\nlong,7,sinus rhythm\n")
    reference = wfdb.rdrecord(str(tmp_path / "long"))
    counts = []
    fromfile, rdrecord = np.fromfile, wfdb.rdrecord
    monkeypatch.setattr(np, "fromfile", lambda *a, **k: counts.append(k["count"] // 12) or fromfile(*a, **k))
    monkeypatch.setattr(wfdb, "rdrecord", lambda *a, **k: counts.append(k["sampto"]) or rdrecord(*a, **k))
    source = WfdbFolderSource(tmp_path, rate)
    assert np.array_equal(source.read(next(source.index())).signal, to_length(reference.p_signal.T, 360, rate))
    assert counts[0] == 360 * 11


def test_a_long_record_whose_header_gives_no_length_is_read_whole(tmp_path: Path):
    digital = np.random.default_rng(0).integers(-500, 500, (60 * 360, 12)).astype(np.int16)
    write_record(tmp_path, "long", digital, 360, list(STANDARD_LEADS))
    header = tmp_path / "long.hea"
    reference = wfdb.rdrecord(str(tmp_path / "long"))
    text = header.read_text()
    header.write_text(text.replace("12 360 21600", "12 360"))
    assert header.read_text() != text
    (tmp_path / "records.csv").write_text("record,patient_id,report\nlong,7,sinus rhythm\n")
    source = WfdbFolderSource(tmp_path, 100)
    assert np.array_equal(source.read(next(source.index())).signal, to_length(reference.p_signal.T, 360, 100))


def test_options_describe_the_archive(shared: Path):
    plain = WfdbFolderSource(shared)
    assert (plain.name, plain.licence, plain.signals_public, plain.homepage) == ("wfdb-folder", "other", False, None)
    assert (plain.title, plain.citation, plain.licence_name, plain.licence_link) == ("folder", "", "none stated", "")
    assert WfdbFolderSource(shared / "..", table="folder/records.csv").title == shared.parent.name
    assert WfdbFolderSource(shared, name="clinic-1.0").title == "clinic-1.0"
    named = WfdbFolderSource(
        shared, 100, name="clinic-1.0", title="Clinic", licence="cc-by-4.0", citation="@misc{c}", public=True
    )
    assert (named.title, named.licence, named.citation, named.signals_public) == (
        "Clinic", "cc-by-4.0", "@misc{c}", True
    )  # fmt: skip
    assert named.read(next(named.index())).source == "clinic-1.0"
    assert named.licence_name == "Creative Commons Attribution 4.0 International"
    assert named.licence_condition.startswith("Attribution")
    for options, message in (
        ({"name": "My Clinic"}, "name 'My Clinic', expected lower-case"),
        ({"public": "yes"}, "public is 'yes', expected true or false"),
        ({"table": "../t.csv"}, r"^table '\.\./t\.csv', expected a path inside .* without"),
        ({"table": "none.csv"}, r"there is no .*none\.csv; write a table with the columns record, patient_id, report"),
        ({"sampling_rate": 0}, "sampling rate 0, expected a positive"),
    ):
        with pytest.raises(EcgInputError, match=message):
            WfdbFolderSource(shared, **options)
    with pytest.raises(EcgInputError, match=r"needs its folder, the one that holds records\.csv"):
        WfdbFolderSource(None)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"record": "../other/r"}, r"expected a path inside"),
        ({"record": "/etc/r"}, r"expected a path inside"),
        ({"record": "waves/../../r"}, r"expected a path inside"),
        ({"record": ""}, r"expected a path inside"),
        ({"record": "waves//000/r000001"}, r"expected a path inside"),
        ({"record": "./waves/000/r000001"}, r"expected a path inside"),
        ({"record": "waves/000/./r000001"}, r"expected a path inside"),
        ({"record": "waves/000/r000001/"}, r"expected a path inside"),
        ({"patient_id": " "}, r"record 'waves/000/r000000': no patient_id"),
        ({"fold": "11"}, r"fold '11', expected a whole number from 1 to 10"),
        ({"fold": "2.5"}, r"fold '2\.5', expected a whole number"),
        ({"age": "old"}, r"age is 'old', expected a number"),
        ({"sex": "2"}, r"sex '2', expected male, female or an empty cell"),
        ({"language": "fr"}, r"language 'fr', expected one of de, en, sv, other"),
        ({"pr_interval_ms": "nan"}, r"pr_interval_ms is 'nan'; leave the cell"),
    ],
)
def test_bad_cells_are_refused(folder: Path, cell: dict[str, str], message: str):
    change(folder, lambda rows: rows[0].update(cell))
    with pytest.raises(EcgInputError, match=message) as caught:
        list(WfdbFolderSource(folder).index())
    assert "\n" not in str(caught.value)


def test_a_patient_has_one_id(folder: Path):
    def edit(rows: list[dict[str, str]]) -> None:
        ids = ("p4", "p4 ", "\u00a0p4", "Jos\u00e9", "Jose\u0301", " Jos\u00e9\t")
        for row, patient in zip(rows, ids, strict=True):
            row["patient_id"], row["ecg_id"] = patient, f" {row['ecg_id']} "

    before = [entry["ecg_id"] for entry in WfdbFolderSource(folder).index()]
    change(folder, edit)
    entries = list(WfdbFolderSource(folder).index())
    assert [entry["patient_id"] for entry in entries] == [*["p4"] * 3, *["Jos\u00e9"] * 3]
    assert [entry["ecg_id"] for entry in entries] == before


@pytest.mark.parametrize("again", ["waves/000/r000000", " waves/000/r000000 "])
def test_a_record_that_stands_twice_is_refused(folder: Path, again: str):
    change(folder, lambda rows: rows[4].update(record=again))
    with pytest.raises(EcgInputError, match=r"r000000 ?': the record stands in an earlier row too"):
        list(WfdbFolderSource(folder).index())


def with_reports(folder: Path, reports: dict[int, str], rows: int = 60) -> Path:
    """A table written by hand: report of a row -> its cell as it stands in the file."""
    lines = [f"waves/r{number},p{number},{reports.get(number, 'sinus rhythm')}" for number in range(rows)]
    (folder / "records.csv").write_text("\n".join(["record,patient_id,report", *lines]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ({10: '"sinus rhythm'}, r"records\.csv, line 12: the row cannot be read \(unexpected end of data\)"),
        ({59: '"sinus rhythm'}, r"records\.csv, line 61: the row cannot be read"),
        ({10: '"sinus rhythm', 30: 'a "normal" ecg'}, r"records\.csv, line 12: the row cannot be read"),
        ({10: '"sinus "normal" rhythm"'}, r"records\.csv, line 12: the row cannot be read .*not doubled within it"),
    ],
)
def test_a_quotation_mark_that_is_not_closed_is_refused(tmp_path: Path, reports: dict[int, str], message: str):
    source = WfdbFolderSource(with_reports(tmp_path, reports))
    with pytest.raises(EcgInputError, match=message):
        list(source.index())


def test_a_cell_that_takes_in_many_rows_is_refused(tmp_path: Path):
    source = WfdbFolderSource(with_reports(tmp_path, {10: '"sinus rhythm', 150: '"'}, rows=200))
    with pytest.raises(EcgInputError, match=r"line 12: the row goes on to line 152, so a quotation mark"):
        list(source.index())


def test_reports_may_have_lines_and_quotation_marks(tmp_path: Path):
    cell = '"sinus rhythm,\n""normal"" ecg' + "\n" * 50 + '"'
    entries = list(WfdbFolderSource(with_reports(tmp_path, {3: cell})).index())
    assert len(entries) == 60
    assert entries[3]["report"] == 'sinus rhythm,\n"normal" ecg' + "\n" * 50


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"record;patient_id;report\na;b;c\n", "has semicolons between its cells, expected commas; save it as"),
        (b'"record";"patient_id";"report"\na;b;c\n', "has semicolons between its cells"),
        (b"record\tpatient_id\treport\na\tb\tc\n", "has tabs between its cells, expected commas"),
        (
            "record,patient_id,report\na,b,Blockbild \u00e4hnlich\n".encode("latin-1"),
            "it is not UTF-8 .*; save it as UTF-8",
        ),
        ("record,patient_id,report\na,b,c\n".encode("utf-16"), "it is not UTF-8 .*; save it as UTF-8"),
        ("record,patient_id,report\na,b,c\n".encode("utf-16-le"), "it is not UTF-8 but, it seems, UTF-16; save it as"),
        (b"record,patient_id,report\na,b,c,d\n", "line 2: 4 cells for 3 columns; save it as UTF-8 with commas"),
        (b"record,patient,report\na,b,c\n", "has no column patient_id; save it as .*, or name the columns so"),
    ],
)
def test_what_to_do_with_a_table_of_ones_own(tmp_path: Path, data: bytes, message: str):
    (tmp_path / "records.csv").write_bytes(data)
    with pytest.raises(EcgInputError, match=message) as caught:
        list(WfdbFolderSource(tmp_path).index())
    assert "download" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_the_system_does_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = WfdbFolderSource(with_reports(tmp_path, {}))
    source.table.unlink()
    source.table.mkdir()
    with pytest.raises(EcgInputError, match=r"records\.csv cannot be read \(IsADirectoryError"):
        list(source.index())


def test_the_record_is_named_whose_length_cannot_be_changed(shared: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wfdb_folder, "read_wfdb", lambda _: (np.empty((12, 0)), 500))
    source = WfdbFolderSource(shared)
    with pytest.raises(EcgInputError, match=r"^record waves/000/r000000: signal has shape \(12, 0\)"):
        source.read(next(source.index()))


def test_a_path_that_the_index_did_not_make_is_refused(shared: Path):
    source = WfdbFolderSource(shared)
    with pytest.raises(EcgInputError, match="expected a path inside"):
        source.read(next(source.index()) | {"record": "../../r"})


def huge(header: str) -> str:
    return header.replace("12 250 2500", "12 250 900000000")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("r000000.dat", "../r000001.dat"), "only files beside the header are read"),
        (huge, "expected 24 h at most|samples at most"),
        (lambda text: text.replace(" V6", " V7"), "missing V6; unknown V7"),
        (lambda text: "", "is empty, expected a WFDB header"),
    ],
)
def test_headers_of_strangers_are_checked(folder: Path, edit, message: str):
    header = folder / "waves/000/r000000.hea"
    text = header.read_text()
    header.write_text(edit(text))
    assert header.read_text() != text
    source = WfdbFolderSource(folder)
    with pytest.raises(EcgInputError, match=message):
        source.read(next(source.index()))


def test_missing_files_and_bad_tables_are_refused(folder: Path):
    source = WfdbFolderSource(folder)
    entry = next(source.index())
    (folder / "waves/000/r000000.dat").unlink()
    with pytest.raises(EcgInputError, match=r"names the signal file r000000\.dat, which is not beside it"):
        source.read(entry)
    (folder / "waves/000/r000000.hea").unlink()
    with pytest.raises(EcgInputError, match=r"no header .*r000000\.hea"):
        source.read(entry)
    for text, message in (
        ("record,report\na,b\n", "has no column patient_id"),
        ("record,patient_id,report\na,b\n", "line 2: 2 cells for 3 columns"),
        ("record,patient_id,report,report\na,b,c,d\n", "has the column report more than once"),
        ("record,patient_id,report\n", "has no rows"),
        ("", "has no column record, patient_id, report"),
    ):
        (folder / "records.csv").write_text(text)
        with pytest.raises(EcgInputError, match=message):
            list(source.index())


def test_a_byte_order_mark_and_empty_lines_do_no_harm(folder: Path):
    before = list(WfdbFolderSource(folder).index())
    table = folder / "records.csv"
    table.write_text("\ufeff" + table.read_text() + "\n\n", encoding="utf-8")
    assert list(WfdbFolderSource(folder).index()) == before
