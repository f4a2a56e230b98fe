"""An OpenAI-compatible chat server in the test's own process, which can fail, stall and answer nonsense."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Step:
    """How to treat one request instead of answering it."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    stall: float = 0.0
    dribble: bool = False


@dataclass
class ChatServer:
    """What the server is to do next, and what it saw."""

    answer: Callable[[dict[str, Any]], str] = lambda request: "ok"
    steps: list[Step] = field(default_factory=list)
    key: str | None = None
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 20})
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    delay: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.serve(self)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.lock:
            self.requests.append(request)
            self.headers.append(dict(handler.headers))
            self.times.append(time.monotonic())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            step = self.steps.pop(0) if self.steps else None
        try:
            if step is None:
                step = self.usual(handler, request)
            self.released.wait(step.stall or self.delay)
        finally:
            # Before the answer leaves: whoever gets it may ask for the next one at once.
            with self.lock:
                self.at_once -= 1
        try:
            handler.send_response(step.status)
            for name, value in {"Content-Length": str(len(step.body)), **step.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            for start in range(0, len(step.body), 1 if step.dribble else 1 << 20):
                handler.wfile.write(step.body[start : start + (1 if step.dribble else 1 << 20)])
                handler.wfile.flush()
                self.released.wait(0.05 if step.dribble else 0)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True  # the client had enough

    def usual(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> Step:
        if handler.path != "/v1/chat/completions":
            return Step(404)
        if self.key is not None and handler.headers.get("Authorization") != f"Bearer {self.key}":
            return Step(401, b'{"error": {"code": "invalid_api_key", "message": "you sent: ..."}}')
        return self.usual_answer(self.answer(request))

    def usual_answer(self, content: str) -> Step:
        """A whole and proper answer."""
        message = {"role": "assistant", "content": content}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Step(body=json.dumps(answer | ({} if self.usage is None else {"usage": self.usage})).encode())

    def asked(self) -> list[str]:
        """The last message of every request seen."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
