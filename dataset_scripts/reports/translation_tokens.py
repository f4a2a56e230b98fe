"""A report cut into words, lead lists, numbers and marks, each with the key under which the lexicon knows it.

A key is lower-case, without hyphens, its umlauts written out: "A-V", "av-" and "Av" are one word, "für" and "fuer" too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "-": None, "´": None})

# "t- veraenderungen", "myokard- affektion": a space after a hyphen is a slip, unless an "and" or "or" follows.
_BROKEN = re.compile(r"(?<=[^\W\d_])-\s+(?=[^\W\d_])(?!(?:oder|und|eller|och|bis|samt|linie|v\d)\b)")
_ORDINAL = re.compile(r"(?<![\w,])(iii|ii|i|[123])\. ?(?=gr)")
_DOTTED = re.compile(r"\b([^\W\d_])\.([^\W\d_])\.")  # "z.t.": one abbreviation
_GLUED = [  # slips of the space bar around leads, and one pattern written in many ways
    (re.compile(r"\bin(?=(?:v\s?[1-6]|ii+|i,|av[rlf])\b)"), "in "),
    (re.compile(r"\b(i{1,3})(?=av[rlf]\b)"), r"\1,"),
    (re.compile(r"\bq-?in\b"), "q in"),
    (re.compile(r"\bdes\."), "desz."),
    (re.compile(r"\bu\.(?=[\s,])"), "und"),
    (re.compile(r"\bin in\b"), "in"),
    (re.compile(r"\bu-we/le\b"), "u-welle"),
    (re.compile(r"\br/s umschlag\b"), "rs-umschlag"),
    (re.compile(r"(?<=flimmern)/(?=flattern)"), "/-"),
    (re.compile(r"\bpatologikst\b"), "patologiskt"),
    (re.compile(r"-(?=(?:bis|och|oder|und|eller)\b)"), "- "),
    (re.compile(r"\bst\.?\s(?=senkung|hebung|strecke|sänkning|höjning)"), "st-"),
    (re.compile(r"\bs[i1]\s?[/, -]?\s?qiii\b(?:\s?-?\s?typ\b)?"), "siqiii"),
]
_STATUS_POST = re.compile(r"\b(?:st|z)\. ?n(?:ach\b|\.)")

_AFTER = r"(?![^\W_])(?!-(?!v?\d|iii?\b)[^\W\d_])"
_SURE = rf"(?:av[rlf]|iii|ii|i|lll|ll|v\s?[1-6]){_AFTER}"
_MAYBE = rf"(?:[lf]{_AFTER}|r{_AFTER}(?!\s*(?:verlust|progress|regred|zuwachs|in\b|auff)))"
_RANGE = rf"\s?-\s?-?\s?v?\s?[1-6]{_AFTER}"
_NEXT = (
    rf"(?:\s?[,+./]\s?|,,|\s)(?={_SURE})(?:{_SURE})"
    rf"|\s?[,+/]\s?{_MAYBE}|\s[lf]{_AFTER}"
    rf"|\s?[,+/]\s?(?<![^\W\d_][,+/\s])[1-6](?![\d.:x/]|\s?/\s?min|mm|mv|er\b){_AFTER}|{_RANGE}|\s?-\s?iii?{_AFTER}"
)
_FIRST = rf"(?:{_SURE}|[lfr]{_AFTER}(?=\s?,\s?(?:[lfr]\b|{_SURE})))"
_TOKEN = re.compile(
    rf"(?P<leads>(?<!\w)(?<!\w-){_FIRST}(?:{_NEXT})*)"
    r"|(?P<status>\bst\.n\.)"
    r"|(?P<number>(?:(?:ca\. ?)?[<>=] ?|(?<![^\W\d_]))\d+(?:\s?:\s?\d+|[.,/x-]\d+)*"
    r"(?:mm|mv|mg|ml|ms|\s?/\s?min\b\.?)?(?![^\W\d_]|-[^\W\d_]))"
    r"|(?P<word>[\w#}{|&]+(?:\(\w{1,2}\))?(?:-[\w#]+(?:\(\w{1,2}\))?)*-?)"
    r"|(?P<mark>\S)"
)
_LEAD = re.compile(r"(?P<range>-)|(?P<slash>/)|(?P<v>v\s?)?(?P<digit>[1-6])|(?P<name>[a-z]+)")
_LEAD_NAMES = {"l": "avl", "f": "avf", "r": "avr"}
_ROMAN = {"l": "i", "ll": "ii", "lll": "iii"}


class Token(NamedTuple):
    """A piece of a report.

    Attributes:
        kind: "word", "leads", "number" or "mark".
        text: as written, in lower case; leads and numbers as English writes them.
        key: for the lexicon.
    """

    kind: str
    text: str
    key: str


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """Returns a word's key."""
    return word.lower().translate(_FOLD)


def tokens(text: str, swedish: bool = False) -> list[Token]:
    """Cuts a report. In Swedish "i" is a lead only where no word or lead follows it: else it is "in"."""
    text = _ORDINAL.sub(r"\1 ", _BROKEN.sub("-", text.lower()))
    text = _DOTTED.sub(r"\1\2.", _STATUS_POST.sub("st.n. ", text))
    for slip, right in _GLUED:
        text = slip.sub(right, text)
    found = []
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup or "mark", match.group()
        if kind == "leads":
            if (
                swedish
                and piece[0] == "i"
                and piece[1:2] in ("", " ")
                and re.match(r"\s*[^\W\d_]", text[match.start() + 1 :])
            ):
                found.append(Token("word", "i", "i~"))
                piece = piece[1:].strip()
            if piece:
                found.append(Token("leads", lead_list(piece), piece))
        elif kind == "number":
            found.append(Token(kind, re.sub(r"(?<=\d),(?=\d)", ".", piece.replace(" ", "").rstrip(".")), piece))
        elif kind == "status":
            found.append(Token("word", "st.n.", "stn"))
        else:
            found.append(Token(kind, piece, piece if kind == "mark" else fold(piece)))
    return found


def lead_list(text: str) -> str:
    """Writes leads one way: "v1 -3,avf" becomes "v1-v3, avf"."""
    roman = re.search(r"\bll", text) is not None  # typed with the letter l instead of i
    leads: list[str] = []
    joint = ""
    for match in _LEAD.finditer(text):
        if match["range"]:
            joint = "-"
        elif match["slash"]:
            joint = "/"
        else:
            name = match["name"]
            lead = (
                f"v{match['digit']}"
                if name is None
                else _ROMAN.get(name, name)
                if roman
                else _LEAD_NAMES.get(name, name)
            )
            if joint and leads:  # "v1-3", "v5/6"
                leads[-1] += joint + lead
            else:
                leads.append(lead)
            joint = ""
    return ", ".join(leads)
