"""A client for any OpenAI-compatible chat endpoint: hosted, or a server (vLLM, llama.cpp, Ollama) on this machine.

The request is POST {base_url}/chat/completions with `model`, `messages` and options; the reply is
`choices[0].message.content`. Nothing is sent before `meit_remote.consent` allows it, and no text is ever logged.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

from dataset_scripts.record import EcgInputError
from meit_remote.consent import host_of, require_consent, say_on_stderr
from meit_remote.reply_cache import ReplyCache, StoredReply, request_key
from meit_remote.transport import RemoteError, post_json

Messages = Sequence[Mapping[str, Any]]
LONGEST_WAIT_S = 120.0


@dataclass(frozen=True)
class Prices:
    """What the endpoint's owner charges, per million tokens."""

    prompt: float
    completion: float
    currency: str = "USD"

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Of so many tokens, in the currency."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True)
class Usage:
    """Tokens as the endpoint counted them; 0 where it does not count."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        text: of the assistant's message.
        usage: tokens of this answer, also where it came from the cache.
        cached: whether it was known and nothing was sent.
        finish_reason: "stop", or "length" where the answer was cut short by `max_tokens`; None if not told.
    """

    text: str
    usage: Usage
    cached: bool
    finish_reason: str | None = None


@dataclass
class Tally:
    """What an endpoint was used for so far."""

    replies: int = 0
    from_cache: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prices: Prices | None = None

    @property
    def cost(self) -> float | None:
        """In the prices' currency; None where no prices were given. Replies from the cache cost nothing."""
        return None if self.prices is None else self.prices.cost(self.prompt_tokens, self.completion_tokens)

    def __str__(self) -> str:
        line = (
            f"{self.replies} replies ({self.from_cache} more from the cache, {self.retries} retries), "
            f"{self.prompt_tokens:,} + {self.completion_tokens:,} tokens"
        )
        return line if self.prices is None else f"{line}, {self.cost:.4f} {self.prices.currency}"


def json_schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a `response_format` that holds the answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": dict(schema)}}


class ChatEndpoint:
    """An endpoint, one model of it, and what this run may and did send there.

    Args:
        base_url: for example "http://localhost:8000/v1".
        model: as the endpoint names it.
        sends: kind of the texts in the plural, said to the user before any is sent ("reports to judge").
        consent: the host that the user allows to receive them; an endpoint on this machine needs none.
        key_variable: environment variable that holds the key; None sends no key.
        cache: file of replies (`ReplyCache`); None keeps them for this run only.
        timeout: seconds for one request.
        retries: further tries after 408, 409, 425, 429, 5xx, timeouts, broken connections and unreadable answers.
        backoff: seconds before the second try, doubled for each further one, less up to half of it by chance. The
            server's Retry-After stands above it, up to two minutes.
        concurrency: requests under way at once.
        prices: for the cost in `tally`.
        say: prints what is sent, and the tally after a batch.

    Raises:
        EcgInputError: an address that is none, an unset `key_variable`, or a number out of range.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        sends: str = "texts",
        consent: str | None = None,
        key_variable: str | None = None,
        cache: Path | str | None = None,
        timeout: float = 60.0,
        retries: int = 5,
        backoff: float = 1.0,
        concurrency: int = 4,
        prices: Prices | None = None,
        say: Callable[[str], None] = say_on_stderr,
    ) -> None:
        self.host = host_of(base_url)
        if timeout <= 0 or retries < 0 or backoff < 0 or concurrency < 1:
            raise EcgInputError(
                f"timeout {timeout}, retries {retries}, backoff {backoff}, concurrency {concurrency}; expected more "
                "than 0, 0 or more, 0 or more, 1 or more"
            )
        self.base_url = base_url.rstrip("/")
        self.model = model
        self.sends = sends
        self.tally = Tally(prices=prices)
        self._consent = consent
        self._headers = {} if key_variable is None else {"Authorization": f"Bearer {_key(key_variable)}"}
        self._cache = ReplyCache(cache)
        self._timeout = timeout
        self._retries = retries
        self._backoff = backoff
        self._concurrency = concurrency
        self._say = say
        self._lock = threading.Lock()
        self._not_before = 0.0  # time.monotonic() until which the server asked everybody to wait

    def complete(self, messages: Messages, **options: Any) -> Reply:
        """Returns the answer to one conversation.

        Args:
            messages: with `role` and `content`.
            **options: further fields of the request: max_tokens, seed, response_format (`json_schema`) and others;
                `temperature` is 0 unless given.

        Raises:
            EcgInputError: the text may not be sent there.
            RemoteError: no usable answer after all tries.
        """
        return self._run([messages], options, "raise", announce_tally=False)[0]

    @overload
    def complete_many(
        self, conversations: Iterable[Messages], *, errors: Literal["raise"] = "raise", **options: Any
    ) -> list[Reply]: ...
    @overload
    def complete_many(
        self, conversations: Iterable[Messages], *, errors: Literal["return"], **options: Any
    ) -> list[Reply | RemoteError]: ...
    def complete_many(self, conversations: Iterable[Messages], *, errors: str = "raise", **options: Any) -> list[Any]:
        """Returns the answers in the conversations' order; equal ones are asked once, known ones not at all.

        Args:
            conversations: each as for `complete`.
            errors: "raise" ends the batch at the first failure, what was answered is in the cache; "return" puts the
                RemoteError in the answer's place, except for a refusal (401, 403, 404) that every request would meet.
            **options: as for `complete`.

        Raises:
            EcgInputError: the texts may not be sent there.
            RemoteError: see `errors`.
        """
        if errors not in ("raise", "return"):
            raise EcgInputError(f"errors={errors!r}, expected 'raise' or 'return'")
        return self._run(list(conversations), options, errors, announce_tally=True)

    def close(self) -> None:
        """Closes the cache."""
        self._cache.close()

    def _run(
        self, conversations: list[Messages], options: Mapping[str, Any], errors: str, announce_tally: bool
    ) -> list[Any]:
        url = f"{self.base_url}/chat/completions"
        payloads = [self._payload(messages, options) for messages in conversations]
        keys = [request_key(url, payload) for payload in payloads]
        known = {key: self._cache.get(key) for key in dict.fromkeys(keys)}
        to_send = {key: payload for key, payload in zip(keys, payloads, strict=True) if known[key] is None}
        found: dict[str, StoredReply | RemoteError] = {key: reply for key, reply in known.items() if reply is not None}
        if to_send:
            require_consent(self.base_url, self.sends, len(to_send), self._consent, self._say)
            found.update(self._send_all(url, to_send, errors))
        self.tally.from_cache += len(keys) - len(to_send)
        if announce_tally:
            self._say(f"{self.host}: {self.tally}")
        fresh = set(to_send)
        replies: list[Reply | RemoteError] = []
        for key in keys:
            stored = found[key]
            if isinstance(stored, RemoteError):
                replies.append(stored)
                continue
            usage = Usage(stored.prompt_tokens, stored.completion_tokens)
            replies.append(Reply(stored.text, usage, key not in fresh, stored.finish_reason))
            fresh.discard(key)  # an equal conversation further on was not sent again
        return replies

    def _payload(self, messages: Messages, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": self.model, "temperature": 0, **options, "messages": [dict(message) for message in messages]}

    def _send_all(
        self, url: str, payloads: Mapping[str, Mapping[str, Any]], errors: str
    ) -> dict[str, StoredReply | RemoteError]:
        found: dict[str, StoredReply | RemoteError] = {}
        stop = threading.Event()
        with ThreadPoolExecutor(min(self._concurrency, len(payloads))) as pool:
            under_way = {pool.submit(self._send, url, key, payload, stop): key for key, payload in payloads.items()}
            try:
                for done in as_completed(under_way):
                    try:
                        found[under_way[done]] = done.result()
                    except RemoteError as error:
                        if errors == "raise" or error.status in (401, 403, 404):
                            raise
                        found[under_way[done]] = error
            finally:
                # After a failure or Ctrl-C: what waits for its turn or for another try is dropped.
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
        return found

    def _send(self, url: str, key: str, payload: Mapping[str, Any], stop: threading.Event) -> StoredReply:
        for attempt in range(self._retries + 1):
            if stop.wait(max(0.0, self._not_before - time.monotonic())):
                raise RemoteError("given up, since another request of the batch failed")
            try:
                stored = _stored_reply(self.host, post_json(url, payload, self._headers, self._timeout))
                break
            except RemoteError as error:
                if not error.temporary or attempt == self._retries:
                    tries = f" (after {attempt + 1} tries)" if attempt else ""
                    raise RemoteError(f"{error}{tries}", error.status) from None
                self._wait_before_retry(error, attempt, stop)
        self._cache.put(key, stored)
        with self._lock:
            self.tally.replies += 1
            self.tally.prompt_tokens += stored.prompt_tokens
            self.tally.completion_tokens += stored.completion_tokens
        return stored

    def _wait_before_retry(self, error: RemoteError, attempt: int, stop: threading.Event) -> None:
        with self._lock:
            self.tally.retries += 1
            if error.retry_after:
                if error.retry_after > LONGEST_WAIT_S:
                    raise RemoteError(
                        f"{error}: it asks to wait {error.retry_after:.0f} s; start again then, "
                        "what was answered is kept",
                        error.status,
                    ) from None
                self._not_before = max(self._not_before, time.monotonic() + error.retry_after)
                return
        stop.wait(min(LONGEST_WAIT_S, self._backoff * 2**attempt) * random.uniform(0.5, 1.0))


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EcgInputError(f"the environment variable {variable}, which is to hold the endpoint's key, is not set")
    return key


def _stored_reply(host: str, answer: Any) -> StoredReply:
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise RemoteError(f"{host} answered with JSON that holds no choices[0].message.content", 200, temporary=True)
    usage = answer.get("usage") or {}
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    prompt, completion = [count if isinstance(count, int) else 0 for count in counts] or (0, 0)
    reason = choice.get("finish_reason")
    return StoredReply(text, prompt, completion, reason if isinstance(reason, str) else None)
