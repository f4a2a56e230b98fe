"""From a report's tokens to lexicon entries, and from these to English text."""

from __future__ import annotations

from dataset_scripts.reports.translation_grammar import Writer
from dataset_scripts.reports.translation_lexicon import DEGREE, KIND, PLACE, QUALITY, Entry, Lexicon
from dataset_scripts.reports.translation_tokens import Token, tokens

_NONE = Entry("", "skip")
_SLASH = Entry("/", "comma")  # between adjectives
_POSSIBLY = Entry("possible", "f")
_ST = Entry("vertical axis", "x", 1)  # "st" alone: the steep axis (Steiltyp), seldom the ST segment
_ADVERBS = {
    "slight": "slightly",
    "subtle": "subtly",
    "clear": "clearly",
    "markedly": "markedly",
    "strikingly": "strikingly",
    "very": "very",
    "terminally": "terminally",
}
_SIGNS = frozenset({"signs", "suspicion", "indication", "indications"})
_DEGREES = {"1": "first", "i": "first", "2": "second", "ii": "second", "3": "third", "iii": "third"}
_MARKS = {",": "comma", "/": "comma", ":": "colon", ".": "stop", ";": "stop", "!": "stop", "?": "ask"}
_STOP_NEEDLESS = frozenset({"number", "leads"})


def translate_tokens(text: str, lexicon: Lexicon, swedish: bool) -> tuple[str, tuple[str, ...]]:
    """Returns the English text and the words that the lexicon does not know."""
    found = _without_needless_stops(tokens(text, swedish), lexicon)
    reader = _Reader(found, lexicon, swedish)
    statements = Writer(reader.read(0, len(found))).statements()
    return " ".join(f"{statement.removesuffix('.')}." for statement in statements), tuple(reader.unknown)


class _Reader:
    """Looks a report's tokens up, longest phrase first."""

    def __init__(self, found: list[Token], lexicon: Lexicon, swedish: bool) -> None:
        self.tokens = found
        self.keys = [token.key for token in found]
        self.lexicon = lexicon
        self.swedish = swedish
        self.unknown: list[str] = []

    def read(self, start: int, end: int) -> list[Entry]:
        entries: list[Entry] = []
        at = start
        while at < end:
            token = self.tokens[at]
            if token.key == "(" and (closing := self._closing(at, end)):
                entries.append(self._group(at + 1, closing))
                at = closing + 1
                continue
            if (block := self._degree_of_block(at)) is not None:
                length, entry = block
            elif (phrase := self.lexicon.phrase(self.keys, at) or self.lexicon.cut_phrase(self.keys, at)) is not None:
                length, entry = phrase
            else:
                length, entry = 1, self._single(at, entries)
            at += length
            if entry.role != "skip":
                entries.append(entry)
        return _in_context(entries)

    def _single(self, at: int, before: list[Entry]) -> Entry:
        token = self.tokens[at]
        if token.kind == "leads":
            if token.key == "i" and at == len(self.tokens) - 1 and before and before[-1].role == "a":
                return Entry("ischemia", "i")  # "anterolaterale i": cut short, no lead
            return Entry(token.text, "leads")
        if token.kind == "number":
            return Entry(token.text, "number")
        if token.kind == "mark":
            if token.text == "+":
                return Entry("and", "k")
            if token.text == "-" and before and before[-1].role == "number":
                return (
                    Entry("to", "k") if self.tokens[at + 1 : at + 2] and self.tokens[at + 1].kind == "number" else _NONE
                )
            if token.text == "/" and before and before[-1].role in ("a", "b"):
                return _SLASH
            return Entry("", _MARKS.get(token.text, "skip"))
        if before and before[-1].english == "suspected" and token.key in ("a", "auf"):
            return _NONE
        entry = self.lexicon.find(token.key)
        if self.swedish and token.text == "av":
            return Entry("of", "p")
        if entry is None and at == len(self.tokens) - 1:
            entry = self.lexicon.completed(token.key)
        if entry is None and (glued := self.lexicon.two_words(token.key)):
            before.append(glued[0])
            return glued[1]
        if entry is None:
            self.unknown.append(token.text)
            return Entry(f"[?{token.text}]", "o")
        place = entry.rank == PLACE and not token.key.endswith("t")
        if self.swedish and entry.role == "b" and (place or entry.english == "abnormal"):
            return entry._replace(role="a")
        return entry

    def _degree_of_block(self, at: int) -> tuple[int, Entry] | None:
        """Reads "av-block 1. grades", "a-v block i": the numeral is a degree, not a lead."""
        length = 1 if self.keys[at] == "avblock" else 2 if self.keys[at : at + 2] == ["av", "block"] else 0
        numeral = at + length
        if not length or numeral >= len(self.tokens):
            return None
        degree = _DEGREES.get(self.tokens[numeral].text)
        if degree is None:
            return None
        named = numeral + 1 < len(self.keys) and self.keys[numeral + 1] in ("grades", "grad", "gr")
        return length + 1 + named, Entry(f"{degree}-degree av block", "d")

    def _closing(self, at: int, end: int) -> int | None:
        return next((i for i in range(at + 1, end) if self.keys[i] == ")"), None)

    def _group(self, start: int, end: int) -> Entry:
        inner = "; ".join(Writer(self.read(start, end)).statements())
        inner = "atrial" if inner == "atrium" else inner  # in brackets behind beats
        return Entry(f"({inner})", "group") if inner else _NONE


def _in_context(entries: list[Entry]) -> list[Entry]:
    """Settles the few words whose neighbours decide what they mean."""
    for at in range(len(entries)):
        entry = entries[at]
        before = entries[at - 1] if at else _NONE
        after = entries[at + 1] if at + 1 < len(entries) else _NONE
        if entry.role == "skip":
            continue
        if (
            entry.english in _ADVERBS
            and entry.role == "b"
            and after.role in ("a", "b")
            and after.rank in (DEGREE, QUALITY)
        ):
            adverb = _ADVERBS[entry.english]
            entries[at], entries[at + 1] = _NONE, after._replace(english=f"{adverb} {after.english}")
        elif entry == _SLASH and after.role in ("a", "b") and after.rank == before.rank:
            entries[at - 1], entries[at] = _NONE, _NONE
            entries[at + 1] = after._replace(english=f"{before.english}/{after.english}")
        elif entry.english == "beta-blocker" and after.english == "therapy":
            entries[at], entries[at + 1] = _NONE, after._replace(english="beta-blocker therapy")
        elif entry.english == "peaked" and entry.role == "a" and after.role not in ("w", "a") and after != _SLASH:
            entries[at] = Entry("apical", "b", PLACE)  # "spitze": the apex, unless a wave follows
        elif entry == _ST and after.english == "abnormal":  # the ST segment after all
            entries[at], entries[at + 1] = Entry("st abnormality,", "l"), _NONE
        elif entry.english == "before" and after.role == "number" and at + 2 < len(entries):
            unit = entries[at + 2].english
            if unit in ("days", "weeks", "years"):
                entries[at : at + 3] = [Entry(f"{after.english} {unit} ago", "o"), _NONE, _NONE]
        elif entry.role == "ng" and (denial := _denied_exclusion(entries, at)):
            entries[at : at + len(denial)] = denial
        elif entry.english == "is" and after.role == "ts":
            entries[at] = _NONE
        elif entry.english == "paired" and after.english in ("run", "runs"):
            entries[at], entries[at + 1] = _NONE, Entry("couplet" + after.english.removeprefix("run"), "e")
        elif entry.english == "patient" and after.english == "ecg":
            entries[at] = Entry("abnormal", "a", QUALITY)  # "pat." for "path."
        elif entry.english == "p wave" and after.english == "pulmonale":
            entries[at], entries[at + 1] = _NONE, Entry("p pulmonale", "d")
        elif entry == _POSSIBLY and (head := _list_head(entries, at)) is not None:
            entries[head], entries[at] = Entry(f"{entries[head].english.rstrip(',')}, possibly", "l"), _NONE
        elif entry.english == "status" and after.english == "after":
            entries[at], entries[at + 1] = _NONE, Entry("status post", "f")
        elif entry.english == "over" and after.role == "leads":
            entries[at] = Entry("in", "p")
        elif entry.role == "w" and after.english == "loss":
            entries[at], entries[at + 1] = _NONE, Entry(f"loss of {entry.english}", "n")
        elif entry.english == "caused" and after.role == "p":
            entries[at + 1] = Entry("by", "p")
        elif entry == Entry("abnormal", "v") and after.english.startswith("repolarization"):
            entries[at] = Entry("abnormal", "a", QUALITY)  # of the noun, not a verdict
        elif entry == Entry("age", "of") and after.role == "d":
            entries[at] = Entry("old", "a", QUALITY)  # "alter infarkt", not "infarkt alter unbest."
        elif entry.english in _SIGNS and after.english in ("on", "to", "for"):
            entries[at + 1] = Entry("of", "p")
        elif entry.english in ("in", "i") and after.english == "otherwise":
            entries[at] = _NONE
        elif entry.english == "to" and entry.role == "p" and after.role == "a":
            entries[at] = Entry("too", "a", DEGREE)
        elif entry.english == "of the" and before.role == "p":
            entries[at] = _NONE
        elif entry == _ST and before.role in ("a", "b") and before.rank == QUALITY:
            entries[at] = Entry("st segment", "w")
        elif entry == Entry("type", "o") and before.role in ("a", "b"):
            entries[at] = Entry("axis", "x")
        elif entry == Entry("type", "o") and after.role == "leads":
            entries[at + 1] = after._replace(role="o")
        elif entry.english == "suggests" and after.english == "for":
            entries[at], entries[at + 1] = Entry("suggests", "of"), _NONE
        elif entry.role == "w" and after.english in ("changes", "change", "wave", "increase"):
            role = "c" if after.role == "c" else "w" if after.role == "w" else "n"
            joined = entry.english if role == "w" else f"{entry.english} {after.english}"
            entries[at], entries[at + 1] = _NONE, Entry(joined, role)
        elif entry.english == "atrium" and after.role == "y":
            entries[at] = Entry("atrial", "a", KIND)
        elif entry.english == "atrium" and before.english == "rhythm":
            entries[at - 1], entries[at] = _NONE, Entry("atrial rhythm", "n")
        elif entry.english == "at the" and after.english == "most likely":
            entries[at] = _NONE
        elif entry.english == "any more" and after.english == "as":
            entries[at], entries[at + 1] = Entry("more", "o"), Entry("than", "p")
        elif entry.english == "the anterior wall" and after.role in ("d", "i") and before.english != "over":
            entries[at] = Entry("anterior", "a", PLACE)
    return [entry for entry in entries if entry.role != "skip"]


def _list_head(entries: list[Entry], at: int) -> int | None:
    """Returns where the head of a list stands right before, as "st abnormal," does before "möglicherweise"."""
    place = next((i for i in range(at - 1, -1, -1) if entries[i].role not in ("skip", "comma")), None)
    return place if place is not None and entries[place].role == "l" else None


def _denied_exclusion(entries: list[Entry], at: int) -> list[Entry] | None:
    """Reads "(kann) nicht (sicher) auszuschliessen/ausgeschlossen (werden)": what can't be excluded is not denied."""
    sure = at + 1 < len(entries) and entries[at + 1].english == "definite"
    verb = at + 1 + sure
    if verb >= len(entries) or entries[verb].english not in ("to be excluded", "excluded"):
        return None
    if at and entries[at - 1].english in ("can", "is"):
        entries[at - 1] = _NONE
    if verb + 1 < len(entries) and entries[verb + 1].english == "be":
        entries[verb + 1] = _NONE
    return [Entry(f"cannot be {'definitely ' if sure else ''}excluded", "ts"), *[_NONE] * (verb - at)]


def _without_needless_stops(found: list[Token], lexicon: Lexicon) -> list[Token]:
    kept: list[Token] = []
    for token in found:
        if token.key == "." and kept:
            last = kept[-1]
            short = last.kind == "word" and (len(last.key) == 1 or lexicon.ends_in_abbreviation(last.key))
            if last.kind in _STOP_NEEDLESS or short:
                continue
        kept.append(token)
    return kept
