"""Headers of every answer: what a browser may load for the page, who may frame it, and that types are not guessed."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's page holds its configuration and styles in itself, and compiles the small scripts of its events; blob: and
# data: are what the browser makes of its own files. No other host is named.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
_FRAMES_OF_A_SPACE = "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"


def security_headers(embedded: bool) -> dict[str, str]:
    """Header -> value.

    Args:
        embedded: pages of huggingface.co may show this one in a frame, as they do a Space.
    """
    policy = {**_POLICY, "frame-ancestors": _FRAMES_OF_A_SPACE if embedded else "'self'"}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        **({} if embedded else {"X-Frame-Options": "SAMEORIGIN"}),
    }


class SecurityHeaders:
    """ASGI middleware that sets them."""

    def __init__(self, app: ASGIApp, embedded: bool) -> None:
        self.app = app
        self.headers = security_headers(embedded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)
