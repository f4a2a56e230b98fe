"""The Challenge's archives: what is listed, whose it is, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from challenge_records import edit, header_of, read_first

from dataset_scripts.record import EcgInputError, Label
from dataset_scripts.simulation.archives.challenge import write_challenge
from dataset_scripts.sources import source_class
from dataset_scripts.sources.cinc import DEFAULT_SUBSETS, SUBSETS, CincSource, read_comments
from modeling_meit.ecg_signal import STANDARD_LEADS


def test_registered():
    assert source_class("cinc") is CincSource


def test_every_subset_is_found_and_ptb_xl_left_out(every_subset: Path, capsys: pytest.CaptureFixture[str]):
    rows = list(CincSource(every_subset).index())
    assert {row["subset"] for row in rows} == set(DEFAULT_SUBSETS)
    assert len(rows) == 2 * len(DEFAULT_SUBSETS)
    assert not [row for row in rows if row["ecg_id"].startswith("HR")]
    assert capsys.readouterr().err == "physionet-challenge-2021: 14 records, left out 2 of ptb-xl\n"
    assert [row["ecg_id"] for row in CincSource(every_subset, subset="ptb-xl").index()] == ["HR00001", "HR00002"]
    chosen = CincSource(every_subset, subset=["ptb", "ningbo"])
    assert {row["ecg_id"] for row in chosen.index()} == {"S0001", "S0002", "JS10647", "JS10648"}
    assert list(CincSource(every_subset, subset=("ptb", "ningbo", "ptb")).index()) == list(chosen.index())


def test_order_is_that_of_the_paths_and_rows_are_json(every_subset: Path):
    rows = list(CincSource(every_subset).index())
    assert rows == list(CincSource(every_subset).index()) == json.loads(json.dumps(rows))
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)


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


def test_patients(every_subset: Path):
    rows = list(CincSource(every_subset, subset=tuple(SUBSETS)).index())
    shared = {row["subset"]: (row["patient_id"], row["fold"]) for row in rows if "fold" in row}
    assert shared == {name: (name, 1) for name in ("incart", "ptb", "ptb-xl")}
    assert all(row["patient_id"] == row["ecg_id"] for row in rows if "fold" not in row)
    whole = CincSource(every_subset, whole_subsets=True).index()
    assert {row["subset"] for row in whole if "fold" not in row} == {"chapman-shaoxing", "ningbo"}


def test_card_says_for_whom_patients_are_not_known(every_subset: Path):
    plain = CincSource(every_subset)
    assert plain.patients_unknown == CincSource.patients_unknown == (
        "For the records of CPSC2018, CPSC-Extra and Georgia the archive does not say which are of one patient: that "
        "no patient is in two splits cannot be proven for them."
    )  # fmt: skip
    assert "records of Georgia the" in CincSource(every_subset, subset=("georgia", "ptb")).patients_unknown
    for options in ({"whole_subsets": True}, {"subset": ("chapman-shaoxing", "ningbo", "incart")}):
        assert CincSource(every_subset, **options).patients_unknown == ""


def test_description_and_licence_follow_the_options(every_subset: Path):
    plain, whole = CincSource(every_subset), CincSource(every_subset, whole_subsets=True)
    assert plain.description == CincSource.description
    assert "For CPSC2018, CPSC-Extra and Georgia the record's id stands for the patient's." in plain.description
    assert "The records of INCART (32 patients) and PTB (290 patients) stay together" in plain.description
    assert "stands for the patient's" not in whole.description
    assert "The records of CPSC2018, CPSC-Extra, INCART (32 patients), PTB (290 patients) and Georgia stay" in (
        whole.description
    )
    ningbo = CincSource(every_subset, subset=("ningbo",))
    assert "collected them: Ningbo. " in ningbo.description
    assert "Ningbo has one record a patient." in ningbo.description
    assert "left out, because PTB-XL" in ningbo.description
    assert "left out, because PTB-XL" not in CincSource(every_subset, subset=("ptb-xl",)).description
    assert not [word for word in ("INCART", "Georgia", "stay") if word in ningbo.description]
    assert "INCART (32 patients) and PTB (290 patients) come from" in plain.licence_condition
    assert "ODC-BY" not in ningbo.licence_condition


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
