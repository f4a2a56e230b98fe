"""The JSON object of a file, or one line that says what is there instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        EcgInputError: it is no JSON, or no object; `remedy` says what to do.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise EcgInputError(f"{path} is no JSON file ({cause}); {remedy}") from cause
    if not isinstance(content, dict):
        raise EcgInputError(f"{path} holds no JSON object; {remedy}")
    return content
