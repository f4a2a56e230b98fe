from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from dataset_scripts.instructions.prompt_checks import names_a_finding, why_not
from dataset_scripts.instructions.prompts import (
    DEFAULT_SET,
    draw_prompt,
    hand_written,
    prompt_set,
    rephrased,
    without_language,
)
from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.findings import FORMS, RHYTHMS

# Kept apart from the words that the code under test looks for.
FINDING_WORDS = re.compile(
    r"normal|sinus|block|infarct|\bisch|hypertroph|fibrill|flutter|brady|tachy|arrhythm|\bpace[drm]|prolong|elevat|"
    r"depress(?!ion of)|deviat|ectop|premature|inver|low voltage|\bleft\b|\bright\b|german|english|swedish|healthy|"
    r"scar",
    re.IGNORECASE,
)


def bare(prompt: str) -> str:
    return re.sub(r"[^a-z0-9]", "", prompt.lower())


def test_there_are_32_hand_written_and_256_rephrased_prompts_all_distinct():
    assert (len(hand_written()), len(rephrased())) == (32, 256)
    plain = hand_written() + rephrased()
    assert len({bare(prompt) for prompt in plain}) == 288
    assert all(prompt[0].isupper() and prompt[-1] in ".?" and prompt == prompt.strip() for prompt in plain)
    assert [why_not(prompt) for prompt in prompt_set(512)] == [None] * 512


def test_prompts_differ_in_more_than_a_word_or_two():
    words = [set(re.findall(r"\w+", prompt.lower())) for prompt in hand_written() + rephrased()]
    alike = [
        (i, j)
        for i in range(len(words))
        for j in range(i)
        if len(words[i] & words[j]) > 0.75 * len(words[i] | words[j])
    ]
    assert alike == []
    lengths = [len(prompt.split()) for prompt in rephrased()]
    assert min(lengths) <= 4
    assert max(lengths) >= 25
    starts = Counter(prompt.split()[0] for prompt in rephrased())
    assert starts.most_common(1)[0][1] < 0.1 * len(rephrased())


def test_no_prompt_gives_a_finding_or_a_language_away():
    assert not [prompt for prompt in prompt_set(512) if FINDING_WORDS.search(prompt)]


@pytest.mark.parametrize("finding", [name.replace("_", " ") for name in (*RHYTHMS, *FORMS)])
def test_a_prompt_with_a_finding_is_refused(finding: str):
    assert names_a_finding(f"Report this ECG with {finding}.")
    assert why_not(f"Report this ECG with {finding}.") == "names a finding"


def test_sets_are_nested_distinct_and_fixed():
    for size in (1, 32, 40, 128, 256, 288, 512):
        assert len({bare(prompt) for prompt in prompt_set(size)}) == size
        assert prompt_set(512)[:size] == prompt_set(size)
    assert prompt_set(32) == hand_written()
    assert prompt_set(288) == hand_written() + rephrased()
    assert prompt_set(512)[288] == "Write the report of this ECG. Be concise."
    for size in (0, 513, -1):
        with pytest.raises(EcgInputError, match="128, 256 and 512"):
            prompt_set(size)


def test_what_published_data_and_checkpoints_were_made_with_is_still_drawn():
    """The default set in its order: these change only together with every built data set and its scores."""
    assert DEFAULT_SET == 40
    assert [draw_prompt(ecg_id, None) for ecg_id in ("", "0", "1", "2")] == [
        "Carry out a systematic reading of this ECG and report the outcome.",
        "Read the ECG and give its report.",
        "Interpret this electrocardiogram.",
        "Tell me what this heart tracing shows.",
    ]


def test_language_is_added_to_the_same_prompt():
    for ecg_id in map(str, range(50)):
        for size in (None, 512):
            base = draw_prompt(ecg_id, None, size=size)
            assert base in prompt_set(size or DEFAULT_SET)
            assert draw_prompt(ecg_id, "other", size=size) == base
            for language, name in (("de", "German"), ("en", "English"), ("sv", "Swedish")):
                told = draw_prompt(ecg_id, language, size=size)
                assert told == f"{base} Write the report in {name}."
                assert without_language(told) == base
            assert without_language(base) == base


@pytest.mark.parametrize("size", [None, 128, 256, 512])
def test_drawing_is_even_and_depends_on_the_seed(size: int | None):
    number = size or DEFAULT_SET
    drawn = Counter(draw_prompt(str(i), None, size=size) for i in range(100 * number))
    assert len(drawn) == number
    assert min(drawn.values()) > 40
    assert max(drawn.values()) < 200
    assert any(draw_prompt(str(i), None, 0, size) != draw_prompt(str(i), None, 1, size) for i in range(10))


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_drawing_is_the_same_in_another_process(hash_seed: str):
    code = "from dataset_scripts.instructions.prompts import draw_prompt; print(draw_prompt('17', 'de', 3, 256))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": hash_seed}
    )
    assert run.stdout.strip() == draw_prompt("17", "de", 3, 256), run.stderr
