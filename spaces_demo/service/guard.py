"""What a request may ask for: the routes that the page and the API need, bodies of bounded size, uploaded files only.

Gradio has more routes than this page needs: it forwards to other Spaces, fetches a URL where a file is expected, calls
methods of components and keeps a history of runs. What is not listed here is not found.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaces_demo.service.logs import ServiceLog, where
from spaces_demo.service.private_folder import is_inside
from spaces_demo.service.settings import is_loopback
from spaces_demo.service.uploads import UPLOAD_ROUTE

_READ = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|health|login_check)/?"
    r"|/(assets|static|svelte)/.*"
    r"|/gradio_api/(info|openapi\.json|app_id|startup-events|theme\.css|user|login_check|queue/data|queue/status)/?"
    r"|/gradio_api/(heartbeat|call|mcp)/.*|/gradio_api/(mcp|upload_progress)/?"
    r"|/gradio_api/file=(?!\w+:).*",
    re.DOTALL,
)
_WRITE = re.compile(r"/gradio_api/((upload|queue/join|cancel|reset|mcp)/?|(run|api|call|mcp)/.*)")
_MCP = re.compile(r"/gradio_api/mcp(/.*)?")
_ROOM_FOR_THE_REST = 1 << 20


class Guard:
    """ASGI middleware; a request that is refused is answered with one sentence.

    Args:
        app: what answers the others.
        folder: where uploads lie.
        largest: bytes of one upload.
        root_path: under which a proxy shows the page.
        mcp: whether the tools of the Model Context Protocol are served.
        local: only requests to this machine's own names are answered, and none from a page of another host: a name
            can be made to mean this machine (DNS rebinding), and a page of that name would act for its visitor.
        log: gets a line where an answer fails, in place of the server's trace.
    """

    def __init__(
        self, app: ASGIApp, folder: Path, largest: int, root_path: str, mcp: bool, local: bool, log: ServiceLog
    ) -> None:
        self.app, self.folder, self.root_path, self.mcp, self.log = app, folder, root_path, mcp, log
        self.local = local
        self.largest_upload = largest + _ROOM_FOR_THE_REST
        # A tool's file comes as text, of which four characters stand for three bytes.
        self.largest_text = largest * 4 // 3 + _ROOM_FOR_THE_REST

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._answer(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] != "http":
                raise
            self.log.write("request", status="failed", where=where(error))
            if not started:
                await _refuse(500, "the request could not be understood, or the service failed", scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"this server answers HTTP only, not {scope['type']}")
        if self.local and not _is_of_this_machine(scope):
            sentence = "this server answers this machine only: open it as http://127.0.0.1 or localhost, with its port"
            await _refuse(403, sentence, scope, receive, send)
            return
        path = scope["path"].removeprefix(self.root_path) or "/"
        method = scope["method"]
        known = _READ if method in ("GET", "HEAD") else _WRITE if method in ("POST", "DELETE", "OPTIONS") else None
        if known is None or not known.fullmatch(path) or (not self.mcp and _MCP.fullmatch(path)):
            await _refuse(404, "there is no such page", scope, receive, send)
            return
        if method != "POST":
            await self.app(scope, receive, send)
            return
        upload = path.rstrip("/") == UPLOAD_ROUTE
        try:
            if upload:
                await self.app(scope, _counted(scope, receive, self.largest_upload), send)
                return
            body = await _read(_counted(scope, receive, self.largest_text))
        except _TooLargeError as error:
            await _refuse(413, str(error), scope, receive, send)
            return
        if _names_foreign_file(body, self.folder):
            sentence = (
                "a file was named that was not uploaded here; this server reads no URL and none of its own files: "
                "upload yours"
            )
            await _refuse(400, sentence, scope, receive, send)
            return
        await self.app(scope, _replayed(body, receive), send)


def _is_of_this_machine(scope: Scope) -> bool:
    """Whether every Host and Origin of a request is a name of this machine's own; a Host must be there."""
    hosts = ["//" + value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    return bool(hosts) and all(map(_names_this_machine, [*hosts, *origins]))


def _names_this_machine(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at, since only that finds one that is none
        return is_loopback(parts.hostname or "")
    except ValueError:  # of brackets or the port
        return False


class _TooLargeError(Exception):
    """A body over the limit; its text is the answer."""


def _counted(scope: Scope, receive: Receive, most: int) -> Receive:
    """The request's own messages, until they hold more than `most` bytes."""
    sentence = f"more than {most / 1e6:.0f} MB were sent, which is over the limit of this server; send a smaller file"
    said = dict(scope["headers"]).get(b"content-length", b"0")
    if not said.isdigit() or int(said) > most:
        raise _TooLargeError(sentence)
    left = most

    async def receive_counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooLargeError(sentence)
        return message

    return receive_counted


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, once more; then what follows it, such as that the visitor left."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _names_foreign_file(body: bytes, folder: Path) -> bool:
    """Whether a request's JSON holds a file object, of whatever depth, whose path is not below `folder`.

    A body that is no JSON is left to Gradio, which refuses it.
    """
    try:
        waiting: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return False
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str) and not is_inside(value["path"], folder):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


async def _refuse(status: int, sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": sentence, "error": sentence}, status_code=status)(scope, receive, send)
