"""Reliability and isotonic regression, by hand and on confidences whose truth is known."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.calibration.reliability import equal_count_bins, fit_isotonic, reliability


def own(rows: int) -> list[str]:
    return [f"p{row}" for row in range(rows)]


def test_reliability_by_hand() -> None:
    found = reliability(np.array([0.9, 0.2, 0.8, 0.4]), np.array([0.0, 0.5, 1.0, 0.5]), own(4), bins=2, samples=50)
    low, high = found.bins
    assert (low.low, low.high, low.rows, low.confidence) == (0.2, 0.4, 2, pytest.approx(0.3))
    assert (high.low, high.high, high.rows, high.confidence) == (0.8, 0.9, 2, pytest.approx(0.85))
    assert (low.observed.value, high.observed.value) == (0.5, 0.5)
    assert found.error == pytest.approx((2 * 0.2 + 2 * 0.35) / 4)


def test_bins_hold_as_many_rows_each_and_equal_confidences_together() -> None:
    confidence = np.random.default_rng(0).permutation(1000) / 1000
    assert np.bincount(equal_count_bins(confidence, 10)).tolist() == [100] * 10
    assert equal_count_bins(np.array([0.5, 0.7, 0.5, 0.5, 0.1]), 5).tolist() == [1, 2, 1, 1, 0]
    assert equal_count_bins(np.full(9, 0.3), 10).tolist() == [0] * 9


def test_a_calibrated_confidence_is_told_from_one_that_is_not() -> None:
    draw = np.random.default_rng(1)
    true = draw.uniform(0.5, 1, 20_000)
    errors = 1.0 - (draw.random(20_000) < true)
    good = reliability(true, errors, own(20_000), samples=200)
    assert good.error < 0.015
    assert all(one.observed.low - 0.01 < one.confidence < one.observed.high + 0.01 for one in good.bins)
    sure = reliability(np.sqrt(true), errors, own(20_000), samples=200)
    assert sure.error == pytest.approx((np.sqrt(true) - true).mean(), abs=0.01)
    assert sure.by_chance == pytest.approx(good.by_chance, rel=0.05)
    # Fitted on one half, isotonic regression mends the other.
    fitted = fit_isotonic(np.sqrt(true)[::2], errors[::2])
    assert reliability(fitted(np.sqrt(true)[1::2]), errors[1::2], own(10_000), samples=20).error < 0.02


@pytest.mark.parametrize("reports", [1, 3])
def test_a_calibrated_confidence_errs_as_much_as_chance(reports: int) -> None:
    draw = np.random.default_rng(3)
    found = []
    for seed in range(60):
        # All of a patient's reports have one confidence and one fate.
        true = draw.uniform(0.6, 1, 500)
        errors = 1.0 - (draw.random(500) < true)
        patients = np.repeat(own(500), reports).tolist()
        one = reliability(true.repeat(reports), errors.repeat(reports), patients, samples=100, seed=seed)
        found.append((one.error, one.by_chance))
    mean, by_chance = np.mean(found, axis=0)
    assert by_chance == pytest.approx(mean, rel=0.1)
    assert by_chance > 0.03, "500 patients, however many reports each has"


def test_the_chance_hangs_on_the_seed_alone() -> None:
    confidence, errors = np.random.default_rng(4).random((2, 200))
    once, again, other = (
        reliability(confidence, errors, own(200), samples=20, seed=seed).by_chance for seed in (1, 1, 2)
    )
    assert once == again != other


def test_another_confidence_may_be_the_one_to_bin_by() -> None:
    raw = np.array([0.9, 0.2, 0.8, 0.4])
    flat = reliability(np.full(4, 0.5), np.zeros(4), own(4), binned_by=raw, bins=2, samples=20)
    assert [(one.rows, one.low, one.high) for one in flat.bins] == [(2, 0.5, 0.5)] * 2
    assert len(reliability(np.full(4, 0.5), np.zeros(4), own(4), bins=2, samples=20).bins) == 1


def test_isotonic_regression_by_hand() -> None:
    # Means at .1, .2, .3 are 0, 1, .25 (of 1 and of 4 rows): the fall is pooled to (1 + 4 * .25) / 5.
    confidence = np.array([0.1, 0.2, 0.3, 0.3, 0.3, 0.3])
    fitted = fit_isotonic(confidence, 1 - np.array([0, 1, 1, 0, 0, 0.0]))
    assert fitted.right == pytest.approx([0, 0.4, 0.4])
    assert fitted(np.array([0.0, 0.15, 0.25, 0.9])) == pytest.approx([0, 0.2, 0.4, 0.4])


def test_a_patients_copies_make_no_interval_narrower() -> None:
    draw = np.random.default_rng(2)
    confidence, errors = draw.random(100), draw.random(100)
    alone = reliability(confidence, errors, own(100), bins=1, samples=400).bins[0].observed
    copies = reliability(confidence.repeat(5), errors.repeat(5), np.repeat(own(100), 5).tolist(), bins=1, samples=400)
    assert copies.bins[0].observed == pytest.approx(alone)


def test_bad_rows_are_refused() -> None:
    with pytest.raises(EcgInputError, match="2 confidences and 1 errors"):
        fit_isotonic(np.ones(2), np.ones(1))
    with pytest.raises(EcgInputError, match="0 confidences"):
        reliability(np.ones(0), np.ones(0), [])
    with pytest.raises(EcgInputError, match="0 bins"):
        reliability(np.ones(2), np.ones(2), own(2), bins=0)
