"""A local chat server, and a name under which it looks like another machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from chat_server import ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def far_url(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address under the name judge.example, which counts as another machine."""
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == "judge.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return f"http://judge.example:{server.port}/v1"
