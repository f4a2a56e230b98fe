"""WordNet for METEOR: nltk's own data where it is installed, else the files of Debian's `wordnet-base`."""

from __future__ import annotations

import functools
import io
import warnings
from pathlib import Path
from typing import IO, Any

import nltk
from nltk.corpus.reader.wordnet import WordNetCorpusReader

#: Where distributions put WordNet's `dict` files.
SYSTEM_FOLDERS = (Path("/usr/share/wordnet"), Path("/usr/share/wordnet/dict"), Path("/usr/local/WordNet-3.0/dict"))

# The lexicographer files in their order, lexnames(5WN) of WordNet 3.0. Debian ships the data that refers to them by
# number but not this list, without which nltk's reader does not open.
_NOUNS = (
    "Tops act animal artifact attribute body cognition communication event feeling food group location motive object "
    "person phenomenon plant possession process quantity relation shape state substance time"
)
_VERBS = (
    "body change cognition communication competition consumption contact creation emotion motion perception "
    "possession social stative weather"
)
LEXICOGRAPHER_FILES = (
    "adj.all",
    "adj.pert",
    "adv.all",
    *(f"noun.{name}" for name in _NOUNS.split()),
    *(f"verb.{name}" for name in _VERBS.split()),
    "adj.ppl",
)
_SYNTACTIC_CATEGORY = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}


def lexnames() -> str:
    """The text of WordNet 3.0's file `lexnames`: number, lexicographer file, syntactic category; 45 lines."""
    return "".join(
        f"{number:02d}\t{name}\t{_SYNTACTIC_CATEGORY[name.split('.')[0]]}\n"
        for number, name in enumerate(LEXICOGRAPHER_FILES)
    )


class SystemWordNet(WordNetCorpusReader):
    """nltk's reader on a folder of WordNet 3.0 `dict` files that may lack `lexnames`."""

    def __init__(self, folder: Path) -> None:
        # nltk reads only below the folders named here and asks that any other be registered; this one alone is added.
        if str(folder) not in nltk.data.path:
            nltk.data.path.append(str(folder))
        with warnings.catch_warnings():
            # nltk warns that other languages are missing; METEOR asks for English only.
            warnings.filterwarnings("ignore", message="The multilingual functions")
            super().__init__(str(folder), None)

    def open(self, file: str) -> IO[Any]:
        """Open one of WordNet's files; `lexnames` comes from the manual's list."""
        return io.StringIO(lexnames()) if file == "lexnames" else super().open(file)

    def map_wn(self, version: str = "wordnet") -> None:
        """No map to nltk's own copy of WordNet: it serves other languages, and there may be no copy."""


@functools.cache
def load_wordnet() -> WordNetCorpusReader | None:
    """WordNet as nltk reads it, or None where neither nltk's data nor the system has it.

    To get it: `python -m nltk.downloader wordnet`, or on Debian and Ubuntu `apt-get install wordnet-base`.
    """
    for resource in ("corpora/wordnet", "corpora/wordnet.zip"):
        try:
            nltk.data.find(resource)
        except LookupError:
            continue
        return nltk.corpus.wordnet
    for folder in SYSTEM_FOLDERS:
        if (folder / "data.noun").is_file():
            return SystemWordNet(folder)
    return None
