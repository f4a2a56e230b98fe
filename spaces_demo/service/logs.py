"""The demo's log: one JSON object a line on stderr, of a closed set of fields that hold no content and no names."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

FIELDS = {
    "event": str,
    "seconds": float,
    "format": str,
    "model": str,
    "status": str,
    "bytes": int,
    "count": int,
    "models": int,
    "waiting": int,
    "where": str,
}
"""Field -> kind of value. No field can hold a report, a prompt, a sample, a file's name or a visitor's address."""


class ServiceLog:
    """Writes lines; safe to use from several threads.

    Args:
        stream: where to; None is stderr as it is when a line is written.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: str, **fields: str | float | int | None) -> None:
        """Write one event.

        Args:
            event: a word of the program's own.
            fields: of `FIELDS`; None is left out.

        Raises:
            KeyError: a field that is not in the list, so that content cannot slip in under a new name.
        """
        line: dict[str, str | float | int] = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "event": event,
        }
        for name, value in fields.items():
            kind = FIELDS[name]
            if value is not None:
                line[name] = round(float(value), 3) if kind is float else kind(value)
        text = json.dumps(line, ensure_ascii=True)
        with self._lock:
            print(text, file=self._stream or sys.stderr, flush=True)


def where(error: Exception) -> str:
    """Kind of error, file and line, innermost last; nothing that the error says, which may quote a file."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(
        [type(error).__name__, *(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[::-1])]
    )
