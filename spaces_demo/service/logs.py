"""The demo's log: one JSON object a line on stderr, of a closed set of fields that hold no content and no names."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
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
    "level": str,
    "message": str,
}
"""Field -> kind of value. None is given a report, a prompt, a sample, a file's name or a visitor's address: `model` is
one of the operator's, `message` a sentence of our own modules, which they write without what a visitor sent."""
OURS = "spaces_demo"
OTHER = "other"


class ServiceLog:
    """Writes lines; safe to use from several threads.

    Args:
        stream: where to; None is stderr as it is when a line is written.
        models: names that the operator gave; any other model is logged as "other".
    """

    def __init__(self, stream: TextIO | None = None, models: Collection[str] = ()) -> None:
        self._stream = stream
        self.models = frozenset(models)
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
            if name == "model" and value is not None and value not in self.models:
                value = OTHER  # text of a visitor's
            if value is not None:
                line[name] = round(float(value), 3) if kind is float else kind(value)
        text = json.dumps(line, ensure_ascii=True)
        with self._lock:
            print(text, file=self._stream or sys.stderr, flush=True)


class LogLines(logging.Handler):
    """What Python's own logging has to say, as lines of the service's log.

    Of a library's message only its place is kept: some quote the bytes that a visitor sent.

    Args:
        log: that writes them.
    """

    def __init__(self, log: ServiceLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        error = record.exc_info[1] if record.exc_info else None
        model = getattr(record, "model", None)
        ours = record.name.partition(".")[0] == OURS and (model is None or model in self._log.models)
        self._log.write(
            "message",
            level=record.levelname.lower(),
            model=model,
            message=" ".join(record.getMessage().split())[:500] if ours else None,
            where=where(error) if isinstance(error, Exception) else f"{record.name}:{record.lineno}",
        )


@contextmanager
def as_lines(log: ServiceLog) -> Iterator[None]:
    """Let all that logs in this process, once the server runs, go through `LogLines`."""
    handler = LogLines(log)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    # Its warnings are of each malformed upload, and quote it.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "transformers", "huggingface_hub"):
        logger = logging.getLogger(name)
        logger.handlers.clear()  # their own print plain text
        logger.propagate = True
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        logging.captureWarnings(False)


def where(error: Exception) -> str:
    """Kind of error, file and line, innermost last; nothing that the error says, which may quote a file."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(
        [type(error).__name__, *(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[::-1])]
    )
