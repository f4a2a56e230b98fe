from __future__ import annotations

import email.utils
import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Step

from dataset_scripts.record import EcgInputError
from meit_remote.endpoint import ChatEndpoint, Prices, Reply, Usage, json_schema
from meit_remote.transport import RemoteError

ROOT = Path(__file__).parents[2]
SECRET = "vorhofflimmern bei herrn x"


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]


def endpoint(server: ChatServer, **options: Any) -> ChatEndpoint:
    return ChatEndpoint(server.url, "tiny", **{"backoff": 0.01, "say": lambda line: None, **options})


def test_a_reply_with_its_tokens_and_cost(server: ChatServer):
    server.answer = lambda request: f"echo {request['messages'][-1]['content']}"
    client = endpoint(server, prices=Prices(2.0, 10.0, "EUR"))
    schema = json_schema("score", {"type": "object"})
    reply = client.complete(ask("hello"), max_tokens=5, response_format=schema)
    assert (reply.text, reply.cached, reply.finish_reason) == ("echo hello", False, "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (100, 20)
    assert server.requests == [
        {"model": "tiny", "temperature": 0, "max_tokens": 5, "response_format": schema, "messages": ask("hello")}
    ]
    assert client.tally.cost == pytest.approx(100 * 2e-6 + 20 * 10e-6)
    assert str(client.tally) == "1 replies (0 more from the cache, 0 retries), 100 + 20 tokens, 0.0004 EUR"


def test_many_keep_their_order_and_the_limit_on_concurrency(server: ChatServer):
    server.answer = lambda request: request["messages"][-1]["content"][::-1]
    server.delay = 0.05
    client = endpoint(server, concurrency=3)
    replies = client.complete_many([ask(f"text {i}") for i in range(12)])
    assert [reply.text for reply in replies] == [f"text {i}"[::-1] for i in range(12)]
    assert server.most_at_once == 3


def test_429_is_tried_again_after_the_time_it_names(server: ChatServer):
    server.steps = [Step(429, headers={"Retry-After": "1"})]
    client = endpoint(server)
    assert client.complete(ask("x")).text == "ok"
    assert 1.0 <= server.times[1] - server.times[0] < 3.0
    assert client.tally.retries == 1


def test_a_date_in_retry_after_is_understood_and_a_long_wait_is_not_begun(server: ChatServer):
    server.steps = [Step(503, headers={"Retry-After": email.utils.formatdate(time.time() + 3600, usegmt=True)})]
    with pytest.raises(RemoteError, match=r"asks to wait 3[56]\d\d s"):
        endpoint(server).complete(ask("x"))
    assert len(server.requests) == 1


def test_500_is_tried_again_with_longer_waits(server: ChatServer):
    server.steps = [Step(500), Step(502), Step(500)]
    assert endpoint(server, backoff=0.2).complete(ask("x")).text == "ok"
    first, second, third = (b - a for a, b in zip(server.times, server.times[1:], strict=False))
    assert first >= 0.1
    assert second >= 0.2
    assert third >= 0.4


def test_tries_come_to_an_end(server: ChatServer):
    server.steps = [Step(500)] * 9
    with pytest.raises(RemoteError, match=r"500 \(after 3 tries\)") as error:
        endpoint(server, retries=2).complete(ask("x"))
    assert error.value.status == 500
    assert len(server.requests) == 3


@pytest.mark.parametrize("dribble", [False, True])
def test_a_server_that_stalls_is_given_up_and_tried_again(server: ChatServer, dribble: bool):
    server.steps = [Step(body=b" " * 600, dribble=True) if dribble else Step(stall=30.0)]
    begin = time.monotonic()
    assert endpoint(server, timeout=0.5).complete(ask("x")).text == "ok"
    assert time.monotonic() - begin < 10
    server.steps = [Step(stall=30.0)]
    with pytest.raises(RemoteError, match=r"no whole answer within 0\.5 s"):
        endpoint(server, timeout=0.5, retries=0).complete(ask("y"))


@pytest.mark.parametrize(
    "body",
    [b"<html>busy</html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b""],
)
def test_a_nonsense_body_is_tried_again_and_then_told(server: ChatServer, body: bytes):
    server.steps = [Step(body=body)]
    assert endpoint(server).complete(ask("x")).text == "ok"
    server.steps = [Step(body=body)] * 2
    with pytest.raises(RemoteError, match=r"not JSON|no choices"):
        endpoint(server, retries=1).complete(ask("x"))


def test_an_answer_cut_short_is_tried_again(server: ChatServer):
    whole = json.dumps({"choices": [{"message": {"content": "half"}}]}).encode()
    server.steps = [Step(body=whole, headers={"Content-Length": str(len(whole) + 50)})]
    assert endpoint(server, timeout=5).complete(ask("x")).text == "ok"


def test_a_wrong_key_ends_at_once(server: ChatServer, monkeypatch: pytest.MonkeyPatch):
    server.key = "right"
    monkeypatch.setenv("MEIT_TEST_KEY", "wrong")
    with pytest.raises(RemoteError, match=r"401 \(invalid_api_key\): the key is missing or wrong") as error:
        endpoint(server, key_variable="MEIT_TEST_KEY", concurrency=1).complete_many(
            [ask(f"{SECRET} {i}") for i in range(20)], errors="return"
        )
    assert error.value.status == 401
    assert len(server.requests) <= 2
    assert "wrong" not in str(error.value).replace("missing or wrong", "")
    monkeypatch.setenv("MEIT_TEST_KEY", "right")
    assert endpoint(server, key_variable="MEIT_TEST_KEY").complete(ask("x")).text == "ok"
    monkeypatch.delenv("MEIT_TEST_KEY")
    with pytest.raises(EcgInputError, match="MEIT_TEST_KEY"):
        endpoint(server, key_variable="MEIT_TEST_KEY")


def test_a_wrong_path_and_a_spent_quota_end_at_once(server: ChatServer):
    with pytest.raises(RemoteError, match=r"404: .*ends in /v1"):
        ChatEndpoint(server.url.removesuffix("/v1"), "m", say=lambda line: None).complete(ask("x"))
    server.steps = [Step(429, b'{"error": {"code": "insufficient_quota"}}')]
    with pytest.raises(RemoteError, match="insufficient_quota"):
        endpoint(server).complete(ask("x"))
    assert len(server.requests) == 2


def test_nobody_there():
    with pytest.raises(RemoteError, match="cannot be reached"):
        ChatEndpoint("http://127.0.0.1:9/v1", "m", retries=1, backoff=0.01, say=lambda line: None).complete(ask("x"))


def test_a_failure_in_a_batch_may_be_returned(server: ChatServer):
    server.steps = [Step(400, b'{"error": {"message": "%s", "code": "too long %s"}}' % ((SECRET.encode(),) * 2))]
    replies = endpoint(server, concurrency=1).complete_many([ask(SECRET), ask("b")], errors="return")
    assert isinstance(replies[0], RemoteError)
    assert isinstance(replies[1], Reply)
    assert SECRET not in str(replies[0])


def test_equal_requests_are_sent_once_and_known_ones_not_at_all(server: ChatServer, tmp_path: Path):
    cache = tmp_path / "deep" / "replies.sqlite"
    first = endpoint(server, cache=cache)
    assert [reply.cached for reply in first.complete_many([ask("a"), ask("a"), ask("b")])] == [False, True, False]
    assert [reply.cached for reply in first.complete_many([ask("b"), ask("a")])] == [True, True]
    first.close()
    second = endpoint(server, cache=cache)
    assert second.complete(ask("a")) == Reply("ok", Usage(100, 20), True, "stop")
    assert len(server.requests) == 2
    assert not second.complete(ask("a"), max_tokens=3).cached
    assert not endpoint(server, cache=cache, key_variable=None).complete(ask("a"), temperature=0.5).cached
    assert stat.S_IMODE(os.stat(cache).st_mode) == 0o600


def test_the_cache_holds_no_request_and_must_be_one(server: ChatServer, tmp_path: Path):
    cache = tmp_path / "replies.sqlite"
    endpoint(server, cache=cache).complete(ask(SECRET))
    assert SECRET.encode() not in cache.read_bytes()
    (tmp_path / "no.sqlite").write_text("something else, long enough to be seen as no database " * 20)
    with pytest.raises(EcgInputError, match="not a cache"):
        endpoint(server, cache=tmp_path / "no.sqlite")


def test_nothing_that_is_sent_is_said(server: ChatServer, caplog: pytest.LogCaptureFixture):
    said: list[str] = []
    caplog.set_level(0)
    server.steps = [Step(500), Step(body=b"nonsense")]
    endpoint(server, say=said.append).complete_many([ask(SECRET)])
    assert said
    assert SECRET not in " ".join(said) + caplog.text


RUN = """
import sys
from meit_remote.endpoint import ChatEndpoint
client = ChatEndpoint(sys.argv[1], "tiny", cache=sys.argv[2], concurrency=1, say=lambda line: None)
client.complete_many([[{"role": "user", "content": str(i)}] for i in range(30)])
"""


def test_a_killed_run_goes_on_where_it_was(server: ChatServer, tmp_path: Path):
    server.delay = 0.05
    command = [sys.executable, "-c", RUN, server.url, str(tmp_path / "cache.sqlite")]
    run = subprocess.Popen(command, cwd=ROOT)
    while len(server.requests) < 8:
        assert run.poll() is None
        time.sleep(0.01)
    run.kill()
    run.wait()
    time.sleep(0.2)  # the request under way is still counted by the server
    before = len(server.requests)
    assert before < 30
    subprocess.run(command, cwd=ROOT, check=True)
    assert sorted(map(int, set(server.asked()))) == list(range(30))
    assert len(server.requests) <= 30 + 2  # at most those under way at the kill were asked twice
    assert len(server.requests) >= 30


def test_a_failure_stops_the_rest_of_the_batch_without_waiting_out_their_retries(server: ChatServer):
    server.steps = [Step(500), Step(400)] + [Step(500)] * 50
    begin = time.monotonic()
    with pytest.raises(RemoteError, match="400"):
        endpoint(server, backoff=30.0, concurrency=2).complete_many([ask(str(i)) for i in range(20)])
    assert time.monotonic() - begin < 10
    assert threading.active_count() < 20


@pytest.mark.parametrize("bad", [{"timeout": 0}, {"retries": -1}, {"concurrency": 0}, {"backoff": -1}])
def test_numbers_out_of_range(server: ChatServer, bad: dict[str, Any]):
    with pytest.raises(EcgInputError, match=next(iter(bad))):
        endpoint(server, **bad)
