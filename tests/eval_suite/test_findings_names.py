"""The list of findings, its page in the docs, and the gold files that are written with it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from dataset_scripts.errors import EcgInputError
from dataset_scripts.simulation.findings import FORMS, RHYTHMS
from eval_suite.findings.names import (
    CRITICAL,
    FINDINGS,
    FINDINGS_BY_NAME,
    GROUPS,
    STATES,
    SUPERCLASSES,
    LocatedFinding,
    contradictions,
    finding,
    findings_of_codes,
    implied_names,
    located,
    markdown,
    with_implied,
)

ROOT = Path(__file__).parents[2]
GOLD = sorted((ROOT / "tests" / "assets").glob("findings_gold*.tsv"))
SIZES = {
    "findings_gold.tsv": {"de": 130, "en": 120, "sv": 50},
    "findings_gold_unseen.tsv": {"de": 65, "en": 60, "sv": 25},
}
_CODES = """NDT NST_ DIG LNGQT NORM IMI ASMI LVH LAFB ISC_ IRBBB 1AVB IVCD ISCAL CRBBB CLBBB ILMI LAO/LAE AMI ALMI
ISCIN INJAS LMI ISCIL LPFB ISCAS INJAL ISCLA RVH ANEUR RAO/RAE EL WPW ILBBB IPLMI ISCAN IPMI SEHYP INJIN INJLA PMI 3AVB
INJIL 2AVB ABQRS PVC STD_ VCLVH QWAVE LOWT NT_ PAC LPR INVT LVOLT HVOLT TAB_ STE_ PRC(S) SR AFIB STACH SARRH SBRAD PACE
SVARR BIGU AFLT SVTAC PSVT TRIGU"""
PTBXL_CODES = _CODES.split()


def test_every_row_is_complete() -> None:
    assert len(FINDINGS_BY_NAME) == len(FINDINGS)
    assert {row.group for row in FINDINGS} == set(GROUPS)
    for row in FINDINGS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.name)
        assert row.definition.endswith(".")
        assert row.definition[0].isupper()
        assert "|" not in row.definition
        assert row.superclass in ("", *SUPERCLASSES)
        assert {*row.implies, *row.contradicts} <= set(FINDINGS_BY_NAME)
        assert row.name not in {*implied_names(row.name), *row.contradicts}
    assert len({row.definition for row in FINDINGS}) == len(FINDINGS)


def test_contradictions_go_both_ways_and_contradict_nothing_implied() -> None:
    for row in FINDINGS:
        assert all(row.name in finding(other).contradicts for other in row.contradicts), row.name
        assert not implied_names(row.name) & set(row.contradicts), row.name
    assert "atrial_fibrillation" in finding("sinus_rhythm").contradicts
    assert contradictions({"normal_ecg": "present", "st_elevation": "present"}) == (("st_elevation", "normal_ecg"),)
    assert contradictions({"normal_ecg": "present", "st_elevation": "uncertain"}) == ()


def test_what_may_harm_at_once_is_critical() -> None:
    assert {
        "acute_myocardial_infarction",
        "ventricular_tachycardia",
        "complete_av_block",
        "atrial_fibrillation",
        "long_qt",
    } <= CRITICAL


def test_all_scp_codes_are_covered() -> None:
    assert len(set(PTBXL_CODES)) == 71
    assert {code for row in FINDINGS for code in row.scp_codes} == set(PTBXL_CODES)
    assert findings_of_codes(["AFIB", "NT_"]) == {
        "atrial_fibrillation",
        "atrial_fibrillation_or_flutter",
        "nonspecific_st_t_abnormality",
        "st_t_abnormality",
        "t_wave_abnormality",
    }
    with pytest.raises(EcgInputError, match="'AFIBB' is no SCP code"):
        findings_of_codes(["AFIBB"])


def test_codes_and_superclasses_are_the_archives_own(ptbxl_dir: Path) -> None:
    with (ptbxl_dir / "scp_statements.csv").open(encoding="utf-8", newline="") as file:
        superclass = {row[""]: row["diagnostic_class"] for row in csv.DictReader(file)}
    assert set(superclass) == set(PTBXL_CODES)
    for row in FINDINGS:
        given = {superclass[code] for code in row.scp_codes} - {""}
        assert given <= {row.superclass}, row.name


def test_what_the_simulation_draws_is_on_the_list() -> None:
    drawn = {name for condition in (*RHYTHMS.values(), *FORMS.values()) for name in condition.findings}
    assert drawn <= set(FINDINGS_BY_NAME)


def test_implied_names_take_the_stronger_state() -> None:
    assert with_implied({"myocardial_infarction": "absent", "old_myocardial_infarction": "uncertain"}) == {
        "myocardial_infarction": "uncertain",
        "old_myocardial_infarction": "uncertain",
    }
    assert with_implied({"t_wave_inversion": "absent", "st_depression": "present"}) == {
        "st_t_abnormality": "present",
        "st_abnormality": "present",
        "st_depression": "present",
        "t_wave_inversion": "absent",
    }
    assert implied_names("atrial_fibrillation") == {"atrial_fibrillation_or_flutter"}
    with pytest.raises(EcgInputError, match="did you mean sinus_rhythm"):
        with_implied({"sinus_rythm": "present"})
    with pytest.raises(EcgInputError, match="'maybe' is no state"):
        with_implied({"sinus_rhythm": "maybe"})  # type: ignore[dict-item]


def test_triples() -> None:
    assert located(
        {
            "myocardial_infarction": "present",
            "inferior_myocardial_infarction": "present",
            "old_myocardial_infarction": "present",
            "acute_myocardial_infarction": "absent",
            "lateral_ischemia": "absent",
            "ischemia": "uncertain",
        }
    ) == {LocatedFinding("myocardial_infarction", "inferior", "old"), LocatedFinding("ischemia", "", "")}
    both = {"acute_myocardial_infarction": "uncertain", "old_myocardial_infarction": "present"}
    assert located(with_implied(both)) == {LocatedFinding("myocardial_infarction", "", "acute and old")}
    assert located({"sinus_rhythm": "present"}) == frozenset()


def test_the_page_shows_the_list() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert page.endswith("## The list\n\n" + markdown()), "write names.markdown() under the last heading"


@pytest.mark.parametrize("path", GOLD, ids=lambda path: path.name)
def test_gold_files_are_sound(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert list(rows[0]) == ["id", "language", "text", "findings"]
    languages = [row["language"] for row in rows]
    assert {language: languages.count(language) for language in languages} == SIZES[path.name]
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        stated = [pair.split("=") for pair in row["findings"].split(";")]
        assert stated == sorted(stated), row
        findings = dict(stated)
        assert len(findings) == len(stated), row
        assert set(findings) <= set(FINDINGS_BY_NAME), row
        assert set(findings.values()) <= set(STATES), row
        assert with_implied(findings) == findings, row


def test_no_text_is_in_the_gold_files_twice() -> None:
    assert GOLD
    texts = [
        re.sub(r"\W+", " ", line.split("\t")[2].lower()).strip()
        for path in GOLD
        for line in path.read_text(encoding="utf-8").splitlines()[1:]
    ]
    assert len(set(texts)) == len(texts)
