import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.metrics.text import bleu_from_counts, text_metrics, text_statistics
from eval_suite.statistics import bootstrap, paired_difference

ROWS = [f"p{i}" for i in range(60)]


def test_the_point_estimate_is_the_corpus_metric_and_lies_in_its_interval(made_up_pairs) -> None:
    predictions, references = made_up_pairs(60)
    intervals = bootstrap(text_statistics(predictions, references), ROWS)
    assert {name: i.value for name, i in intervals.items()} == pytest.approx(text_metrics(predictions, references))
    assert all(i.low <= i.value <= i.high for i in intervals.values())


def test_a_draw_scores_as_the_rows_it_repeats(made_up_pairs) -> None:
    """Weighted sums give the metric of the resampled rows, BLEU included; CIDEr-D keeps its document frequencies."""
    predictions, references = made_up_pairs(60)
    statistics = text_statistics(predictions, references)
    rows = np.random.default_rng(0).integers(0, 60, 60)
    weights = np.bincount(rows, minlength=60)
    drawn = statistics.scores(weights @ statistics.matrix())
    again = text_metrics([predictions[i] for i in rows], [references[i] for i in rows])
    del drawn["CIDEr-D"], again["CIDEr-D"]
    assert {name: float(value) for name, value in drawn.items()} == pytest.approx(again)


def test_patients_with_like_rows_widen_the_interval() -> None:
    references = ["sinus rhythm normal ecg"] * 200
    predictions = ["sinus rhythm normal ecg" if i // 20 % 2 else "atrial flutter" for i in range(200)]
    statistics = text_statistics(predictions, references)
    by_row = bootstrap(statistics, [str(i) for i in range(200)])["ROUGE-L"]
    by_patient = bootstrap(statistics, [str(i // 20) for i in range(200)])["ROUGE-L"]
    assert by_row.value == by_patient.value == 0.5
    assert by_patient.high - by_patient.low > 3 * (by_row.high - by_row.low)


def test_draws_are_seeded_and_do_not_depend_on_the_order_of_rows(made_up_pairs) -> None:
    predictions, references = made_up_pairs(60)
    statistics = text_statistics(predictions, references)
    patients = [str(i // 2) for i in range(60)]
    assert bootstrap(statistics, patients, seed=1) == bootstrap(statistics, patients, seed=1)
    assert bootstrap(statistics, patients, seed=1) != bootstrap(statistics, patients, seed=2)
    backwards = bootstrap(text_statistics(predictions[::-1], references[::-1]), patients[::-1], seed=1)
    for name, interval in bootstrap(statistics, patients, seed=1).items():
        assert tuple(backwards[name]) == pytest.approx(tuple(interval))


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    draw = np.random.default_rng(3)
    right = draw.random(400) < 0.5
    statistics = text_statistics(["a" if r else "b" for r in right], ["a"] * 400)
    interval = bootstrap(statistics, [str(i) for i in range(400)], samples=4000)["Exact"]
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.06)


def test_a_paired_difference_is_tighter_than_two_intervals(made_up_pairs) -> None:
    predictions, references = made_up_pairs(60)
    worse = [p if i % 10 else "" for i, p in enumerate(predictions)]
    a, b = text_statistics(predictions, references), text_statistics(worse, references)
    difference = paired_difference(a, b, ROWS)["ROUGE-L"]
    alone = bootstrap(a, ROWS)["ROUGE-L"]
    assert difference.value == pytest.approx(alone.value - bootstrap(b, ROWS)["ROUGE-L"].value)
    assert 0 < difference.low < difference.value < difference.high
    assert difference.high - difference.low < alone.high - alone.low + 0.06
    same = paired_difference(a, a, ROWS)
    assert all(tuple(interval) == (0, 0, 0) for interval in same.values())


def test_one_patient_has_no_interval(made_up_pairs) -> None:
    predictions, references = made_up_pairs(8)
    a, b = text_statistics(predictions, references), text_statistics(references, references)
    alone, apart = bootstrap(a, ["p"] * 8), paired_difference(a, b, ["p"] * 8)
    assert alone["ROUGE-L"].value == pytest.approx(text_metrics(predictions, references)["ROUGE-L"])
    assert apart["ROUGE-L"].value < 0
    assert all(np.isnan(found[1:]).all() for table in (alone, apart) for found in table.values())


def test_bleu_is_zero_where_an_order_has_no_match() -> None:
    counts = np.array([[4, 4, 2, 0, 0, 0, 4, 3, 2, 1]])
    assert bleu_from_counts(counts, 1)[0] == 0.5
    assert bleu_from_counts(counts, 2)[0] == 0.0


def test_bad_input_is_refused() -> None:
    statistics = text_statistics(["a"], ["a"])
    with pytest.raises(EcgInputError, match="2 patient ids for 1 rows"):
        bootstrap(statistics, ["p", "q"])
    with pytest.raises(EcgInputError, match="1 bootstrap samples"):
        bootstrap(statistics, ["p"], samples=1)
