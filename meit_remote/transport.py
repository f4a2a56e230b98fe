"""One HTTP request, and what its failure means: worth another try, or not."""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import timezone
from typing import Any

from meit_remote.consent import host_of, is_this_machine

RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_CODE = re.compile(r"[\w.-]{1,64}")
_ADVICE = {
    400: "the server does not take this request; see its documentation for the options and the model's context length",
    401: "the key is missing or wrong; name the environment variable that holds it",
    403: "the key may not use this model",
    404: "there is no such model or path; the address usually ends in /v1",
}


class RemoteError(RuntimeError):
    """An endpoint that cannot be reached, refuses, or answers nonsense. Never holds the text that was sent.

    Attributes:
        status: of HTTP, or None where there was none.
        temporary: whether another try may succeed.
        retry_after: seconds that the server asked to wait, or None.
    """

    def __init__(
        self, message: str, status: int | None = None, temporary: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.temporary = temporary
        self.retry_after = retry_after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could carry texts and key to a host that nobody consented to."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post_json(url: str, payload: Mapping[str, Any], headers: Mapping[str, str], timeout: float) -> Any:
    """Posts `payload` and returns the answer's JSON.

    Args:
        url: of the request.
        payload: becomes its body.
        headers: beside the content's type.
        timeout: seconds for the whole exchange.

    Raises:
        RemoteError: no answer in time, no connection, an answer other than 200, or one that is not JSON.
    """
    host = host_of(url)
    # A proxy named in the environment would take texts for this machine off it.
    proxies = [urllib.request.ProxyHandler({})] if is_this_machine(url) else []
    opener = urllib.request.build_opener(_NoRedirect, *proxies)
    body = json.dumps(payload, ensure_ascii=False).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method="POST")
    deadline = time.monotonic() + timeout
    try:
        with opener.open(request, timeout=timeout) as response:
            answer = _read(response, deadline)
    except urllib.error.HTTPError as error:
        raise _refusal(host, error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _too_slow(host, timeout) from None
        raise RemoteError(f"{host} cannot be reached ({error.reason}); is the address right?", temporary=True) from None
    except TimeoutError:
        raise _too_slow(host, timeout) from None
    except (OSError, http.client.HTTPException) as error:
        raise RemoteError(f"{host} broke off its answer ({type(error).__name__})", temporary=True) from None
    try:
        return json.loads(answer)
    except ValueError:
        raise RemoteError(f"{host} answered with {len(answer)} bytes that are not JSON", 200, temporary=True) from None


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Reads to the end; the socket's own limit is on each silence, not on the whole."""
    parts = []
    while part := response.read1(1 << 16):
        parts.append(part)
        if time.monotonic() > deadline:
            raise TimeoutError
    expected = response.headers.get("Content-Length")
    if expected is not None and sum(map(len, parts)) < int(expected):
        raise http.client.IncompleteRead(b"")
    return b"".join(parts)


def _too_slow(host: str, timeout: float) -> RemoteError:
    return RemoteError(f"{host} gave no whole answer within {timeout:g} s; allow more, or ask less", temporary=True)


def _refusal(host: str, error: urllib.error.HTTPError) -> RemoteError:
    # The server's own words may repeat what was sent; only its error code is passed on.
    code = _error_code(error)
    advice = _ADVICE.get(error.code, "")
    if 300 <= error.code < 400:
        advice = "it points elsewhere, where nothing is sent; give the final address"
    message = f"{host} answered {error.code}" + (f" ({code})" if code else "") + (f": {advice}" if advice else "")
    temporary = error.code in RETRIED_STATUS and code != "insufficient_quota"
    return RemoteError(message, error.code, temporary, _seconds(error.headers.get("Retry-After")))


def _error_code(error: urllib.error.HTTPError) -> str:
    """The code in an error's body, empty where it holds none, as many servers' do."""
    try:
        told = json.loads(error.read(1 << 16))["error"]
        code = next((told[key] for key in ("code", "type") if isinstance(told.get(key), str)), "")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, http.client.HTTPException):
        return ""
    return code if _CODE.fullmatch(code) else ""


def _seconds(retry_after: str | None) -> float | None:
    """Reads Retry-After (RFC 9110, 10.2.3): a number of seconds or a date; None for anything else."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", retry_after.strip()):
        return float(retry_after)
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, date.timestamp() - time.time())
