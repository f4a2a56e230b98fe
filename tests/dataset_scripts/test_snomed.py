"""SNOMED CT codes, their names and their sentences."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dataset_scripts.record import Label
from dataset_scripts.sources.snomed import GROUPS, concepts, sentences, snomed_label


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
