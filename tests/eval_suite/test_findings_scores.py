"""Scores over findings, by hand; their bootstrap; the numbers a report states; agreement with the archive's codes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.code_agreement import Agreement, code_agreement, macro_f1, superclasses_of
from eval_suite.findings.scores import NAMES, finding_statistics
from eval_suite.findings.stated_numbers import agreements, stated_numbers
from eval_suite.statistics import bootstrap, paired_difference
from tests.eval_suite.ptbxl_reports import ptbxl_reports

REFERENCES = ["normal ecg", "long qt", "ischemia", "old inferior infarct"]
PREDICTIONS = ["normal ecg", "qt normal", "possible ischemia, long qt", "inferior infarct"]


def test_scores_by_hand() -> None:
    found = finding_statistics(PREDICTIONS, REFERENCES, min_references=1)
    # References hold normal_ecg | long_qt | ischemia | infarct, old, inferior: 6 pairs. Predictions hold normal_ecg |
    # long_qt absent | ischemia uncertain, long_qt | infarct, inferior: 6. Right: normal_ecg, infarct, inferior.
    values = found.values()
    assert values["micro precision"] == values["micro recall"] == values["micro F1"] == pytest.approx(3 / 6)
    assert found.frequent == (
        *("myocardial_infarction", "old_myocardial_infarction", "inferior_myocardial_infarction"),
        *("ischemia", "long_qt", "normal_ecg"),
    )
    assert values["macro F1"] == pytest.approx((1 + 0 + 1 + 0 + 0 + 1) / 6)
    assert values["exact set"] == 1 / 4
    assert values["critical missed"] == 1.0  # long_qt of row 1 is denied
    assert values["critical invented"] == 1.0  # long_qt of row 2
    # Row 2: ischemia on both sides, its state apart. Row 3: inferior infarct, but no age.
    assert values["territory F1"] == pytest.approx(2 * 1 / (2 + 2))
    assert values["F1 normal_ecg"] == 1.0
    assert values["macro precision"] == pytest.approx(3 / 6)  # "old" is never predicted: 0
    by_finding = found.by_finding()
    assert by_finding["long_qt"] == {"precision": 0.0, "recall": 0.0, "F1": 0.0, "support": 1.0}
    assert by_finding["normal_ecg"] == {"precision": 1.0, "recall": 1.0, "F1": 1.0, "support": 1.0}


def test_a_hedged_critical_finding_is_not_missed() -> None:
    found = finding_statistics(["possible atrial fibrillation"], ["atrial fibrillation"], min_references=1)
    assert found.counts()["critical_missed"] == 0
    assert found.counts()["critical_stated"] == 2  # and fibrillation or flutter
    assert found.values()["micro F1"] == 0


def test_rare_findings_enter_the_micro_average_only() -> None:
    references = ["sinus rhythm"] * 3 + ["pericarditis"]
    found = finding_statistics(["sinus rhythm"] * 4, references, min_references=2)
    assert found.frequent == ("sinus_rhythm",)
    assert found.values()["macro F1"] == pytest.approx(2 * 3 / (4 + 3))
    assert found.values()["micro F1"] == pytest.approx(2 * 3 / (4 + 4))


def test_contradictions_are_counted_on_both_sides() -> None:
    found = finding_statistics(["sinus rhythm. atrial flutter.", ""], ["sinus rhythm", "normal ecg, lvh"])
    assert found.values()["contradictory"] == found.values()["contradictory references"] == 0.5


def test_numbers_are_compared_with_measurements() -> None:
    predictions = ["rate 70/min, QTc 430 ms", "PR 160 ms, axis -170 degrees", "normal ecg"]
    measured = [{"heart_rate_bpm": 71.0, "qtc_bazett_ms": 480.0}, {"qrs_axis_deg": 178.0}, {"heart_rate_bpm": 60.0}]
    found = finding_statistics(predictions, ["normal ecg"] * 3, measurements=measured)
    assert found.counts()["numbers_compared"] == 3
    assert found.values()["numbers agreed"] == pytest.approx(2 / 3)


def test_bootstrap_takes_the_statistics() -> None:
    references, predictions = REFERENCES * 10, PREDICTIONS * 10
    found = finding_statistics(predictions, references, min_references=5)
    patients = [str(row // 2) for row in range(40)]
    intervals = bootstrap(found, patients, samples=200, seed=1)
    assert list(intervals) == list(found.values())
    for name, value in found.values().items():
        if name == "numbers agreed":  # nothing was measured
            assert np.isnan(intervals[name]).all()
            continue
        assert intervals[name].value == pytest.approx(value)
        assert intervals[name].low <= value <= intervals[name].high, name
    assert np.isnan(found.values()["numbers agreed"])
    assert intervals["exact set"].low < intervals["exact set"].high
    perfect = finding_statistics(references, references, min_references=5)
    assert paired_difference(perfect, found, patients, samples=200)["micro F1"].low > 0


def test_a_share_of_nothing_is_no_score() -> None:
    found = finding_statistics(["normal ecg"] * 3, ["normal ecg"] * 3, measurements=[{"heart_rate_bpm": 60.0}] * 3)
    values = found.values()
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == {
        *("critical missed", "critical invented", "territory F1", "numbers agreed"),
        *("macro precision", "macro recall", "macro F1"),  # no finding has ten references
    }
    said = finding_statistics(["atrial fibrillation", "", ""], ["normal ecg"] * 3)
    assert said.values()["critical invented"] == 1
    intervals = bootstrap(said, ["a", "b", "c"], samples=200)
    # In the draws that have the one patient everything is invented; the others say nothing of it.
    assert intervals["critical invented"] == (1, 1, 1)
    assert np.isnan(paired_difference(said, found, ["a", "b", "c"], samples=200)["critical invented"]).all()


def test_a_finding_that_a_draw_lacks_leaves_the_macro_average() -> None:
    found = finding_statistics(["sinus rhythm", ""], ["sinus rhythm", "pericarditis"], min_references=1)
    both, first = found.matrix().sum(axis=0), found.matrix()[0]
    assert found.scores(both)["macro F1"] == found.scores(both)["macro precision"] < 1
    assert found.scores(first)["macro F1"] == 1


def test_sums_of_rows_are_the_sums_of_parts() -> None:
    whole = finding_statistics(PREDICTIONS, REFERENCES).matrix()
    parts = [finding_statistics([p], [r]).matrix() for p, r in zip(PREDICTIONS, REFERENCES, strict=True)]
    assert np.array_equal(whole, np.vstack(parts))
    assert whole.shape == (4, 3 * len(NAMES) + 13)


@pytest.mark.parametrize(("predictions", "references"), [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_rows_must_match(predictions: list[str], references: list[str]) -> None:
    with pytest.raises(EcgInputError, match="expected as many"):
        finding_statistics(predictions, references)
    with pytest.raises(EcgInputError, match="rows of measurements"):
        finding_statistics(["a"], ["a"], measurements=[])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rate 72 bpm, PR 0.16 s, QRS 90 ms, QT/QTc 380/412 ms, axis 45 degrees", (72, 160, 90, 380, 412, 45)),
        ("SR 48/min, PQ-Zeit 240 ms, QRS-Dauer: 110 ms, QTc mit 492 ms, Achse -30°", (48, 240, 110, None, 492, -30)),
        ("hjärtfrekvens 65, PQ-tid 180 ms, QT-tid 400 ms, el-axel 60 grader", (65, 180, None, 400, None, 60)),
        ("ST elevation V2-V4, 60 Hz interference, AV block 1. degree, Holter 24 h", (None,) * 6),
        ("QRS 5 ms, rate 900/min", (None,) * 6),
    ],
)  # fmt: skip
def test_stated_numbers(text: str, expected: tuple[float | None, ...]) -> None:
    names = ("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "qtc_ms", "qrs_axis_deg")
    wanted = {name: value for name, value in zip(names, expected, strict=True) if value is not None}
    assert stated_numbers(text) == wanted


def test_agreement_of_numbers() -> None:
    stated = {"heart_rate_bpm": 70.0, "qtc_ms": 430.0, "qrs_axis_deg": -175.0, "pr_interval_ms": 160.0}
    measured = {"heart_rate_bpm": 76.0, "qtc_bazett_ms": 460.0, "qrs_axis_deg": 175.0}
    assert agreements(stated, measured) == {"heart_rate_bpm": False, "qtc_ms": True, "qrs_axis_deg": True}


def test_agreement_with_codes() -> None:
    reports = ["old inferior infarct", "no inferior infarct", "normal ecg", "lbbb"]
    table = code_agreement(reports, [["IMI"], ["IMI", "SR"], ["NORM"], ["NORM"]])
    assert table["inferior_myocardial_infarction"] == Agreement(both=1, text_only=0, codes_only=1)
    assert table["MI"] == Agreement(1, 0, 1)
    assert table["NORM"] == Agreement(1, 0, 1)
    assert table["CD"] == Agreement(0, 1, 0)
    assert table["MI"].f1 == pytest.approx(2 / 3)
    assert table["MI"].support == 2
    assert macro_f1(table, ["MI", "CD"]) == pytest.approx(1 / 3)
    assert superclasses_of({"otherwise_normal_ecg", "sinus_rhythm"}) == {"NORM"}
    with pytest.raises(EcgInputError, match="expected as many"):
        code_agreement(reports, [])
    with pytest.raises(EcgInputError, match="no labels"):
        macro_f1(table, [])


def test_real_reports_agree_with_their_codes(ptbxl_dir: Path) -> None:
    rows = ptbxl_reports(ptbxl_dir, [9])
    with (ptbxl_dir / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["ecg_id"]: row["scp_codes"] for row in csv.DictReader(file)}
    coded = [[code.strip("'\" {").split("'")[0] for code in codes[ecg].split(",")] for ecg in rows.ecg_ids]
    table = code_agreement(rows.reports, coded)
    # Statements that the machine coded from the same words.
    for name in ("sinus_rhythm", "sinus_tachycardia", "atrial_fibrillation", "pacing", "abnormal_qrs"):
        assert table[name].f1 > 0.9, name
    for name in ("st_depression", "t_wave_inversion", "low_voltage", "left_ventricular_hypertrophy_voltage_criteria"):
        assert table[name].both / table[name].support > 0.95, name
    assert macro_f1(table, ["NORM", "MI", "STTC", "CD", "HYP"]) > 0.74
