"""What tests do to records of the PhysioNet Challenges."""

from __future__ import annotations

import re
from pathlib import Path

from dataset_scripts.sources.cinc import CincSource


def header_of(folder: Path) -> Path:
    return next(iter(sorted(folder.rglob("*.hea"))))


def edit(header: Path, old: str, new: str, regex: bool = False) -> None:
    text = header.read_text()
    changed = re.sub(old, new, text, flags=re.MULTILINE) if regex else text.replace(old, new)
    assert changed != text
    header.write_text(changed)


def read_first(folder: Path, **options):
    source = CincSource(folder, **options)
    return source.read(next(iter(source.index())))
