import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chat_server import ChatServer
from scripted_judge import VALIDATED, answering, honest, judge_at, run, seen, write_predictions, write_quality

from dataset_scripts.errors import EcgInputError
from eval_suite.tasks import alignment
from eval_suite.tasks.alignment import JudgeSettings
from meit_remote.transport import RemoteError


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    server.answer = answering(honest)
    yield server
    server.close()


@pytest.fixture(scope="module")
def validated_folder(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    write_quality(data_folder, folder, VALIDATED)
    return folder


def test_failed_rows_are_named_and_the_rest_is_scored(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    server.answer = answering(lambda asked: "dunno" if asked.candidate.startswith("odd") else honest(asked))
    mine = write_predictions(tmp_path, data_folder, r3="odd text", r7="odd words", r8="")
    said: list[str] = []
    scores = run(server, data_folder, tmp_path / "out", predictions=mine, say=said.append, control_limit=20)
    assert "mine.csv (18 rows)" in scores.systems
    assert {failure["ecg_id"] for failure in scores.failures()} == {"r3", "r7"}
    assert len(scores.failures()) == 2 * 4
    assert "8 reports have no scores" in said[-1]
    assert "unusable answer: it holds no whole JSON object" in said[-1]
    assert "3 more in judge.json" in scores.conditions["without scores"]
    assert "8 of them asked about a second time; 4 empty ones" in scores.conditions["reports judged"]
    table = pq.read_table(tmp_path / "out" / "judged.parquet").to_pylist()
    failed = [row for row in table if row["failure"]]
    assert len(failed) == 8
    assert all(row["completeness"] is None and row["asked"] == 2 for row in failed)
    assert scores.differences["most frequent report"]["Mean"].low >= -4
    right = 15 - 3  # r3, r7 and r8 are no longer right
    expected = (right * 20 + 5 * 10 + 1 * 4) / (18 * 4)
    assert scores.systems["mine.csv (18 rows)"]["Mean"].value == pytest.approx(expected)


def test_no_scores_at_all_is_an_error(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    server.answer = lambda request: "dunno"
    with pytest.raises(RemoteError, match=r"none of the 4 reports got scores from scripted at 127.0.0.1.*JSON object"):
        run(server, data_folder, tmp_path / "out", limit=4)
    assert not (tmp_path / "out" / "judge.json").exists()


def test_a_cut_run_goes_on_and_repeats_nothing(
    server: ChatServer, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEIT_TEST_KEY", "k")
    server.key = "k"

    def cut_after_five(request: dict[str, Any]) -> str:
        if len(server.requests) >= 5:
            server.key = "withdrawn"  # the next request is refused, which ends the run
        return honest(seen(request))

    server.answer = cut_after_five
    settings = judge_at(server, key_variable="MEIT_TEST_KEY", concurrency=1)
    with pytest.raises(RemoteError, match="401"):
        run(server, data_folder, tmp_path / "out", settings=settings)
    assert not (tmp_path / "out" / "judge.json").exists()
    answered = [json.dumps(request) for request in server.requests[:5]]
    server.key, server.answer = "k", answering(honest)
    server.requests.clear()
    scores = run(server, data_folder, tmp_path / "out", settings=settings)
    later = [json.dumps(request) for request in server.requests]
    assert len(set(answered)) == 5
    assert not set(answered) & set(later)
    assert len(later) == len(set(later))
    whole = run(server, data_folder, tmp_path / "whole", settings=settings)
    assert whole.systems == scores.systems
    assert whole.checks == scores.checks


def test_without_consent_nothing_is_sent(
    server: ChatServer, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real("127.0.0.1" if host == "judge.example" else host, *rest, **more),
    )
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made: list[str] = []
    monkeypatch.setattr(alignment, "candidates_of_model", lambda *rest, **more: made.append("reports"))
    far = f"http://judge.example:{server.port}/v1"
    for consent in (None, "api.example"):
        settings = JudgeSettings(far, "scripted", consent=consent)
        with pytest.raises(EcgInputError, match=r"62 reports at most.*would be sent UNENCRYPTED to judge.example"):
            run(server, data_folder, tmp_path / "out", settings=settings)
        with pytest.raises(EcgInputError, match=r"--consent-to-send judge\.example"):
            run(server, data_folder, tmp_path / "out", settings=settings, model="some-model")
    assert not server.requests
    assert not made
    assert not (tmp_path / "out").exists()
    said: list[str] = []
    settings = JudgeSettings(far, "scripted", consent="judge.example")
    run(server, data_folder, tmp_path / "out", settings=settings, say=said.append)
    assert server.requests
    assert said == [
        "sending 62 reports at most, each with its reference, to judge UNENCRYPTED to judge.example, as consented to"
    ]


def test_bad_input_is_refused_before_anything_is_sent(
    server: ChatServer, data_folder: Path, validated_folder: Path, tmp_path: Path
) -> None:
    mine = write_predictions(tmp_path, data_folder)
    lines = mine.read_text(encoding="utf-8").splitlines()
    # A row that is not drawn needs no prediction; a drawn one does, and a foreign one is refused.
    (tmp_path / "even.csv").write_text(
        "\n".join(line for line in lines if line[1:2] in "c02468" or line[2:3] in "02468")
    )
    run(server, validated_folder, tmp_path / "even", predictions=tmp_path / "even.csv")
    sent = len(server.requests)
    (tmp_path / "few.csv").write_text("\n".join(lines[:10]), encoding="utf-8")
    (tmp_path / "foreign.csv").write_text("\n".join([*lines, "x1,text"]), encoding="utf-8")
    (tmp_path / "file").write_text("")
    for options, message in (
        ({"predictions": tmp_path / "few.csv"}, "lacks 11 of the 20 rows"),
        ({"predictions": tmp_path / "foreign.csv"}, "not among the 20 rows to score"),
        ({"predictions": tmp_path / "none.csv"}, "is not a file"),
        ({"predictions": mine, "limit": 0}, "limit 0"),
        ({"predictions": mine, "control_limit": 0}, "limit 0"),
        ({"predictions": mine, "model": "m"}, "either the predictions of a system or a model"),
        ({"predictions": mine, "text_column": "report_en"}, "report_en"),
        ({"predictions": mine, "settings": judge_at(server, key_variable="MEIT_UNSET_KEY")}, "MEIT_UNSET_KEY"),
        ({"predictions": mine, "settings": JudgeSettings("localhost", "m")}, "expected an http or https address"),
    ):
        with pytest.raises(EcgInputError, match=message):
            run(server, data_folder, tmp_path / "out", **options)
    with pytest.raises(EcgInputError, match="is a file"):
        run(server, data_folder, tmp_path / "file", predictions=mine)
    assert len(server.requests) == sent
