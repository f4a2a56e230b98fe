"""What a simulated patient can have: each condition with its share, its SCP-ECG statements and its true findings.

Two groups: a rhythm (when the heart beats) and a form (how a beat looks); a patient has at most one of each. SCP-ECG
statements are those of PTB-XL's `scp_statements.csv` (Wagner et al., Scientific Data 7:154, 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NORMAL_SHARE = 0.27
PAIR_SHARE = 0.20


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        weight: its share among the conditions of its group.
        scp_codes: SCP-ECG statements it carries.
        findings: the names, as a report's findings have them, that it makes present.
    """

    weight: float
    scp_codes: tuple[str, ...]
    findings: tuple[str, ...]


NORMAL_RHYTHM = Condition(0.0, ("SR",), ("sinus_rhythm",))

RHYTHMS: dict[str, Condition] = {
    "sinus_bradycardia": Condition(6, ("SBRAD",), ("sinus_rhythm", "sinus_bradycardia")),
    "sinus_tachycardia": Condition(6, ("STACH",), ("sinus_rhythm", "sinus_tachycardia")),
    "sinus_arrhythmia": Condition(3, ("SARRH",), ("sinus_rhythm", "sinus_arrhythmia")),
    "atrial_fibrillation": Condition(9, ("AFIB",), ("atrial_fibrillation",)),
    "premature_ventricular_complex": Condition(7, ("SR", "PVC"), ("sinus_rhythm", "premature_ventricular_complex")),
    "premature_atrial_complex": Condition(6, ("SR", "PAC"), ("sinus_rhythm", "premature_atrial_complex")),
    "first_degree_av_block": Condition(6, ("SR", "1AVB"), ("sinus_rhythm", "first_degree_av_block")),
}

_INFARCTION = "myocardial_infarction"

FORMS: dict[str, Condition] = {
    "right_bundle_branch_block": Condition(7, ("CRBBB",), ("right_bundle_branch_block",)),
    "left_bundle_branch_block": Condition(7, ("CLBBB",), ("left_bundle_branch_block",)),
    "left_anterior_fascicular_block": Condition(4, ("LAFB",), ("left_anterior_fascicular_block",)),
    "left_ventricular_hypertrophy": Condition(7, ("LVH",), ("left_ventricular_hypertrophy",)),
    "right_ventricular_hypertrophy": Condition(3, ("RVH",), ("right_ventricular_hypertrophy",)),
    "low_voltage": Condition(4, ("LVOLT",), ("low_voltage",)),
    "long_qt": Condition(6, ("LNGQT",), ("long_qt",)),
    "old_inferior_infarction": Condition(6, ("IMI", "QWAVE"), (_INFARCTION, "inferior_myocardial_infarction")),
    "old_anteroseptal_infarction": Condition(5, ("ASMI", "QWAVE"), (_INFARCTION, "anteroseptal_myocardial_infarction")),
    "old_anterior_infarction": Condition(3, ("AMI", "QWAVE"), (_INFARCTION, "anterior_myocardial_infarction")),
    "old_lateral_infarction": Condition(3, ("LMI", "QWAVE"), (_INFARCTION, "lateral_myocardial_infarction")),
    "acute_inferior_infarction": Condition(
        3,
        ("IMI", "STE_"),
        (_INFARCTION, "inferior_myocardial_infarction", "acute_myocardial_infarction", "st_elevation"),
    ),
    "acute_anterior_infarction": Condition(
        3,
        ("AMI", "STE_"),
        (_INFARCTION, "anterior_myocardial_infarction", "acute_myocardial_infarction", "st_elevation"),
    ),
    "acute_lateral_infarction": Condition(
        2,
        ("LMI", "STE_"),
        (_INFARCTION, "lateral_myocardial_infarction", "acute_myocardial_infarction", "st_elevation"),
    ),
    "inferior_ischemia": Condition(4, ("ISCIN", "INVT"), ("ischemia", "inferior_ischemia", "t_wave_inversion")),
    "anterior_ischemia": Condition(4, ("ISCAN", "INVT"), ("ischemia", "anterior_ischemia", "t_wave_inversion")),
    "lateral_ischemia": Condition(4, ("ISCLA", "INVT"), ("ischemia", "lateral_ischemia", "t_wave_inversion")),
    "nonspecific_ischemia": Condition(4, ("ISC_", "STD_"), ("ischemia", "st_depression")),
}


@dataclass(frozen=True)
class Case:
    """What one patient has: names of `RHYTHMS` and of `FORMS`, or None for normal."""

    rhythm: str | None
    form: str | None

    @property
    def rhythm_condition(self) -> Condition:
        """The condition of the rhythm, sinus rhythm where it is normal."""
        return RHYTHMS[self.rhythm] if self.rhythm else NORMAL_RHYTHM

    def scp_codes(self) -> dict[str, float]:
        """Return SCP-ECG statement -> 100.0, "NORM" where there is nothing abnormal."""
        codes = (() if self.rhythm or self.form else ("NORM",)) + self.rhythm_condition.scp_codes
        return dict.fromkeys(codes + (FORMS[self.form].scp_codes if self.form else ()), 100.0)

    def findings(self, axis_deg: float) -> dict[str, str]:
        """Return finding -> "present" for a QRS axis of `axis_deg` degrees; what is not there is left out."""
        names = list(self.rhythm_condition.findings)
        names += list(FORMS[self.form].findings) if self.form else []
        names += {"left": ["left_axis_deviation"], "right": ["right_axis_deviation"]}.get(axis_class(axis_deg), [])
        names += [] if self.rhythm or self.form else ["normal_ecg"]
        return dict.fromkeys(names, "present")


def axis_class(axis_deg: float) -> str:
    """Return "left" under -30 degrees, "right" over 90, "normal" between (Circulation 119:e235, 2009)."""
    if -30.0 <= axis_deg <= 90.0:
        return "normal"
    return "left" if -90.0 <= axis_deg < -30.0 else "right"


def draw_case(rng: np.random.Generator) -> Case:
    """Return a case: about a quarter normal, a fifth with a rhythm and a form, the rest with one of the two."""
    kind = rng.random()
    if kind < NORMAL_SHARE:
        return Case(None, None)
    rhythm_weight = sum(c.weight for c in RHYTHMS.values())
    form_weight = sum(c.weight for c in FORMS.values())
    if kind < NORMAL_SHARE + PAIR_SHARE:
        form = _pick(rng, FORMS)
        rhythm = _pick(rng, RHYTHMS)
        # Bazett's correction is only fair near 60 a minute, so a long QT is left in an even rhythm.
        return Case(None if form == "long_qt" else rhythm, form)
    if rng.random() < rhythm_weight / (rhythm_weight + form_weight):
        return Case(_pick(rng, RHYTHMS), None)
    return Case(None, _pick(rng, FORMS))


def _pick(rng: np.random.Generator, conditions: dict[str, Condition]) -> str:
    weights = np.array([c.weight for c in conditions.values()])
    return str(list(conditions)[int(rng.choice(len(weights), p=weights / weights.sum()))])
