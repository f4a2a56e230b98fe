"""`meit report` of a model that keeps a threshold: it abstains below it, and says why."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from PIL import Image

import meit_cli
import meit_report
from ecg_files.read import read_ecg_file
from ecg_image.page import RESEARCH_USE_NOTICE
from eval_suite.model_folder import config_text, read_config
from tests.made_up_ecg import write_record
from tests.stored_abstention import stored_abstention
from tests.tiny import save_tiny_model_folder

PROMPT = "What does it show?"
DTYPE = "bfloat16" if torch.cuda.is_available() else "float32"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny", num_ecg_tokens=2)


@pytest.fixture(scope="module")
def confidence(saved, tmp_path_factory):
    """What the tiny model's report of the record has."""
    record = read_ecg_file(write_record(tmp_path_factory.mktemp("record")))
    return meit_report.write_report(record, str(saved), PROMPT).confidence


@pytest.fixture
def with_threshold(saved, tmp_path):
    """A copy of the model with a threshold."""

    def make(threshold, **changes):
        folder = shutil.copytree(saved, tmp_path / "tiny")
        abstention = stored_abstention(threshold, **{"dtype": DTYPE, **changes})
        fields = read_config(folder / "config.json")
        (folder / "config.json").write_text(config_text({**fields, "abstention": abstention}))
        return folder, abstention

    return make


def run(capsys, tmp_path, model, *options):
    record = write_record(tmp_path)
    assert meit_cli.main(["report", str(record), "--model", str(model), "--prompt", PROMPT, *map(str, options)]) == 0
    return capsys.readouterr()


def test_below_the_threshold_it_abstains_and_says_why(capsys, tmp_path, with_threshold, confidence):
    model, abstention = with_threshold(confidence + 0.001)
    text = run(capsys, tmp_path, model).out
    first, empty, report = text.splitlines()[:3]
    assert first.startswith(f"THE MODEL ABSTAINS: its confidence {confidence:.4f} is below {confidence + 0.001:.4f}")
    assert "the mean of the error findings (1 - F1 of the report's pairs (finding, state)" in first
    assert "is at most 0.3 (measured 0.246 on some-set, split validation, with 61% answered)" in first
    assert empty == ""
    assert f"model tiny, confidence {confidence:.4f}, answers from {confidence + 0.001:.4f}\n" in text
    assert text.endswith(RESEARCH_USE_NOTICE + "\n")

    found = json.loads(run(capsys, tmp_path, model, "--json").out)
    assert found["report"] == report
    assert found["abstains"] is True
    assert found["abstention"] == abstention
    assert found["confidence"] == confidence


def test_at_the_threshold_it_answers(capsys, tmp_path, with_threshold, confidence):
    model, _ = with_threshold(confidence)
    text = run(capsys, tmp_path, model).out
    assert "ABSTAINS" not in text
    assert f"answers from {confidence:.4f}" in text
    assert json.loads(run(capsys, tmp_path, model, "--json").out)["abstains"] is False


def test_without_a_threshold_json_has_the_same_keys(capsys, tmp_path, saved, with_threshold):
    bare = json.loads(run(capsys, tmp_path, saved, "--json").out)
    assert (bare["abstains"], bare["abstention"]) == (None, None)
    model, _ = with_threshold(0.5)
    assert json.loads(run(capsys, tmp_path, model, "--json").out).keys() == bare.keys()
    text = run(capsys, tmp_path, saved).out
    assert "answers from" not in text


def test_a_threshold_of_another_confidence_is_not_applied(capsys, tmp_path, with_threshold):
    model, _ = with_threshold(1.0, confidence="some-other-2")
    printed = run(capsys, tmp_path, model, "--json")
    assert "threshold is of the confidence some-other-2" in printed.err
    found = json.loads(printed.out)
    assert (found["abstains"], found["abstention"]) == (None, None)


def warnings_of(capsys, tmp_path, model, *asked):
    record = write_record(tmp_path)
    assert meit_cli.main(["report", str(record), "--model", str(model), "--json", *asked]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["abstains"] is not None, "the threshold is shown whatever was asked"
    lines = [line for line in printed.err.splitlines() if "threshold" in line]
    assert lines == [f"meit: warning: {text}" for text in found["warnings"] if "threshold" in text]
    return lines


MIXED = {"de": 0.7, "en": 0.25, "sv": 0.05}


@pytest.mark.parametrize(
    ("stored", "asked", "said"),
    [
        ({}, [], None),
        ({}, ["--language", "de"], "on reports asked for in English, this one was asked for in German: what the"),
        (
            {"languages": MIXED},
            [],
            "asked for in each record's own language (German 70.0%, English 25.0%, Swedish 5.0%), this one was asked "
            "for in English: what the threshold promises need not hold here",
        ),
        ({"language_told": False, "languages": MIXED}, [], "without naming a language, this one was asked for in Eng"),
        ({"language_told": False}, ["--prompt", PROMPT], "asked for without naming a language and by a prompt of your"),
        ({"dtype": "float64"}, [], f"written with weights in float64, this one was written with weights in {DTYPE}:"),
    ],
)
def test_it_says_where_it_was_asked_otherwise_than_calibrated(capsys, tmp_path, with_threshold, stored, asked, said):
    model, _ = with_threshold(0.5, **stored)
    lines = warnings_of(capsys, tmp_path, model, *asked)
    assert len(lines) == (said is not None)
    assert said is None or said in lines[0]


def test_the_drawn_page_says_it_too(capsys, tmp_path, with_threshold):
    pages = []
    for threshold in (1.0, 0.0):
        model, _ = with_threshold(threshold)
        run(capsys, tmp_path, model, "--plot", tmp_path / "page.png")
        pages.append(Image.open(tmp_path / "page.png").convert("L").tobytes())
        shutil.rmtree(model)
    assert pages[0] != pages[1]
