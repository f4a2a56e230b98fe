from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import wfdb
from fake_ptbxl import write_record

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources import REGISTRY, source_class
from dataset_scripts.sources.ptb_xl import PtbXlSource
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
    rows = source.index()
    assert len(rows) == 4
    for row in rows:
        record = source.read(row)
        reference = wfdb.rdrecord(str(archive / row["filename_lr" if rate == 100 else "filename_hr"]))
        assert record.signal.dtype == np.float32
        assert np.array_equal(record.signal, reference.p_signal.T.astype(np.float32))


def test_metadata(archive: Path):
    source = PtbXlSource(archive, 100)
    one, two = (source.read(row) for row in source.index()[:2])
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


def test_header_without_baseline_falls_back(archive: Path):
    header = first(archive).with_suffix(".hea")
    header.write_text(header.read_text().replace("1000.0(0)/mV", "1000"))
    reference = wfdb.rdrecord(str(first(archive))).p_signal.T
    assert np.array_equal(read_wfdb(first(archive))[0], reference)


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
        (lambda a: first(a).with_suffix(".hea").write_text("not a header"), r"cannot be read as WFDB"),
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
        source.read(source.index()[0])
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
        PtbXlSource(archive).index()


def test_unreadable_fields_are_refused(archive: Path):
    source = PtbXlSource(archive)
    row = source.index()[0]
    for bad in ({"patient_id": "x"}, {"patient_id": "1.5"}, {"scp_codes": "{"}, {"strat_fold": ""}):
        with pytest.raises(EcgInputError, match="ecg_id 1: a field cannot be read"):
            source.read(row | bad)


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
