"""A reading, its edits, and its downloads as text and JSON."""

import json
import time
from dataclasses import replace
from datetime import timezone

import pytest

from dataset_scripts.errors import EcgInputError
from ecg_image.page import RESEARCH_USE_NOTICE
from spaces_demo.downloads import as_json, as_text
from spaces_demo.reading import LONGEST_TEXT, with_edit
from tests.spaces_demo.readings import DRAFT, reading


def test_a_reading_holds_what_was_found():
    made = reading()
    assert (made.text, made.draft, made.changes, made.edited) == (DRAFT, DRAFT, (), False)
    assert made.created.tzinfo == timezone.utc
    assert made.findings["sinus_rhythm"] == "present"
    assert made.measurements.heart_rate_bpm == pytest.approx(60, abs=1)
    disagreeing = [each.name for each in made.comparisons if each.agrees is False]
    assert "qrs_duration_ms" in disagreeing
    assert "heart_rate_bpm" not in disagreeing


def test_an_edit_keeps_the_draft_and_says_where():
    made = reading()
    edited = with_edit(made, DRAFT.replace("180 ms", "90 ms") + " Normal ECG.")
    assert edited.draft == DRAFT
    assert [(each.before, each.after, each.start) for each in edited.changes] == [
        ("180", "90", DRAFT.index("180")),
        ("", " Normal ECG.", len(DRAFT)),
    ]
    assert DRAFT[edited.changes[0].start :].startswith("180")
    assert all(each.at.endswith("+00:00") for each in edited.changes)
    assert edited.findings["normal_ecg"] == "present"
    assert "qrs_duration_ms" not in [each.name for each in edited.comparisons if each.agrees is False]
    again = with_edit(edited, DRAFT)
    assert (again.changes, again.findings) == ((), made.findings)


def test_half_a_character_of_an_edit_can_be_saved():
    edited = with_edit(reading(), DRAFT + " \ud800")
    assert edited.text.endswith(" \ufffd")
    as_text(edited).encode()
    json.dumps(as_json(edited), ensure_ascii=False).encode()


def test_a_change_keeps_its_time():
    first = with_edit(reading(), DRAFT.replace("60", "61"))
    first = replace(first, changes=(replace(first.changes[0], at="2000-01-01"),))
    second = with_edit(first, first.text.replace("180", "80"))
    assert [each.at[:4] == "2000" for each in second.changes] == [True, False]


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        ("a b c", "a c"),
        ("Vorhofflimmern, ÄÖÜ ß", "Vorhofflattern, ÄÖÜ"),
        ("", "new text"),
        ("one two", ""),
        ("a\nb", "a\n\nb"),
        ("a a a a", "a a b a"),
        ("x " * 400, "x " * 399 + "y"),
    ],
)
def test_the_changes_make_the_text_of_the_draft(draft, text):
    edited = with_edit(reading(draft), text)
    built, place = "", 0
    for change in edited.changes:
        built += draft[place : change.start] + change.after
        assert draft[change.start : change.start + len(change.before)] == change.before
        place = change.start + len(change.before)
    assert built + draft[place:] == edited.text == text.strip() or not edited.changes


@pytest.mark.parametrize(
    ("draft", "text", "changes"),
    [
        ("Sinus rhythm. Normal ECG.", "Normal ECG.", [("Sinus rhythm. ", "", 0)]),
        ("Sinus rhythm. Normal ECG.", "Sinus rhythm.", [(" Normal ECG.", "", 13)]),
        ("QRS 180 ms, rate 5", "QRS 90 ms, rate 6", [("180", "90", 4), ("5", "6", 17)]),
    ],
)
def test_changes_are_whole_words_and_no_more(draft, text, changes):
    assert [(each.before, each.after, each.start) for each in with_edit(reading(draft), text).changes] == changes


def test_a_text_that_repeats_itself_takes_no_time():
    draft = "sinus rhythm left axis a normal ecg " * 17
    made = reading(draft)
    began = time.process_time()
    (change,) = with_edit(made, "a " * (LONGEST_TEXT // 2)).changes
    assert time.process_time() - began < 2, "word by word, with the spaces between, it took over ten seconds"
    assert change.start == 0


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(EcgInputError, match="has 20001 characters, expected at most 20000"):
        with_edit(reading(), "a" * 20001)


def test_text_says_what_it_is():
    text = as_text(reading())
    lines = text.splitlines()
    assert lines[0] == lines[-1] == RESEARCH_USE_NOTICE
    assert "Draft written by the AI model some-model with confidence 0.7500. No person has checked" in text
    assert "The model abstains: its confidence 0.7500 is below its threshold 0.9000." in text
    assert DRAFT in text
    assert "QRS duration: " in text
    assert "2.5 to 12.5 s at 500 Hz" in text
    assert "Report and measurement disagree" in text
    assert "III was computed from I and II." in text
    edited = as_text(with_edit(reading(), DRAFT.replace("180", "80")))
    assert "A person changed it in 1 place;" in edited
    assert "180 -> 80" in edited
    assert edited.count(DRAFT) == 1


def test_text_of_a_stopped_draft():
    text = as_text(reading(stopped=True, confidence=None, abstains=None))
    assert "It was stopped before its end." in text
    assert "confidence" not in text
    assert "abstains" not in text


def test_json_is_json_and_holds_everything():
    edited = with_edit(reading(), DRAFT.replace("180", "80"))
    kept = json.loads(json.dumps(as_json(edited), allow_nan=False))
    assert kept["notice"] == RESEARCH_USE_NOTICE
    assert kept["written_by_ai"] is True
    assert (kept["report"], kept["draft"], kept["edited"]) == (edited.text, DRAFT, True)
    (change,) = edited.changes
    assert kept["changes"] == [{"before": "180", "after": "80", "start": DRAFT.index("180"), "at": change.at}]
    assert kept["sentences"][0]["confidence"] == 0.8
    assert kept["measurements"]["qrs_duration_ms"] == edited.measurements.qrs_duration_ms
    assert kept["record"] == {
        "name": "made_up",
        "format": "WFDB",
        "sampling_rate": 500.0,
        "start_s": 2.5,
        "duration_s": 10.0,
        "leads": list(edited.record.lead_names),
        "notes": ["III was computed from I and II."],
    }
    assert kept["options"] == {"temperature": 0.0, "num_beams": 1, "max_new_tokens": None, "seed": 0}
    assert "signal" not in json.dumps(kept["record"])
