"""The rows of the list of findings from the QRS complex on: QRS, infarct, ischemia, ST-T, QT and the rest."""

from __future__ import annotations

from eval_suite.findings.finding import Finding

QRS = (
    Finding(
        "low_voltage", "qrs", "QRS voltages are called low, in the limb leads, the chest leads or all.", ("LVOLT",)
    ),
    Finding("high_voltage", "qrs", "QRS voltages are called high.", ("HVOLT",)),
    Finding("abnormal_qrs", "qrs", "The QRS complex is called abnormal without saying how.", ("ABQRS",)),
    Finding(
        "pathological_q_waves",
        "qrs",
        "Q waves or QS complexes are reported as a finding, in any lead.",
        ("QWAVE",),
    ),
    Finding(
        "poor_r_wave_progression",
        "qrs",
        "R waves grow too little, too late or not at all across the chest leads.",
    ),
    Finding("shifted_r_wave_transition", "qrs", "The R/S transition in the chest leads is displaced to either side."),
)

_WALLS = ("anterior", "anteroseptal", "anterolateral", "lateral", "inferior", "inferolateral")
_INFARCT_CODES = {
    "anterior": "AMI",
    "anteroseptal": "ASMI",
    "anterolateral": "ALMI",
    "lateral": "LMI",
    "inferior": "IMI",
    "inferolateral": "ILMI",
    "posterior": "PMI",
    "inferoposterior": "IPMI",
    "inferoposterolateral": "IPLMI",
}
_INJURY_CODES = {
    "anteroseptal": "INJAS",
    "anterolateral": "INJAL",
    "lateral": "INJLA",
    "inferior": "INJIN",
    "inferolateral": "INJIL",
}
_ISCHEMIA_CODES = {
    "anterior": "ISCAN",
    "anteroseptal": "ISCAS",
    "anterolateral": "ISCAL",
    "lateral": "ISCLA",
    "inferior": "ISCIN",
    "inferolateral": "ISCIL",
}


def _by_wall(
    base: str, group: str, what: str, walls: tuple[str, ...], codes: dict[str, str], superclass: str
) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            f"{wall}_{base}",
            group,
            f"{what} the {wall} wall{' (the high lateral wall included)' if wall == 'lateral' else ''}.",
            (codes[wall],) if wall in codes else (),
            (base,),
            superclass=superclass,
            base=base,
            territory=wall,
        )
        for wall in walls
    )


INFARCT = (
    Finding(
        "myocardial_infarction",
        "infarct",
        "A myocardial infarction of any wall and age.",
        superclass="MI",
        base="myocardial_infarction",
    ),
    Finding(
        "acute_myocardial_infarction",
        "infarct",
        "An infarct of any wall that is called acute, recent, fresh, subacute, evolving or STEMI.",
        implies=("myocardial_infarction",),
        superclass="MI",
        critical=True,
    ),
    Finding(
        "old_myocardial_infarction",
        "infarct",
        "An infarct of any wall that is called old, previous, healed or a state after.",
        implies=("myocardial_infarction",),
        superclass="MI",
    ),
    *_by_wall(
        "myocardial_infarction",
        "infarct",
        "A myocardial infarction of",
        (*_WALLS, "septal", "posterior", "inferoposterior", "inferoposterolateral"),
        _INFARCT_CODES,
        "MI",
    ),
)

ISCHEMIA = (
    Finding(
        "ischemia",
        "ischemia",
        "Ischemia, coronary insufficiency or ischemic heart disease is concluded for any wall.",
        ("ISC_",),
        superclass="STTC",
        base="ischemia",
    ),
    *_by_wall("ischemia", "ischemia", "Ischemia of", _WALLS, _ISCHEMIA_CODES, "STTC"),
    Finding(
        "myocardial_injury",
        "ischemia",
        "Damage or subendocardial injury of any wall, short of the word infarct (Myokardschaden).",
        superclass="MI",
        base="myocardial_injury",
    ),
    *_by_wall("myocardial_injury", "ischemia", "Damage or subendocardial injury of", _WALLS, _INJURY_CODES, "MI"),
)

ST_T = (
    Finding(
        "st_t_abnormality",
        "st_t",
        "Any change of ST segment or T wave, also disturbed repolarisation.",
        superclass="STTC",
    ),
    Finding(
        "nonspecific_st_t_abnormality",
        "st_t",
        "Changes of ST or T that are expressly called nonspecific or nondiagnostic.",
        ("NDT", "NST_", "NT_"),
        ("st_t_abnormality",),
        superclass="STTC",
    ),
    Finding(
        "st_abnormality",
        "st_t",
        "Any change of the ST segment.",
        ("NST_",),
        ("st_t_abnormality",),
        superclass="STTC",
    ),
    Finding("st_elevation", "st_t", "The ST segment is elevated.", ("STE_",), ("st_abnormality",), superclass="STTC"),
    Finding("st_depression", "st_t", "The ST segment is depressed.", ("STD_",), ("st_abnormality",), superclass="STTC"),
    Finding(
        "t_wave_abnormality",
        "st_t",
        "Any change of the T wave.",
        ("NDT", "NT_", "TAB_"),
        ("st_t_abnormality",),
        superclass="STTC",
    ),
    Finding(
        "t_wave_inversion",
        "st_t",
        "The T wave is negative, also terminally negative.",
        ("INVT",),
        ("t_wave_abnormality",),
        superclass="STTC",
    ),
    Finding(
        "t_wave_flattening",
        "st_t",
        "The T wave is flat or low.",
        ("LOWT",),
        ("t_wave_abnormality",),
        superclass="STTC",
    ),
    Finding(
        "tall_t_waves", "st_t", "The T wave is tall or peaked.", implies=("t_wave_abnormality",), superclass="STTC"
    ),
    Finding("early_repolarization", "st_t", "Early repolarization is reported."),
    Finding(
        "digitalis_effect",
        "st_t",
        "An effect of digitalis on the repolarisation is reported.",
        ("DIG",),
        superclass="STTC",
    ),
    Finding(
        "electrolyte_disturbance_or_drug_effect",
        "st_t",
        "An electrolyte disturbance, or an effect of a drug other than digitalis, on the ECG.",
        ("EL",),
        superclass="STTC",
    ),
    Finding("pericarditis", "st_t", "Pericarditis or damage of the pericardium is reported.", superclass="STTC"),
    Finding(
        "ventricular_aneurysm", "st_t", "An aneurysm of a ventricle's wall is reported.", ("ANEUR",), superclass="STTC"
    ),
)

QT = (Finding("long_qt", "qt", "The QT or QTc interval is called long.", ("LNGQT",), superclass="STTC", critical=True),)

PACING = (
    Finding("pacing", "pacing", "An artificial pacemaker is at work: spikes, paced beats or rhythm.", ("PACE",)),
    Finding("atrial_pacing", "pacing", "The pacemaker paces the atria.", implies=("pacing",)),
    Finding("ventricular_pacing", "pacing", "The pacemaker paces the ventricles.", implies=("pacing",)),
    Finding("pacemaker_malfunction", "pacing", "The pacemaker fails to sense or to capture.", implies=("pacing",)),
)

ECTOPY = (
    Finding("premature_complex", "ectopy", "Premature beats of any origin.", ("PRC(S)",)),
    Finding(
        "premature_ventricular_complex",
        "ectopy",
        "Premature beats from the ventricles.",
        ("PVC",),
        ("premature_complex",),
    ),
    Finding(
        "premature_atrial_complex",
        "ectopy",
        "Premature beats from above the ventricles.",
        ("PAC",),
        ("premature_complex",),
    ),
    Finding("bigeminy", "ectopy", "Every second beat is premature.", ("BIGU",), ("premature_complex",)),
    Finding("trigeminy", "ectopy", "Every third beat is premature.", ("TRIGU",), ("premature_complex",)),
    Finding("escape_beats", "ectopy", "Single late beats stand in for the leading rhythm."),
)

QUALITY = (
    Finding("artifact", "quality", "Disturbances of the recording that do not come from the heart."),
    Finding("baseline_wander", "quality", "The baseline drifts."),
    Finding("muscle_artifact", "quality", "Muscle tremor disturbs the recording.", implies=("artifact",)),
    Finding("powerline_interference", "quality", "Mains hum disturbs the recording.", implies=("artifact",)),
    Finding("electrode_misplacement", "quality", "Electrodes or leads are exchanged or wrongly placed."),
    Finding("missing_lead", "quality", "A lead is missing or an electrode is off or makes poor contact."),
    Finding("poor_data_quality", "quality", "The recording is called poor, or too poor to be read."),
)

OVERALL = (
    Finding(
        "normal_ecg",
        "overall",
        "The whole ECG is called normal.",
        ("NORM",),
        contradicts=(
            "abnormal_ecg",
            "borderline_ecg",
            "atrial_fibrillation_or_flutter",
            "supraventricular_tachycardia",
            "ventricular_tachycardia",
            "ventricular_fibrillation",
            "second_degree_av_block",
            "complete_av_block",
            "bundle_branch_block",
            "wolff_parkinson_white_pattern",
            "left_ventricular_hypertrophy",
            "right_ventricular_hypertrophy",
            "myocardial_infarction",
            "ischemia",
            "myocardial_injury",
            "st_elevation",
            "st_depression",
            "t_wave_inversion",
            "long_qt",
            "pacing",
        ),
        superclass="NORM",
    ),
    Finding(
        "otherwise_normal_ecg",
        "overall",
        "Apart from what is named, the ECG is called normal.",
        superclass="NORM",
    ),
    Finding("borderline_ecg", "overall", "The whole ECG is called borderline."),
    Finding("abnormal_ecg", "overall", "The whole ECG is called abnormal or pathological."),
)
