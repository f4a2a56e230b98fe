"""Which code built a data set: work of two versions must not be mixed in one."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import modeling_meit.ecg_signal

_SUFFIXES = {".py", ".txt", ".tsv", ".csv"}


@cache
def code_digest() -> str:
    """Returns a digest of all that may decide a row: this folder's modules and word lists, and how signals are read."""
    here = Path(__file__).parent
    files = [path for path in sorted(here.rglob("*")) if path.suffix in _SUFFIXES and "__pycache__" not in path.parts]
    digest = hashlib.blake2b(digest_size=8)
    for path in (*files, Path(modeling_meit.ecg_signal.__file__)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
