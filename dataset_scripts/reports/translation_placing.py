"""Where an adjective without ending belongs: to the noun before it ("infarkt inferior") or to the one to come."""

from __future__ import annotations

from collections.abc import Sequence

from dataset_scripts.reports.translation_lexicon import DEGREE, HEDGE, PLACE, QUALITY, RATE, SIDE, Entry
from dataset_scripts.reports.translation_statement import AGES, Statement, noun_phrase

NOUNS = frozenset({"n", "nf", "d", "s", "x", "w", "c", "i", "y"})
DOUBTFUL = frozenset({"d", "s", "i"})  # nouns of which one says how sure one is
END = Entry("", "end")
AXIS = Entry("axis", "x")
_ALL = Entry("all", "a", HEDGE)
_SHAPES = frozenset({"negative", "positive", "biphasic", "flat", "flattened", "tall", "peaked", "double-peaked"})
_DEGREES = frozenset({"complete", "incomplete", "partial"})


def belongs_forward(current: Statement, entry: Entry, ahead: Sequence[Entry]) -> bool:
    """Whether the adjective waits for the noun to come; `ahead` is what follows it, at least two entries."""
    after = ahead[0]
    if entry.rank == RATE:
        return current.role not in ("n", "nf") or after.role == "nf"
    if current.open:
        if current.leads and entry.rank == PLACE and after.role not in DOUBTFUL:
            return False  # "in v1 und inf.", more leads
        if current.role in ("w", "c"):
            return after.role in ("w", "i", "a") or (after.role in NOUNS and current.tail[-1:] != ["and"])
        return after.role in NOUNS or after.role in ("a", "b")
    if current.items == [] or (entry.english == "new" and not current.bare and after.role in NOUNS):
        return True
    if (not current.role and current.tail) or names_fascicle(current, entry, ahead):
        return False
    if current.role in ("w", "c"):
        return _forward_of_wave(current, entry, after)
    if entry.english in _SHAPES and after.role in ("w", "c"):
        return True
    return not _fits(current, entry, ahead) and (after.role == "a" or _forward_of_noun(current, entry, ahead))


def _forward_of_wave(current: Statement, entry: Entry, after: Entry) -> bool:
    if entry.english in AGES:
        return True
    described = bool(current.said or current.before)  # else it is the wave's own: "t in allen ableitungen flach"
    if after.role == "w":
        if current.role == "c":
            return not current.bare
        return bool(current.said or (current.tail and described))
    return after.role == "a" and not current.bare and described


def _fits(current: Statement, entry: Entry, ahead: Sequence[Entry]) -> bool:
    """Whether the noun before is of the kind that this adjective follows, and has none of its rank yet."""
    if current.role == "x":
        if (current.head == AXIS and entry.rank == QUALITY) or entry.english == "marked":
            return True
        return entry.rank == SIDE and _noun(ahead).role != "s" and ahead[0] != AXIS
    if current.role == "n" and entry.rank in (DEGREE, QUALITY) and entry.english not in AGES | _DEGREES:
        return current.bare
    if entry.english == "subtle":  # "angedeutet" never stands before its noun
        return True
    if entry.english in _DEGREES and current.head and current.head.english.endswith("bundle branch block"):
        return current.bare and _noun(ahead).role not in ("d", "s")
    if not current.bare or any(before.rank == entry.rank for before in current.before):
        return False
    if current.role == "s":
        return entry.rank in (DEGREE, SIDE)
    if current.role == "y":
        return entry.english in ("uniform", "multiform")
    noun = current.head.english if current.head else ""
    if entry.rank == PLACE and noun.startswith(("st ", "conduction disturbance")):
        return True
    takes_place = current.role == "i" or noun.endswith("infarct")
    return takes_place and (entry.rank == PLACE or (entry.rank == QUALITY and not current.hedged))


def _forward_of_noun(current: Statement, entry: Entry, ahead: Sequence[Entry]) -> bool:
    after = ahead[0]
    if entry.rank == SIDE:
        if current.role == "s":
            return any(before.rank == SIDE for before in current.before)
        return _noun(ahead).role == "s" or after == AXIS
    if current.role == "x" and entry.english != "marked":
        return not current.leads
    if entry.english in _DEGREES and current.role != "s" and after.role in ("d", "s", "b"):
        return True
    if entry.rank == DEGREE and current.tail and after.role in NOUNS:
        return True
    own = AGES | _DEGREES  # what may be said of a diagnosis
    if after.role in ("w", "c") and (
        not current.bare or (entry.rank in (DEGREE, QUALITY) and entry.english not in own)
    ):
        return True
    if after.role == "s" and entry.rank == PLACE:
        return True
    return current.role in ("nf", "x", "y") and after.role in DOUBTFUL and entry.rank != DEGREE


def more_leads(current: Statement, before: Sequence[Entry], noun: Entry) -> str:
    """Returns leads that a statement goes on with, "v1, lateralen ableitungen"; empty where the noun is none."""
    if noun.role == "i" and noun.english.endswith("leads"):
        if current.leads:
            return f", {noun_phrase(before, noun)}"
        if current.bare and current.role != "x" and before[:1] == [_ALL]:
            return f"in {noun_phrase(before, noun)}"
    return ""


def names_leads(current: Statement) -> bool:
    """Whether it ends in leads named by place, to which more may be added; "st-senkung inferior" is made to."""
    if current.bare and current.before and current.before[-1].rank == PLACE and current.role == "n":
        current.add(f"in {current.before.pop().english} leads")
    return bool(current.tail) and current.tail[-1].endswith(" leads")


def set_off(current: Statement, entry: Entry, after: Entry) -> bool:
    """Whether "komplett" in "schenkelblock, komplett" is said of the noun before the comma."""
    noun = current.head.english if current.head else ""
    kind = {"block": _DEGREES, "infarct": AGES}.get(noun.split()[-1] if noun else "", frozenset())
    return current.bare and entry.english in kind and after.role not in DOUBTFUL


def names_fascicle(current: Statement, entry: Entry, ahead: Sequence[Entry]) -> bool:
    """Whether "links" in "schenkelblock links ant. hemiblock" is the hemiblock's, which details the block."""
    sided = any(before.rank == SIDE for before in current.before)
    left = entry.english == "left" and ahead[0].rank == PLACE
    return current.role == "s" and not sided and left and ahead[1].english == "fascicular block"


def opens_change(current: Statement, after: Entry) -> bool:
    """Whether the adjective's wave is what has changed: "t-veränderungen neg. t in v1"."""
    return current.role == "c" and current.bare and after.role == "w"


def place_behind(current: Statement, entry: Entry) -> None:
    """Gives the adjective to the noun before: in front of it, or behind what already follows it."""
    if current.role in ("w", "c"):
        _say(current, entry)
    elif not current.role and current.leads:
        current.add(entry.english)
        current.leads = False
    elif current.role == "x" and entry.english != "marked":
        if current.head == AXIS:
            current.tail.insert(0, entry.english)  # "axis abnormal for age"
        elif entry.rank == SIDE:
            current.add(f", transition zone to the {entry.english}")  # docs/translation.md says why
        else:
            current.add(f", {entry.english}")
    elif current.role != "x" and (current.tail or current.items is not None):
        current.add(f", {entry.english}{' leads' if entry.rank == PLACE and current.role == 'n' else ''}")
        current.leads = False
    else:
        current.before.append(entry)


def _say(current: Statement, entry: Entry) -> None:
    """Says it of a wave ("t wave flat in v1, negative in v2") or of a change ("t wave changes: flat in v1")."""
    text = f"in {entry.english} leads" if entry.rank == PLACE else entry.english
    place = entry.rank in (SIDE, PLACE)
    if place and not current.leads and current.said and current.tail[-1] == f"in {current.said[-1].english} leads":
        current.tail[-1] = f"in {current.said[-1].english} and {entry.english} leads"
    elif entry.english == "terminally":
        current.add(text)  # "negative terminally"
    elif current.role == "c" and not current.said and not place:
        current.add(f": {text}")
    elif current.leads or (current.said and not place):
        current.add(f", {text}")
    else:
        current.add(text)
    current.leads = False
    current.said.append(entry)


def _noun(ahead: Sequence[Entry]) -> Entry:
    return next((entry for entry in ahead if entry.role not in ("a", "b")), END)
