"""Report text -> the findings that it states, by rules: no model, no torch. docs/findings.md says by which."""

from __future__ import annotations

import functools

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.marks import Claim, Mark, sentences
from eval_suite.findings.names import State, contradictions, stronger, with_implied
from eval_suite.findings.qualifiers import apply_qualifiers
from eval_suite.findings.scope import apply_cues, settle_alternatives
from eval_suite.findings.territories import bind_territories
from eval_suite.findings.waves import bind_waves


def _stated_by(claim: Claim) -> list[tuple[str, State]]:
    if claim.state == "dropped":
        return []
    if claim.state == "absent":
        return [(name, "absent") for name in claim.denied]
    return [(name, "uncertain" if claim.state == "uncertain" else state) for name, state in claim.affirmed]


def _extract(text: str) -> tuple[tuple[str, State], ...]:
    found: dict[str, State] = {}
    read: list[list[Mark]] = []
    for marks in sentences(text):
        kept = apply_qualifiers(bind_territories(bind_waves(marks)), read)
        apply_cues(kept)
        settle_alternatives(kept)
        read.append(kept)
    for kept in read:
        for mark in kept:
            for name, state in _stated_by(mark.claim) if mark.claim else ():
                found[name] = stronger(state, found.get(name, state))
    return tuple(with_implied(found).items())


_remembered = functools.lru_cache(maxsize=32768)(_extract)


def extract_findings(text: str, remember: bool = True) -> dict[str, State]:
    """The findings that a report states, implied ones included, in the order of the list in docs/findings.md.

    English, German and Swedish are read alike, whatever the text's language; repeated texts cost nothing.

    Args:
        text: a report; line breaks, double blanks and capitals do not matter.
        remember: keep text and findings in memory for the next call; False for a text that is a visitor's own.

    Returns:
        Name -> present, absent or uncertain; what the text does not speak of is left out.

    Raises:
        EcgInputError: `text` is no string.
    """
    if not isinstance(text, str):
        raise EcgInputError(f"{text!r} is no report; expected a string ('' for none)")
    return dict((_remembered if remember else _extract)(text))


def contradictions_in(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of findings that a report states as present and that cannot both be.

    Raises:
        EcgInputError: as `extract_findings`.
    """
    return contradictions(extract_findings(text))
