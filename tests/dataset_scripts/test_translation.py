from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_scripts.reports import translation_version
from dataset_scripts.reports.translation import RuleTranslator, Translation, Translator, translate
from dataset_scripts.reports.translation_grammar import Writer
from dataset_scripts.reports.translation_lexicon import FOLDER, Lexicon, lexicon
from dataset_scripts.reports.translation_placing import NOUNS
from dataset_scripts.reports.translation_tokens import lead_list, tokens

ASSETS = Path(__file__).parents[1] / "assets"


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


GOLDEN = [
    *rows(ASSETS / "translation_reports.tsv"),
    *rows(ASSETS / "translation_statements.tsv"),
]


def german(text: str) -> str:
    return translate(text, "de").text


def swedish(text: str) -> str:
    return translate(text, "sv").text


@pytest.mark.parametrize(("language", "source", "english"), GOLDEN, ids=[row[1] for row in GOLDEN])
def test_frequent_reports_and_statements_word_for_word(language: str, source: str, english: str):
    assert translate(source, language) == Translation(english, RuleTranslator.version)


def test_the_interface():
    translator: Translator = RuleTranslator()
    assert (translator.name, translator.version) == ("rules", translation_version.read_version()[0])
    assert translator.translate("sinusrhythmus", "de").text == "sinus rhythm."
    assert translate("sinusrytm normalt ekg").text == "sinus rhythm. normal ecg."  # language detected
    assert translate(" ", "de").text == ""


def test_the_guide_shows_what_happens():
    guide = (Path(__file__).parents[2] / "docs" / "translation.md").read_text(encoding="utf-8")
    calls = re.findall(r"^(translate\(.*)\n# (.*)$", guide, re.MULTILINE)
    assert len(calls) == 3
    for call, shown in calls:
        assert repr(eval(call)) == shown


def test_english_is_given_back_as_it_is():
    text = "Sinus rhythm.  QRS(T) abnormal,\nage? 12.5 mm."
    assert translate(text, "en") == Translation("Sinus rhythm. QRS(T) abnormal, age? 12.5 mm.", RuleTranslator.version)


def test_unknown_words_are_marked_and_kept_in_their_place():
    result = translate("sinusrhythmus quorblat linkstyp zwumpel", "de")
    assert result.text == "sinus rhythm [?quorblat]. leftward axis [?zwumpel]."
    assert result.unknown == ("quorblat", "zwumpel")


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("kein emphysem", "no emphysema."),
        ("keine ischämie, kein schenkelblock", "no ischemia. no bundle branch block."),
        ("kein emphysem oder infarkt", "no emphysema or infarct."),
        ("wahrscheinlich kein emphysem", "probably no emphysema."),
        ("möglicherweise keine akute ischämie", "possibly no acute ischemia."),
        ("möglicher infarkt, kein aneurysma", "possible infarct. no aneurysm."),
        ("keine sicheren ischämiezeichen", "no definite signs of ischemia."),
        ("ohne hypertrophie", "without hypertrophy."),
        ("nicht normales ekg", "not normal ecg."),
        ("q in v5 nicht signifikant", "q wave in v5, nonsignificant."),
        ("septaler infarkt nicht auszuschliessen", "septal infarct cannot be excluded."),
        ("septaler infarkt ist nicht auszuschliessen", "septal infarct cannot be excluded."),
        ("septaler infarkt nicht sicher auszuschliessen", "septal infarct cannot be definitely excluded."),
        ("septaler infarkt kann nicht ausgeschlossen werden", "septal infarct cannot be excluded."),
        ("septaler infarkt ausgeschlossen", "septal infarct excluded."),
        ("septaler infarkt zu erwägen", "septal infarct to be considered."),
        ("fraglicher septaler infarkt", "questionable septal infarct."),
        ("fragl. septaler infarkt", "questionable septal infarct."),
        ("infarkt septal fraglich", "questionable septal infarct."),
        ("septaler infarkt?", "septal infarct?."),
        ("v.a. septaler infarkt", "suspected septal infarct."),
        ("vd. auf aneurysma", "suspected aneurysm."),
        ("z.n. infarkt", "status post infarct."),
        ("evtl. perikarditis", "possible pericarditis."),
        ("ischämie. dd: aneurysma oder perikarditis", "ischemia. differential diagnosis: aneurysm or pericarditis."),
        ("narbe wahrscheinlich chronisch", "scar, probably chronic."),
        ("infarkt sicher normales ekg", "definite infarct. normal ecg."),
        ("rhythmus wahrscheinlich normales ekg", "rhythm. probably normal ecg."),
        (
            "linkshypertrophie wahrscheinlich t neg in v5",
            "probable left ventricular hypertrophy. t wave negative in v5.",
        ),
        ("unspezifisch, keine digitaliswirkung", "nonspecific. no digitalis effect."),
        (
            "narbe chronisch wahrscheinlich septaler infarkt moeglich",  # each its own hedge
            "probable chronic scar. possible septal infarct.",
        ),
        ("aneurysma wahrscheinlich pathologisch", "probable aneurysm. abnormal ecg."),
        ("narbe st & t abnormal, wahrscheinlich normal", "scar. st & t abnormality. probably normal ecg."),
        ("q in v1 (ev. aszitesbedingt)", "q wave in v1 (possibly due to ascites)."),
        ("q in ii chronisch möglich lvh", "q wave in ii. possible chronic. left ventricular hypertrophy."),
    ],
)
def test_german_negation_and_hedges(source: str, english: str):
    assert german(source) == english


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("ingen ischemi", "no ischemia."),
        ("inga tecken på infarkt", "no signs of infarct."),
        ("septal infarkt kan inte uteslutas", "septal infarct cannot be excluded."),
        ("sannolikt septal infarkt", "probable septal infarct."),
        ("möjlig ischemi", "possible ischemia."),
        ("misstanke på infarkt", "suspicion of infarct."),
        ("överväg infarkt", "consider infarct."),
        ("vänsterställd elaxel", "leftward axis."),
        ("ospecifika st-t-förändringar i v5", "nonspecific st-t changes in v5."),
        ("q-våg i v4", "q wave in v4."),
        ("ischemi, vänster kammarbelastning eller infarkt", "ischemia. left ventricular strain or infarct."),
        ("axel, såsom vid främre hemiblock gammal infarkt", "axis, as in anterior fascicular block. old infarct."),
        ("bradykardi abnorm r-progression", "bradycardia. abnormal r wave progression."),
    ],
)
def test_swedish(source: str, english: str):
    assert swedish(source) == english


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("infarkt septal chronisch", "chronic septal infarct."),  # adjectives without ending go before the noun
        ("schenkelblock vollständig links", "complete left bundle branch block."),
        ("inferiorer und septaler infarkt", "inferior and septal infarct."),
        ("t flach in v1, neg. in v2-4 q in iii", "t wave flat in v1, negative in v2-v4. q wave in iii."),
        ("t-veränderungen spitz v2", "t wave changes: peaked in v2."),
        ("st-hebung diskret v2", "slight st elevation in v2."),
        ("leicht abgeflachte u-welle", "slightly flattened u wave."),
        ("hinterwandinfarkt rechtsherzbelastung", "inferior (posterior wall) infarct. right heart strain."),
        ("erregungsrückbildungsstörung", "repolarization disturbance."),
        ("vorderwandnarbe", "anterior scar."),  # a compound that is not listed
        ("septumnarbe", "[?septumnarbe]."),
        ("ves über 7/min.", "premature ventricular contractions over 7/min."),
        ("ventrikuläre extrasystolen", "premature ventricular contractions."),
        ("vorhofflattern mit 2:1 überleitung", "atrial flutter with 2:1 conduction."),
        ("bradykardes flattern", "flutter with slow ventricular response."),
        ("av-block ii. grades", "second-degree av block."),
        ("pq-zeit 0,22 sec", "pq interval 0.22 s."),
        ("linkshypertrophie (sokolow 4,1 mv)", "left ventricular hypertrophy (sokolow index 4.1 mv)."),
        ("unvollstÄndiger RECHTSschenkelblock", "incomplete right bundle branch block."),
        ("unvollstaendiger rechtsschenkelblock", "incomplete right bundle branch block."),
        ("st- senkung", "st depression."),
        ("ekg pathologisch", "abnormal ecg."),
        ("kammerrhythmus pathologisch", "ventricular rhythm. abnormal ecg."),
        ("lateraler infarkt hinterwand", "lateral infarct. the inferior wall."),
        (
            "linksschenkelblock, vollständig intraventr. leitungsstörung",
            "complete left bundle branch block. intraventricular conduction disturbance.",
        ),
        ("linksposteriorer schenkelblock", "left posterior fascicular block."),
        (
            "linksschenkelblock path. repolarisation normal",
            "left bundle branch block. abnormal repolarization. normal.",
        ),
        ("path. repolarisation t in v2 normal", "abnormal repolarization. t wave in v2. normal ecg."),
        ("slt rechts, v1 grenzbefund", "vertical axis, transition zone to the right in v1. borderline finding."),
        ("lagetyp normal v1 aszendierend", "normal axis v1, ascending."),
        ("u-welle über v2,avl", "u wave in v2, avl."),
        ("u-welle über vorderwand", "u wave over the anterior wall."),
        ("u-welle in v6,lateralen ableitungen", "u wave in v6, lateral leads."),
        ("t-veränderung in lateralen abl, v1", "t wave change in lateral leads, v1."),
        ("t neg in v5 periphere low voltage", "t wave negative in v5. low voltage in the limb leads."),
        ("st-hebung v1 neu u-welle v2", "st elevation in v1. new u wave in v2."),
        ("flattern mit 2:1 + 5:1 linkstyp", "flutter with 2:1 and 5:1. leftward axis."),
        ("bradykardes vorhofflimmern/flattern", "atrial fibrillation/flutter with slow ventricular response."),
        ("supraventrikuläre vorhof extrasystole", "premature atrial contraction."),
        ("r-progression status nach infarkt", "r wave progression. status post infarct."),
        ("spitze/hohe u-welle", "peaked/tall u wave."),
        ("inferiorer und septaler chronischer infarkt", "chronic inferior and septal infarct."),
        ("r verlust in v2", "loss of r wave in v2."),
        ("r/s umschlag", "rs transition."),
        ("st-hebung inferior,v6", "st elevation in inferior leads, v6."),
        ("u-welle in in v3", "u wave in v3."),
        ("extrasystole (vorhof)", "premature contraction (atrial)."),
        ("q alle ablt. ausser v2", "q wave in all leads except v2."),
        (
            "st-hebung v6 und inf., descend. v1 und inf. digoxineinnahme",
            "st elevation in v6 and in inferior leads, descending in v1 and in inferior leads. digoxin intake.",
        ),
    ],
)
def test_german_word_order_compounds_and_abbreviations(source: str, english: str):
    assert german(source) == english


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("linksschenkelbolck", "left bundle branch block."),
        ("linkschenkelblock", "left bundle branch block."),
        ("extrasystloen", "premature contractions."),
        ("uninfarkt", "[?uninfarkt]."),
        ("atypisch", "[?atypisch]."),
        ("infurkt", "[?infurkt]."),  # too short to be sure
    ],
)
def test_only_long_words_may_be_misspelt(source: str, english: str):
    assert german(source) == english


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("septaler infarkt nicht aus", "septal infarct cannot be excluded."),  # never "not"
        ("septaler infarkt alter unb", "septal infarct, age undetermined."),
        ("septaler infarkt wahrscheinl", "probable septal infarct."),
        ("laterale ischämie oder linksbel", "lateral ischemia or left ventricular strain."),
        (
            "laterale ischämie oder linksbelastung inferiore i",
            "lateral ischemia or left ventricular strain. inferior ischemia.",
        ),
        ("sinusrhythmus leitungss", "sinus rhythm. conduction disturbance."),
        ("sinusrhythmus q", "sinus rhythm. q wave."),
        ("sinusrhythmus zz", "sinus rhythm [?zz]."),
    ],
)
def test_reports_that_the_archive_cut_short(source: str, english: str):
    assert german(source) == english


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("v1 - 3", "v1-v3"),
        ("v2,3", "v2, v3"),
        ("v5/6", "v5/v6"),
        ("iii,avf,v 4 -v6", "iii, avf, v4-v6"),
        ("iii,l,f", "iii, avl, avf"),
        ("l,ll", "i, ii"),  # typed for I, II
        ("avf.v1", "avf, v1"),
    ],
)
def test_lead_lists_are_written_one_way(source: str, english: str):
    found = tokens(source)
    assert [(token.kind, token.text) for token in found] == [("leads", english)]
    assert lead_list(found[0].key) == english


def test_what_only_resembles_a_lead():
    assert [token.kind for token in tokens("hohes r in v2 verlust")] == ["word", "word", "word", "leads", "word"]
    assert [token.text for token in tokens("t i avl, a-v block i", swedish=True)] == [
        "t",
        "i",
        "avl",
        ",",
        "a-v",
        "block",
        "i",
    ]
    assert [token.text for token in tokens("2:1 3x1 0,12 >5/min")] == ["2:1", "3x1", "0.12", ">5/min"]


def test_every_role_of_the_lexicon_has_its_rule():
    entries = [*lexicon().words.values(), *(entry for found in lexicon().phrases.values() for _, entry in found)]
    assert [entry for entry in entries if entry.role not in NOUNS and not hasattr(Writer, f"_on_{entry.role}")] == []
    assert len(lexicon().words) > 1000


def test_lexicon_files_are_plain_and_say_each_thing_once():
    words = rows(FOLDER / "words.tsv")
    assert [row for row in words if len(row) != 3 or " " in row[0] or not all(row)] == []
    assert len({row[0] for row in words}) == len(words)
    phrases = rows(FOLDER / "phrases.tsv")
    assert len({row[0] for row in phrases}) == len(phrases)
    lexicon_of_conflicts: dict[str, set[str]] = {}
    for source, english, _ in words:
        lexicon_of_conflicts.setdefault(source.rstrip("."), set()).add(english)
    assert {word: found for word, found in lexicon_of_conflicts.items() if len(found) > 1} == {}


def test_equal_lexicons_translate_equally_in_another_process():
    code = (
        "import sys;"
        "from dataset_scripts.reports.translation import translate;"
        "print(translate('extrasystloen linkstyp', 'de').text);"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"  # so it is there at once
    )
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "premature contractions. leftward axis.\n"


def test_the_version_stands_for_these_files():
    _, committed = translation_version.read_version()
    assert committed == translation_version.digest(), (
        "rules or lexicon have changed: python -m dataset_scripts.reports.translation_version"
    )


def test_the_version_counts_up_once_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "version.txt"
    file.write_text("rules-7\nold\n", encoding="utf-8")
    (tmp_path / "words.tsv").write_bytes(b"source\tenglish\trole\r\n")
    monkeypatch.setattr(translation_version, "FILE", file)
    assert [translation_version.update(), translation_version.update()] == ["rules-8", "rules-8"]
    (tmp_path / "words.tsv").write_bytes(b"source\tenglish\trole\n")  # the checkout's line ends do not count
    assert translation_version.update() == "rules-8"
    (tmp_path / "words.tsv").write_bytes(b"source\tenglish\trole\nt\tt wave\tw\n")
    assert translation_version.update() == "rules-9"


def test_a_lexicon_of_ones_own(tmp_path: Path):
    (tmp_path / "words.tsv").write_text("source\tenglish\trole\nneg.\tnegative\tb3\nt\tt wave\tw\n", encoding="utf-8")
    (tmp_path / "phrases.tsv").write_text("source\tenglish\trole\n", encoding="utf-8")
    found = Lexicon(tmp_path)
    entry = found.find("negatives") or found.find("neges")
    assert entry is not None
    assert (entry.english, entry.role, entry.rank) == ("negative", "a", 3)
    assert found.find("negatix") is None
