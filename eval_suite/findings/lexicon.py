"""The phrases that the rules know, read from lexicon/*.txt, and the search for the longest one at a place in a text.

A file has headings in brackets and one phrase a line. Phrases are written folded (see `fold`) and in a small notation:

    (a|b)  either;  (a )?  may be missing;  (a )*  any number of times;  (a|b)*  likewise, and the word goes on
    tach*  the word goes on;  a~b  with or without blank or hyphen between;  a~ at the end: another word may follow on
    z.n.   full stops may be missing;  a blank stands for blanks or hyphens

A heading is either one of `KINDS` with its values or a list of findings: `[a b? / c d]` states a, and b as uncertain
at most; where it is denied, it denies c and d (without `/`: a and b). `[! a]` states that a is absent.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval_suite.findings.names import FINDINGS_BY_NAME, State

FOLDER = Path(__file__).parent / "lexicon"
FILES = ("findings_english.txt", "findings_german.txt", "findings_swedish.txt", "parts.txt", "cues.txt")
KINDS = frozenset(
    [
        "wall",
        "head",
        "age",
        "leadword",
        "subject",
        "predicate",
        "neutral",
        "deny",
        "hedge",
        "drop",
        "join",
        "stop",
        "nonspecific",
        "fast",
        "slow",
        "otherwise",
        "except",
        "sign",
        "certain",
        "skip",
        "complete",
    ]
)

PREFIX = 3  # letters of a phrase by which it is looked up
_LETTERS = str.maketrans({"ä": "a", "å": "a", "ö": "o", "ø": "o", "ü": "u", "é": "e", "ß": "ss", "–": "-", "’": "'"})
_LONG_WORD = re.compile(r"\w{4,}")
_DIGRAPH = re.compile(r"ae|oe|(?<![aeq])ue")


def fold(text: str) -> str:
    """Lower case; ä, ae and å become a, likewise ö and ü: archives write a word's umlaut in all these ways.

    Words under four letters keep their digraphs (LAE is left atrial enlargement).
    """
    text = unicodedata.normalize("NFC", text.lower()).translate(_LETTERS)
    return _LONG_WORD.sub(lambda word: _DIGRAPH.sub(lambda pair: pair[0][0], word[0]), text)


@dataclass(frozen=True)
class Entry:
    """A phrase and what it says.

    Attributes:
        phrase: in the lexicon's notation.
        kind: one of `KINDS`, or "finding".
        values: the heading's further words (of a cue: before, after, around).
        affirmed: of a finding: the names with their states where the phrase is affirmed.
        denied: of a finding: the names that a negation denies.
    """

    phrase: str
    kind: str
    values: tuple[str, ...] = ()
    affirmed: tuple[tuple[str, State], ...] = ()
    denied: tuple[str, ...] = ()

    @functools.cached_property
    def regex(self) -> re.Pattern[str]:
        """The phrase as a regular expression on folded text, compiled when first needed."""
        return re.compile(_expression(self.phrase))


def _plain(phrase: str) -> str:
    """A phrase without the spellings that mean nothing in the notation: an optional blank or full stop."""
    return phrase.replace("~ ?", "~").replace(" ?", "~").replace("~?", "~").replace(".?", ".")


def _expression(phrase: str) -> str:
    parts: list[str] = []
    opened: list[tuple[int, int]] = []
    tight, start_part = False, 0
    for position, letter in enumerate(phrase):
        before = phrase[position - 1] if position else ""
        if letter == "(":
            opened.append((position, len(parts)))
        elif letter == ")":
            start, start_part = opened.pop()
            tight = phrase[start + 1] not in " ~" and before not in " ~"
        if letter == "~":
            parts.append(r"[\s\-]*")
        elif letter == " ":
            parts.append(r"[\s\-]+")
        elif letter == ".":
            parts.append(r"\.?")
        elif letter == "*" and before not in ")]":
            parts.append(r"\w*")
        elif letter == "(":
            parts.append("(?:")
        elif letter == "*" and before == ")" and tight:
            parts[start_part] = "(?:(?:"
            parts.append(r"+\w*)?")
        else:
            parts.append(letter)
    return "".join(parts) + ("" if phrase.endswith("~") else r"(?!\w)")


def _split_top(phrase: str) -> tuple[list[str], str]:
    """The alternatives of the group that a phrase begins with, and what follows the group."""
    depth = 0
    alternatives = [""]
    for position, letter in enumerate(phrase):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return alternatives, phrase[position + 1 :]
        if letter == "|" and depth == 1:
            alternatives.append("")
        elif position:
            alternatives[-1] += letter
    raise ValueError(f"a bracket is not closed in the lexicon's {phrase!r}")


def beginnings(phrase: str, length: int = PREFIX, inside: bool = False) -> frozenset[str]:
    """What the matches of a phrase begin with: strings of `length`, shorter where a gap or an open ending follows.

    "" is among them where a match may be empty.
    """
    if not phrase or not length:
        return frozenset({""})
    if phrase[0] in "~ .":
        return frozenset({""}) if inside else beginnings(phrase[1:], length)
    if phrase[0] in "*[+":
        return frozenset({""})
    if phrase[0] == "(":
        alternatives, rest = _split_top(phrase)
        follows = rest[1:] if rest[:1] in ("?", "*", "+") else rest
        # A group that may be repeated ends what is known.
        tail = "*" if rest[:1] in ("*", "+") else follows
        found = frozenset().union(*(beginnings(choice + tail, length, inside) for choice in alternatives))
        return found | beginnings(follows, length, inside) if rest[:1] in ("?", "*") else found
    one = frozenset(phrase[0] + more for more in beginnings(phrase[1:].removeprefix("?"), length - 1, True))
    return one | beginnings(phrase[2:], length, inside) if phrase[1:2] == "?" else one


def _entry(heading: str, phrase: str) -> Entry:
    words = heading.split()
    if words[0] in KINDS:
        return Entry(phrase, words[0], tuple(words[1:]))
    if words[0] == "!":
        return Entry(phrase, "finding", affirmed=tuple((name, "absent") for name in words[1:]))
    stated, _, denied = heading.partition("/")
    affirmed: list[tuple[str, State]] = [
        (word.rstrip("?"), "uncertain" if word.endswith("?") else "present") for word in stated.split()
    ]
    names = tuple(denied.split()) or tuple(name for name, _ in affirmed)
    return Entry(phrase, "finding", affirmed=tuple(affirmed), denied=names)


def read_entries(lines: Iterable[str]) -> list[Entry]:
    """The phrases of a lexicon file.

    Raises:
        ValueError: a heading with an unknown finding, a phrase before any heading or one that may match nothing.
    """
    entries = []
    heading = ""
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            heading = line.strip("[]")
            continue
        entry = _entry(heading, _plain(fold(line)))
        unknown = {name for name, _ in entry.affirmed}.union(entry.denied) - FINDINGS_BY_NAME.keys()
        if unknown or "" in beginnings(entry.phrase):
            raise ValueError(f"lexicon: {line!r} under [{heading}]: {sorted(unknown) or 'may match an empty text'}")
        entries.append(entry)
    return entries


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All phrases, in the order of `FILES`."""
    return tuple(
        entry for name in FILES for entry in read_entries((FOLDER / name).read_text(encoding="utf-8").splitlines())
    )


@functools.cache
def _entries_by_beginning() -> dict[str, tuple[Entry, ...]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries():
        for beginning in beginnings(entry.phrase):
            found.setdefault(beginning, []).append(entry)
    return {beginning: tuple(group) for beginning, group in found.items()}


def longest_match(text: str, position: int) -> tuple[Entry, int] | None:
    """The phrase with the longest match at a place of a folded text, and the match's end; of equals the most exact."""
    groups = _entries_by_beginning()
    best: tuple[Entry, int] | None = None
    for length in range(PREFIX, 0, -1):
        for entry in groups.get(text[position : position + length], ()):
            match = entry.regex.match(text, position)
            if match and (best is None or match.end() > best[1]):
                best = (entry, match.end())
    return best
