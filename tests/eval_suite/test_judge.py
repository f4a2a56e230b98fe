import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer, Step
from scripted_judge import Seen, answer, answering, endpoint, seen

from dataset_scripts.errors import EcgInputError
from eval_suite.judge.judge import GIVE_UP_AFTER, Judge, Judgement
from eval_suite.judge.rubric import ANSWER_SCHEMA, CHECKS
from meit_remote.transport import RemoteError

SECRET = "vorhofflimmern bei herrn x"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


def by_length(asked: Seen) -> str:
    return answer(len(asked.candidate) % 5 + 1, 2, 3, len(asked.reference) % 5 + 1)


def test_right_answers_in_order(server: ChatServer) -> None:
    server.answer = answering(by_length)
    candidates = ["a" * length for length in range(1, 100)]
    found = Judge(endpoint(server.url)).judge(candidates, ["rr"] * 99)
    assert [judgement.scores for judgement in found] == [(length % 5 + 1, 2, 3, 3) for length in range(1, 100)]
    assert {judgement.asked for judgement in found} == {1}
    assert len(server.requests) == 99


def test_the_request_asks_for_a_sure_and_structured_answer(server: ChatServer) -> None:
    server.answer = answering(by_length)
    Judge(endpoint(server.url), seed=7, max_tokens=99).judge(["c"], ["r"])
    (request,) = server.requests
    assert (request["temperature"], request["seed"], request["max_tokens"]) == (0, 7, 99)
    assert request["response_format"]["json_schema"] == {"name": "scores", "strict": True, "schema": ANSWER_SCHEMA}
    Judge(endpoint(server.url), answer_format="json_object").judge(["c"], ["r"])
    Judge(endpoint(server.url), answer_format="text").judge(["c"], ["r"])
    assert server.requests[1]["response_format"] == {"type": "json_object"}
    assert "response_format" not in server.requests[2]
    with pytest.raises(EcgInputError, match="'yaml', expected one of json_schema, json_object, text"):
        Judge(endpoint(server.url), answer_format="yaml")


def test_questions_differ_in_order_wording_and_seed(server: ChatServer) -> None:
    server.answer = answering(by_length)
    judge = Judge(endpoint(server.url), seed=7)
    for question in CHECKS:
        judge.judge(["c"], ["r"], question)
    asked = [seen(request) for request in server.requests]
    assert [(one.candidate_first, one.other_wording, one.seed) for one in asked] == [
        (True, False, 7),
        (False, True, 7),
        (False, False, 8),
    ]
    assert {(one.reference, one.candidate) for one in asked} == {("r", "c")}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "no whole JSON object"),
        ("", "no whole JSON object"),
        (answer(1, 2, 3, 6), "diagnostic_accuracy is no whole number"),
        (answer(1)[:-1] + ', "overall": 1}', "was not asked for"),
    ],
)
def test_an_unusable_answer_is_asked_for_once_more_with_its_fault_said(server: ChatServer, bad: str, said: str) -> None:
    server.answer = answering(lambda asked: answer(4) if asked.again or asked.candidate != "bad" else bad)
    found = Judge(endpoint(server.url)).judge(["good", "bad"], ["r", "r"])
    assert found == [Judgement((4, 4, 4, 4), 1), Judgement((4, 4, 4, 4), 2)]
    (second,) = [request["messages"] for request in server.requests if len(request["messages"]) > 2]
    assert second[2] == {"role": "assistant", "content": bad or "(no text)"}
    assert said in second[3]["content"]
    assert len(server.requests) == 3


def test_nonsense_forever_fails_that_row_alone(server: ChatServer) -> None:
    server.answer = answering(lambda asked: f"no idea, {SECRET}" if asked.candidate == SECRET else answer(5))
    found = Judge(endpoint(server.url)).judge(["a", SECRET, "b"], ["r"] * 3)
    assert [judgement.scores for judgement in found] == [(5,) * 4, None, (5,) * 4]
    assert found[1] == Judgement(None, 2, "unusable answer: it holds no whole JSON object")
    assert len(server.requests) == 4


def test_an_answer_cut_short_is_named_so(server: ChatServer) -> None:
    cut = {"choices": [{"message": {"content": answer(4)[:30]}, "finish_reason": "length"}]}
    server.steps = [Step(body=json.dumps(cut).encode())] * 2
    (found,) = Judge(endpoint(server.url)).judge(["a"], ["r"])
    assert found.failure == "unusable answer: it holds no whole JSON object, cut short at its limit of tokens"


def test_failing_and_stalling_servers_are_tried_again(server: ChatServer) -> None:
    server.answer = answering(by_length)
    server.steps = [
        *(Step(429, headers={"Retry-After": "0"}), Step(500), Step(stall=20.0), Step(body=b"<html>busy</html>")),
        Step(503),
    ]
    judge = Judge(endpoint(server.url, timeout=0.5))
    found = judge.judge(["a", "bb", "ccc"], ["r"] * 3)
    assert [judgement.scores[0] for judgement in found if judgement.scores] == [2, 3, 4]
    assert judge.endpoint.tally.retries == 5


def test_a_row_that_the_server_never_answers_fails_alone(server: ChatServer) -> None:
    server.answer = answering(by_length)
    server.steps = [Step(500)] * 2
    found = Judge(endpoint(server.url, concurrency=1, retries=1)).judge(["a", "bb"], ["r"] * 2)
    assert found[0].scores is None
    assert str(found[0].failure).startswith("no answer: 127.0.0.1 answered 500")
    assert found[1].scores == (3, 2, 3, 2)


def test_a_server_that_is_gone_ends_the_run(server: ChatServer) -> None:
    server.answer = answering(by_length)
    judge = Judge(endpoint(server.url, retries=0))
    judge.judge(["a"] * 3, ["r"] * 3)
    server.steps = [Step(500)] * 200
    with pytest.raises(RemoteError, match=rf"{GIVE_UP_AFTER} requests in a row got no answer.*goes on from there"):
        judge.judge([f"text {i}" for i in range(100)], ["r"] * 100)
    assert len(server.requests) < 60


def test_failures_with_answers_between_do_not_end_the_run(server: ChatServer) -> None:
    server.steps = [Step(400), server.usual_answer(answer(4))] * 30
    found = Judge(endpoint(server.url, concurrency=1)).judge([f"text {i}" for i in range(60)], ["r"] * 60)
    assert [judgement.scores for judgement in found] == [None, (4, 4, 4, 4)] * 30


def test_a_server_that_does_not_know_the_format_is_told_of(server: ChatServer) -> None:
    server.steps = [Step(400)] * 200
    with pytest.raises(RemoteError, match="does not know the answer format json_schema"):
        Judge(endpoint(server.url)).judge([f"text {i}" for i in range(100)], ["r"] * 100)


def test_a_model_that_cannot_judge_is_not_paid_for_every_row(server: ChatServer) -> None:
    server.answer = lambda request: "what a lovely report"
    with pytest.raises(RemoteError, match=r"scripted at 127.0.0.1 gave scores for none of the first 40 reports"):
        Judge(endpoint(server.url)).judge([f"text {i}" for i in range(500)], ["r"] * 500)
    assert len(server.requests) == 80


def test_a_refused_key_ends_the_run_at_once(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "right"
    monkeypatch.setenv("MEIT_TEST_KEY", "wrong")
    with pytest.raises(RemoteError, match="401"):
        Judge(endpoint(server.url, key_variable="MEIT_TEST_KEY")).judge([f"t{i}" for i in range(40)], ["r"] * 40)
    assert len(server.requests) <= 8


def test_empty_reports_get_the_lowest_scores_without_being_sent(server: ChatServer) -> None:
    server.answer = answering(by_length)
    found = Judge(endpoint(server.url)).judge(["", "a", " \n"], ["r"] * 3)
    assert found[0] == found[2] == Judgement((1, 1, 1, 1), 0)
    assert len(server.requests) == 1


def test_tokens_of_kept_answers_are_counted_once(server: ChatServer, tmp_path: Path) -> None:
    server.answer = answering(lambda asked: answer(3) if asked.again or asked.candidate != "b" else "hm")
    for _ in range(2):
        judge = Judge(endpoint(server.url, cache=tmp_path / "replies.sqlite"))
        judge.judge(["a", "a", "b"], ["r"] * 3)
        judge.judge(["a"], ["r"])
        judge.endpoint.close()
        assert (judge.usage().prompt_tokens, judge.usage().completion_tokens) == (300, 60)
    assert len(server.requests) == 3
    assert judge.endpoint.tally.prompt_tokens == 0
