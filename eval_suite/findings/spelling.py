"""Misspelled words put right: a word that no phrase knows and that is one edit away from one that a phrase does."""

from __future__ import annotations

import functools
import re

from eval_suite.findings.lexicon import entries, longest_match

SHORTEST = 7  # shorter words are too like one another
_WORD = re.compile(rf"[a-z]{{{SHORTEST},}}")


@functools.cache
def _words() -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    """The plain words of the phrases, and for each word with one letter left out the words it comes from."""
    words = {
        word
        for entry in entries()
        for word in re.findall(r"(?<![\w~)\]*?])[a-z]+(?![\w~(\[?*])", entry.phrase)
        if len(word) >= SHORTEST
    }
    shortened: dict[str, list[str]] = {}
    for word in sorted(words):
        for key in {word, *_shortened(word)}:
            shortened.setdefault(key, []).append(word)
    return frozenset(words), {key: tuple(found) for key, found in shortened.items()}


def _shortened(word: str) -> set[str]:
    return {word[:position] + word[position + 1 :] for position in range(len(word))}


def _is_one_edit(word: str, other: str) -> bool:
    """Whether one letter is left out, put in, exchanged, or two neighbours are swapped."""
    if len(word) > len(other):
        word, other = other, word
    start = next((place for place, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), len(word))
    if len(word) < len(other):
        return word[start:] == other[start + 1 :]
    swapped = word[:start] + word[start : start + 2][::-1] + word[start + 2 :]
    return word[start + 1 :] == other[start + 1 :] or swapped == other


def _is_inflection(word: str, other: str) -> bool:
    """Whether only the ending differs: "bestimmbare" and "bestimmbarer" are both right."""
    return word[:-1] in (other, other[:-1]) or other[:-1] == word


@functools.lru_cache(maxsize=65536)
def correction(word: str) -> str:
    """The word itself, or the only known word that one edit makes of it; the first letter must be right."""
    known, shortened = _words()
    if word in known or len(word) > max(map(len, known)) + 1:
        return word
    match = longest_match(word, 0)
    if match and match[1] == len(word):
        return word
    near = {
        other
        for key in {word, *_shortened(word)}
        for other in shortened.get(key, ())
        if other[0] == word[0] and _is_one_edit(word, other) and not _is_inflection(word, other)
    }
    return near.pop() if len(near) == 1 else word


def corrected(text: str) -> str:
    """A folded text with its misspelled words put right."""
    return _WORD.sub(lambda word: correction(word[0]), text)
