"""The controls: report baselines, shuffled partners."""

import logging
from collections import Counter

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.controls.baselines import LANGUAGE_TOLD, MOST_FREQUENT, RANDOM, baseline_predictions, most_frequent
from eval_suite.controls.ecgs import check_control, shuffled_partners
from eval_suite.metrics.text import text_metrics
from eval_suite.rows import ReportRows

TRAIN = ReportRows(
    [str(i) for i in range(7)],
    ["a", "a", "b", "c", "d", "e", "f"],
    ["de", "de", "de", "en", "en", "en", "en"],
    ["SR", "SR", "VHF", "nsr", "nsr", "nsr", "af"],
)


def rows(languages: list[str]) -> ReportRows:
    ids = [f"x{i}" for i in range(len(languages))]
    return ReportRows(ids, ids, languages, ["?"] * len(languages))


def test_most_frequent_with_and_without_the_language() -> None:
    found = baseline_predictions(rows(["en", "de", "de"]), TRAIN)
    assert found[MOST_FREQUENT] == ["nsr"] * 3
    assert found[MOST_FREQUENT + LANGUAGE_TOLD] == ["nsr", "SR", "SR"]
    assert most_frequent(["b", "a", "b", "a", "c"]) == "a"


def test_random_reports_are_seeded_by_row_and_follow_the_training_reports() -> None:
    many = rows(["de", "en"] * 2000)
    found = baseline_predictions(many, TRAIN, seed=5)
    assert found == baseline_predictions(many, TRAIN, seed=5)
    assert found != baseline_predictions(many, TRAIN, seed=6)
    assert baseline_predictions(many.head(10), TRAIN, seed=5)[RANDOM] == found[RANDOM][:10]
    assert Counter(found[RANDOM])["nsr"] / 4000 == pytest.approx(3 / 7, abs=0.03)
    told = found[RANDOM + LANGUAGE_TOLD]
    assert set(told[::2]) == {"SR", "VHF"}
    assert set(told[1::2]) == {"nsr", "af"}


def test_a_language_not_trained_on_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = baseline_predictions(rows(["sv", "de"]), TRAIN)
    assert found[MOST_FREQUENT + LANGUAGE_TOLD] == ["nsr", "SR"]
    assert "so not told: 1" in caplog.text


def test_no_row_is_shown_its_own_patient() -> None:
    draw = np.random.default_rng(0)
    for seed in range(30):
        patients = [str(p) for p in draw.integers(0, 12, 40)]
        partners = shuffled_partners(patients, seed)
        assert sorted(partners) == list(range(40))
        assert all(patients[i] != patients[j] for i, j in enumerate(partners))
    assert shuffled_partners(patients, 1).tolist() == shuffled_partners(patients, 1).tolist()
    assert shuffled_partners(patients, 1).tolist() != shuffled_partners(patients, 2).tolist()
    assert sorted(shuffled_partners(["a", "a", "b", "c"])) == [0, 1, 2, 3]


@pytest.mark.parametrize("patients", [["a"], ["a", "a", "b"], ["a", "a"]])
def test_too_few_patients_to_shuffle(patients: list[str]) -> None:
    with pytest.raises(EcgInputError, match="another patient's ECG"):
        shuffled_partners(patients)


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(EcgInputError, match="expected one of true, blank, shuffled"):
        check_control("none")


@pytest.mark.real
def test_the_ladder_of_the_real_archive(ptbxl_dir) -> None:
    """Fold 9's controls as an independent script measured them; languages there were German and not German."""
    from dataset_scripts.reports.cleaning import clean, drop_reason
    from dataset_scripts.reports.language import detect_language
    from dataset_scripts.sources.ptb_xl import PtbXlSource

    kept = [row for row in PtbXlSource(ptbxl_dir).index() if drop_reason(row["report"]) is None]

    def fold(wanted: range) -> ReportRows:
        chosen = [row for row in kept if row["fold"] in wanted]
        reports = [clean(row["report"]) for row in chosen]
        languages = ["de" if detect_language(report) == "de" else "other" for report in reports]
        return ReportRows([r["ecg_id"] for r in chosen], [r["patient_id"] for r in chosen], languages, reports)

    train, validation = fold(range(1, 9)), fold(range(9, 10))
    assert (len(train), len(validation)) == (17139, 2156)
    found = baseline_predictions(validation, train)
    columns = ("BLEU-1", "BLEU-4", "ROUGE-L", "Exact")
    expected = {
        MOST_FREQUENT: ((0.050, 0.026, 0.277, 0.092), 0.001),
        MOST_FREQUENT + LANGUAGE_TOLD: ((0.102, 0.060, 0.416, 0.175), 0.012),
        RANDOM: ((0.142, 0.043, 0.168, 0.023), 0.012),
        RANDOM + LANGUAGE_TOLD: ((0.238, 0.091, 0.266, 0.041), 0.015),
    }
    for name, (values, tolerance) in expected.items():
        scores = text_metrics(found[name], validation.reports)
        assert [scores[column] for column in columns] == pytest.approx(values, abs=tolerance), name
