"""Findings from report text: the gold file, and what must hold whatever the finding."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path

import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.findings import contradictions_in, extract_findings
from eval_suite.findings.lexicon import FILES, FOLDER, KINDS, beginnings, entries, fold, longest_match, read_entries
from eval_suite.findings.names import FINDINGS_BY_NAME, STATES, located, with_implied
from eval_suite.findings.spelling import correction

GOLD = Path(__file__).parents[1] / "assets" / "findings_gold.tsv"

# Phrases of one finding each, in the three languages, with the name that they mean.
PHRASES = {
    "en": [
        ("left ventricular hypertrophy", "left_ventricular_hypertrophy"),
        ("atrial fibrillation", "atrial_fibrillation"),
        ("ST depression", "st_depression"),
        ("T wave inversion", "t_wave_inversion"),
        ("inferior ischemia", "inferior_ischemia"),
        ("anterior myocardial infarction", "anterior_myocardial_infarction"),
        ("left bundle branch block", "left_bundle_branch_block"),
        ("pericarditis", "pericarditis"),
    ],
    "de": [
        ("Linksherzhypertrophie", "left_ventricular_hypertrophy"),
        ("Vorhofflimmern", "atrial_fibrillation"),
        ("ST-Senkung", "st_depression"),
        ("T-Negativierung", "t_wave_inversion"),
        ("inferiore Ischämie", "inferior_ischemia"),
        ("Vorderwandinfarkt", "anterior_myocardial_infarction"),
        ("Linksschenkelblock", "left_bundle_branch_block"),
        ("Perikarditis", "pericarditis"),
    ],
    "sv": [
        ("vänsterkammarhypertrofi", "left_ventricular_hypertrophy"),
        ("förmaksflimmer", "atrial_fibrillation"),
        ("ST-sänkning", "st_depression"),
        ("T-vågsinversion", "t_wave_inversion"),
        ("inferior ischemi", "inferior_ischemia"),
        ("framväggsinfarkt", "anterior_myocardial_infarction"),
        ("vänstersidigt skänkelblock", "left_bundle_branch_block"),
        ("perikardit", "pericarditis"),
    ],
}
DENIALS = {
    "en": ["no {}", "without {}", "no evidence of {}", "{} is not seen", "{} has resolved", "negative for {}"],
    "de": ["kein {}", "ohne {}", "kein Hinweis auf {}", "{} nicht nachweisbar", "{} ausgeschlossen"],
    "sv": ["ingen {}", "inga tecken till {}", "utan {}", "{} saknas"],
}
HEDGES = {
    "en": ["possible {}", "cannot rule out {}", "{} cannot be excluded", "{} is likely", "consider {}", "?{}", "{}?"],
    "de": [
        "V.a. {}",
        "möglicherweise {}",
        "{} möglich",
        "{} nicht auszuschließen",
        "DD {}",
        "keine sicheren Zeichen für {}",
    ],
    "sv": ["misstänkt {}", "{} kan ej uteslutas", "{} bör övervägas", "möjligen {}", "sannolikt {}"],
}
NORMAL = {"en": "Sinus rhythm", "de": "Sinusrhythmus", "sv": "Sinusrytm"}
CASES = [(language, *phrase) for language, phrases in PHRASES.items() for phrase in phrases]


def gold() -> list[tuple[str, str, dict[str, str]]]:
    with GOLD.open(encoding="utf-8", newline="") as file:
        return [
            (row["id"], row["text"], dict(pair.split("=") for pair in row["findings"].split(";") if pair))
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def test_gold_file() -> None:
    right = given = wanted = 0
    for _, text, expected in gold():
        found = extract_findings(text)
        right += len(found.items() & expected.items())
        given += len(found)
        wanted += len(expected)
    assert 2 * right / (given + wanted) >= 0.97


def test_output_is_closed_in_the_order_of_the_list() -> None:
    order = list(FINDINGS_BY_NAME)
    for _, text, _ in gold():
        found = extract_findings(text)
        assert set(found.values()) <= set(STATES)
        assert list(found) == sorted(found, key=order.index)
        assert found == with_implied(found)


@pytest.mark.parametrize(("language", "phrase", "name"), CASES)
def test_affirmed_denied_and_hedged(language: str, phrase: str, name: str) -> None:
    assert extract_findings(phrase)[name] == "present"
    for denial in DENIALS[language]:
        assert extract_findings(denial.format(phrase)).get(name) == "absent", denial
    for hedge in HEDGES[language]:
        assert extract_findings(hedge.format(phrase)).get(name) == "uncertain", hedge


@pytest.mark.parametrize(("language", "phrase", "name"), CASES)
def test_an_unrelated_sentence_changes_nothing(language: str, phrase: str, name: str) -> None:
    for template in ("{}", *DENIALS[language], *HEDGES[language]):
        alone = extract_findings(template.format(phrase))
        for text in (f"{NORMAL[language]}. {template}.", f"{template}. {NORMAL[language]}."):
            together = extract_findings(text.format(phrase))
            assert together.pop("sinus_rhythm") == "present", text
            assert together == alone, text


def test_order_of_sentences_does_not_matter() -> None:
    draw = random.Random(3)
    for language, phrases in PHRASES.items():
        templates = ["{}", *DENIALS[language], *HEDGES[language]]
        sentences = [draw.choice(templates).format(phrase) for phrase, _ in phrases[:4]]
        found = [dict(extract_findings(". ".join(order))) for order in itertools.permutations(sentences)]
        assert all(other == found[0] for other in found), sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no ST elevation, depression or Q waves", {"st_elevation": "absent", "st_depression": "absent"}),
        ("possible WPW, short PR", {"wolff_parkinson_white_pattern": "uncertain", "short_pr_interval": "present"}),
        ("kein LSB, aber RSB", {"left_bundle_branch_block": "absent", "right_bundle_branch_block": "present"}),
        ("linksschenkelblock linkshypertrophie mÖglich", {"left_bundle_branch_block": "present"}),
        ("linksschenkelblock linkshypertrophie mÖglich", {"left_ventricular_hypertrophy": "uncertain"}),
        (
            "Q waves suggesting an old infarct",
            {"pathological_q_waves": "present", "myocardial_infarction": "uncertain"},
        ),
        ("LVH rather than RVH", {"left_ventricular_hypertrophy": "present", "right_ventricular_hypertrophy": "absent"}),
        ("LBBB or IVCD", {"left_bundle_branch_block": "uncertain", "bundle_branch_block": "uncertain"}),
        ("sinus rhythm replaced by atrial flutter", {"sinus_rhythm": "absent", "atrial_flutter": "present"}),
        ("normal PR, QRS and QT intervals", {"long_qt": "absent", "abnormal_qrs": "absent"}),
        ("Ischämie: keine. Hypertrophie: keine.", {"ischemia": "absent", "right_ventricular_hypertrophy": "absent"}),
    ],
)
def test_scope(text: str, expected: dict[str, str]) -> None:
    found = extract_findings(text)
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "text",
    [
        "history of atrial fibrillation",
        "Vorhofflimmern in der Anamnese",
        "ischemia cannot be assessed",
        "Infarktdiagnostik nicht möglich",
        "rate 70/min, QT 400 ms",
        "",
    ],
)
def test_left_out(text: str) -> None:
    assert extract_findings(text) == {}


def test_walls_and_ages() -> None:
    both = {("myocardial_infarction", wall, "old") for wall in ("anterior", "inferior")}
    for text in (
        "old anterior and inferior infarct",
        "anterior and inferior infarct, old",
        "alter Vorderwand- und Hinterwandinfarkt",
        "gammal anterior och inferior infarkt",
    ):
        assert set(map(tuple, located(extract_findings(text)))) == both, text
    only_age = extract_findings("inferiorer infarkt wahrscheinlich alt")
    assert only_age["inferior_myocardial_infarction"] == "present"
    assert only_age["old_myocardial_infarction"] == "uncertain"
    assert "myocardial_infarction" not in extract_findings("no acute infarct")
    assert "ischemia" not in extract_findings("inferior T wave changes")


def test_umlauts_and_misspellings() -> None:
    for text in (
        "linkshypertrophie mÖglich",
        "linkshypertrophie moeglich",
        "linkshypertrofie möglich",
        "linkshypertophie moglich",
    ):
        assert extract_findings(text)["left_ventricular_hypertrophy"] == "uncertain", text
    assert fold("UnvollstÄndiger AV-Block, für neue LAE") == "unvollstandiger av-block, fur neue lae"
    assert correction("fibrilation") == "fibrillation"
    assert correction("clinically") == "clinically"


def test_contradictions_in_a_text() -> None:
    assert contradictions_in("sinus rhythm. atrial flutter.") == (
        ("sinus_rhythm", "atrial_fibrillation_or_flutter"),
        ("sinus_rhythm", "atrial_flutter"),
    )
    assert contradictions_in("sinus rhythm, no atrial flutter") == ()


def test_only_text_is_read() -> None:
    with pytest.raises(EcgInputError, match="expected a string"):
        extract_findings(None)  # type: ignore[arg-type]


def test_every_phrase_of_the_lexicon_is_a_pattern_found_by_its_beginning() -> None:
    assert {entry.kind for entry in entries()} == KINDS | {"finding"}
    for entry in entries():
        assert entry.regex.groups == 0, entry.phrase
        assert "" not in beginnings(entry.phrase), entry.phrase
    assert {path.name for path in FOLDER.glob("*.txt")} == set(FILES)
    for plain in (entry for entry in entries() if entry.phrase.replace(" ", "").isalpha()):
        match = longest_match(plain.phrase, 0)
        assert match is not None, plain.phrase
        assert match[1] == len(plain.phrase), plain.phrase


def test_a_wrong_lexicon_line_is_named() -> None:
    with pytest.raises(ValueError, match="no_finding"):
        read_entries(["[no_finding]", "word"])
    with pytest.raises(ValueError, match="may match an empty text"):
        read_entries(["[skip]", "(a)?"])
    assert beginnings("(a |b)?cd*") == {"a", "bcd", "cd"}
