"""One row of the list of findings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that an ECG report may state.

    Attributes:
        name: full English name in snake case.
        group: one of `names.GROUPS`.
        definition: what a text must state for the finding to be there.
        scp_codes: PTB-XL's SCP-ECG statements that mean it; one statement may mean several findings.
        implies: findings that hold by definition where this one holds.
        contradicts: findings that cannot be present in the same recording's report.
        superclass: PTB-XL's diagnostic superclass, "" where it belongs to none.
        critical: whether missing or inventing it may harm a patient at once.
        base: of an infarct, an ischemia or an injury: its name without the wall.
        territory: of the same: the wall, "" where none is named.
    """

    name: str
    group: str
    definition: str
    scp_codes: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    superclass: str = ""
    critical: bool = False
    base: str = ""
    territory: str = ""
