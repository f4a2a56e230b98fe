from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Step

from dataset_scripts.instructions.prompt_checks import plain, why_not
from dataset_scripts.instructions.prompts import hand_written, prompt_set
from dataset_scripts.instructions.rephrase import main


def rewordings(request: dict[str, Any]) -> str:
    """Two good prompts, new in each round, among what must be refused."""
    given = request["messages"][-1]["content"].splitlines()[-1]
    good = [f"Once more, try {request['seed']}: {given}", f"In other words (try {request['seed']}), {given}"]
    bad = ["Report this normal ECG.", "no sentence", "Too short.", "Report this ECG in German.", given, good[0].upper()]
    return "Here you are:\n```json\n" + json.dumps({"prompts": [*bad, *good]}) + "\n```"


def run(server: ChatServer, out: Path, number: int, *more: str) -> int:
    return main(["--base-url", server.url, "--model", "m", "--out", str(out), "--number", str(number), *more])


def test_prompts_are_made_filtered_and_written(server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    server.answer = rewordings
    out = tmp_path / "more.txt"
    assert run(server, out, 100) == 0
    prompts = out.read_text().splitlines()
    assert len(prompts) == len({plain(prompt) for prompt in prompts}) == 100
    assert not {plain(prompt) for prompt in prompts} & {plain(prompt) for prompt in prompt_set(512)}
    assert [why_not(prompt) for prompt in prompts] == [None] * 100
    assert len(server.requests) == 2 * len(hand_written())  # two usable ones of each: 64 a round
    assert all(request["temperature"] == 1.0 for request in server.requests)
    told = capsys.readouterr().out
    for reason in ("64 names a finding", "64 names a language", "not a sentence", "too short", "not new"):
        assert reason in told


def test_a_cut_run_goes_on_and_asks_nothing_twice(server: ChatServer, tmp_path: Path):
    server.answer = rewordings
    out = tmp_path / "more.txt"
    whole = tmp_path / "whole.txt"
    assert run(server, whole, 60) == 0
    server.requests.clear()

    def until_cut(request: dict[str, Any]) -> str:
        if len(server.requests) > 10:
            server.steps = [Step(400)] * 9
        return rewordings(request)

    server.answer = until_cut
    assert run(server, out, 60, "--concurrency", "1") == 1
    assert not out.exists()
    answered = len(server.requests) - 1
    server.steps, server.answer = [], rewordings
    assert run(server, out, 60) == 0
    assert out.read_text() == whole.read_text()
    # The refused request, and one that its worker may have begun meanwhile, are sent again.
    assert len(server.requests) <= len(hand_written()) + 2
    assert answered >= 10


def test_too_few_usable_prompts_are_an_error(server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    server.answer = lambda request: "I would rather not."
    assert run(server, tmp_path / "more.txt", 5, "--rounds", "2") == 1
    assert "0 usable prompts of the 5" in capsys.readouterr().err
    assert not (tmp_path / "more.txt").exists()


def test_not_without_consent(server: ChatServer, far_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    server.answer = rewordings
    command = ["--base-url", far_url, "--model", "m", "--out", str(tmp_path / "more.txt"), "--number", "3"]
    assert main(command) == 2
    assert "--consent-to-send judge.example" in capsys.readouterr().err
    assert server.requests == []
    assert main([*command, "--consent-to-send", "judge.example"]) == 0
    assert len(server.requests) == len(hand_written())
