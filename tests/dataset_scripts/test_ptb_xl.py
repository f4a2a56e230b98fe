from __future__ import annotations

import errno
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import wfdb
from fake_ptbxl import write_archive, write_record

from dataset_scripts.record import EcgInputError, Label
from dataset_scripts.sources import REGISTRY, source_class, wfdb_record
from dataset_scripts.sources.ptb_xl import PtbXlSource
from dataset_scripts.sources.table import plain_id, record_path
from dataset_scripts.sources.wfdb_record import read_wfdb
from modeling_meit.ecg_signal import STANDARD_LEADS


def first(archive: Path, rate: int = 100) -> Path:
    return archive / f"records{rate}/00000" / f"00001_{'lr' if rate == 100 else 'hr'}"


def test_registry_names_the_nearest_source():
    assert source_class("ptb-xl") is PtbXlSource
    with pytest.raises(EcgInputError, match=r"unknown source 'ptbxl'; did you mean 'ptb-xl'\?"):
        source_class("ptbxl")
    assert "synthetic" in REGISTRY


@pytest.mark.parametrize("rate", [100, 500])
def test_records_equal_wfdb(archive: Path, rate: int):
    source = pickle.loads(pickle.dumps(PtbXlSource(archive, rate)))
    rows = list(source.index())
    assert len(rows) == 4
    for row in rows:
        record = source.read(row)
        reference = wfdb.rdrecord(str(archive / row["filename_lr" if rate == 100 else "filename_hr"]))
        assert record.signal.dtype == np.float32
        assert np.array_equal(record.signal, reference.p_signal.T.astype(np.float32))


def test_metadata(archive: Path):
    source = PtbXlSource(archive, 100)
    one, two = (source.read(row) for row in list(source.index())[:2])
    assert (one.ecg_id, one.patient_id, one.fold, one.sex, one.age) == ("1", "1", 1, "female", None)
    assert (two.sex, two.age, two.measurements) == ("male", 52.0, {"weight_kg": 70.5})
    assert one.scp_codes == {"NORM": 80.0, "SR": 0.0}
    assert one.quality == {"static_noise": "I-AVF", "validated_by_human": "True"}
    assert (one.language, two.language) == ("de", "sv")
    assert one.report.endswith("unbestÄtigter bericht")  # word for word


def test_leads_are_ordered_by_name(tmp_path: Path):
    digital = np.random.default_rng(0).integers(-500, 500, (1000, 12)).astype(np.int16)
    mimic = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    write_record(tmp_path, "r", digital, 100, mimic, adc_gain=[200.0] * 12)
    signal, rate = read_wfdb(tmp_path / "r")
    assert rate == 100
    assert np.array_equal(signal[4], digital[:, 5] / 200)
    assert np.array_equal(signal[5], digital[:, 4] / 200)


@pytest.mark.parametrize(
    "options",
    [
        {"fmt": ["212"] * 12},
        {"fmt": ["80"] * 12},
        {"units": ["uV"] * 12, "adc_gain": [1.0] * 12},
        {"adc_gain": [200.0 + i for i in range(12)], "baseline": list(range(12))},
    ],
    ids=["format-212", "format-80", "microvolts", "gain-and-baseline-a-lead"],
)
def test_other_headers_read_as_wfdb_reads_them(tmp_path: Path, options: dict):
    digital = np.random.default_rng(0).integers(-100, 100, (1000, 12)).astype(np.int16)
    write_record(tmp_path, "r", digital, 100, list(STANDARD_LEADS), **options)
    scale = 1e-3 if "units" in options else 1
    reference = wfdb.rdrecord(str(tmp_path / "r")).p_signal.T
    assert np.array_equal(read_wfdb(tmp_path / "r")[0], reference * scale)


@pytest.mark.parametrize("gain", [1000.0, 200.0, 204.8, 2.04, 16777217.0])  # the last three are no float32 numbers
@pytest.mark.parametrize("baseline", [0, -5, 20_000_001])
@pytest.mark.parametrize("units", ["mV", "uV"])
def test_float32_is_float64_rounded(tmp_path: Path, gain: float, baseline: int, units: str):
    digital = np.arange(-6000, 6000, dtype=np.int16).reshape(1000, 12)[::-1].copy()
    digital[7, 3] = -32768
    write_record(tmp_path, "r", digital, 100, adc_gain=[gain] * 12, units=[units] * 12)
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace("(0)", f"({baseline})"))
    exact, rounded = read_wfdb(tmp_path / "r")[0], read_wfdb(tmp_path / "r", np.float32)[0]
    assert (exact.dtype, rounded.dtype) == (np.float64, np.float32)
    assert np.isnan(rounded).sum() == 1
    assert np.array_equal(rounded, exact.astype(np.float32), equal_nan=True)


def test_header_without_baseline_falls_back(archive: Path):
    header = first(archive).with_suffix(".hea")
    header.write_text(header.read_text().replace("1000.0(0)/mV", "1000"))
    reference = wfdb.rdrecord(str(first(archive))).p_signal.T
    assert np.array_equal(read_wfdb(first(archive))[0], reference)


MIMIC_HEADER = """\
40000001 12 500 5000 12:04:00 22/09/2182
{lines}# <subject_id>: 10000032
"""


def test_the_header_of_mimic_takes_the_fast_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    digital = np.random.default_rng(0).integers(-500, 500, (5000, 12)).astype("<i2")
    digital[7, 2] = -32768
    leads = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    sums = digital.sum(axis=0, dtype=np.int64) % 65536
    line = "40000001.dat 16 200.0(0)/mV 16 0 {first} {sum} 0 {lead}\n"
    lines = [
        line.format(first=first, sum=total, lead=lead)
        for first, total, lead in zip(digital[0], sums, leads, strict=True)
    ]
    (tmp_path / "40000001.hea").write_text(MIMIC_HEADER.format(lines="".join(lines)))
    (tmp_path / "40000001.dat").write_bytes(digital.tobytes())
    reference = wfdb.rdrecord(str(tmp_path / "40000001"))
    monkeypatch.setattr(wfdb, "rdrecord", None)
    signal, rate = read_wfdb(tmp_path / "40000001")
    assert rate == 500
    for lead, row in zip(STANDARD_LEADS, signal, strict=True):
        assert np.array_equal(row, reference.p_signal[:, reference.sig_name.index(lead)], equal_nan=True)
    assert np.isnan(signal).sum() == 1


def test_missing_samples_are_nan(tmp_path: Path):
    digital = np.zeros((1000, 12), np.int16)
    digital[10:20, 3] = -32768
    write_record(tmp_path, "r", digital, 100)
    assert np.array_equal(np.isnan(read_wfdb(tmp_path / "r")[0]), digital.T == -32768)


def damage_header(archive: Path, old: str, new: str) -> None:
    header = first(archive).with_suffix(".hea")
    assert old in header.read_text()
    header.write_text(header.read_text().replace(old, new))


def eleven_leads(archive: Path) -> None:
    digital = np.zeros((1000, 11), np.int16)
    write_record(first(archive).parent, "00001_lr", digital, 100, [*STANDARD_LEADS[:11]])


def into_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def flip_a_bit(archive: Path) -> None:
    path = first(archive).with_suffix(".dat")
    data = bytearray(path.read_bytes())
    data[48] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: first(a).with_suffix(".dat").unlink(), r"no signal file 00001_lr\.dat"),
        (lambda a: first(a).with_suffix(".hea").unlink(), r"no header 00001_lr\.hea"),
        (lambda a: first(a).with_suffix(".dat").write_bytes(b"\0" * 700), r"has 700 bytes, its header gives 24000"),
        (lambda a: first(a).with_suffix(".hea").write_bytes(b"\xff\xfe\x00"), r"is not text"),
        (lambda a: first(a).with_suffix(".hea").write_text("not a header"), r"00001_lr\.hea is not a WFDB header"),
        (lambda a: first(a).with_suffix(".hea").write_text(""), r"00001_lr\.hea is empty"),
        (lambda a: into_a_folder(first(a).with_suffix(".hea")), r"00001_lr cannot be read \(IsADirectoryError"),
        (lambda a: into_a_folder(first(a).with_suffix(".dat")), r"00001_lr cannot be read \(IsADirectoryError"),
        (lambda a: damage_header(a, "00001_lr.dat", ".."), r"names the file '\.\.', expected a plain name"),
        (lambda a: damage_header(a, "00001_lr.dat", "../00001_lr.dat"), r"expected a plain name"),
        (eleven_leads, r"has 11 leads: leads missing V6"),
        (flip_a_bit, r"checksum of I does not match"),
        (lambda a: damage_header(a, "0 V6", "0 V7"), r"missing V6; unknown V7"),
        (lambda a: damage_header(a, "0 V6", "0 V5"), r"missing V6; given twice V5"),
        (lambda a: damage_header(a, "/mV", "/mmHg"), r"signals in mmHg, expected mV"),
        (lambda a: damage_header(a, "12 100 1000", "12 250 1000"), r"1000 samples at 250 Hz, expected 1000 at 100 Hz"),
    ],
)  # fmt: skip
def test_damaged_records_are_refused(archive: Path, damage, message: str):
    damage(archive)
    source = PtbXlSource(archive, 100)
    with pytest.raises(EcgInputError, match=message) as caught:
        source.read(next(source.index()))
    assert "\n" not in str(caught.value)


def test_unusable_folders_are_refused(archive: Path, tmp_path: Path):
    with pytest.raises(EcgInputError, match=r"no ptbxl_database\.csv in .*; did you mean .*ptb-xl\?"):
        PtbXlSource(archive.parent)
    with pytest.raises(EcgInputError, match="give the folder of the unpacked archive"):
        PtbXlSource(tmp_path / "nowhere")
    with pytest.raises(EcgInputError, match="needs its folder"):
        PtbXlSource(None)
    with pytest.raises(EcgInputError, match="at 100 and 500 Hz, not at 250"):
        PtbXlSource(archive, 250)
    (archive / "ptbxl_database.csv").write_text("ecg_id,patient_id\n1,2\n")
    with pytest.raises(EcgInputError, match="has no column age, sex"):
        next(PtbXlSource(archive).index())


def test_unreadable_fields_are_refused(archive: Path):
    source = PtbXlSource(archive)
    row = next(source.index())
    for bad in ({"age": "old"}, {"scp_codes": "{"}, {"heart_axis": "UP"}, {"infarction_stadium2": "Stadium IV"}):
        with pytest.raises(EcgInputError, match="ecg_id 1: a field cannot be read"):
            source.read(row | bad)
    with pytest.raises(EcgInputError, match=r"expected a path inside .* without '\.\.'"):
        source.read(row | {"filename_lr": "../../elsewhere"})
    table = archive / "ptbxl_database.csv"
    text = table.read_text()
    for good, bad in (("\n1,1.0,", "\n1,x,"), ("\n1,1.0,", "\n1,1.5,"), (",1,records100", ",,records100")):
        assert good in text
        table.write_text(text.replace(good, bad, 1))
        with pytest.raises(EcgInputError, match="ecg_id 1: a field cannot be read"):
            next(source.index())


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENOSPC, errno.EMFILE])
@pytest.mark.parametrize("what", [".hea", ".dat"])
def test_a_file_that_the_system_does_not_read(archive: Path, monkeypatch: pytest.MonkeyPatch, number: int, what: str):
    source = PtbXlSource(archive)
    row = next(source.index())

    def fail(path, *mode, **options):
        if path.endswith(what):
            raise OSError(number, os.strerror(number), path)
        return open(path, *mode, **options)

    monkeypatch.setattr(wfdb_record, "open", fail, raising=False)
    if number in (errno.EIO, errno.EACCES):
        with pytest.raises(EcgInputError, match=f"00001_lr cannot be read .*{os.strerror(number)}"):
            source.read(row)
    else:  # the machine's trouble: not to be dropped as a damaged record
        with pytest.raises(OSError, match=os.strerror(number)):
            source.read(row)


@pytest.mark.parametrize("text", ["15709", "15709.0", " 15709 ", "015709", "15709."])
def test_an_id_is_written_in_one_way(text: str):
    assert plain_id(text) == "15709"


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "inf", "nan", "1e3", "9" * 19])
def test_no_id(text: str):
    with pytest.raises(ValueError, match="expected a whole number"):
        plain_id(text)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a//b", "/a", "a/", "./a", "a/./b", "a/../b", "a/..", "c:/a", "a\\b", "a\0", "a/.\n/.."]
)
def test_a_place_has_one_path(name: str):
    with pytest.raises(EcgInputError, match="expected a path inside") as caught:
        record_path(Path("archive"), name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a/b", ".hidden/a..b", "...", "a b/(c)-1", "é/r1."])
def test_a_path_within_the_archive(name: str):
    assert record_path(Path("archive"), name) == Path("archive") / name


def test_index_has_plain_ids_and_folds(archive: Path):
    rows = list(PtbXlSource(archive).index())
    assert json.loads(json.dumps(rows)) == rows
    assert [(row["ecg_id"], row["patient_id"], row["fold"]) for row in rows] == [
        ("1", "1", 1), ("2", "1", 1), ("3", "2", 2), ("4", "2", 2)
    ]  # fmt: skip


def test_axis_and_stages_become_labels(archive: Path):
    source = PtbXlSource(archive)
    one, two, three = (source.read(row) for row in list(source.index())[:3])
    assert one.labels == (Label("ptb-xl-heart-axis", "LAD", "left_axis_deviation"),)
    assert two.labels == (
        Label("ptb-xl-heart-axis", "MID", "normal_axis"),
        Label("ptb-xl-infarction-stadium", "Stadium II-III", "infarction_stage_subacute_to_chronic"),
    )
    assert three.labels == ()


def table_of(folder: Path, ids: list[int]) -> Path:
    """Only a table, with the columns a version is told by."""
    columns = "ecg_id,patient_id,age,sex,report,scp_codes,strat_fold,filename_lr,filename_hr"
    folder.mkdir()
    lines = [columns, *(f"{ecg_id},1.0,,0,sinus rhythm,{{}},1,a,b" for ecg_id in ids)]
    (folder / "ptbxl_database.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_the_version_is_told_by_the_changelog_or_by_the_records(tmp_path: Path):
    for version in ("1.0.1", "1.0.2", "1.0.3"):
        folder = write_archive(tmp_path / version, 1, rates=(), version=version)
        assert PtbXlSource(folder).name == ("ptb-xl" if version == "1.0.1" else f"ptb-xl-{version}")
    # 137 went in 1.0.2 (138 is its twin), 3801 in 1.0.3 (3802 is the one of three that stayed).
    assert PtbXlSource(table_of(tmp_path / "a", [136, 137, 138, 3801, 3802])).name == "ptb-xl-1.0.1"
    assert PtbXlSource(table_of(tmp_path / "b", [136, 138, 3801, 3802])).name == "ptb-xl-1.0.2"
    assert PtbXlSource(table_of(tmp_path / "c", [136, 138, 3802])).name == "ptb-xl-1.0.3"
    assert PtbXlSource(table_of(tmp_path / "d", [136, 138])).name == "ptb-xl"
    assert PtbXlSource(tmp_path / "d", version="1.0.1").name == "ptb-xl-1.0.1"
    with pytest.raises(EcgInputError, match=r"no version '2' .* 1\.0\.1, 1\.0\.2, 1\.0\.3"):
        PtbXlSource(tmp_path / "d", version="2")


def test_the_first_release_reads_like_the_last(tmp_path: Path):
    first = PtbXlSource(write_archive(tmp_path / "a", 3, version="1.0.1"), version="1.0.1")
    last = PtbXlSource(write_archive(tmp_path / "b", 3))
    for one, other in zip(first.index(), last.index(), strict=True):
        old, new = first.read(one), last.read(other)
        assert (old.source, new.source) == ("ptb-xl-1.0.1", "ptb-xl-1.0.3")
        assert np.array_equal(old.signal, new.signal)
        assert old.report == new.report


@pytest.mark.parametrize("rate", [100, 500])
def test_real_records_equal_wfdb(ptbxl_dir: Path, rate: int):
    source = PtbXlSource(ptbxl_dir, rate)
    column = {100: "filename_lr", 500: "filename_hr"}[rate]
    rows = [row for row in source.index() if (ptbxl_dir / f"{row[column]}.hea").is_file()]
    if not rows:
        pytest.skip(f"no record at {rate} Hz in this copy of the archive")
    chosen = np.random.default_rng(0).choice(len(rows), min(50, len(rows)), replace=False)
    for row in (rows[i] for i in chosen):
        reference = wfdb.rdrecord(str(ptbxl_dir / row[column]))
        assert [name.lower() for name in reference.sig_name] == [lead.lower() for lead in STANDARD_LEADS]
        assert np.array_equal(source.read(row).signal, reference.p_signal.T.astype(np.float32))
