"""Infarcts, ischemias and injuries with their walls and ages: "inferiorer infarkt wahrscheinlich alt"."""

from __future__ import annotations

from eval_suite.findings.marks import Claim, Mark
from eval_suite.findings.names import FINDINGS, State

_BASES = {"infarction": "myocardial_infarction", "ischemia": "ischemia", "injury": "myocardial_injury"}
_WALLED = {row.name for row in FINDINGS if row.territory}
_PARTS = ("wall", "age", "leadword", "skip")


def _walls_before(marks: list[Mark], head: int) -> int:
    """The place where the walls and ages that belong to a head begin."""
    start = head
    place = head - 1
    seen_wall = False
    while place >= 0 and len(marks[place + 1].before) <= 2:
        mark = marks[place]
        if mark.kind == "wall":
            # Two walls side by side without a conjunction: the first belongs to what stands before it.
            if seen_wall and marks[place + 1].kind == "wall":
                break
            seen_wall = True
            start = place
        elif mark.kind == "age":
            if mark.values[-1] in ("after", "unknown"):
                break
            start = place
        elif mark.kind in ("join", "comma"):
            joins = mark.kind == "join" or any(m.kind == "join" for m in marks[place + 1 : head])
            kinds = [m.kind for m in marks[max(place - 2, 0) : place]]
            # "anterior, inferior, and lateral infarct": a comma may stand before the conjunction.
            listed = kinds[-1:] in (["wall"], ["age"]) or (mark.kind == "join" and kinds in (["wall", "comma"],))
            if not joins or not listed:
                break
        elif mark.kind not in ("skip", "certain"):
            break
        place -= 1
    return start


def _leads_to_head(marks: list[Mark], place: int, or_wave: bool = False) -> bool:
    """Whether the walls and ages from a place on belong to a later head or, if asked, to a wave."""
    for mark in marks[place:]:
        if mark.kind == "head":
            return True
        if mark.kind == "subject":
            return or_wave
        if mark.kind == "leadword":
            return False
        if mark.kind == "claim":
            return (
                or_wave
                and not mark.before
                and mark.claim is not None
                and any("wave" in n or n.startswith("st_") for n in mark.claim.names())
            )
        if mark.kind not in ("wall", "age", "join", "skip"):
            return False
    return False


def _parts_after(marks: list[Mark], head: int) -> list[tuple[int, bool]]:
    """Places of the walls and ages after a head, each with whether a hedge of its own stands before it."""
    found: list[tuple[int, bool]] = []
    hedged = comma = False
    for place in range(head + 1, len(marks)):
        mark = marks[place]
        if len(mark.before) > 3:
            break
        if mark.kind == "hedge":
            if mark.values[0] == "after":
                break
            hedged = True
        elif mark.kind == "comma":
            if hedged:
                break
            comma = True
        elif mark.kind == "age":
            belongs_here = (hedged and not comma) or "after" in mark.values or mark.values[0] == "unknown"
            if not belongs_here and _leads_to_head(marks, place + 1):
                break
            found.append((place, hedged))
            hedged = False
        elif mark.kind == "wall":
            involved = any(m.kind == "leadword" for m in marks[place + 1 : place + 2])
            if hedged or (comma and not involved) or (_leads_to_head(marks, place + 1, or_wave=True) and not involved):
                break
            found.append((place, False))
        elif mark.kind not in ("join", "leadword", "skip", "certain"):
            break
    return found


def _ages_are_hedged_by(marks: list[Mark], parts: list[tuple[int, bool]]) -> set[int]:
    """Places of the hedges that were spent on an age."""
    return {max(place for place in range(part) if marks[place].kind == "hedge") for part, hedged in parts if hedged}


def _territory_claim(marks: list[Mark], head: int, before: list[int], after: list[tuple[int, bool]]) -> Claim:
    mark = marks[head]
    base = _BASES[mark.values[0]]
    ages: list[tuple[str, State]] = []
    if base == "myocardial_infarction" and "acute" in mark.values:
        ages.append(("acute_myocardial_infarction", "present"))
    walls: list[tuple[str, State]] = [
        (f"{value}_{base}", "present") for value in mark.values if f"{value}_{base}" in _WALLED
    ]
    either = any(
        marks[place].values[:1] in (("or",), ("slash",)) and marks[place - 1].kind == marks[place + 1].kind == "wall"
        for place in range(before[0] + 1 if before else head, head)
    )
    for place, hedged in [*((place, False) for place in before), *after]:
        part = marks[place]
        state: State = "uncertain" if hedged else "present"
        if part.kind == "wall":
            name = f"{part.values[0]}_{base}"
            if name in _WALLED:
                walls.append((name, "uncertain" if either else state))
        elif part.values[0] in ("acute", "old") and base == "myocardial_infarction":
            ages.append((f"{part.values[0]}_{base}", state))
    extra: list[tuple[str, State]] = [("st_elevation", "present")] if "st_elevation" in mark.values else []
    # A denied age or wall denies only that, and "no acute ischemia" denies ischemia.
    denied = [name for name, _ in ages] or [name for name, _ in walls] or [base]
    return Claim([(base, "present"), *walls, *ages, *extra], tuple(denied), base=base)


def _further_walls(marks: list[Mark], spent: set[int], claims: dict[int, Mark]) -> dict[int, Mark]:
    """Walls after a comma with a cue of their own: "infarct inferior, lateral possible"."""
    found: dict[int, Mark] = {}
    for place, mark in enumerate(marks[:-1]):
        heads = [head for head in claims if head < place]
        following = marks[place + 1]
        alone = mark.kind == "wall" and place not in spent and marks[place - 1].kind == "comma"
        if alone and heads and following.kind in ("hedge", "deny") and "after" in following.values[0]:
            base = _BASES[marks[heads[-1]].values[0]]
            name = f"{mark.values[0]}_{base}"
            if name in _WALLED:
                found[place] = Mark("claim", (), mark.text, mark.before, Claim([(name, "present")], (name,), base=base))
    return found


def bind_territories(marks: list[Mark]) -> list[Mark]:
    """The marks of a sentence with each head, its walls and its ages made one claim."""
    spent: set[int] = set()
    claims: dict[int, Mark] = {}
    for head, mark in enumerate(marks):
        if mark.kind != "head":
            continue
        start = _walls_before(marks, head)
        before = [place for place in range(start, head) if marks[place].kind in ("wall", "age") and place not in spent]
        after = _parts_after(marks, head)
        claim = _territory_claim(marks, head, before, after)
        first = marks[before[0]] if before else mark
        claims[head] = Mark("claim", (), mark.text, first.before, claim)
        end = max((place for place, _ in after), default=head)
        spent.update(place for place in range(before[0] if before else head, end + 1) if marks[place].kind in _PARTS)
        spent.update(
            place for place in range(before[0] if before else head, head) if marks[place].kind in ("join", "comma")
        )
        spent.update(place for place in range(head + 1, end) if marks[place].kind in ("join", "comma"))
        spent.update(_ages_are_hedged_by(marks, after))
    claims.update(_further_walls(marks, spent, claims))
    return [claims.get(place, mark) for place, mark in enumerate(marks) if place in claims or place not in spent]
