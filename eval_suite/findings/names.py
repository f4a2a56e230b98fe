"""The closed list of findings, and what follows from it: implied names, contradictions, SCP codes, territories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Literal, NamedTuple, cast

from dataset_scripts.errors import EcgInputError
from eval_suite.findings import finding_table_morphology as morphology
from eval_suite.findings import finding_table_rhythm as rhythm
from eval_suite.findings.finding import Finding

State = Literal["present", "absent", "uncertain"]
STATES: tuple[State, ...] = ("present", "uncertain", "absent")  # the stronger one first
GROUPS = (
    "rhythm",
    "rate",
    "axis",
    "conduction",
    "hypertrophy",
    "qrs",
    "infarct",
    "ischemia",
    "st_t",
    "qt",
    "pacing",
    "ectopy",
    "quality",
    "overall",
)
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")


def _with_both_sides(rows: tuple[Finding, ...]) -> tuple[Finding, ...]:
    pairs = {(row.name, other) for row in rows for other in row.contradicts}
    return tuple(
        replace(
            row,
            contradicts=tuple(
                other.name for other in rows if (row.name, other.name) in pairs or (other.name, row.name) in pairs
            ),
        )
        for row in rows
    )


FINDINGS: tuple[Finding, ...] = _with_both_sides(
    (
        *rhythm.RHYTHM,
        *rhythm.RATE,
        *rhythm.AXIS,
        *rhythm.CONDUCTION,
        *rhythm.HYPERTROPHY,
        *morphology.QRS,
        *morphology.INFARCT,
        *morphology.ISCHEMIA,
        *morphology.ST_T,
        *morphology.QT,
        *morphology.PACING,
        *morphology.ECTOPY,
        *morphology.QUALITY,
        *morphology.OVERALL,
    )
)
FINDINGS_BY_NAME: dict[str, Finding] = {row.name: row for row in FINDINGS}
CRITICAL: frozenset[str] = frozenset(row.name for row in FINDINGS if row.critical)


class LocatedFinding(NamedTuple):
    """A finding, the wall it is in, and an infarct's age: "" where the report does not say."""

    finding: str
    territory: str
    age: Literal["", "acute", "old", "acute and old"]


def finding(name: str) -> Finding:
    """The row of a name.

    Raises:
        EcgInputError: there is no such finding.
    """
    if name in FINDINGS_BY_NAME:
        return FINDINGS_BY_NAME[name]
    nearest = get_close_matches(name, FINDINGS_BY_NAME, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else "; the list stands in docs/findings.md"
    raise EcgInputError(f"{name!r} is no finding{hint}")


def implied_names(name: str) -> frozenset[str]:
    """All names that hold wherever `name` holds, itself left out.

    Raises:
        EcgInputError: there is no such finding.
    """
    found: set[str] = set()
    waiting = list(finding(name).implies)
    while waiting:
        implied = waiting.pop()
        if implied not in found:
            found.add(implied)
            waiting.extend(finding(implied).implies)
    return frozenset(found)


def stronger(first: State, second: State) -> State:
    """The state that wins where a text gives a finding two: present before uncertain before absent."""
    return first if STATES.index(first) <= STATES.index(second) else second


def with_implied(findings: Mapping[str, State]) -> dict[str, State]:
    """What a text states and what follows from it, in the order of the list.

    A present or uncertain finding hands its state on to the names it implies, where the stronger state wins; an absent
    one hands on nothing.

    Raises:
        EcgInputError: an unknown name or state.
    """
    closed: dict[str, State] = {}
    for name, state in findings.items():
        if state not in STATES:
            raise EcgInputError(f"{name}: {state!r} is no state; expected one of {', '.join(STATES)}")
        for reached in (name,) if state == "absent" else (name, *implied_names(name)):
            closed[reached] = stronger(state, closed.get(reached, state))
    return {row.name: closed[row.name] for row in FINDINGS if row.name in closed}


def contradictions(findings: Mapping[str, State]) -> tuple[tuple[str, str], ...]:
    """The pairs of findings that cannot both be present and yet are, each pair once, in the order of the list."""
    present = [row for row in FINDINGS if findings.get(row.name) == "present"]
    return tuple(
        (first.name, second.name)
        for position, first in enumerate(present)
        for second in present[position + 1 :]
        if second.name in first.contradicts
    )


def unknown_codes(codes: Iterable[str]) -> frozenset[str]:
    """The codes that no finding has, such as those of another archive."""
    return frozenset(codes).difference(code for row in FINDINGS for code in row.scp_codes)


def findings_of_codes(codes: Iterable[str]) -> frozenset[str]:
    """The findings that SCP statement codes of PTB-XL stand for, implied ones included.

    Raises:
        EcgInputError: a code that no finding has.
    """
    named: set[str] = set()
    for code in codes:
        rows = [row.name for row in FINDINGS if code in row.scp_codes]
        if not rows:
            raise EcgInputError(f"{code!r} is no SCP code of PTB-XL (expected codes such as NORM, IMI, 1AVB, LAO/LAE)")
        named.update(rows)
    return frozenset(named.union(*(implied_names(name) for name in named)))


def located(findings: Mapping[str, State]) -> frozenset[LocatedFinding]:
    """Finding, territory and age of every infarct, ischemia and injury that is present or uncertain.

    An infarct, ischemia or injury of no named wall counts once, with an empty territory. An age belongs to the report,
    not to a wall: a report with an old and an acute infarct gives each of its walls the age "acute and old".
    """
    held = {name for name, state in findings.items() if finding(name).base and state != "absent"}
    ages = [age for age in ("acute", "old") if findings.get(f"{age}_myocardial_infarction", "absent") != "absent"]
    walled = {finding(name).base for name in held if finding(name).territory}
    result = set()
    for name in held:
        row = finding(name)
        if row.territory or row.base not in walled:
            age = " and ".join(ages) if row.base == "myocardial_infarction" else ""
            result.add(LocatedFinding(row.base, row.territory, cast(Literal["", "acute", "old", "acute and old"], age)))
    return frozenset(result)


def markdown() -> str:
    """The list of findings as the table in docs/findings.md."""
    lines = [
        "| finding | group | definition | SCP codes | superclass | implies | contradicts |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in FINDINGS:
        name = f"`{row.name}`" + (" (critical)" if row.critical else "")
        joined = [", ".join(cell) for cell in (row.scp_codes, row.implies, row.contradicts)]
        lines.append(
            f"| {name} | {row.group} | {row.definition} | {joined[0]} | {row.superclass} | {joined[1]} | {joined[2]} |"
        )
    return "\n".join(lines) + "\n"
