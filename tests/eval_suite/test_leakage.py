"""What training gives away of the test reports."""

import numpy as np
import pytest

from eval_suite.findings.scores import finding_statistics
from eval_suite.leakage import NOT_SEEN, SEEN, Share, memorisation, seen_and_not, seen_in_training
from eval_suite.metrics.text import text_metrics, text_statistics
from eval_suite.rows import ReportRows
from eval_suite.statistics import bootstrap

TRAIN = ReportRows(
    [str(i) for i in range(7)],
    ["a", "a", "b", "c", "d", "e", "f"],
    ["de", "de", "de", "en", "en", "en", "en"],
    ["SR", "SR", "VHF", "nsr", "nsr", "nsr", "af"],
)


def test_a_report_is_seen_where_every_token_is() -> None:
    assert seen_in_training(["sr", "NSR ", "nsr .", "vhf", ""], TRAIN).tolist() == [True, True, False, True, False]


def test_scores_of_the_two_sides_are_those_of_their_rows() -> None:
    references = [
        "sinus rhythm normal ecg now",
        "atrial fibrillation with block of av",
        "bradycardia sinus rhythm q",
    ] * 8
    predictions = ["sinus rhythm normal ecg q", "atrial flutter with block of av", "bradycardia"] * 8
    seen = np.array([True, False, False] * 8)
    patients = [str(row // 2) for row in range(24)]
    sides = seen_and_not(text_statistics(predictions, references), seen)
    assert list(sides) == [SEEN, NOT_SEEN]
    for name, chosen in ((SEEN, seen), (NOT_SEEN, ~seen)):
        kept = [[text for text, keep in zip(texts, chosen, strict=True) if keep] for texts in (predictions, references)]
        alone, found = text_metrics(*kept), bootstrap(sides[name], patients, samples=100)
        for metric, value in alone.items():
            # CIDEr-D keeps the document frequencies of all rows.
            assert metric == "CIDEr-D" or found[metric].value == pytest.approx(value), metric
    assert bootstrap(Share(seen), patients, samples=100)["share"].value == pytest.approx(1 / 3)
    assert list(seen_and_not(text_statistics(predictions, references), np.ones(24, dtype=bool))) == [SEEN]


def test_a_sides_macro_average_is_over_its_own_findings() -> None:
    references = ["atrial fibrillation"] * 10 + ["normal ecg"] * 10
    perfect = finding_statistics(references, references)
    sides = seen_and_not(perfect, np.arange(20) < 10)
    patients = [str(row) for row in range(20)]
    for side in sides.values():
        found = bootstrap(side, patients, samples=50)
        assert found["macro F1"] == found["micro F1"] == (1, 1, 1)
    assert "F1 normal_ecg" not in bootstrap(sides[SEEN], patients, samples=2)


def test_draws_without_rows_of_a_side_are_left_out() -> None:
    side = seen_and_not(text_statistics(["a b c d e"] * 4, ["a b c d e"] * 4), np.array([True, False, False, False]))
    found = bootstrap(side[SEEN], ["p", "q", "r", "s"], samples=100)
    assert {found[name][1:] for name in ("BLEU-4", "ROUGE-L", "Exact")} == {(1, 1)}
    assert not np.isnan(found["CIDEr-D"]).any()


def test_a_draw_without_such_rows_is_not_a_warning() -> None:
    found = seen_and_not(text_statistics(["a"] * 4, ["a"] * 4), np.array([True, False, False, False]))[SEEN]
    with np.errstate(all="raise"):
        scores = found.scores(np.zeros((1, found.matrix().shape[1])))
    assert all(np.isnan(values).all() for values in scores.values())


def test_memorisation_counts_rare_training_reports_only() -> None:
    found = memorisation(["sr", "nsr", "VHF", "new"], ["nsr", "af", "x", "y"], TRAIN, rare_below=2)
    assert found == {
        "outputs_repeating_rare": 0.5,  # "SR" has one patient, "VHF" one; "nsr" has three
        "references_repeating_rare": 0.25,
        "rare_texts": 3,
        "rare_below": 2,
    }
