"""How far a negation or a hedge reaches: the rules under "Scope" in docs/findings.md, on the marks of a sentence."""

from __future__ import annotations

from eval_suite.findings.marks import Claim, Mark
from eval_suite.findings.names import State, implied_names

_CUES = ("deny", "hedge", "drop")
_FAR = 7  # unknown words that a cue may reach over
_VERBS = frozenset(
    [
        "is",
        "are",
        "there",
        "shows",
        "show",
        "ist",
        "sind",
        "zeigt",
        "besteht",
        "bestehen",
        "finns",
        "ar",
        "visar",
        "has",
        "have",
    ]
)


def _holds(mark: Mark) -> bool:
    return mark.kind in ("claim", "neutral")


def _next_target(marks: list[Mark], cue: int) -> int | None:
    """What a cue before it covers first."""
    for place in range(cue + 1, len(marks)):
        mark = marks[place]
        if len(mark.before) > _FAR or mark.kind in ("comma", "stop"):
            return None
        if _holds(mark):
            return place
        if mark.kind in _CUES and mark.values[0] == "after":
            return None
    return None


def _last_target(marks: list[Mark], cue: int) -> int | None:
    """What a cue after it covers last; over a comma only where the cue ends its phrase: "infarct, possibly"."""
    if len(marks[cue].before) > _FAR:
        return None
    ends = cue + 1 == len(marks) or marks[cue + 1].kind in ("comma", "stop", *_CUES)
    if marks[cue].kind == "deny" and marks[cue].values[0] == "around":
        ends = False  # "right bundle branch block, not left"
    for place in range(cue - 1, -1, -1):
        mark = marks[place]
        if _holds(mark):
            return place
        if mark.kind == "stop" or (mark.kind == "comma" and not ends) or mark.kind == "join":
            return None
        if len(mark.before) > _FAR:
            return None
    return None


def _is_joined(marks: list[Mark], place: int) -> bool:
    """Whether a claim stands at a place without a verb that begins a new statement."""
    if place >= len(marks) or not _holds(marks[place]) or _VERBS & set(marks[place].before):
        return False
    # A slash joins only what touches it: "48/min" is none.
    return not (marks[place - 1].values == ("slash",) and (marks[place - 1].before or marks[place].before))


def _list_after(marks: list[Mark], first: int, over_with: bool) -> list[int]:
    """The claims of the list that begins with one: "A, B or C"; with `over_with` also "A with B"."""
    found = [first]
    place = first + 1
    while place < len(marks):
        mark = marks[place]
        following = place + 1
        if mark.kind == "join" and (mark.values[0] != "with" or over_with) and _is_joined(marks, following):
            if mark.values[0] == "with" and len(marks[following].before) > 1:
                break
            found.append(following)
        elif mark.kind == "comma" and _list_goes_on(marks, place):
            if marks[following].kind == "join":
                following += 1
            found.append(following)
        elif over_with and _is_repeated(marks, place):
            following = place
            found.append(following)
        else:
            break
        place = following + 1
    return found


def _list_goes_on(marks: list[Mark], comma: int) -> bool:
    """Whether the comma is one of a list that ends with a conjunction: "A, B, or C"."""
    place = comma
    while place + 1 < len(marks) and marks[place].kind == "comma":
        if marks[place + 1].kind == "join":
            return marks[place + 1].values[0] != "with" and _is_joined(marks, place + 2)
        if not _is_joined(marks, place + 1):
            return False
        place += 2
    return place > comma and place < len(marks) and marks[place].kind == "join" and _is_joined(marks, place + 1)


def _is_repeated(marks: list[Mark], place: int) -> bool:
    """Whether a machine's list goes on: "såsom vid anterior myokardaffektion inferolateral myokardaffektion"."""
    claim, before = marks[place].claim, marks[place - 1].claim
    return bool(claim and before and claim.base and claim.base == before.base and not marks[place].before)


def _list_before(marks: list[Mark], last: int) -> list[int]:
    """The claims of the list that ends with one, no further back than the comma before."""
    found = [last]
    place = last
    while place >= 2 and marks[place - 1].kind == "join" and marks[place - 1].values[0] != "with":
        if _VERBS & set(marks[place].before):
            break
        earlier = place - 2
        if marks[earlier].kind == "comma" and earlier:
            earlier -= 1
        if not _holds(marks[earlier]):
            break
        found.append(earlier)
        place = earlier
    return found


def _covered(marks: list[Mark], cue: int) -> list[int]:
    """The claims that a cue covers."""
    mark = marks[cue]
    side = mark.values[0]
    after = _next_target(marks, cue) if side != "after" else None
    if side == "both":
        last = _last_target(marks, cue)
        return [
            *([last] if last is not None else []),
            *(_list_after(marks, after, over_with=True) if after is not None else []),
        ]
    before = _last_target(marks, cue) if side != "before" else None
    if side == "around-after" and before is not None and marks[cue - 1].kind != "comma":
        after = None
    elif after is not None:
        before = None
    if after is not None:
        return _list_after(marks, after, over_with=mark.kind == "hedge")
    return _list_before(marks, before) if before is not None else []


def _apply(claim: Claim, kind: str) -> None:
    if kind == "drop":
        claim.state = "dropped"
    elif kind == "hedge" and claim.state != "dropped":
        claim.state = "uncertain"
    elif kind == "deny" and claim.state == "present":
        claim.state = "absent"


def apply_cues(marks: list[Mark]) -> None:
    """Set the state of every claim of a sentence from the cues around it."""
    for place, mark in enumerate(marks):
        if mark.kind in _CUES:
            for covered in _covered(marks, place):
                claim = marks[covered].claim
                if claim:
                    _apply(claim, mark.kind)


def _alternatives(marks: list[Mark]) -> list[list[Claim]]:
    """Claims joined by or, versus or a slash, each list once."""
    found: list[list[Claim]] = []
    place = 0
    while place < len(marks):
        if not marks[place].claim:
            place += 1
            continue
        listed = _list_after(marks, place, over_with=False)
        joins = {m.values[0] for m in marks[place : listed[-1]] if m.kind == "join"}
        claims = [claim for position in listed if (claim := marks[position].claim)]
        if joins & {"or", "slash"} and all(claim.state == "present" and claim.affirmed for claim in claims):
            found.append(claims)
        place = listed[-1] + 1
    return found


def settle_alternatives(marks: list[Mark]) -> None:
    """Affirmed alternatives are uncertain each; what all of them imply stays present."""
    for claims in _alternatives(marks):
        if len(claims) < 2 or any(state == "absent" for claim in claims for _, state in claim.affirmed):
            continue
        common = set.intersection(
            *({reached for name in claim.names() for reached in (name, *implied_names(name))} for claim in claims)
        )
        for claim in claims:
            kept: list[tuple[str, State]] = [
                (name, "present" if name in common else "uncertain") for name in claim.names()
            ]
            claim.affirmed = [*kept, *((name, "present") for name in sorted(common - claim.names()))]
