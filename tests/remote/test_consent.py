from __future__ import annotations

import argparse

import pytest
from chat_server import ChatServer, Step

from dataset_scripts.record import EcgInputError
from meit_remote.consent import add_consent_option, host_of, is_this_machine, require_consent
from meit_remote.endpoint import ChatEndpoint
from meit_remote.transport import RemoteError

ASK = [{"role": "user", "content": "a patient's report"}]


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://127.8.0.1/v1", True),
        ("http://[::1]:9/v1", True),
        ("https://api.example.com/v1", False),
        ("http://10.0.0.5:8000/v1", False),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
def test_only_loopback_is_this_machine(url: str, here: bool):
    assert is_this_machine(url) is here


@pytest.mark.parametrize(
    "url", ["api.example.com/v1", "ftp://x/v1", "http://", "http://me:secret@x/v1", "http://x/v1?key=1", "http://[x/v1"]
)
def test_an_address_that_is_none_is_refused_without_repeating_a_password(url: str):
    with pytest.raises(EcgInputError) as error:
        host_of(url)
    assert "secret" not in str(error.value)


def test_without_consent_the_server_sees_nothing(server: ChatServer, far_url: str):
    endpoint = ChatEndpoint(far_url, "m", sends="reports to judge")
    with pytest.raises(EcgInputError, match=r"2 reports to judge .*--consent-to-send judge\.example"):
        endpoint.complete_many([ASK, [{"role": "user", "content": "another"}]])
    with pytest.raises(EcgInputError, match="nothing was sent"):
        endpoint.complete(ASK)
    assert server.requests == []


def test_consent_to_another_host_is_none(server: ChatServer, far_url: str):
    with pytest.raises(EcgInputError, match=r"names api\.example\.com"):
        ChatEndpoint(far_url, "m", consent="api.example.com").complete(ASK)
    assert server.requests == []


def test_what_is_sent_is_said_before_it_is(server: ChatServer, far_url: str):
    said: list[tuple[str, int]] = []
    endpoint = ChatEndpoint(
        far_url,
        "m",
        sends="prompts",
        consent="Judge.Example",
        say=lambda line: said.append((line, len(server.requests))),
    )
    assert endpoint.complete(ASK).text == "ok"
    assert said == [("sending 1 prompts UNENCRYPTED to judge.example, as consented to", 0)]
    assert len(server.requests) == 1


def test_an_endpoint_on_this_machine_needs_none_but_is_named(server: ChatServer, capsys: pytest.CaptureFixture[str]):
    ChatEndpoint(server.url, "m", sends="reports").complete(ASK)
    assert capsys.readouterr().err == f"meit: sending 1 reports to {server.url}, on this machine\n"


def test_a_proxy_is_not_used_for_this_machine(server: ChatServer, monkeypatch: pytest.MonkeyPatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert ChatEndpoint(server.url, "m", retries=0).complete(ASK).text == "ok"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server: ChatServer, status: int):
    elsewhere = ChatServer()
    server.steps = [Step(status, headers={"Location": f"{elsewhere.url}/chat/completions"})]
    with pytest.raises(RemoteError, match="points elsewhere"):
        ChatEndpoint(server.url, "m").complete(ASK)
    assert elsewhere.requests == []
    assert len(server.requests) == 1
    elsewhere.close()


def test_the_option_names_a_host():
    parser = argparse.ArgumentParser()
    add_consent_option(parser)
    assert parser.parse_args([]).consent_to_send is None
    consent = parser.parse_args(["--consent-to-send", "api.example.com"]).consent_to_send
    said: list[str] = []
    require_consent("https://api.example.com/v1", "reports", 7, consent, said.append)
    assert said == ["sending 7 reports to api.example.com, as consented to"]
