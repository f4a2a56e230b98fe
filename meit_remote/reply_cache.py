"""Replies kept on disk, so that a run that was cut goes on where it was and asks nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dataset_scripts.record import EcgInputError

_TABLE = (
    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL, "
    "prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, finish_reason TEXT)"
)


class StoredReply(NamedTuple):
    """What an endpoint answered, with the tokens that it counted."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str | None


def request_key(url: str, payload: Mapping[str, Any]) -> str:
    """Returns a hash of the whole request, the order of its fields apart; the request itself is not kept."""
    canonical = json.dumps([url, payload], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class ReplyCache:
    """An SQLite file of replies by `request_key`; safe with threads and with several processes.

    Each reply is one transaction: after a cut the file holds whole replies only. The file is readable by its owner
    alone, for a reply may repeat a patient's report.

    Args:
        path: is made, with its folder; None keeps replies in memory, for this run.

    Raises:
        EcgInputError: the file is there and is something else.
    """

    def __init__(self, path: Path | str | None) -> None:
        self._lock = threading.Lock()
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else str(path), timeout=60, check_same_thread=False
            )
            with self._connection:
                self._connection.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            raise EcgInputError(f"{path} is not a cache of replies ({error}); give another file") from error

    def get(self, key: str) -> StoredReply | None:
        """Returns the reply, None where there is none."""
        query = "SELECT text, prompt_tokens, completion_tokens, finish_reason FROM replies WHERE key = ?"
        with self._lock:
            row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else StoredReply(*row)

    def put(self, key: str, reply: StoredReply) -> None:
        """Keeps a reply; it is on disk when this returns."""
        with self._lock, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)", (key, *reply))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()
