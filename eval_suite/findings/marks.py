"""A report cut into sentences of marks: phrases of the lexicon and punctuation, with the unknown words before each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from eval_suite.findings.lexicon import Entry, fold, longest_match
from eval_suite.findings.names import State
from eval_suite.findings.spelling import corrected

# "extrasystole(n)", "qrs(t)", "ventrikulär(a)": an ending that the recorder leaves to the reader.
_ENDING = re.compile(r"(?<=\w)\((\w{1,4})\)")
_CHEST = r"v\s?\d[r]?(?:\s*(?:-|,|/|and|und|to|bis)\s*v?\s?\d(?!\d))*"
_LEAD = rf"(?:av[rlf]|{_CHEST}|i{{1,3}}(?!\w)|(?:limb|chest|precordial) leads)"
_LEADS = re.compile(rf"{_LEAD}(?:\s*(?:,|-|/|\+|&|and|und|och|to|bis)*\s*{_LEAD})*(?!\w)")
_WORD = re.compile(r"\w[\w'°%]*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*(?!\w)")
_ABBREVIATIONS = frozenset(
    [
        "ca",
        "bzw",
        "evtl",
        "ggf",
        "resp",
        "inkl",
        "li",
        "re",
        "vs",
        "z",
        "b",
        "d",
        "h",
        "u",
        "s",
        "st",
        "nr",
        "abl",
        "ant",
        "ex",
        "eg",
        "ie",
        "approx",
        "max",
        "min",
    ]
)
# "Ischemia: none."
_NONE = re.compile(r":\s*(?:no|none|nil|negative|keine?|nein|negativ|inga?|ingen|inget|nej)(?=\s*(?:[.;,\n]|$))")
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS))
_LONGEST_SENTENCE = 200  # marks; the rules look at each mark from each other one, and no report's sentence has so many
_SYMBOLS = {"&": "and", "+": "and", "/": "slash"}


@dataclass
class Claim:
    """A finding that the text speaks of, before it is known whether it is affirmed.

    Attributes:
        affirmed: names and the states they get where the claim is affirmed; "uncertain" is a hedge on this part alone.
        denied: the names that a negation denies.
        state: what cues and alternatives make of it; "dropped" where nothing is stated.
        base: of an infarct, an ischemia or an injury, which of them.
    """

    affirmed: list[tuple[str, State]]
    denied: tuple[str, ...]
    state: str = "present"
    base: str = ""

    def names(self) -> set[str]:
        """The names that the claim may affirm."""
        return {name for name, state in self.affirmed if state != "absent"}


@dataclass
class Mark:
    """A phrase or a punctuation mark.

    Attributes:
        kind: an `Entry.kind`, "comma", or "claim" once it is one.
        values: the entry's values.
        text: the folded words.
        before: unknown words between the mark before and this one.
        claim: of a claim.
    """

    kind: str
    values: tuple[str, ...] = ()
    text: str = ""
    before: tuple[str, ...] = ()
    claim: Claim | None = field(default=None)


def _mark(entry: Entry, text: str, before: tuple[str, ...]) -> Mark:
    if entry.kind == "finding":
        return Mark("claim", (), text, before, Claim(list(entry.affirmed), entry.denied))
    return Mark(entry.kind, entry.values, text, before)


def _prepared(text: str) -> str:
    folded = _ENDING.sub(r"", fold(text))
    return corrected(re.sub(r"[^\S\n]+", " ", folded).strip())


def ends_sentence(text: str, position: int) -> bool:
    """Whether the mark there ends a sentence: no decimal point, no time of day, no abbreviation's full stop.

    Args:
        text: in lower case.
        position: of a full stop, colon, semicolon, exclamation or question mark or line break in it.
    """
    sign = text[position]
    after = text[position + 1 : position + 2]
    if sign in "!;\n":
        return True
    if sign == ":":
        return not after.isdigit()
    if after and not after.isspace() and after not in "\"')":
        return False
    # One letter more than any abbreviation has, so that the end of a longer word is none.
    word = re.search(r"(\w+)$", text[max(position - _LONGEST_ABBREVIATION - 1, 0) : position])
    return not (word and word[1] in _ABBREVIATIONS)


def _follows_hedge(text: str, position: int, marks: list[Mark], before: list[str]) -> bool:
    """Whether a colon only introduces what is hedged: "DD: inferior infarct"."""
    return text[position] == ":" and not before and bool(marks) and marks[-1].kind == "hedge"


def sentences(text: str) -> list[list[Mark]]:
    """The marks of a text, sentence by sentence."""
    text = _prepared(text)
    found: list[list[Mark]] = [[]]
    before: list[str] = []
    position = 0

    def add(mark: Mark) -> None:
        if len(found[-1]) == _LONGEST_SENTENCE:
            found.append([])
        found[-1].append(mark)
        before.clear()

    while position < len(text):
        letter = text[position]
        if letter in " -" and not text.startswith(" - ", position):
            position += 1
            continue
        match = longest_match(text, position)
        leads = _LEADS.match(text, position)
        if leads and (match is None or leads.end() >= match[1]):
            position = leads.end()
            continue
        if match:
            add(_mark(match[0], text[position : match[1]], tuple(before)))
            position = match[1]
            continue
        word = _NUMBER.match(text, position) or _WORD.match(text, position)
        if word:
            before.append(word[0])
            position = word.end()
            continue
        if letter == "?":
            asks_ahead = text[position + 1 : position + 2].isalpha()
            add(Mark("hedge", ("before" if asks_ahead else "after",), "?", tuple(before)))
            if not asks_ahead:
                found.append([])
        elif none := _NONE.match(text, position):
            add(Mark("deny", ("after",), none[0], tuple(before)))
            position = none.end() - 1
        elif (
            letter in ".:;!\n"
            and not _follows_hedge(text, position, found[-1], before)
            and ends_sentence(text, position)
        ):
            found.append([])
            before.clear()
        elif letter in ",()" or text.startswith(" - ", position):
            add(Mark("comma", (), letter, tuple(before)))
            position += 2 * (letter == " ")
        elif letter in _SYMBOLS:
            add(Mark("join", (_SYMBOLS[letter],), letter, tuple(before)))
        position += 1
    return [marks for marks in found if marks]
