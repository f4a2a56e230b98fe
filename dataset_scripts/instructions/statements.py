"""The findings that questions are asked about: PTB-XL's SCP-ECG statements, and what other archives' labels mean.

Codes and their families (diagnostic class, form, rhythm) are those of PTB-XL's `scp_statements.csv` (Wagner et al.
2020, doi 10.1038/s41597-020-0495-6), which follows SCP-ECG, EN 1064. The English is the project's own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One finding.

    Attributes:
        name: full English name in snake case.
        phrase: in a sentence, after "this ECG shows".
        kind: "diagnostic", "rhythm", "ectopy" or "form".
        family: of a diagnostic statement: "normal", "infarction", "conduction", "hypertrophy" or "repolarisation".
    """

    name: str
    phrase: str
    kind: str
    family: str | None = None


def _diagnostic(family: str, *rows: tuple[str, str, str]) -> dict[str, Statement]:
    return {code: Statement(name, phrase, "diagnostic", family) for code, name, phrase in rows}


def _other(kind: str, *rows: tuple[str, str, str]) -> dict[str, Statement]:
    return {code: Statement(name, phrase, kind) for code, name, phrase in rows}


SCP: dict[str, Statement] = {
    **_diagnostic("normal", ("NORM", "normal_ecg", "a normal ECG")),
    **_diagnostic(
        "infarction",
        ("IMI", "inferior_myocardial_infarction", "inferior myocardial infarction"),
        ("ASMI", "anteroseptal_myocardial_infarction", "anteroseptal myocardial infarction"),
        ("ILMI", "inferolateral_myocardial_infarction", "inferolateral myocardial infarction"),
        ("AMI", "anterior_myocardial_infarction", "anterior myocardial infarction"),
        ("ALMI", "anterolateral_myocardial_infarction", "anterolateral myocardial infarction"),
        ("LMI", "lateral_myocardial_infarction", "lateral myocardial infarction"),
        ("PMI", "posterior_myocardial_infarction", "posterior myocardial infarction"),
        ("IPMI", "inferoposterior_myocardial_infarction", "inferoposterior myocardial infarction"),
        ("IPLMI", "inferoposterolateral_myocardial_infarction", "inferoposterolateral myocardial infarction"),
        ("INJAS", "anteroseptal_subendocardial_injury", "subendocardial injury in the anteroseptal leads"),
        ("INJAL", "anterolateral_subendocardial_injury", "subendocardial injury in the anterolateral leads"),
        ("INJIN", "inferior_subendocardial_injury", "subendocardial injury in the inferior leads"),
        ("INJLA", "lateral_subendocardial_injury", "subendocardial injury in the lateral leads"),
        ("INJIL", "inferolateral_subendocardial_injury", "subendocardial injury in the inferolateral leads"),
    ),
    **_diagnostic(
        "conduction",
        ("LAFB", "left_anterior_fascicular_block", "left anterior fascicular block"),
        ("LPFB", "left_posterior_fascicular_block", "left posterior fascicular block"),
        ("IRBBB", "incomplete_right_bundle_branch_block", "incomplete right bundle branch block"),
        ("CRBBB", "complete_right_bundle_branch_block", "complete right bundle branch block"),
        ("ILBBB", "incomplete_left_bundle_branch_block", "incomplete left bundle branch block"),
        ("CLBBB", "complete_left_bundle_branch_block", "complete left bundle branch block"),
        ("IVCD", "nonspecific_intraventricular_conduction_disorder", "nonspecific intraventricular conduction delay"),
        ("1AVB", "first_degree_atrioventricular_block", "first degree AV block"),
        ("2AVB", "second_degree_atrioventricular_block", "second degree AV block"),
        ("3AVB", "complete_heart_block", "third degree AV block"),
        ("WPW", "wolff_parkinson_white_pattern", "a Wolff-Parkinson-White pattern"),
    ),
    **_diagnostic(
        "hypertrophy",
        ("LVH", "left_ventricular_hypertrophy", "left ventricular hypertrophy"),
        ("RVH", "right_ventricular_hypertrophy", "right ventricular hypertrophy"),
        ("SEHYP", "septal_hypertrophy", "septal hypertrophy"),
        ("LAO/LAE", "left_atrial_enlargement", "left atrial enlargement"),
        ("RAO/RAE", "right_atrial_enlargement", "right atrial enlargement"),
    ),
    **_diagnostic(
        "repolarisation",
        ("NDT", "nondiagnostic_t_wave_abnormality", "T wave changes that are not diagnostic"),
        ("NST_", "nonspecific_st_changes", "nonspecific ST changes"),
        ("DIG", "digitalis_effect", "a digitalis effect"),
        ("LNGQT", "prolonged_qt_interval", "a long QT interval"),
        ("ISC_", "nonspecific_ischemia", "ischemic ST-T changes"),
        ("ISCAL", "anterolateral_ischemia", "ischemic changes in the anterolateral leads"),
        ("ISCIN", "inferior_ischemia", "ischemic changes in the inferior leads"),
        ("ISCIL", "inferolateral_ischemia", "ischemic changes in the inferolateral leads"),
        ("ISCAS", "anteroseptal_ischemia", "ischemic changes in the anteroseptal leads"),
        ("ISCLA", "lateral_ischemia", "ischemic changes in the lateral leads"),
        ("ISCAN", "anterior_ischemia", "ischemic changes in the anterior leads"),
        ("ANEUR", "ventricular_aneurysm", "ST-T changes of a ventricular aneurysm"),
        ("EL", "electrolyte_or_drug_effect", "changes of an electrolyte disturbance or a drug"),
    ),
    **_other(
        "rhythm",
        ("SR", "sinus_rhythm", "sinus rhythm"),
        ("AFIB", "atrial_fibrillation", "atrial fibrillation"),
        ("STACH", "sinus_tachycardia", "sinus tachycardia"),
        ("SARRH", "sinus_arrhythmia", "sinus arrhythmia"),
        ("SBRAD", "sinus_bradycardia", "sinus bradycardia"),
        ("PACE", "pacing_rhythm", "a paced rhythm"),
        ("SVARR", "supraventricular_arrhythmia", "a supraventricular arrhythmia"),
        ("BIGU", "bigeminy", "bigeminy"),
        ("AFLT", "atrial_flutter", "atrial flutter"),
        ("SVTAC", "supraventricular_tachycardia", "supraventricular tachycardia"),
        ("PSVT", "paroxysmal_supraventricular_tachycardia", "paroxysmal supraventricular tachycardia"),
        ("TRIGU", "trigeminy", "trigeminy"),
    ),
    **_other(
        "ectopy",
        ("PVC", "premature_ventricular_complex", "premature ventricular complexes"),
        ("PAC", "premature_atrial_complex", "premature atrial complexes"),
        ("PRC(S)", "premature_complex", "premature complexes"),
    ),
    **_other(
        "form",
        ("ABQRS", "abnormal_qrs_complex", "an abnormal QRS complex"),
        ("STD_", "st_depression", "nonspecific ST depression"),
        ("VCLVH", "voltage_criteria_for_left_ventricular_hypertrophy", "voltages of left ventricular hypertrophy"),
        ("QWAVE", "q_wave", "Q waves"),
        ("LOWT", "low_t_wave_voltage", "T waves of low amplitude"),
        ("NT_", "nonspecific_t_wave_changes", "nonspecific T wave changes"),
        ("LPR", "prolonged_pr_interval", "a long PR interval"),
        ("INVT", "t_wave_inversion", "inverted T waves"),
        ("LVOLT", "low_qrs_voltages", "low QRS voltages"),
        ("HVOLT", "high_qrs_voltage", "high QRS voltages"),
        ("TAB_", "t_wave_abnormality", "abnormal T waves"),
        ("STE_", "st_elevation", "nonspecific ST elevation"),
    ),
}
"""SCP-ECG code of PTB-XL -> statement; all 71."""

OTHER_LABELS: dict[str, Statement] = {
    statement.name: statement
    for statement in (
        Statement("right_bundle_branch_block", "right bundle branch block", "diagnostic", "conduction"),
        Statement("left_bundle_branch_block", "left bundle branch block", "diagnostic", "conduction"),
        Statement("atrial_tachycardia", "atrial tachycardia", "rhythm"),
        Statement("ventricular_tachycardia", "ventricular tachycardia", "rhythm"),
        Statement("atrioventricular_junctional_rhythm", "a junctional rhythm", "rhythm"),
    )
}
"""Names that labels of other archives have and SCP-ECG does not."""

STATEMENTS: dict[str, Statement] = {**{s.name: s for s in SCP.values()}, **OTHER_LABELS}
"""Name -> statement."""

DOUBTED_BY: dict[str, frozenset[str]] = {
    "ABQRS": frozenset({"infarction", "conduction", "hypertrophy"}),
    "QWAVE": frozenset({"infarction"}),
    "STE_": frozenset({"infarction", "repolarisation"}),
    "VCLVH": frozenset({"hypertrophy"}),
    "HVOLT": frozenset({"hypertrophy"}),
    "LPR": frozenset({"conduction"}),
    **dict.fromkeys(("STD_", "LOWT", "NT_", "INVT", "TAB_"), frozenset({"repolarisation"})),
    **dict.fromkeys(("CLBBB", "WPW"), frozenset({"infarction", "hypertrophy", "repolarisation"})),
    "PACE": frozenset({"infarction", "conduction", "hypertrophy", "repolarisation"}),
}
"""Statement -> families of diagnoses that it may stand for or hide, so that none of them counts as absent beside it."""


def without_article(phrase: str) -> str:
    """Returns a phrase for a list of choices: "a long QT interval" -> "long QT interval"."""
    for article in ("a ", "an "):
        if phrase.startswith(article):
            return phrase[len(article) :]
    return phrase
