"""How often each finding is certainly present and certainly absent in an archive, so that yes and no come out even.

Of a finding that is present in a share p of the records and absent in a share a, every case of the rarer answer is
asked and the other one with probability min(p, a) / max(p, a). So for each finding as many questions are to be
answered yes as no, and nothing can be guessed from the question alone. balance.txt holds the shares: measured with
`measure` on PTB-XL 1.0.3 (folds 1 to 9) and 4,000 records of the synthetic archive; estimated, hence only near, from
the counts of the PhysioNet Challenge 2021 (its table of scored diagnoses, without PTB-XL's records) and from the
prevalences of CODE-15% (1.6 to 2.8 % for each of its six findings). Any other archive is taken to be like PTB-XL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from dataset_scripts.instructions.certainty import Labelled, can_be_absent, certain_findings

_LIKE = "ptb-xl"


def measure(records: Iterable[Labelled]) -> dict[str, tuple[float, float]]:
    """Returns finding -> shares of the records in percent in which it is certainly present and certainly absent."""
    number = 0
    yes: Counter[str] = Counter()
    no: Counter[str] = Counter()
    for record in records:
        number += 1
        for name, present in certain_findings(record).items():
            if name in can_be_absent(record.source):
                (yes if present else no)[name] += 1
    return {name: (100 * yes[name] / number, 100 * no[name] / number) for name in sorted(yes.keys() | no.keys())}


@cache
def shares(source: str) -> dict[str, tuple[float, float]]:
    """Returns finding -> shares in percent for an archive, by the beginning of its name; not to be changed."""
    tables = _tables()
    return tables[next((archive for archive in tables if source.startswith(archive)), _LIKE)]


@cache
def chance_of_asking(source: str, name: str, present: bool) -> float:
    """Returns the probability, 0 to 1, with which a case that is certainly present, or absent, is asked about."""
    yes, no = shares(source).get(name, (0.0, 0.0))
    this, other = (yes, no) if present else (no, yes)
    return min(1.0, other / this) if this else 0.0


@cache
def _tables() -> dict[str, dict[str, tuple[float, float]]]:
    tables: dict[str, dict[str, tuple[float, float]]] = {}
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        archive, name, yes, no = line.split()
        tables.setdefault(archive, {})[name] = (float(yes), float(no))
    return tables
