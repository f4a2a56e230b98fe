"""One statement of a report under construction: a noun with what comes before it, behind it and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dataset_scripts.reports.translation_lexicon import DENIAL, HEDGE, PLACE, RATE, Entry

AGES = frozenset({"chronic", "acute", "subacute", "old", "recent"})
ADVERBS = {"probable": "probably", "possible": "possibly", "questionable": "questionably", "suspected": "suspectedly"}


@dataclass
class Statement:
    """What has been read of a statement so far.

    Attributes:
        head: its noun; None in a fragment without one.
        before: adjectives and hedges that go before the noun.
        tail: what follows the noun, in order.
        items: of a list ("probably A or B, and C"); None where the statement is no list.
        last: what closes it ("cannot be excluded").
        open: a preposition or conjunction waits for its noun.
        leads: the tail ends in leads.
        said: adjectives stated of the noun after it ("t wave negative").
    """

    head: Entry | None = None
    before: list[Entry] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    items: list[str] | None = None
    last: list[str] = field(default_factory=list)
    open: bool = False
    leads: bool = False
    said: list[Entry] = field(default_factory=list)

    @property
    def role(self) -> str:
        """The noun's role; empty without a noun."""
        return self.head.role if self.head else ""

    @property
    def bare(self) -> bool:
        """Whether nothing follows the noun yet."""
        return not self.tail and not self.items

    @property
    def hedged(self) -> bool:
        """Whether it already says how sure it is."""
        return bool(self.last) or any(entry.rank == HEDGE for entry in self.before)

    def add(self, text: str) -> None:
        """Puts text behind all that there is; a text that begins with a mark joins without a space."""
        if self.items:
            self.items[-1] += text if text[0] in ",:;?" else f" {text}"
        else:
            self.tail.append(text)

    def english(self) -> str:
        """Returns the statement as a sentence, without its full stop."""
        text = noun_phrase(self.before, self.head)
        for piece in self.tail:
            text += piece if piece[0] in ",:;?" or not text else f" {piece}"
        if self.items:
            *first, final = self.items
            short = len(self.items) == 2 and " or " not in first[0]
            text += (
                (" " if text else "") + ", ".join(first) + ((" and " if short else ", and ") if first else "") + final
            )
        for piece in self.last:
            text += piece if piece[0] == "," else f" {piece}"
        return text.strip(" ,:;")


def noun_phrase(before: Sequence[Entry], head: Entry | None) -> str:
    """Puts adjectives in English order before their noun."""
    return _noun_phrase(tuple(before), head)


@lru_cache(maxsize=4096)
def _noun_phrase(before: tuple[Entry, ...], head: Entry | None) -> str:
    noun = head.english if head else ""
    rates = [entry.english for entry in before if entry.rank == RATE]
    rest = [entry for entry in before if entry.rank != RATE and not (rates and entry.role == "k")]
    joined = any(entry.role == "k" for entry in rest)  # "inferior and anteroseptal": in the order given
    if joined:
        apart = {*range(len(rest))} - {
            at + step for at, entry in enumerate(rest) if entry.role == "k" for step in (-1, 1)
        }
        ages = [entry for at, entry in enumerate(rest) if at in apart and entry.english in AGES]
        hedges = [entry for entry in rest if entry.rank == HEDGE]
        rest = [*hedges, *ages, *(entry for entry in rest if entry not in hedges and entry not in ages)]
    ordered = rest if joined else sorted(rest, key=lambda entry: entry.rank)
    denied = next((place for place, entry in enumerate(rest) if entry.rank == DENIAL and entry.role == "a"), 0)
    if denied:  # "wahrscheinlich kein": the denial is what is probable
        ordered = [entry._replace(english=ADVERBS.get(entry.english, entry.english)) for entry in rest[:denied]]
        ordered += sorted(rest[denied:], key=lambda entry: entry.rank)
    words = _words(ordered)
    words, noun = _idiom(words, noun)
    text = " ".join([*words, noun]).strip()
    if rates:
        response = "ventricular response" if head and head.role == "nf" else "rate"
        text += f" with {' to '.join(rates)} {response}"
    return text.strip()


def _words(ordered: Sequence[Entry]) -> list[str]:
    words: list[str] = []
    previous = None
    for entry in ordered:
        if previous is not None and previous.rank == entry.rank and entry.role != "k" != previous.role:
            if entry.rank == PLACE:
                words.append("and")
            elif {previous.english, entry.english} <= AGES:
                words[-1] += ","
        if not words or words[-1] != entry.english:  # "wahrscheinliche ... wahrscheinlich" says it once
            words.append(entry.english)
        previous = entry
    return words


def _idiom(words: list[str], noun: str) -> tuple[list[str], str]:
    """Turns what is right word by word into what English calls it."""
    if noun in ("leftward axis", "left axis deviation") and "marked" in words:  # überdreht: beyond -30 degrees
        words, noun = [word for word in words if word != "marked"], "left axis deviation"
    if noun in ("low voltage", "voltage") and "peripheral" in words:
        words, noun = [word for word in words if word not in ("peripheral", "low")], "low voltage in the limb leads"
    if noun == "bundle branch block" and {"anterior", "posterior", "left anterior", "left posterior"} & set(words):
        noun = "fascicular block"
    if noun == "axis" and "left" in words:
        words, noun = [word for word in words if word != "left"], "leftward axis"
    if noun == "axis" and "right" in words:
        words, noun = [word for word in words if word != "right"], "right axis deviation"
    if "extreme" in words and "marked" in words:
        words = [word for word in words if word != "marked"]
    words = [word for word in words if word == "no" or not noun.startswith(f"{word} ")]  # it is in the noun already
    if noun.startswith("the ") and words:
        words, noun = ["the", *words], noun.removeprefix("the ")
    if noun.startswith("premature ") and "and" not in words:  # not "ventricular premature contractions"
        kinds = [word for word in words if word in ("ventricular", "supraventricular", "atrial")]
        words = [word for word in words if word not in kinds]
        if kinds:
            noun = f"premature {kinds[-1]} {noun.removeprefix('premature ')}"  # atrial, of supraventricular and atrial
    if noun.endswith("ecg"):
        words = [ADVERBS.get(word, word) for word in words]
    return words, noun
