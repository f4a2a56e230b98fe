"""SNOMED CT codes of ECG findings: code -> label, and labels -> sentences in the order a report has.

Which code stands for what is taken from the mappings that the PhysioNet Challenges 2020 and 2021 published (Perez Alday
et al. 2020, doi 10.1088/1361-6579/abc960; Reyna et al. 2021, doi 10.23919/CinC53138.2021.9662687) and from Zheng et
al.'s database (doi 10.13026/wgex-er52). Where two lists call one code differently, the Challenge of 2021 is followed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dataset_scripts.record import Label

SYSTEM = "snomed-ct"
GROUPS = ("rhythm", "conduction", "axis", "hypertrophy", "infarction and ischemia", "ST-T", "other")


@dataclass(frozen=True)
class Concept:
    """One line of `snomed.csv`.

    Attributes:
        code: of SNOMED CT.
        name: full English name in snake case.
        group: one of `GROUPS`.
        phrase: the name as a sentence without its full stop.
    """

    code: str
    name: str
    group: str
    phrase: str


@lru_cache
def concepts() -> dict[str, Concept]:
    """Returns code -> concept, in the order in which a report would name them."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: Concept(**row) for row in csv.DictReader(file)}


def snomed_label(code: str) -> Label:
    """Returns the label of a code, named "snomed_<code>" where the table does not know it."""
    concept = concepts().get(code)
    return Label(SYSTEM, code, concept.name if concept else f"snomed_{code}")


def sentences(labels: Iterable[Label]) -> str:
    """Writes labels as sentences: rhythm, conduction, axis, hypertrophy, infarction and ischemia, ST-T, other.

    Returns:
        For example "Sinus rhythm. Left bundle branch block."; two codes for one thing give one sentence, codes that the
        table does not know give none.
    """
    given = {label.code for label in labels}
    phrases = dict.fromkeys(concept.phrase for code, concept in concepts().items() if code in given)
    return " ".join(f"{phrase}." for phrase in phrases)
