"""The rule translator on all of the real PTB-XL that is there."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataset_scripts.reports.cleaning import clean, drop_reason
from dataset_scripts.reports.language import detect_language
from dataset_scripts.reports.translation import RuleTranslator, translate
from dataset_scripts.reports.translation_lexicon import FOLDER
from dataset_scripts.reports.translation_tokens import tokens
from dataset_scripts.sources.ptb_xl import TABLE

ASSETS = Path(__file__).parents[1] / "assets"
PATIENTS = 10  # in whose reports a phrase must be found to be committed
FREQUENT = 201

# What is said of certainty, presence and age: (in the source, in English), each to be found equally often.
CERTAINTY = {
    "possible": (r"m(?:ö|oe|ä)g(?:lich|lilch|l\.)\w*|möjligen|eventuell\w*|\bevt?\.", r"\bpossibl[ey]\b"),
    "probable": (r"wahrs\w*|\bwhs\b|sannolik\w*|troligen", r"\bprobabl[ey]\b"),
    "suspected": (r"verdacht\b|\bvd\.|misst[aä]nkt|misstanke", r"\bsuspected\b|suspicion"),
    "excluded": (r"nicht auszus\w*|nicht aus\b|ej uteslutas", r"cannot be excluded"),
    "questionable": (r"fraglich|fragl\.|\?", r"questionabl[ey]|\?(?!\w)"),
    "definite": (r"\bsicher\w*|säkert", r"\bdefinite\b"),
    "denied": (
        r"\bkeine?\b|\binga\b|\binget\b|nicht(?! aus)|\binte\b|\bej\b(?! uteslutas|.best)|ohne",
        r"\bno\b(?!\. \d)|\bnot\b(?! determinable)|\bnonsig\w*|without",
    ),
    "undetermined": (r"unbest\.|alter unb\w*$|ej bestäm\w*", r"age undetermined|not determinable"),
    "acute": (r"(?<!sub)akut\w*", r"(?<!sub)acute"),
}


@dataclass(frozen=True)
class Reports:
    """Cleaned reports in other languages than English."""

    languages: dict[str, str]
    patients: dict[str, frozenset[str]]
    counts: Counter[str]

    def frequent(self) -> list[str]:
        return sorted(self.counts, key=lambda text: (-self.counts[text], text))[:FREQUENT]


@pytest.fixture(scope="module")
def reports(ptbxl_dir: Path) -> Reports:
    patients: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    with (ptbxl_dir / TABLE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if int(row["strat_fold"]) <= 9 and drop_reason(row["report"]) is None:
                text = clean(row["report"])
                counts[text] += 1
                patients[text].add(row["patient_id"])
    languages = {text: language for text in counts if (language := detect_language(text)) != "en"}
    return Reports(
        languages,
        {text: frozenset(patients[text]) for text in languages},
        Counter({text: counts[text] for text in languages}),
    )


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def keys(text: str, swedish: bool) -> tuple[str, ...]:
    return tuple(token.key for token in tokens(text, swedish) if token.key != ".")


def test_whatever_phrase_is_committed_is_found_in_ten_patients(reports: Reports):
    phrases = [row[0] for row in rows(FOLDER / "phrases.tsv")]
    phrases += [row[1] for name in ("statements", "reports") for row in rows(ASSETS / f"translation_{name}.tsv")]
    assert len(phrases) > 300
    starts: dict[str, set[tuple[tuple[str, ...], str]]] = defaultdict(set)
    for phrase in phrases:
        for swedish in (False, True):
            found = keys(phrase, swedish)
            starts[found[0]].add((found, phrase))
    patients: dict[str, set[str]] = defaultdict(set)
    for text, language in reports.languages.items():
        of_text = keys(text, language == "sv")
        for at, key in enumerate(of_text):
            for found, phrase in starts.get(key, ()):
                if of_text[at : at + len(found)] == found:
                    patients[phrase] |= reports.patients[text]
    assert {phrase: n for phrase in phrases if (n := len(patients[phrase])) < PATIENTS} == {}


def test_the_most_frequent_reports_are_exactly_right(reports: Reports):
    golden = {source: english for _, source, english in rows(ASSETS / "translation_reports.tsv")}
    statements = {source: english for _, source, english in rows(ASSETS / "translation_statements.tsv")}
    for place, english in (("hochlateral", "high lateral"), ("septal", "septal")):  # found in fewer than ten patients
        statements[f"{place}er infarkt nicht auszuschliessen"] = f"{english} infarct cannot be excluded."
    frequent = reports.frequent()
    assert {text for text in frequent if len(reports.patients[text]) >= PATIENTS} == set(golden)
    for text in frequent:
        expected = golden.get(text) or assembled(text.lower().split(), statements)
        assert translate(text, reports.languages[text]).text == expected, text


def assembled(words: list[str], statements: dict[str, str]) -> str:
    """The longest known statement first, again and again."""
    english = []
    while words:
        length = next(n for n in range(len(words), 0, -1) if " ".join(words[:n]) in statements)
        english.append(statements[" ".join(words[:length])])
        words = words[length:]
    return " ".join(english)


def test_coverage(reports: Reports):
    translated = {text: translate(text, language) for text, language in reports.languages.items()}
    whole = sum(reports.counts[text] for text, result in translated.items() if not result.unknown)
    assert whole / reports.counts.total() > 0.997
    assert sum(not result.unknown for result in translated.values()) / len(translated) > 0.99
    for result in translated.values():
        assert result.text.count("[?") == len(result.unknown)
        assert re.fullmatch(r"(?:[^\s.].*\.)?", result.text)
        assert not re.search(r"\s[,;.]|\s\s|\.\.|,\.|\( | \)", result.text)


def test_no_hedge_and_no_negation_is_lost_or_made_up(reports: Reports):
    differ = Counter(
        said
        for text, language in reports.languages.items()
        for said, (source, english) in CERTAINTY.items()
        if len(re.findall(source, text.lower())) != len(re.findall(english, translate(text, language).text))
    )
    assert differ == Counter()


def test_speed(reports: Reports):
    translator = RuleTranslator()
    translate.cache_clear()
    translator.translate("sinusrhythmus", "de")  # loads the lexicon
    start = time.process_time()
    for text, language in reports.languages.items():
        translator.translate(text, language)
    assert (time.process_time() - start) / len(
        reports.languages
    ) < 5e-3  # s; 0.2 ms measured, and a busy machine may take longer
