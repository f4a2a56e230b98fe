"""The archives within the PhysioNet/CinC Challenges 2020 and 2021, and what is said of a choice among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Subset:
    """One archive of the Challenges.

    Attributes:
        title: its name in words.
        folder: the Challenge of 2021's name for it.
        names: pattern of its records' names.
        patients: "one record" each, "unknown", or "shared": several records of a patient are sure and not told apart.
    """

    title: str
    folder: str
    names: str
    patients: str


SUBSETS = {
    "cpsc2018": Subset("CPSC2018", "cpsc_2018", r"A\d{4}", "unknown"),
    "cpsc-extra": Subset("CPSC-Extra", "cpsc_2018_extra", r"Q\d{4}", "unknown"),
    "incart": Subset("INCART (32 patients)", "st_petersburg_incart", r"I\d{4}", "shared"),
    "ptb": Subset("PTB (290 patients)", "ptb", r"S\d{4}", "shared"),
    "ptb-xl": Subset("PTB-XL", "ptb-xl", r"HR\d{5}", "shared"),
    "georgia": Subset("Georgia", "georgia", r"E\d{5}", "unknown"),
    # JS00001 to JS10646, and what follows
    "chapman-shaoxing": Subset(
        "Chapman-Shaoxing", "chapman_shaoxing", r"JS(0\d{4}|10[0-5]\d\d|106[0-3]\d|1064[0-6])", "one record"
    ),
    "ningbo": Subset("Ningbo", "ningbo", r"JS(106[5-9]\d|1064[7-9]|10[7-9]\d\d|1[1-9]\d{3}|[2-9]\d{4})", "one record"),
}
DEFAULT_SUBSETS = tuple(name for name in SUBSETS if name != "ptb-xl")

_SUBSET_IN = {subset.folder: name for name, subset in SUBSETS.items()}
_UNDER_ODC_BY = ("incart", "ptb")


def subset_of(path: PurePosixPath) -> str | None:
    """Names a record's subset: by its own name, else (ningbo has an "S23074") by the folder it lies in."""
    for name, subset in SUBSETS.items():
        if re.fullmatch(subset.names, path.stem):
            return name
    return next((_SUBSET_IN[folder] for folder in path.parent.parts if folder in _SUBSET_IN), None)


def one_patient(subset: str, whole_subsets: bool) -> bool:
    """Whether all of a subset goes by one patient id, so that it stays together."""
    patients = SUBSETS[subset].patients
    return patients == "shared" or (patients == "unknown" and whole_subsets)


def description(subsets: Sequence[str], whole_subsets: bool) -> str:
    """Describes a choice of subsets for the data card."""
    together = [name for name in subsets if one_patient(name, whole_subsets)]
    single = [name for name in subsets if SUBSETS[name].patients == "one record"]
    parts = [
        "Twelve-lead ECGs with SNOMED CT codes, as the PhysioNet/CinC Challenges 2020 and 2021 collected them: "
        f"{_listed(subsets)}.",
        "There are no reports: the text is composed from the codes.",
        "Each record's first ten seconds are taken; a shorter record ends in missing samples.",
    ]
    if "ptb-xl" not in subsets:
        parts.append(
            "Records of PTB-XL (HR…) are left out, because PTB-XL has its own source and its patients would otherwise "
            "be in two data sets."
        )
    parts.append("The archives identify no patients.")
    if single:
        parts.append(f"{_listed(single)} {'have' if len(single) > 1 else 'has'} one record a patient.")
    if together:
        each = ", under one patient id a subset," if len(together) > 1 else ", under one patient id,"
        parts.append(
            f"The records of {_listed(together)} stay together in one split{each} because which record is whose is "
            "not told."
        )
    if by_record := _by_record(subsets, whole_subsets):
        parts.append(f"For {_listed(by_record)} the record's id stands for the patient's.")
    return " ".join(parts)


def patients_unknown(subsets: Sequence[str], whole_subsets: bool) -> str:
    """Says for which subsets it is not known whose a record is and yet they are divided; "" for none."""
    by_record = _by_record(subsets, whole_subsets)
    if not by_record:
        return ""
    return (
        f"For the records of {_listed(by_record)} the archive does not say which are of one patient: that no patient "
        "is in two splits cannot be proven for them."
    )


def licence_condition(condition: str, subsets: Sequence[str]) -> str:
    """Adds to the Challenges' condition what holds for subsets of another licence."""
    others = [name for name in subsets if name in _UNDER_ODC_BY]
    if not others:
        return condition
    return (
        f"{condition.rstrip('.')}; the records of {_listed(others)} come from PhysioNet databases under ODC-BY 1.0, "
        "which asks for attribution too."
    )


def _by_record(subsets: Sequence[str], whole_subsets: bool) -> list[str]:
    return [name for name in subsets if SUBSETS[name].patients == "unknown" and not whole_subsets]


def _listed(subsets: Sequence[str]) -> str:
    titles = [SUBSETS[name].title for name in subsets]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
