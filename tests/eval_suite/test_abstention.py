"""The abstention threshold: its bound by hand, and its promise held over many draws of patients."""

import numpy as np
import pytest
from scipy.stats import binom

from dataset_scripts.errors import EcgInputError
from eval_suite.calibration.abstention import (
    LEAST_SHARE,
    Target,
    choose_threshold,
    error_bound,
    measure_threshold,
    patient_half,
)


def own(rows: int) -> list[str]:
    return [f"p{row}" for row in range(rows)]


def test_the_bound_by_hand_and_against_the_binomial() -> None:
    # Without an error n * -log(1 - bound) = log(1 / chance).
    assert error_bound(0.0, 100, 0.1) == pytest.approx(1 - 0.1**0.01)
    assert error_bound(1.0, 100, 0.1) == 1
    assert 0.2 < error_bound(0.2, 1000, 0.1) < error_bound(0.2, 100, 0.1) < error_bound(0.2, 100, 0.01) < 1
    # The chance of as few errors, were the bound the truth, is at most what was asked for.
    for errors in (0, 1, 7, 30):
        assert binom.cdf(errors, 100, error_bound(errors / 100, 100, 0.1)) <= 0.1 + 1e-9


def test_the_threshold_that_abstains_least_is_chosen() -> None:
    # 1,000 reports without an error, then 1,000 of which every other is wrong.
    confidence = np.linspace(1, 0, 2000)
    errors = np.where(np.arange(2000) < 1000, 0, np.arange(2000) % 2).astype(float)
    choice = choose_threshold(confidence, errors, own(2000), Target("findings", 0.1))
    chosen = choice.chosen
    assert chosen is not None
    assert chosen.rows == (confidence >= chosen.threshold).sum() == 1180
    assert (chosen.share, chosen.error) == pytest.approx((0.59, 90 / 1180))
    assert error_bound(90 / 1180, 1180, 0.1) == pytest.approx(chosen.bound)
    assert chosen.bound <= 0.1 < error_bound(100 / 1200, 1200, 0.1)
    assert choice.lowest.rows == 1000
    everything = choose_threshold(confidence, errors * 0, own(2000), Target("findings", 0.1)).chosen
    assert everything is not None
    assert (everything.share, everything.threshold) == (1, 0)


def test_no_threshold_meets_a_target_that_is_too_low() -> None:
    draw = np.random.default_rng(0)
    confidence, errors = draw.random(1000), draw.random(1000)
    choice = choose_threshold(confidence, errors, own(1000), Target("findings", 0.2))
    assert choice.chosen is None
    assert choice.lowest.bound > 0.45
    assert choice.lowest.share >= choice.first.share >= LEAST_SHARE
    assert choice.first.bound > 0.5
    # Ten reports without an error prove little.
    assert choose_threshold(draw.random(10), np.zeros(10), own(10), Target("findings", 0.1)).chosen is None


def test_copies_of_a_patient_prove_nothing_more() -> None:
    confidence, errors = np.random.default_rng(1).random((2, 400))
    errors *= 0.1
    alone = choose_threshold(confidence, errors, own(400), Target("findings", 0.2))
    copies = choose_threshold(
        confidence.repeat(6), errors.repeat(6), np.repeat(own(400), 6).tolist(), Target("findings", 0.2)
    )
    assert alone.chosen is not None
    assert copies.chosen is not None
    assert copies.chosen.bound == pytest.approx(alone.chosen.bound)
    assert copies.chosen.threshold == alone.chosen.threshold


def _broken(informative: float, target: float, draws: int, graded: bool) -> tuple[int, int]:
    """How often a threshold was chosen, and how often the true error at it lies above the target.

    A report of confidence c, uniform in 0..1, is wrong with the probability p(c) = .3 - informative * (c - .5); so of
    the reports above t the share p((1 + t) / 2) is. A patient has one to four reports, all with one fate.
    """
    draw = np.random.default_rng(7)
    chosen = broken = 0
    for _ in range(draws):
        sizes = draw.integers(1, 5, 250)
        patients = np.repeat(np.arange(250), sizes)
        confidence = draw.random(len(patients))
        wrong = 0.3 - informative * (confidence - 0.5)
        fate = draw.random(250)[patients]
        errors = np.where(fate < wrong, 1.0, 0.0)
        if graded:
            errors = errors * 0.5 + wrong * 0.5
        found = choose_threshold(confidence, errors, patients.astype(str).tolist(), Target("findings", target)).chosen
        if found is not None:
            chosen += 1
            broken += 0.3 - informative * ((1 + found.threshold) / 2 - 0.5) > target
    return chosen, broken


@pytest.mark.parametrize("graded", [False, True])
def test_the_promise_holds_over_many_draws_of_patients(graded: bool) -> None:
    chosen, broken = _broken(informative=0.5, target=0.25, draws=200, graded=graded)
    assert chosen > 150, "a good confidence finds a threshold"
    assert broken <= binom.ppf(0.999, 200, 0.1)
    # Useless, and the error lies just above the target wherever the threshold is: whatever is chosen is broken.
    chosen, broken = _broken(informative=0.0, target=0.299, draws=200, graded=graded)
    assert chosen == broken
    assert broken <= binom.ppf(0.999, 200, 0.1)
    # The error lies far below the target.
    chosen, broken = _broken(informative=0.0, target=0.5, draws=20, graded=graded)
    assert (chosen > 15, broken) == (True, 0)


def test_measuring_by_hand() -> None:
    found = measure_threshold(0.5, np.array([0.5, 0.4, 0.9, 0.8]), np.array([0.3, 1, 0, 0]), own(4), samples=200)
    assert (found.share.value, found.error.value) == pytest.approx((0.75, 0.1))
    assert (found.rows, found.patients) == (4, 4)
    none = measure_threshold(0.95, np.array([0.5, 0.4]), np.zeros(2), own(2), samples=20)
    assert none.share.value == 0
    assert np.isnan(none.error.value)


def test_the_halves_are_of_patients() -> None:
    patients = [f"p{row % 51}" for row in range(300)]
    first = patient_half(patients, seed=3)
    chosen, rest = ({p for p, half in zip(patients, first, strict=True) if half is np.bool_(w)} for w in (True, False))
    assert not chosen & rest
    assert (len(chosen), len(rest)) == (25, 26)
    assert (patient_half(patients, seed=3) == first).all()
    assert (patient_half(patients, seed=4) != first).any()
    with pytest.raises(EcgInputError, match="1 patients, expected at least 2"):
        patient_half(["p", "p"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("finding", 0.1), "no error 'finding', expected one of findings, critical, text"),
        (("findings", 1.0), "target error 1.0, expected a number between 0 and 1"),
        (("findings", 0.1, 0.0), "chance 0.0"),
        (("findings", float("nan")), "target error nan"),
    ],
)
def test_a_target_that_cannot_be_is_refused(fields: tuple, message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        Target(*fields)


def test_bad_rows_are_refused() -> None:
    with pytest.raises(EcgInputError, match="0 confidences"):
        choose_threshold(np.ones(0), np.ones(0), [], Target("findings", 0.1))
