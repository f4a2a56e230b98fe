"""The rule translator's version, which changes with every change of its rules or its lexicon.

After such a change: `python -m dataset_scripts.reports.translation_version`, which counts the version up where the
digest of the files is no longer the one committed beside it. A test fails until that is done.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from dataset_scripts.whole_file import write_whole

FOLDER = Path(__file__).parent
FILE = FOLDER / "lexicon" / "version.txt"


def read_version() -> tuple[str, str]:
    """Returns the committed version ("rules-2") and the digest of the files that it stands for."""
    version, digest = FILE.read_text(encoding="utf-8").split()
    return version, digest


def digest() -> str:
    """Returns the SHA-256 of rules and lexicon as they are now, whatever the line ends of the checkout."""
    files = [path for path in FOLDER.glob("translation*.py") if path != Path(__file__)]
    total = hashlib.sha256()
    for path in sorted([*files, *FILE.parent.glob("*.tsv")], key=lambda path: path.name):
        total.update(path.name.encode())
        total.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return total.hexdigest()


def update() -> str:
    """Counts the version up if a file has changed, and returns it."""
    version, committed = read_version()
    current = digest()
    if current != committed:
        version = f"rules-{int(version.removeprefix('rules-')) + 1}"
        write_whole(FILE, f"{version}\n{current}\n")
    return version


if __name__ == "__main__":
    print(update())
