"""Texts of any length take a time that grows with the length only, so that nobody can hold up a page with one."""

import time

import pytest

from eval_suite.findings import extract_findings, stated_numbers
from eval_suite.findings.marks import ends_sentence

_LENGTH = 40_000


@pytest.mark.parametrize(
    "unit",
    ["sinus rhythm. left axis deviation, no ischemia. rate 72/min. ", "infarct, ", "normal ecg otherwise, ", "x", "\n"],
)
def test_long_text_is_read_at_once(unit):
    extract_findings(unit)
    text = (unit * _LENGTH)[:_LENGTH]
    # Of this thread alone: the machine may be busy. Before, 13 s for the commas and 2 s for the line breaks.
    began = time.thread_time()
    extract_findings(text)
    stated_numbers(text)
    assert time.thread_time() - began < 3


def test_abbreviation_is_one_only_as_a_whole_word():
    for word, ends in (("approx", False), ("xapprox", True), ("ca", False), ("orca", True), ("infarct", True)):
        text = f"{word}. then"
        assert ends_sentence(text, len(word)) is ends
        assert ends_sentence(f"sinus {text}", 6 + len(word)) is ends


def test_blanks_between_a_number_and_its_name_do_not_matter():
    assert stated_numbers("heart rate    72 /  min") == stated_numbers("heart rate 72/min") == {"heart_rate_bpm": 72.0}
