"""What an archive's own labels say for certain of a record: a finding is there, or is not; everything else is left out.

Present:
    A label of a record is present. Of PTB-XL's SCP-ECG statements, a diagnostic one is present from a likelihood of
    80 % on; 0 means there that the likelihood is unknown. Statements of form, ectopy and rhythm carry no likelihood
    (0 or 100, Wagner et al. 2020) and are present where they stand, unless one from 1 to 79 % says otherwise.

Absent, only for what the archive annotates systematically:
    - a rhythm, where exactly one other underlying rhythm is present and the two exclude each other;
    - left bundle branch block beside a right one and the reverse;
    - a diagnosis of PTB-XL and of the synthetic archive, where some diagnosis is certain and no statement of the same
      family stands in the record at any likelihood, nor a form that may mean it (Q waves leave infarction open);
    - "normal ECG", where it does not stand at any likelihood and an infarction, ischemia, hypertrophy, bundle branch
      block or a rhythm other than the sinus' own is certain;
    - CODE-15%'s six findings, each of which it states yes or no;
    - ectopy in the synthetic archive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from dataset_scripts.instructions.statements import DOUBTED_BY, SCP, STATEMENTS
from dataset_scripts.record import Label
from dataset_scripts.sources.code_15 import FINDINGS

CERTAIN_LIKELIHOOD = 80.0
CODE_15 = tuple(name for name, _ in FINDINGS.values())
SINUS = ("sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia")
RHYTHMS = (
    *SINUS,
    "atrial_fibrillation",
    "atrial_flutter",
    "supraventricular_tachycardia",
    "paroxysmal_supraventricular_tachycardia",
    "atrial_tachycardia",
    "ventricular_tachycardia",
    "atrioventricular_junctional_rhythm",
    "pacing_rhythm",
)
_BUNDLE_BLOCKS = (
    ("complete_left_bundle_branch_block", "left_bundle_branch_block"),
    ("complete_right_bundle_branch_block", "right_bundle_branch_block"),
)
# "Supraventricular tachycardia" may be said of a flutter, an atrial tachycardia or a paroxysm.
_NOT_EXCLUSIVE = frozenset(
    {
        "atrial_flutter",
        "supraventricular_tachycardia",
        "paroxysmal_supraventricular_tachycardia",
        "atrial_tachycardia",
    }
)
_ECTOPY = ("premature_ventricular_complex", "premature_atrial_complex")
# Labels that speak of a rhythm and are none of `RHYTHMS` nor single beats: with one of them the rhythm is not certain.
_OTHER_RHYTHM = re.compile(
    r"rhythm|tachycardia|bradycardia|fibrillation|flutter|pacing|pacemaker|arrest|escape|geminy|dissociation|sinoatrial|"
    r"sinus_node|arrhythmia|second_degree|complete_heart_block|mobitz|two_to_one|^atrioventricular_block"
)
_ABNORMAL_FAMILIES = frozenset({"infarction", "hypertrophy"})
_NOT_NORMAL = frozenset(
    {
        *(name for names in _BUNDLE_BLOCKS for name in names),
        *(name for name in STATEMENTS if "ischemia" in name),
        *(name for name in RHYTHMS if name not in SINUS),
        *(name for name in CODE_15 if name not in SINUS),
    }
)


class Labelled(Protocol):
    """What is read of an `EcgRecord`."""

    @property
    def source(self) -> str:
        """The archive with its version."""
        ...

    @property
    def scp_codes(self) -> Mapping[str, float]:
        """SCP-ECG statement -> likelihood in percent."""
        ...

    @property
    def labels(self) -> Sequence[Label]:
        """Labels in other systems."""
        ...


def certain_findings(record: Labelled) -> dict[str, bool]:
    """Returns the findings that are certain: name -> True where present, False where absent (the module says when)."""
    present = {SCP[code].name for code, likelihood in record.scp_codes.items() if _is_present(code, likelihood)}
    present |= {label.name for label in record.labels if label.name in STATEMENTS}
    rhythm = certain_rhythm(record)
    if rhythm in SINUS:
        present.add("sinus_rhythm")
    absent = _excluded_rhythms(rhythm) | _excluded_bundle_blocks(present)
    if record.source.startswith(("ptb-xl", "synthetic")):
        absent |= _unlisted_diagnoses(record.scp_codes, present)
    if record.source.startswith("synthetic"):
        absent |= {name for name in _ECTOPY if name not in present}
    if record.source.startswith("code-15"):
        absent |= {name for name in CODE_15 if name not in present}
    if record.source.startswith(("ptb-xl", "synthetic", "code-15")) and _is_not_normal(record, present):
        absent.add("normal_ecg")
    contradicted = present & absent
    return {
        **dict.fromkeys(sorted(present - contradicted), True),
        **dict.fromkeys(sorted(absent - contradicted), False),
    }


def certain_rhythm(record: Labelled) -> str | None:
    """Returns the one underlying rhythm, None where none, several or an unclear one is given.

    Sinus rhythm with its rate or its irregularity named ("sinus bradycardia") is that more precise one.
    """
    names = {SCP[code].name for code in record.scp_codes if code in SCP} | {label.name for label in record.labels}
    doubtful = {
        SCP[c].name for c, likelihood in record.scp_codes.items() if c in SCP and not _is_present(c, likelihood)
    }
    rhythms = names & set(RHYTHMS)
    if any(_OTHER_RHYTHM.search(name) for name in names - rhythms) or rhythms & doubtful:
        return None
    if len(rhythms) > 1 and rhythms <= set(SINUS):
        rhythms.discard("sinus_rhythm")
    return rhythms.pop() if len(rhythms) == 1 else None


def can_be_absent(source: str) -> frozenset[str]:
    """Returns the findings that may be certain to be absent in an archive: only these are asked for with yes or no."""
    names = {*RHYTHMS, *(name for names in _BUNDLE_BLOCKS for name in names)}
    if source.startswith(("ptb-xl", "synthetic")):
        names |= {statement.name for statement in SCP.values() if statement.kind == "diagnostic"}
    if source.startswith("synthetic"):
        names |= set(_ECTOPY)
    if source.startswith("code-15"):
        names |= {*CODE_15, "normal_ecg"}
    return frozenset(names)


def _is_present(code: str, likelihood: float) -> bool:
    if code not in SCP:
        return False
    if SCP[code].kind == "diagnostic":
        return likelihood >= CERTAIN_LIKELIHOOD
    return likelihood == 0 or likelihood >= CERTAIN_LIKELIHOOD


def _excluded_rhythms(rhythm: str | None) -> set[str]:
    """Rhythms that cannot be there beside the underlying one."""
    if rhythm is None:
        return set()
    others = set(RHYTHMS) - {rhythm}
    if rhythm in SINUS:
        # Whether a sinus rhythm is also irregular, slow or fast is not always said.
        others -= set(SINUS)
        others |= {"sinus_bradycardia": {"sinus_tachycardia"}, "sinus_tachycardia": {"sinus_bradycardia"}}.get(
            rhythm, set()
        )
    if rhythm in _NOT_EXCLUSIVE:
        others -= _NOT_EXCLUSIVE
    if rhythm == "pacing_rhythm":
        others = set()  # the atria beneath it may do anything
    return others


def _excluded_bundle_blocks(present: set[str]) -> set[str]:
    left, right = (bool(present & set(names)) for names in _BUNDLE_BLOCKS)
    if left == right:
        return set()
    return set(_BUNDLE_BLOCKS[1] if left else _BUNDLE_BLOCKS[0])


def _unlisted_diagnoses(scp_codes: Mapping[str, float], present: set[str]) -> set[str]:
    """Diagnoses of families of which nothing is listed, in a record that has a certain diagnosis."""
    listed = {SCP[code].family for code in scp_codes if code in SCP} - {None}
    if not any(STATEMENTS[name].kind == "diagnostic" for name in present):
        return set()
    open_families = listed | {"normal"}
    for code in scp_codes:
        open_families |= DOUBTED_BY.get(code, frozenset())
    return {s.name for s in SCP.values() if s.kind == "diagnostic" and s.family not in open_families}


def _is_not_normal(record: Labelled, present: set[str]) -> bool:
    if "NORM" in record.scp_codes or "normal_ecg" in present:
        return False
    return any(name in _NOT_NORMAL or STATEMENTS[name].family in _ABNORMAL_FAMILIES for name in present)
