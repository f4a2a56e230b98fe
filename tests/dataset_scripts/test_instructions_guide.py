"""docs/instructions.md runs, and what it says of the files is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataset_scripts.instructions.prompts import DEFAULT_SET, hand_written, rephrased
from dataset_scripts.instructions.questions import TASKS

GUIDE = (Path(__file__).parents[2] / "docs" / "instructions.md").read_text("utf-8")


def test_the_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(block, {})


def test_numbers_and_tasks_are_those_of_the_code():
    assert f"| {len(hand_written())} prompts, written by hand |" in GUIDE
    assert f"| {len(rephrased())} that say the same" in GUIDE
    assert f"the first **{DEFAULT_SET}**" in GUIDE
    assert re.findall(r"^\| `(\w+)` \| ", GUIDE, re.M) == list(TASKS)
