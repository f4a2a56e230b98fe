from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import re
import shutil
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import wfdb
from fake_ptbxl import write_record

from dataset_scripts.record import EcgInputError, Label
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.archives.challenge import write_challenge
from dataset_scripts.sources import cinc, source_class
from dataset_scripts.sources.cinc import DEFAULT_SUBSETS, SUBSETS, CincSource, read_comments
from dataset_scripts.sources.snomed import GROUPS, concepts, sentences, snomed_label
from dataset_scripts.sources.wfdb_start import WfdbStart, read_wfdb_start
from modeling_meit.ecg_signal import STANDARD_LEADS


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of every archive and layout, PTB-XL's with them; not to be changed."""
    root = tmp_path_factory.mktemp("challenge")
    for subset in SUBSETS:
        write_challenge(root / "a" / subset, 2, subset)
    return root


@pytest.fixture
def georgia(tmp_path: Path) -> Path:
    return write_challenge(tmp_path / "georgia", 3)


def header_of(folder: Path) -> Path:
    return next(iter(sorted(folder.rglob("*.hea"))))


def edit(header: Path, old: str, new: str, regex: bool = False) -> None:
    text = header.read_text()
    changed = re.sub(old, new, text, flags=re.MULTILINE) if regex else text.replace(old, new)
    assert changed != text
    header.write_text(changed)


def read_first(folder: Path, **options):
    source = CincSource(folder, **options)
    return source.read(next(iter(source.index())))


def test_registered():
    assert source_class("cinc") is CincSource


def test_every_subset_is_found_and_ptb_xl_left_out(everything: Path, capsys: pytest.CaptureFixture[str]):
    rows = list(CincSource(everything).index())
    assert {row["subset"] for row in rows} == set(DEFAULT_SUBSETS)
    assert len(rows) == 2 * len(DEFAULT_SUBSETS)
    assert not [row for row in rows if row["ecg_id"].startswith("HR")]
    assert capsys.readouterr().err == "physionet-challenge-2021: 14 records, left out 2 of ptb-xl\n"
    assert [row["ecg_id"] for row in CincSource(everything, subset="ptb-xl").index()] == ["HR00001", "HR00002"]
    chosen = CincSource(everything, subset=["ptb", "ningbo"])
    assert {row["ecg_id"] for row in chosen.index()} == {"S0001", "S0002", "JS10647", "JS10648"}
    assert list(CincSource(everything, subset=("ptb", "ningbo", "ptb")).index()) == list(chosen.index())


def test_order_is_that_of_the_paths_and_rows_are_json(everything: Path):
    rows = list(CincSource(everything).index())
    assert rows == list(CincSource(everything).index()) == json.loads(json.dumps(rows))
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)


@pytest.mark.parametrize(
    ("subset", "layout", "path"),
    [
        ("georgia", "2021", "training/georgia/g1/E00001"),
        ("cpsc2018", "2020", "Training_WFDB/A0001"),
        ("ptb", "2020", "Training_PTB/S0001"),
        ("chapman-shaoxing", "ecg-arrhythmia", "WFDBRecords/01/010/JS00001"),
        ("ningbo", "ecg-arrhythmia", "WFDBRecords/11/116/JS10647"),
    ],
)
def test_layouts_equal_wfdb(tmp_path: Path, subset: str, layout: str, path: str):
    write_challenge(tmp_path / "x", 2, subset, layout=layout)
    source = pickle.loads(pickle.dumps(CincSource(tmp_path / "x", 500)))
    row = next(iter(source.index()))
    assert (row["path"], row["subset"]) == (path, subset)
    reference = wfdb.rdrecord(str(tmp_path / "x" / path))
    start = read_wfdb_start(tmp_path / "x" / path, 1e6)
    assert np.array_equal(start.signal, reference.p_signal.T)
    assert start.sampling_rate == reference.fs
    record = source.read(row)
    assert record.signal.dtype == np.float32
    assert record.signal.shape == (12, 5000)
    if reference.fs == 500:
        assert np.array_equal(record.signal, reference.p_signal.T[:, :5000].astype(np.float32))
    assert record.source == f"physionet-challenge-2021/{subset}"


@pytest.mark.parametrize("subset", ["incart", "ptb", "cpsc2018"])
@pytest.mark.parametrize("rate", [100, 250, 500])
def test_long_records_are_read_in_part_and_equal_the_whole(everything: Path, subset: str, rate: int):
    source = CincSource(everything, rate, subset=subset)
    row = next(iter(source.index()))
    whole = wfdb.rdrecord(str(everything / row["path"]))
    expected = to_length(whole.p_signal.T, whole.fs, rate)
    assert expected.shape == (12, 10 * rate)
    assert np.array_equal(source.read(row).signal, expected)


def test_no_more_of_a_holter_record_is_read_than_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_challenge(tmp_path / "x", 1, "incart", seconds=120)
    counts = []
    fromfile = np.fromfile
    monkeypatch.setattr(np, "fromfile", lambda *a, **k: counts.append(k["count"]) or fromfile(*a, **k))
    read_first(tmp_path / "x")
    assert counts == [12 * 257 * 11]


def test_short_records_end_in_missing_samples(tmp_path: Path):
    write_challenge(tmp_path / "x", 1, "cpsc2018", seconds=6)
    record = read_first(tmp_path / "x", sampling_rate=500)
    assert not np.isnan(record.signal[:, :3000]).any()
    assert np.isnan(record.signal[:, 3000:]).all()


def test_missing_samples_units_and_order_of_leads(georgia: Path):
    header = header_of(georgia)
    path = header.with_suffix(".mat")
    digital = np.fromfile(path, "<i2", offset=24).reshape(-1, 12)
    digital[100:110, 2] = -32768
    path.write_bytes(path.read_bytes()[:24] + digital.tobytes())
    sums = iter(digital.sum(axis=0, dtype=np.int64) % 65536)
    text = re.sub(r"-?\d+ 0 (?=[IaV])", lambda found: f"{next(sums)} 0 ", header.read_text())
    header.write_text(text)
    edit(header, "0 aVL", "0 swap")
    edit(header, "0 aVF", "0 avl")
    edit(header, "0 swap", "0 AVF")
    edit(header, "1000.0(0)/mV", "1.0(5)/uV")
    signal = read_first(georgia, sampling_rate=500).signal
    expected = ((digital.T[[0, 1, 2, 3, 5, 4, *range(6, 12)]] - 5.0) * 1e-3).astype(np.float32)
    expected[2, 100:110] = np.nan
    assert np.array_equal(signal, expected, equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [
        {"fmt": ["16"] * 12},
        {"fmt": ["212"] * 12},
        {"fmt": ["24"] * 12},
        {"units": ["uV"] * 12, "adc_gain": [1.0] * 12},
        {"adc_gain": [200.0 + i for i in range(12)], "baseline": list(range(12))},
    ],
    ids=["format-16", "format-212", "format-24", "microvolts", "gain-and-baseline-a-lead"],
)
def test_other_headers_read_as_wfdb_reads_them(tmp_path: Path, options: dict):
    digital = np.random.default_rng(0).integers(-100, 100, (3000, 12)).astype(np.int16)
    write_record(tmp_path, "E00001", digital, 250, list(STANDARD_LEADS), **options)
    scale = 1e-3 if "units" in options else 1
    reference = wfdb.rdrecord(str(tmp_path / "E00001"), sampto=2500)
    start = read_wfdb_start(tmp_path / "E00001", 10)
    assert np.array_equal(start.signal, reference.p_signal.T * scale)
    assert start.sampling_rate == 250
    assert read_first(tmp_path, sampling_rate=250).signal.shape == (12, 2500)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000.0(0)/mV", "1000/mV"),
        ("1000.0(0)/mV 16 0", "1000/mV 16 7"),  # the ADC's zero is the baseline where none is given
        ("1000.0(0)/mV 16 0", "1000(-3)/mV 16 7"),
        ("16x1+24", "16+24"),
        ("12 500 5000", "12 500/500 5000 11:39:16 05/02/2020"),
        ("12 500 5000", "12 500 5000 05-Feb-2020 11:39:16"),
        ("1000.0(0)/mV", "0(0)/mV"),  # not calibrated: WFDB takes 200 units per mV
    ],
)
def test_every_spelling_of_a_header_reads_as_wfdb_reads_it(georgia: Path, old: str, new: str):
    header = header_of(georgia)
    edit(header, old, new)
    reference = wfdb.rdrecord(str(header.with_suffix("")))
    start = read_wfdb_start(header.with_suffix(""), 10)
    assert np.array_equal(start.signal, reference.p_signal.T)
    assert start.sampling_rate == reference.fs == 500


def test_metadata_and_text(georgia: Path):
    header = header_of(georgia)
    comments = "# Age: 74\n# Sex: Male\n# Dx: 59118001,426783006, 164934002,426783006,999"
    edit(header, r"# Age:(.|\n)*# Dx:.*$", comments, regex=True)
    record = read_first(georgia)
    assert (record.ecg_id, record.patient_id, record.age, record.sex) == ("E00001", "E00001", 74.0, "male")
    assert (record.report, record.language, record.fold) == ("", "en", None)
    assert record.text == "Sinus rhythm. Right bundle branch block. Abnormal T wave."
    assert record.labels == (
        Label("snomed-ct", "59118001", "right_bundle_branch_block"),
        Label("snomed-ct", "426783006", "sinus_rhythm"),
        Label("snomed-ct", "164934002", "abnormal_t_wave"),
        Label("snomed-ct", "999", "snomed_999"),
    )


@pytest.mark.parametrize("mark", ["# ", "#", "#  "])
@pytest.mark.parametrize(
    ("age", "sex", "expected"),
    [
        ("57", "Female", (57.0, "female")),
        ("57.5", "F", (57.5, "female")),
        ("NaN", "Unknown", (None, None)),
        ("-1", "", (None, None)),
        ("Unknown", "NaN", (None, None)),
        ("", "MALE", (None, "male")),
    ],
)
def test_comments_of_every_kind(georgia: Path, mark: str, age: str, sex: str, expected: tuple):
    header = header_of(georgia)
    kept = [line for line in header.read_text().splitlines() if not line.startswith("#")]
    header.write_text("\r\n".join([*kept, f"{mark}Age: {age}", f"{mark}Sex:{sex}", f"{mark}Dx: Unknown", ""]))
    record = read_first(georgia)
    assert (record.age, record.sex) == expected
    assert (record.labels, record.text) == ((), "")


def test_comments_are_found_by_name():
    assert read_comments(["Age: 74", "Dx: 1,2", "Hx: a: b", "free text", "Rx: Unknown"]) == {
        "age": "74",
        "dx": "1,2",
        "hx": "a: b",
        "rx": "",
    }


def test_patients(everything: Path):
    rows = list(CincSource(everything, subset=tuple(SUBSETS)).index())
    shared = {row["subset"]: (row["patient_id"], row["fold"]) for row in rows if "fold" in row}
    assert shared == {name: (name, 1) for name in ("incart", "ptb", "ptb-xl")}
    assert all(row["patient_id"] == row["ecg_id"] for row in rows if "fold" not in row)
    whole = CincSource(everything, whole_subsets=True).index()
    assert {row["subset"] for row in whole if "fold" not in row} == {"chapman-shaoxing", "ningbo"}


def test_card_says_for_whom_patients_are_not_known(everything: Path):
    plain = CincSource(everything)
    assert plain.patients_unknown == CincSource.patients_unknown == (
        "For the records of CPSC2018, CPSC-Extra and Georgia the archive does not say which are of one patient: that "
        "no patient is in two splits cannot be proven for them."
    )  # fmt: skip
    assert "records of Georgia the" in CincSource(everything, subset=("georgia", "ptb")).patients_unknown
    for options in ({"whole_subsets": True}, {"subset": ("chapman-shaoxing", "ningbo", "incart")}):
        assert CincSource(everything, **options).patients_unknown == ""


def test_description_and_licence_follow_the_options(everything: Path):
    plain, whole = CincSource(everything), CincSource(everything, whole_subsets=True)
    assert plain.description == CincSource.description
    assert "For CPSC2018, CPSC-Extra and Georgia the record's id stands for the patient's." in plain.description
    assert "The records of INCART (32 patients) and PTB (290 patients) stay together" in plain.description
    assert "stands for the patient's" not in whole.description
    assert "The records of CPSC2018, CPSC-Extra, INCART (32 patients), PTB (290 patients) and Georgia stay" in (
        whole.description
    )
    ningbo = CincSource(everything, subset=("ningbo",))
    assert "collected them: Ningbo. " in ningbo.description
    assert "Ningbo has one record a patient." in ningbo.description
    assert "left out, because PTB-XL" in ningbo.description
    assert "left out, because PTB-XL" not in CincSource(everything, subset=("ptb-xl",)).description
    assert not [word for word in ("INCART", "Georgia", "stay") if word in ningbo.description]
    assert "INCART (32 patients) and PTB (290 patients) come from" in plain.licence_condition
    assert "ODC-BY" not in ningbo.licence_condition


def flip_a_bit(header: Path) -> None:
    path = header.with_suffix(".mat")
    data = bytearray(path.read_bytes())
    data[24 + 2 * 5] ^= 4
    path.write_bytes(data)


def test_checksums_are_verified(georgia: Path):
    header = header_of(georgia)
    assert read_wfdb_start(header.with_suffix(""), 10).signal.shape == (12, 5000)
    flip_a_bit(header)
    with pytest.raises(EcgInputError, match=r"E00001\.mat: checksum of aVF does not match the header"):
        read_wfdb_start(header.with_suffix(""), 10)
    # A part of a record has no checksum of its own.
    assert read_wfdb_start(header.with_suffix(""), 9).signal.shape == (12, 4500)


def test_the_record_is_named_whose_length_cannot_be_changed(georgia: Path, monkeypatch: pytest.MonkeyPatch):
    empty = WfdbStart(np.empty((12, 0)), 500.0, [])
    monkeypatch.setattr(cinc, "read_wfdb_start", lambda *_: empty)
    with pytest.raises(EcgInputError, match=r"^record E00001: signal has shape \(12, 0\)"):
        read_first(georgia)


def test_files_that_the_system_does_not_read_are_damaged_records(georgia: Path, monkeypatch: pytest.MonkeyPatch):
    number = errno.EIO

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(np, "fromfile", fail)
    with pytest.raises(EcgInputError, match=r"record .*E00001 cannot be read \(OSError: Input/output error\)"):
        read_first(georgia)
    number = errno.ENOSPC
    with pytest.raises(OSError, match="No space left"):
        read_first(georgia)


def test_a_name_in_two_spellings_is_one_record(tmp_path: Path):
    folder = write_challenge(tmp_path / "x", 1, "ningbo")
    header = header_of(folder)
    for number, form in enumerate(("NFC", "NFD")):
        place = header.parent / str(number)
        place.mkdir()
        shutil.copy(header, place / (unicodedata.normalize(form, "é1") + ".hea"))
    header.unlink()
    with pytest.raises(EcgInputError, match="stands twice"):
        list(CincSource(folder).index())


def test_codes():
    table = concepts()
    assert len(table) >= 137  # the Challenge of 2021 has 133, ecg-arrhythmia four more
    names: dict[str, list[str]] = {}
    for concept in table.values():
        assert concept.code.isdecimal()
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", concept.name)
        assert concept.phrase[0].isupper() or concept.phrase[0].isdigit()
        assert not concept.phrase.endswith(".")
        names.setdefault(concept.name, []).append(concept.code)
    synonyms = {name: set(codes) for name, codes in names.items() if len(codes) > 1}
    assert synonyms == {
        "atrioventricular_nodal_reentrant_tachycardia": {"251166008", "233896004"},
        "mobitz_type_ii_second_degree_atrioventricular_block": {"28189009", "426183003"},
    }
    groups = [concept.group for concept in table.values()]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=GROUPS.index)
    lines = (Path(sys.modules[snomed_label.__module__].__file__).with_suffix(".csv")).read_text().splitlines()
    assert len(lines) - 1 == len(table)  # no code twice


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("164889003", "atrial_fibrillation"),
        ("164890007", "atrial_flutter"),
        ("270492004", "first_degree_atrioventricular_block"),
        ("164909002", "left_bundle_branch_block"),
        ("713426002", "incomplete_right_bundle_branch_block"),
        ("39732003", "left_axis_deviation"),
        ("47665007", "right_axis_deviation"),
        ("429622005", "st_depression"),
        ("164931005", "st_elevation"),
        ("59931005", "t_wave_inversion"),
        ("426177001", "sinus_bradycardia"),
        ("427084000", "sinus_tachycardia"),
        ("67741000119109", "left_atrial_enlargement"),
    ],
)
def test_well_known_codes(code: str, name: str):
    assert snomed_label(code) == Label("snomed-ct", code, name)


def test_sentences_stand_in_a_fixed_order():
    codes = ["111975006", "164865005", "164873001", "39732003", "270492004", "426783006", "28189009", "426183003"]
    text = sentences(snomed_label(code) for code in codes)
    assert text == (
        "Sinus rhythm. First degree atrioventricular block. Mobitz type II second degree atrioventricular block. "
        "Left axis deviation. Left ventricular hypertrophy. Myocardial infarction. Prolonged QT interval."
    )
    assert sentences([snomed_label("1")]) == ""


def eleven_leads(header: Path) -> None:
    edit(header, r"^E00001\.mat.*V6\n", "", regex=True)
    edit(header, "E00001 12", "E00001 11")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda h: h.with_suffix(".mat").unlink(), "names the signal file E00001.mat, which is not beside it"),
        (lambda h: h.with_suffix(".mat").write_bytes(b"\0" * 999), "is cut short: it has 999 bytes"),
        (lambda h: edit(h, "E00001.mat", "../E00001.mat"), "expected a plain name"),
        (lambda h: edit(h, "E00001.mat", "/etc/passwd"), "expected a plain name"),
        (lambda h: edit(h, r"^E00001\.mat.*V6\n", "", regex=True), "announces 12 signals and describes 11"),
        (eleven_leads, "11 leads: leads missing V6"),
        (lambda h: edit(h, "0 V6", "0 V5"), "missing V6; given twice V5"),
        (lambda h: edit(h, "/mV", "/mmHg"), "signals in mmHg, expected mV"),
        (flip_a_bit, "checksum of aVF does not match the header"),
        (lambda h: edit(h, "12 500 5000", "12 500 0"), "E00001: its header announces no sample"),
        (lambda h: edit(h, "E00001.mat", "."), "expected a plain name"),
        (lambda h: edit(h, "12 500 5000", "12"), "gives no sampling rate and length"),
        (lambda h: edit(h, "12 500 5000", "12 500 999999999"), "expected 24 h at most"),
        (lambda h: edit(h, "# Dx: ", "# Dx: AF,"), "Dx AF, expected SNOMED CT codes"),
        (lambda h: h.write_text(""), "is empty, expected a WFDB header"),
    ],
)  # fmt: skip
def test_damaged_records_are_refused(georgia: Path, damage, message: str):
    damage(header_of(georgia))
    with pytest.raises(EcgInputError, match=re.escape(message)) as caught:
        read_first(georgia)
    assert "\n" not in str(caught.value)


def test_headers_known_to_be_damaged_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = write_challenge(tmp_path / "x", 2, "chapman-shaoxing", layout="ecg-arrhythmia")
    header = header_of(folder)
    bad = header.with_name("JS01052.hea")
    bad.write_text(re.sub(r" 5000\n.*?1000/mV", " 500000/mV", header.read_text(), count=1))
    assert [row["ecg_id"] for row in CincSource(folder).index()] == ["JS00001", "JS00002"]
    assert "left out 1 known to be damaged in the archive\n" in capsys.readouterr().err
    bad.write_text(header.read_text())  # the Challenge's copy is whole
    assert [row["ecg_id"] for row in CincSource(folder).index()] == ["JS00001", "JS00002", "JS01052"]


def test_a_record_without_a_known_name_is_placed_by_its_folder(tmp_path: Path):
    folder = write_challenge(tmp_path / "x", 1, "ningbo")
    header = header_of(folder)
    header.rename(header.with_name("S23074.hea"))  # as the Challenge has it, its signals in JS23074.mat
    row = next(iter(CincSource(folder).index()))
    assert (row["ecg_id"], row["subset"]) == ("S23074", "ningbo")
    assert CincSource(folder).read(row).signal.shape == (12, 5000)


def test_unusable_folders_are_refused(georgia: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EcgInputError, match=r"no record of cpsc2018.* under"):
        list(CincSource(tmp_path / "empty").index())
    for missing in (None, tmp_path / "nowhere"):
        with pytest.raises(EcgInputError, match="give the folder of the Challenge's records"):
            CincSource(missing)
    with pytest.raises(EcgInputError, match="read at 100, 250 or 500"):
        CincSource(georgia, 400)
    with pytest.raises(EcgInputError, match="unknown subset utah; choose among cpsc2018"):
        CincSource(georgia, subset=["utah"])
    with pytest.raises(EcgInputError, match="whole_subsets 'perhaps', expected True or False"):
        CincSource(georgia, whole_subsets="perhaps")
    header_of(georgia).rename(georgia / "other.hea")
    with pytest.raises(EcgInputError, match=r"other\.hea: a record of no archive of the Challenges"):
        list(CincSource(georgia).index())


def test_a_second_copy_is_refused(tmp_path: Path, georgia: Path):
    shutil.copytree(georgia, tmp_path / "georgia" / "copy")
    with pytest.raises(EcgInputError, match="record E00001 stands twice"):
        list(CincSource(georgia).index())


def test_the_writer_is_deterministic(tmp_path: Path):
    def digest(folder: Path) -> str:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()

    one, same, other = (digest(write_challenge(tmp_path / str(i), 4, seed=s)) for i, s in enumerate((0, 0, 1)))
    assert one == same != other
    with pytest.raises(EcgInputError, match="unknown subset utah"):
        write_challenge(tmp_path / "u", 1, "utah")
    with pytest.raises(EcgInputError, match="ptb does not come in the layout 'ecg-arrhythmia'"):
        write_challenge(tmp_path / "u", 1, "ptb", layout="ecg-arrhythmia")


def test_simulated_codes_are_known(tmp_path: Path):
    source = CincSource(write_challenge(tmp_path / "x", 16))
    records = [source.read(row) for row in source.index()]
    assert all(record.text for record in records)
    assert not [label for record in records for label in record.labels if label.name.startswith("snomed_")]
    assert len(STANDARD_LEADS) == records[0].signal.shape[0]
