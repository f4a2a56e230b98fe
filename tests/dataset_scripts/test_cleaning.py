from __future__ import annotations

import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.cleaning import CUT_AT, FOOTERS, clean, drop_reason
from dataset_scripts.reports.language import detect_language

FOOTER = "4.46                          unbestÄtigter bericht"
FILL = "sinusrhythmus lagetyp normal qrs(t) abnorm inferiorer infarkt wahrscheinlich alt "


def cut_text(ending: str) -> str:
    """A report of which the archive's limit has left just this much of the footer."""
    return (FILL * 4)[: CUT_AT - len(ending) - 1] + " " + ending


def test_white_space_is_collapsed_and_case_kept():
    assert clean("  sinusrhythmus\n\tmÖglich   alt ") == "sinusrhythmus mÖglich alt"


def test_footer_goes():
    assert clean(f"sinusrhythmus normales ekg {FOOTER}") == "sinusrhythmus normales ekg"
    assert (
        clean(f"sinusrhythmus normales ekg {FOOTER} Edit: NORM 100, 4.46, (NORM 100)") == "sinusrhythmus normales ekg"
    )


@pytest.mark.parametrize("length", range(1, len(FOOTER) + 1))
def test_footer_cut_short_goes_at_every_length(length: int):
    text = cut_text(FOOTER[:length])
    assert clean(text) == " ".join(text[: -length - 1].split())
    assert clean(text + " Edit: ASMI 100") == clean(text)


def test_english_footer_cut_short_goes():
    assert clean("sinus rhythm. normal ecg. 4.40    unconfi") == "sinus rhythm. normal ecg."


@pytest.mark.parametrize(
    "text",
    [
        "st elevation in v2, v3 and v 4",  # a lead, no cut footer: the text is short
        "sinus rhythm. sokolow 4.4",
        "infarkt alter unbest.",
        "index 4.46 mv in v5",
        "unbestÄtigter bericht",
    ],
)
def test_what_only_resembles_a_footer_stays(text: str):
    assert clean(text) == text


def test_edit_tail_goes_from_its_first_word_on():
    assert clean("sinus rhythm. normal ecg. Edit: NORM 100, Edit: x\nmore") == "sinus rhythm. normal ecg."
    assert clean("edited tracing") == "edited tracing"


def test_drop_reasons_of_standard():
    assert drop_reason(" ") == "empty"
    assert drop_reason(f" {FOOTER}") == "empty"
    assert drop_reason("Trace  only requested.") == "trace only requested"
    assert drop_reason("trace only requested. Edit: NORM 100") is None
    assert drop_reason("sinus rhythm. normal ecg.") is None


def test_paper_mode():
    assert clean("nan sinus rhythm. 72 4.5. NAN. normal ecg.", "paper") == "sinus rhythm. normal ecg."
    assert drop_reason("sinus rhythm. normal ecg.", "paper") == "under 5 words"
    assert drop_reason("sinus rhythm with otherwise normal ecg.", "paper") is None
    assert drop_reason("nan", "paper") == "empty"
    assert clean("nan", "standard") == "nan"


def test_unknown_mode_is_refused():
    with pytest.raises(EcgInputError, match="unknown cleaning 'papr'; choose one of standard, paper"):
        clean("x", "papr")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("sinusrhythmus normales ekg", "de"),
        ("schrittmacher ekg", "de"),
        ("sinus arrhythmie", "de"),
        ("ventrikulÄre tachykardie", "de"),
        ("sinustachykardie low voltage", "de"),
        ("sinus rhythm. normal ecg.", "en"),
        ("atrial fibrillation", "en"),
        ("trace only requested.", "en"),
        ("sinusrytm normalt ekg", "sv"),
        ("sinus arytmi vÄnster el-axel", "sv"),
        ("pacemaker ekg", "sv"),
        ("qrs 90 ms", "other"),
        ("rythme sinusal", "other"),
        ("", "other"),
    ],
)
def test_language(text: str, language: str):
    assert detect_language(text) == language


def test_real_reports_are_clean_and_counted(ptbxl_dir):
    from collections import Counter

    from dataset_scripts.sources.ptb_xl import PtbXlSource

    rows = list(PtbXlSource(ptbxl_dir).index())
    validation = [row["report"] for row in rows if row["fold"] == 9]
    assert sum(drop_reason(report) is None for report in validation) == 2156
    train = Counter(drop_reason(row["report"]) for row in rows if row["fold"] <= 8)
    assert (train["empty"], train["trace only requested"]) == (1, 278)
    cleaned = [clean(row["report"]).lower() for row in rows]
    leftovers = (*FOOTERS, "edit:", "4.46", "unbestätigt")
    assert not [text for text in cleaned if any(leftover in text for leftover in leftovers)]
    languages = Counter(detect_language(text) for text in cleaned)
    assert languages["other"] <= 5
    assert languages["sv"] == pytest.approx(503, abs=30)
