"""The rows of the list of findings up to hypertrophy; `names` puts them together and answers questions about them.

`implies` names only what is true by definition (atrial fibrillation is fibrillation or flutter), never what is merely
usual. `contradicts` stands on one of the two rows. SCP codes and superclasses are those of PTB-XL (Wagner et al. 2020);
where it gives a statement no superclass, the row has the one that a cardiologist would file it under.
"""

from __future__ import annotations

from eval_suite.findings.finding import Finding

_AF = "atrial_fibrillation_or_flutter"

RHYTHM = (
    Finding("sinus_rhythm", "rhythm", "The sinus node leads the heart.", ("SR",)),
    Finding(
        "sinus_tachycardia", "rhythm", "Sinus rhythm that is too fast.", ("STACH",), ("sinus_rhythm", "tachycardia")
    ),
    Finding(
        "sinus_bradycardia",
        "rhythm",
        "Sinus rhythm that is too slow.",
        ("SBRAD",),
        ("sinus_rhythm", "bradycardia"),
        ("sinus_tachycardia",),
    ),
    Finding("sinus_arrhythmia", "rhythm", "Sinus rhythm of varying rate.", ("SARRH",), ("sinus_rhythm",)),
    Finding("sinus_pause", "rhythm", "A sinus pause or arrest, or a sinoatrial block."),
    Finding(
        _AF,
        "rhythm",
        "Atrial fibrillation or atrial flutter, whichever of the two it is.",
        contradicts=("sinus_rhythm", "first_degree_av_block", "prolonged_pr_interval", "short_pr_interval"),
        critical=True,
    ),
    Finding(
        "atrial_fibrillation",
        "rhythm",
        "Atrial fibrillation, also where only an absolute arrhythmia is reported.",
        ("AFIB",),
        (_AF,),
        ("sinus_rhythm", "first_degree_av_block"),
        critical=True,
    ),
    Finding("atrial_flutter", "rhythm", "Atrial flutter, with any conduction.", ("AFLT",), (_AF,), ("sinus_rhythm",)),
    Finding(
        "supraventricular_tachycardia",
        "rhythm",
        "A tachycardia from above the ventricles other than sinus tachycardia, fibrillation and flutter.",
        ("SVTAC", "PSVT"),
        ("tachycardia",),
    ),
    Finding(
        "supraventricular_arrhythmia",
        "rhythm",
        "An irregular rhythm from above the ventricles that is not named more closely.",
        ("SVARR",),
        ("arrhythmia",),
    ),
    Finding(
        "ectopic_atrial_rhythm",
        "rhythm",
        "A rhythm led by an atrial focus outside the sinus node, or by a wandering one.",
    ),
    Finding(
        "junctional_rhythm",
        "rhythm",
        "A rhythm led by the AV junction, as escape or accelerated.",
        contradicts=("sinus_rhythm", _AF),
    ),
    Finding("idioventricular_rhythm", "rhythm", "A slow or accelerated rhythm led by the ventricles."),
    Finding(
        "ventricular_tachycardia",
        "rhythm",
        "A tachycardia from the ventricles, sustained or in runs; torsade de pointes included.",
        implies=("tachycardia",),
        critical=True,
    ),
    Finding(
        "ventricular_fibrillation",
        "rhythm",
        "Fibrillation or flutter of the ventricles.",
        contradicts=("sinus_rhythm", _AF),
        critical=True,
    ),
    Finding("arrhythmia", "rhythm", "A disturbed rhythm whose kind is left open."),
    Finding("undetermined_rhythm", "rhythm", "The rhythm could not be determined.", contradicts=("sinus_rhythm", _AF)),
)

RATE = (
    Finding("tachycardia", "rate", "The heart rate is called too fast, from any origin."),
    Finding("bradycardia", "rate", "The heart rate is called too slow, from any origin."),
    Finding(
        "rapid_ventricular_response",
        "rate",
        "The ventricles follow an atrial fibrillation or flutter too fast.",
        implies=("tachycardia",),
    ),
    Finding(
        "slow_ventricular_response",
        "rate",
        "The ventricles follow an atrial fibrillation or flutter too slowly.",
        implies=("bradycardia",),
    ),
)

AXIS = (
    Finding("normal_axis", "axis", "The frontal QRS axis is called normal, intermediate or indifferent."),
    Finding(
        "leftward_axis",
        "axis",
        "The axis points left without being called deviated (Linkstyp, leftward axis).",
        contradicts=("normal_axis", "right_axis_deviation", "vertical_axis", "extreme_axis_deviation"),
    ),
    Finding(
        "left_axis_deviation",
        "axis",
        "The axis is deviated to the left, usually beyond -30 degrees (überdrehter Linkstyp).",
        contradicts=("normal_axis", "right_axis_deviation", "vertical_axis"),
    ),
    Finding("vertical_axis", "axis", "The axis is steep (Steiltyp, vertical axis).", contradicts=("normal_axis",)),
    Finding(
        "right_axis_deviation",
        "axis",
        "The axis points or is deviated to the right (Rechtstyp, rightward axis).",
        contradicts=("normal_axis",),
    ),
    Finding(
        "extreme_axis_deviation",
        "axis",
        "The axis lies in the upper right quadrant, or is called northwest or extremely right.",
        contradicts=("normal_axis",),
    ),
    Finding(
        "indeterminate_axis",
        "axis",
        "The axis cannot be determined or is called sagittal.",
        contradicts=("normal_axis",),
    ),
)

CONDUCTION = (
    Finding("av_block", "conduction", "A block between atria and ventricles, of any degree.", superclass="CD"),
    Finding(
        "first_degree_av_block",
        "conduction",
        "Every beat is conducted, but late.",
        ("1AVB",),
        ("av_block", "prolonged_pr_interval"),
        superclass="CD",
    ),
    Finding(
        "second_degree_av_block",
        "conduction",
        "Some beats are not conducted: Wenckebach, Mobitz, 2:1, high-grade.",
        ("2AVB",),
        ("av_block",),
        superclass="CD",
    ),
    Finding(
        "complete_av_block",
        "conduction",
        "No beat is conducted: third-degree, complete or total AV block.",
        ("3AVB",),
        ("av_block",),
        ("first_degree_av_block",),
        superclass="CD",
        critical=True,
    ),
    Finding("prolonged_pr_interval", "conduction", "The PR (PQ) interval is called long.", ("LPR",)),
    Finding(
        "short_pr_interval",
        "conduction",
        "The PR (PQ) interval is called short.",
        contradicts=("prolonged_pr_interval",),
    ),
    Finding(
        "bundle_branch_block",
        "conduction",
        "A complete block of one bundle branch, or one whose side is left open.",
        superclass="CD",
    ),
    Finding(
        "left_bundle_branch_block",
        "conduction",
        "A left bundle branch block that is called complete or not called incomplete.",
        ("CLBBB",),
        ("bundle_branch_block",),
        ("incomplete_left_bundle_branch_block",),
        superclass="CD",
    ),
    Finding(
        "incomplete_left_bundle_branch_block",
        "conduction",
        "A left bundle branch block that is called incomplete or partial.",
        ("ILBBB",),
        superclass="CD",
    ),
    Finding(
        "right_bundle_branch_block",
        "conduction",
        "A right bundle branch block that is called complete or not called incomplete.",
        ("CRBBB",),
        ("bundle_branch_block",),
        ("incomplete_right_bundle_branch_block", "left_bundle_branch_block"),
        superclass="CD",
    ),
    Finding(
        "incomplete_right_bundle_branch_block",
        "conduction",
        "A right bundle branch block that is called incomplete or partial.",
        ("IRBBB",),
        superclass="CD",
    ),
    Finding(
        "left_anterior_fascicular_block",
        "conduction",
        "A block of the left anterior fascicle (left anterior hemiblock).",
        ("LAFB",),
        superclass="CD",
    ),
    Finding(
        "left_posterior_fascicular_block",
        "conduction",
        "A block of the left posterior fascicle (left posterior hemiblock).",
        ("LPFB",),
        superclass="CD",
    ),
    Finding("bifascicular_block", "conduction", "The report itself says bifascicular block.", superclass="CD"),
    Finding("trifascicular_block", "conduction", "The report itself says trifascicular block.", superclass="CD"),
    Finding(
        "nonspecific_intraventricular_conduction_delay",
        "conduction",
        "An intraventricular delay or block without the form of a bundle branch block.",
        ("IVCD",),
        superclass="CD",
    ),
    Finding("prolonged_qrs_duration", "conduction", "The QRS complex is called wide or long, no block being named."),
    Finding("aberrant_conduction", "conduction", "Single beats are conducted aberrantly through the ventricles."),
    Finding(
        "wolff_parkinson_white_pattern",
        "conduction",
        "Preexcitation, delta waves or Wolff-Parkinson-White are reported.",
        ("WPW",),
        superclass="CD",
    ),
)

HYPERTROPHY = (
    Finding(
        "left_ventricular_hypertrophy",
        "hypertrophy",
        "Thickening of the left ventricle is concluded.",
        ("LVH",),
        superclass="HYP",
    ),
    Finding(
        "left_ventricular_hypertrophy_voltage_criteria",
        "hypertrophy",
        "Voltages are said to meet, or to suggest, criteria of left ventricular hypertrophy.",
        ("VCLVH",),
    ),
    Finding(
        "left_ventricular_strain",
        "hypertrophy",
        "ST-T changes are ascribed to strain of the left ventricle (Linksbelastung, LV strain).",
    ),
    Finding(
        "right_ventricular_hypertrophy",
        "hypertrophy",
        "Thickening of the right ventricle is concluded.",
        ("RVH",),
        superclass="HYP",
    ),
    Finding("right_ventricular_strain", "hypertrophy", "Strain of the right ventricle is reported (Rechtsbelastung)."),
    Finding(
        "septal_hypertrophy", "hypertrophy", "Thickening of the septum is concluded.", ("SEHYP",), superclass="HYP"
    ),
    Finding(
        "left_atrial_enlargement",
        "hypertrophy",
        "Overload, enlargement, hypertrophy or abnormality of the left atrium (P mitrale, P sinistroatriale).",
        ("LAO/LAE",),
        superclass="HYP",
    ),
    Finding(
        "right_atrial_enlargement",
        "hypertrophy",
        "Overload, enlargement, hypertrophy or abnormality of the right atrium (P pulmonale, P dextroatriale).",
        ("RAO/RAE",),
        superclass="HYP",
    ),
    Finding("prolonged_p_wave", "hypertrophy", "The P wave is called broad or long, no atrium being named."),
)
