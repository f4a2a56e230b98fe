from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from dataset_scripts.instructions.prompts import draw_prompt, prompts

FINDING_WORDS = re.compile(
    r"normal|sinus|block|infarct|isch|hypertrophy|fibrillation|flutter|brady|tachy|arrhythm|pace|prolong|elevat|depress|"
    r"devia|abnormal|ectop|premature|axis deviation|german|english|swedish",
    re.IGNORECASE,
)


def test_prompts_are_many_distinct_sentences():
    assert len(prompts()) >= 32
    assert len({re.sub(r"\W", "", p.lower()) for p in prompts()}) == len(prompts())
    assert all(p[0].isupper() and p[-1] in ".?" and p == p.strip() for p in prompts())


def test_no_prompt_leaks_a_finding_or_a_language():
    assert not [p for p in prompts() if FINDING_WORDS.search(p)]


def test_language_is_added_to_the_same_prompt():
    for ecg_id in map(str, range(50)):
        base = draw_prompt(ecg_id, None)
        assert base in prompts()
        assert draw_prompt(ecg_id, "de") == f"{base} Write the report in German."
        assert draw_prompt(ecg_id, "en") == f"{base} Write the report in English."
        assert draw_prompt(ecg_id, "sv") == f"{base} Write the report in Swedish."
        assert draw_prompt(ecg_id, "other") == base


def test_drawing_is_even_and_depends_on_the_seed():
    drawn = Counter(draw_prompt(str(i), None) for i in range(4000))
    assert len(drawn) == len(prompts())
    assert max(drawn.values()) < 2 * 4000 / len(prompts())
    assert any(draw_prompt(str(i), None, seed=0) != draw_prompt(str(i), None, seed=1) for i in range(10))


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_drawing_is_the_same_in_another_process(hash_seed: str):
    code = "from dataset_scripts.instructions.prompts import draw_prompt; print(draw_prompt('17', 'de', 3))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": hash_seed}
    )
    assert run.stdout.strip() == draw_prompt("17", "de", 3), run.stderr
