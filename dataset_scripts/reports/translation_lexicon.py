"""The translator's words and phrases, and how an unlisted form of a listed word is found.

`lexicon/words.tsv` holds single words, `lexicon/phrases.tsv` phrases found in the reports of at least ten patients; the
columns are source, English and role (docs/translation.md lists the roles). An unlisted word may still be known: an
inflected adjective by its stem, a compound by its parts, a misspelt long word by the one lexicon word a letter away.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dataset_scripts.reports.translation_tokens import Token, fold, tokens

FOLDER = Path(__file__).with_name("lexicon")
FUZZY_LETTERS = 9  # a word this long may have one letter wrong, missing, doubled or swapped; shorter ones may not
_CUT_LETTERS = 3
_GLUED_LETTERS = 5
_CUT_WORDS = 4
ENDINGS = ("es", "er", "en", "em", "e")
# First part of a compound -> its English.
_COMPOUND = {
    "vorhofs": "atrial",
    "vorhof": "atrial",
    "kammer": "ventricular",
    "linksventrikel": "left ventricular",
    "rechtsventrikel": "right ventricular",
    "linksherz": "left heart",
    "rechtsherz": "right heart",
    "links": "left",
    "rechts": "right",
    "vorderwand": "anterior",
    "hinterwand": "inferior (posterior wall)",
    "seitenwand": "lateral",
    "innenschicht": "subendocardial",
    "foermaks": "atrial",
    "kammar": "ventricular",
    "vaenster": "left",
    "sinus": "sinus",
    "av": "av",
    "st": "st",
    "t": "t wave",
}

DENIAL, HEDGE, DEGREE, QUALITY, SIDE, PLACE, KIND, RATE = 0, 1, 2, 3, 4, 5, 6, 9
"""Ranks of adjectives, their places before a noun."""


class Entry(NamedTuple):
    """What the lexicon says of a word or phrase.

    Attributes:
        english: its translation.
        role: its part in a statement, a letter or two.
        rank: of an adjective; 0 for other roles.
    """

    english: str
    role: str
    rank: int = 0


class Lexicon:
    """Words and phrases by key.

    Args:
        folder: where `words.tsv` and `phrases.tsv` lie.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.words: dict[str, Entry] = {}
        self.phrases: dict[str, list[tuple[tuple[str, ...], Entry]]] = defaultdict(list)
        self.abbreviations: set[str] = set()
        for source, english, role in _rows(folder / "words.tsv"):
            key = fold(source.replace(".", ""))
            if source.endswith("."):
                self.abbreviations.add(key)
            self.words.setdefault(key, _entry(english, role))
        for source, english, role in _rows(folder / "phrases.tsv"):
            for keys in {_keys(source, swedish) for swedish in (False, True)}:
                self.phrases[keys[0]].append((keys, _entry(english, role)))
            found = tokens(source)
            self.abbreviations.update(word.key for word, stop in pairwise(found) if stop.key == ".")
        for choices in self.phrases.values():
            choices.sort(key=lambda choice: -len(choice[0]))
        self.find = lru_cache(maxsize=None)(self._find)

    def phrase(self, keys: list[str], start: int) -> tuple[int, Entry] | None:
        """Returns the longest phrase that starts there, as its number of keys and its entry."""
        for wanted, entry in self.phrases.get(keys[start], ()):
            if tuple(keys[start : start + len(wanted)]) == wanted:
                return len(wanted), entry
        return None

    def cut_phrase(self, keys: list[str], start: int) -> tuple[int, Entry] | None:
        """Returns the one phrase of which the report's end is the beginning: the archive cuts its texts short."""
        count = len(keys) - start
        if not 2 <= count <= _CUT_WORDS or (count == 2 and len(keys[-1]) < _CUT_LETTERS):
            return None
        given = " ".join(keys[start:])
        found = {entry for wanted, entry in self.phrases.get(keys[start], ()) if " ".join(wanted).startswith(given)}
        return (count, found.pop()) if len(found) == 1 else None

    def _find(self, key: str) -> Entry | None:
        return self.words.get(key) or self._inflected(key) or self._compound(key) or self._misspelt(key)

    def _inflected(self, key: str) -> Entry | None:
        for ending in ENDINGS:
            stem = self.words.get(key.removesuffix(ending)) if key.endswith(ending) else None
            if stem and stem.role == "b":
                return stem._replace(role="a")
        return None

    def _compound(self, key: str) -> Entry | None:
        for part, english in _COMPOUND.items():
            head = self.words.get(key.removeprefix(part)) if key.startswith(part) else None
            if head and head.role in ("n", "d", "s", "i", "c", "y") and len(key) - len(part) > 3:
                return head._replace(english=f"{english} {head.english}", role="d" if head.role == "s" else head.role)
        return None

    def _misspelt(self, key: str) -> Entry | None:
        if len(key) < FUZZY_LETTERS or not key.isalpha():
            return None
        near = {word for form in _shortened(key) for word in self._near.get(form, ()) if _one_slip(key, word)}
        entries = {entry for word in near if (entry := self.words.get(word) or self._inflected(word))}
        return entries.pop() if len(entries) == 1 else None

    def two_words(self, key: str) -> tuple[Entry, Entry] | None:
        """Returns two words written as one; the first as long as may be, so that the split is always the same."""
        for cut in range(len(key) - _GLUED_LETTERS, _GLUED_LETTERS - 1, -1):
            first, second = self.words.get(key[:cut]), self.words.get(key[cut:])
            if first and second:
                return first, second
        return None

    def ends_in_abbreviation(self, key: str) -> bool:
        """Whether a full stop behind this word belongs to it."""
        if key in self.words:
            return key in self.abbreviations
        return key in self.abbreviations or any(key.endswith(short) for short in self._long_abbreviations)

    @cached_property
    def _long_abbreviations(self) -> tuple[str, ...]:
        return tuple(short for short in self.abbreviations if len(short) >= _GLUED_LETTERS)

    @cached_property
    def _near(self) -> dict[str, list[str]]:
        """Long words by each of their forms with a letter left out, their own included."""
        index: dict[str, list[str]] = defaultdict(list)
        for word, entry in self.words.items():
            forms = [word, *(word + ending for ending in ENDINGS)] if entry.role == "b" else [word]
            for form in forms:
                if len(form) >= FUZZY_LETTERS - 1 and form.isalpha():
                    for short in _shortened(form):
                        index[short].append(form)
        return index

    def completed(self, key: str) -> Entry | None:
        """Returns what a word cut short at a report's end must mean: all words that begin so mean the same."""
        if len(key) < _CUT_LETTERS:
            return None
        entries = [entry for word, entry in self.words.items() if word.startswith(key)]
        return entries[0] if entries and len({entry.english for entry in entries}) == 1 else None


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Returns the project's lexicon, read once."""
    return Lexicon()


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def _entry(english: str, role: str) -> Entry:
    return Entry(english, role[0], int(role[1])) if role[-1].isdigit() else Entry(english, role)


def _keys(source: str, swedish: bool) -> tuple[str, ...]:
    return tuple(token.key for token in _without_stops(tokens(source, swedish)))


def _without_stops(found: list[Token]) -> list[Token]:
    return [token for token in found if token.key != "."]


def _shortened(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))}


def _one_slip(given: str, word: str) -> bool:
    """Whether one letter was changed, lost, added, or swapped with its neighbour; never the first."""
    if given[0] != word[0] or abs(len(given) - len(word)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(given, word, strict=False)) if a != b), min(len(given), len(word)))
    left, right = given[start:], word[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[2:] == right[2:] and left[:2] == right[1::-1])
    )
