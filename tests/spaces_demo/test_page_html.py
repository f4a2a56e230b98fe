"""What the page writes as HTML: every text escaped, states told apart in words, disagreements marked."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_measurements.measurements import Measurements
from ecg_measurements.quality_remarks import QualityRemark
from eval_suite.measured_text import compare_with_text
from spaces_demo.engine.states import ReportState, Sentence
from spaces_demo.page import findings_html, render
from spaces_demo.page.drawing import paper_html
from spaces_demo.page.examples import example
from spaces_demo.page.style import CSS, HEAD, THEME

BAD = '<img src=x onerror=alert(1)>"&'
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_text_is_escaped():
    name = replace(example("normal"), name=BAD)
    state = ReportState(
        text=BAD, done=True, confidence=0.5, sentences=(Sentence(BAD, 0, len(BAD), 0.4),), model=BAD, warnings=(BAD,)
    )
    parts = [
        paper_html(name),
        render.error(EcgInputError(BAD)),
        render.heading(BAD, BAD),
        render.sentences([BAD], BAD),
        render.progress(0.5, BAD),
        findings_html.draft_html(state),
        findings_html.draft_html(replace(state, done=False)),
        findings_html.chips_html({BAD: "present"}),
        findings_html.quality_html((QualityRemark("serious", BAD),)),
        findings_html.measurements_html(Measurements(heart_rate_bpm=60, notes=(BAD,))),
    ]
    for part in parts:
        assert "<img" not in part
        assert "&lt;img" in part


def test_draft_is_whole_and_every_sentence_tells_its_confidence():
    text = "sinus rhythm. old infarct. normal axis"
    ends = [13, 26, len(text)]
    sentences = tuple(
        Sentence(text[start:end].strip(), start, end, confidence)
        for start, end, confidence in zip([0, *ends], ends, (0.95, 0.6, 0.2), strict=False)
    )
    found = findings_html.draft_html(ReportState(text=text, done=True, confidence=0.5, sentences=sentences, model="m"))
    shown = re.search(r'<p class="report">(.*?)</p>', found)[1]
    assert re.findall(r'class="sentence (c\d)" tabindex="0" data-says="confidence ([\d.]+)"', shown) == [
        ("c4", "0.95"),
        ("c2", "0.60"),
        ("c1", "0.20"),
    ]
    plain = re.sub(r"<[^>]+>", "", re.sub(r'<span class="unseen">.*?</span>', "", shown))
    assert plain == text
    assert "caret" not in found
    assert 'aria-busy="true"' in findings_html.draft_html(ReportState(text=text))


def test_abstention_is_an_alert_before_the_text():
    threshold = {"threshold": 0.6, "data": "made up", "error": "missed", "target": 0.2}
    state = ReportState(text="x", done=True, confidence=0.4, abstains=True, abstention=threshold, model="m")
    found = findings_html.draft_html(state)
    assert found.index("The model abstains") < found.index('class="report"')
    assert 'role="alert"' in found
    assert "0.40 lies below 0.60" in found
    assert "abstains" not in findings_html.draft_html(replace(state, abstains=False))


def test_states_of_findings_are_words():
    found = findings_html.chips_html({"sinus_rhythm": "present", "ischemia": "uncertain", "st_elevation": "absent"})
    assert re.findall(r"<h4>(.*?)</h4>", found) == ["Present", "Uncertain", "Ruled out"]
    assert "sinus rhythm" in found


def test_disagreement_is_marked_and_explained():
    measured = Measurements(heart_rate_bpm=75.0, beats=12)
    comparisons = tuple(compare_with_text(measured, "sinus rhythm. heart rate 120/min."))
    found = findings_html.measurements_html(measured, comparisons)
    row = re.search(r'<tr class="disagrees"><th scope="row">Heart rate</th>(.*?)</tr>', found)[1]
    assert "<b>75</b>" in row
    assert "<b>120</b>" in row
    assert "differs" in row
    assert next(one.why for one in comparisons if one.agrees is False).split(",")[0] in found
    agreeing = findings_html.measurements_html(measured, tuple(compare_with_text(measured, "heart rate 75/min.")))
    assert "differs" not in agreeing
    assert "agrees" in agreeing
    assert "not measurable" in agreeing  # PR was not measured


def test_two_pictures_of_one_ecg_share_no_names():
    record = example("normal")
    names = [set(re.findall(r'pattern id="([^"]+)"', paper_html(record, kind=kind))) for kind in ("First", "Second")]
    assert names[0]
    assert not names[0] & names[1]


def test_example_is_what_the_repository_holds():
    wfdb = pytest.importorskip("wfdb")
    stored = wfdb.rdrecord(str(DOCS.parent / "examples" / "inferior_infarction")).p_signal.T
    assert np.abs(example("inferior_infarction").signal - stored).max() < 2e-3


def test_looks_name_no_other_host():
    assert re.findall(r"""https?://|["'(`]//\w|@import""", HEAD + CSS) == []
    assert THEME._stylesheets == []
    assert re.findall(r"""url\((?!["']?data:)""", THEME._get_theme_css() + CSS) == []


def test_guide_shows_pictures_that_are_there():
    guide = (DOCS / "demo.md").read_text(encoding="utf-8")
    for picture in ("demo-desktop", "demo-dark", "demo-phone"):
        assert f"images/{picture}.png" in guide
        assert (DOCS / "images" / f"{picture}.png").stat().st_size < 400_000
