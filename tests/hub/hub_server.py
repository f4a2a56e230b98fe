"""A Hub on this machine for tests: the protocol that `huggingface_hub` 2.x speaks, over HTTP, from memory.

Accounts, repositories of models and data sets, uploads (small files in the commit, large ones by Git LFS's batch
interface), commits, branches and tags, listings, downloads with ranges, and the errors with the headers by which the
client tells them apart. Xet and pull requests are left out: clients run with `HF_HUB_DISABLE_XET=1`.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.hub.hub_routes import ROUTES
from tests.hub.hub_store import HubError, HubStore, Repo


class HubServer:
    """The server, in a thread of this process, between `with` and its end.

    Attributes:
        store: what it holds.
        requests: (method, path) of every request so far.
        url: for `HF_ENDPOINT`.
        files_url: of the second host, which large files are downloaded from; the client must send it no token.
    """

    def __init__(self) -> None:
        self.store = HubStore()
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.RLock()
        handler = type("Handler", (HubRequest,), {"hub": self})
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.url, self.files_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)
        self._threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in self._servers]

    def __enter__(self) -> HubServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def files(self, repo_id: str, revision: str = "main", kind: str = "models") -> dict[str, bytes]:
        """Path -> content at a revision."""
        return {path: file.data for path, file in self.store.repos[kind, repo_id].at(revision).files.items()}


class HubRequest(BaseHTTPRequestHandler):
    """One connection; the routes read the request from it and answer through it."""

    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing on stderr; `HubServer.requests` keeps what was asked."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        self.query = {name: values[-1] for name, values in parse_qs(query).items()}
        self.body = self._read_body()
        with self.hub.lock:
            self.hub.requests.append((self.command, unquote(path)))
            method = "GET" if self.command == "HEAD" else self.command
            try:
                for wanted, pattern, function in ROUTES:
                    found = pattern.fullmatch(path) if wanted == method else None
                    if found:
                        function(self, *(group and unquote(group) for group in found.groups()))
                        return
                raise HubError(404, f"no route for {self.command} {path}")
            except HubError as error:
                headers = {"X-Error-Message": error.message, **error.headers}
                if error.code:
                    headers["X-Error-Code"] = error.code
                self.json({"error": error.message, **error.body}, error.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    @property
    def token(self) -> str | None:
        given = self.headers.get("Authorization", "")
        return given.removeprefix("Bearer ") or None

    def repo(self, kind: str | None, repo_id: str, write: bool = False) -> Repo:
        return self.hub.store.repo(kind or "models", repo_id, self.token, write)

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def json(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def download(self, data: bytes, headers: dict[str, str]) -> None:
        """A file or the range of it that is asked for."""
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self.send(200, data, headers)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        if first > last:
            raise HubError(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self.send(206, data[first : last + 1], headers)
