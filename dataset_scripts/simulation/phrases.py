"""The wordings of the simulated reports: statement -> ways to put it, in English and in German."""

from __future__ import annotations

RATE = {"en": ", rate {rate}/min", "de": ", frequenz {rate}/min"}

CLOSING_NORMAL = {
    "en": ("normal ecg", "normal ecg", "ecg within normal limits", "no abnormality. normal ecg"),
    "de": ("normales ekg", "normales ekg", "unauffälliges ekg", "ekg im normbereich"),
}
OTHERWISE_NORMAL = {
    "en": ("otherwise normal ecg", "otherwise normal ecg", "otherwise unremarkable"),
    "de": ("sonst normales ekg", "sonst normales ekg", "im übrigen unauffällig"),
}

_EN = {
    "sinus_rhythm": ("sinus rhythm", "sinus rhythm", "regular sinus rhythm"),
    "sinus_bradycardia": ("sinus bradycardia", "sinus bradycardia", "slow sinus rhythm, bradycardia"),
    "sinus_tachycardia": ("sinus tachycardia", "sinus tachycardia", "fast sinus rhythm, tachycardia"),
    "sinus_arrhythmia": ("sinus arrhythmia", "sinus rhythm with sinus arrhythmia"),
    "atrial_fibrillation": (
        "atrial fibrillation",
        "atrial fibrillation",
        "atrial fibrillation, irregular ventricular response",
    ),
    "premature_ventricular_complex": (
        "ventricular premature complexes",
        "ventricular extrasystoles",
        "premature ventricular contractions",
    ),
    "premature_atrial_complex": (
        "supraventricular extrasystoles",
        "premature atrial complexes",
        "atrial premature beats",
    ),
    "first_degree_av_block": (
        "first degree av block",
        "av block 1st degree",
        "prolonged pr interval, first degree av block",
    ),
    "axis_normal": ("normal axis", "axis normal", "electrical axis normal"),
    "axis_left": ("left axis deviation", "left axis deviation", "axis deviated to the left"),
    "axis_right": ("right axis deviation", "right axis deviation", "axis deviated to the right"),
    "right_bundle_branch_block": ("right bundle branch block", "complete right bundle branch block", "complete rbbb"),
    "left_bundle_branch_block": ("left bundle branch block", "complete left bundle branch block", "complete lbbb"),
    "left_anterior_fascicular_block": ("left anterior fascicular block", "left anterior hemiblock"),
    "left_ventricular_hypertrophy": (
        "left ventricular hypertrophy",
        "voltage criteria for left ventricular hypertrophy",
        "high voltage, left ventricular hypertrophy",
    ),
    "strain": ("st-t changes of strain type", "lateral repolarisation changes, strain"),
    "right_ventricular_hypertrophy": (
        "right ventricular hypertrophy",
        "tall r in v1, right ventricular hypertrophy",
    ),
    "low_voltage": ("low voltage in the limb leads", "low qrs voltages", "peripheral low voltage"),
    "long_qt": ("prolonged qt interval", "long qt", "qt interval prolonged"),
    "old_inferior_infarction": (
        "old inferior myocardial infarction",
        "q waves in ii, iii and avf, inferior infarct, probably old",
        "inferior infarction, age undetermined",
    ),
    "old_anteroseptal_infarction": (
        "old anteroseptal myocardial infarction",
        "loss of r in v1-v3, anteroseptal infarct, probably old",
        "anteroseptal infarction, age undetermined",
    ),
    "old_anterior_infarction": (
        "old anterior myocardial infarction",
        "q waves in v1-v4, anterior infarct, probably old",
        "anterior infarction, age undetermined",
    ),
    "old_lateral_infarction": (
        "old lateral myocardial infarction",
        "q waves in i, avl, v5 and v6, lateral infarct, probably old",
        "lateral infarction, age undetermined",
    ),
    "acute_inferior_infarction": (
        "st elevation in ii, iii and avf, acute inferior myocardial infarction",
        "acute inferior infarction, st elevation",
    ),
    "acute_anterior_infarction": (
        "st elevation in v1-v4, acute anterior myocardial infarction",
        "acute anterior infarction, st elevation",
    ),
    "acute_lateral_infarction": (
        "st elevation in i, avl, v5 and v6, acute lateral myocardial infarction",
        "acute lateral infarction, st elevation",
    ),
    "inferior_ischemia": (
        "t wave inversion in ii, iii and avf, inferior ischaemia",
        "t inversion in the inferior leads, consider ischaemia",
    ),
    "anterior_ischemia": (
        "t wave inversion in v1-v4, anterior ischaemia",
        "t inversion in the anterior leads, consider ischaemia",
    ),
    "lateral_ischemia": (
        "t wave inversion in i, avl, v5 and v6, lateral ischaemia",
        "t inversion in the lateral leads, consider ischaemia",
    ),
    "nonspecific_ischemia": ("st depression, consider ischaemia", "horizontal st depression, myocardial ischaemia"),
}

_DE = {
    "sinus_rhythm": ("sinusrhythmus", "sinusrhythmus", "regelmässiger sinusrhythmus"),
    "sinus_bradycardia": ("sinusbradykardie", "sinusbradykardie", "bradykarder sinusrhythmus"),
    "sinus_tachycardia": ("sinustachykardie", "sinustachykardie", "tachykarder sinusrhythmus"),
    "sinus_arrhythmia": ("sinusarrhythmie", "sinusrhythmus mit sinusarrhythmie"),
    "atrial_fibrillation": ("vorhofflimmern", "vorhofflimmern", "vorhofflimmern, absolute arrhythmie"),
    "premature_ventricular_complex": ("ventrikuläre extrasystolen", "ventrikuläre extrasystolie"),
    "premature_atrial_complex": ("supraventrikuläre extrasystolen", "supraventrikuläre extrasystolie"),
    "first_degree_av_block": ("av-block i. grades", "av-block 1. grades", "verlängerte pq-zeit, av-block i. grades"),
    "axis_linkstyp": ("linkstyp", "lagetyp linkstyp"),
    "axis_indifferenz": ("indifferenztyp", "lagetyp normal"),
    "axis_steil": ("steiltyp", "lagetyp steil"),
    "axis_left": ("überdrehter linkstyp", "überdrehter linkstyp", "lagetyp überdrehter linkstyp"),
    "axis_right": ("rechtstyp", "rechtstyp", "lagetyp rechtstyp"),
    "right_bundle_branch_block": ("rechtsschenkelblock", "kompletter rechtsschenkelblock"),
    "left_bundle_branch_block": ("linksschenkelblock", "kompletter linksschenkelblock"),
    "left_anterior_fascicular_block": ("linksanteriorer hemiblock", "linksanteriorer faszikelblock"),
    "left_ventricular_hypertrophy": (
        "linksventrikuläre hypertrophie",
        "linkshypertrophie",
        "hohe voltage, linksventrikuläre hypertrophie",
    ),
    "strain": ("st-t-veränderungen bei linksbelastung", "laterale erregungsrückbildungsstörung bei hypertrophie"),
    "right_ventricular_hypertrophy": ("rechtsventrikuläre hypertrophie", "rechtshypertrophie, hohes r in v1"),
    "low_voltage": ("periphere niederspannung", "niedervoltage in den extremitätenableitungen"),
    "long_qt": ("qt-verlängerung", "verlängerte qt-zeit"),
    "old_inferior_infarction": (
        "alter inferiorer infarkt",
        "inferiorer infarkt, wahrscheinlich alt",
        "q in ii, iii, avf, alter hinterwandinfarkt",
    ),
    "old_anteroseptal_infarction": (
        "alter anteroseptaler infarkt",
        "anteroseptaler infarkt, wahrscheinlich alt",
        "r-verlust in v1-v3, alter anteroseptaler infarkt",
    ),
    "old_anterior_infarction": (
        "alter vorderwandinfarkt",
        "vorderwandinfarkt, wahrscheinlich alt",
        "q in v1-v4, alter vorderwandinfarkt",
    ),
    "old_lateral_infarction": (
        "alter lateraler infarkt",
        "lateraler infarkt, wahrscheinlich alt",
        "q in i, avl, v5, v6, alter seitenwandinfarkt",
    ),
    "acute_inferior_infarction": (
        "st-hebung in ii, iii, avf, akuter inferiorer infarkt",
        "akuter hinterwandinfarkt, st-hebung",
    ),
    "acute_anterior_infarction": (
        "st-hebung in v1-v4, akuter vorderwandinfarkt",
        "akuter vorderwandinfarkt, st-hebung",
    ),
    "acute_lateral_infarction": (
        "st-hebung in i, avl, v5, v6, akuter lateraler infarkt",
        "akuter seitenwandinfarkt, st-hebung",
    ),
    "inferior_ischemia": (
        "t-negativierung in ii, iii, avf, inferiore ischämie",
        "t negativ inferior, verdacht auf ischämie",
    ),
    "anterior_ischemia": ("t-negativierung in v1-v4, anteriore ischämie", "t negativ anterior, verdacht auf ischämie"),
    "lateral_ischemia": (
        "t-negativierung in i, avl, v5, v6, laterale ischämie",
        "t negativ lateral, verdacht auf ischämie",
    ),
    "nonspecific_ischemia": ("st-senkung, verdacht auf ischämie", "horizontale st-senkung, myokardischämie"),
}

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {"en": _EN, "de": _DE}
