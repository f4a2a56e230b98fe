import math

import numpy as np
import pytest

from eval_suite.judge.agreement import CHANGED, EXACT, KAPPA, SHIFT, AgreementCounts, agreement, mean_intervals


def kappa_of(first: list[int], second: list[int]) -> float:
    counts = AgreementCounts(np.array(first)[:, None], np.array(second)[:, None])
    return float(counts.scores(counts.matrix().sum(axis=0))[KAPPA])


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 1.0),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0),
        # Two raters who are independent by construction agree as often as chance.
        ([1, 1, 5, 5], [1, 5, 1, 5], 0.0),
        # One step apart once: seen 1; by chance 2*3/4 + 2*1/4 = 2.
        ([1, 1, 2, 2], [1, 2, 2, 2], 1 - 1 / 2),
        # Seen 4 + 4; by chance 4*(1/4+1/4) + 16*(2/4+2/4) + 4*(2/4+2/4) = 22.
        ([1, 3, 5, 5], [1, 5, 5, 3], 1 - 8 / 22),
    ],
)
def test_kappa_by_hand(first: list[int], second: list[int], kappa: float) -> None:
    assert kappa_of(first, second) == pytest.approx(kappa)
    assert kappa_of(second, first) == pytest.approx(kappa)


def test_kappa_is_one_less_the_squared_distance_over_that_of_all_pairs() -> None:
    draw = np.random.default_rng(3)
    first = draw.integers(1, 6, 200)
    second = np.clip(first + draw.integers(-1, 2, 200), 1, 5)
    by_chance = np.mean((first[:, None] - second[None, :]) ** 2)
    expected = 1 - np.mean((first - second) ** 2) / by_chance
    assert kappa_of(list(first), list(second)) == pytest.approx(expected, abs=1e-12)


def test_kappa_without_variation_is_not_defined() -> None:
    assert kappa_of([4, 4], [4, 5]) == pytest.approx(0)
    scores = np.full((6, 4), 4)
    found = agreement(scores, scores, list("aabbcc"), 50, 0)
    assert all(math.isnan(value) for value in found["all four"][KAPPA])
    assert found["all four"][EXACT] == (1, 1, 1)


def test_measures_of_two_askings() -> None:
    first = np.array([[3, 3, 3, 3], [3, 3, 3, 3], [2, 4, 3, 3], [2, 4, 3, 3]])
    second = first + np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, -2], [0, 0, 0, 0]])
    found = agreement(first, second, list("abcd"), 400, 0)
    overall = {name: interval.value for name, interval in found["all four"].items()}
    assert overall[CHANGED] == pytest.approx(3 / 16)
    assert overall[EXACT] == pytest.approx(13 / 16)
    assert overall[SHIFT] == pytest.approx((1 + 1 - 2) / 16)
    assert overall[KAPPA] == pytest.approx(kappa_of(list(first.flat), list(second.flat)))
    assert found["Medical Terminology Accuracy"][SHIFT].value == pytest.approx(2 / 4)
    assert found["Diagnostic Accuracy"][SHIFT].value == pytest.approx(-2 / 4)
    assert found["Completeness"][CHANGED] == (0, 0, 0)
    assert found["Diagnostic Accuracy"][CHANGED].low == 0
    assert 0.25 <= found["Diagnostic Accuracy"][CHANGED].high <= 0.75


def test_means_and_their_intervals_over_whole_patients() -> None:
    scores = np.array([[1, 2, 3, 4], [1, 2, 3, 4], [5, 2, 3, 4]])
    found = mean_intervals(scores, ["a", "a", "b"], 2000, 0)
    assert found["Medical Terminology Accuracy"].value == pytest.approx(7 / 3)
    assert found["Mean"].value == pytest.approx((7 / 3 + 2 + 3 + 4) / 4)
    # Patients a, a (1), b, b (5) or one of each: with single rows drawn the interval would hold other values.
    assert found["Medical Terminology Accuracy"][1:] == (1, 5)
    assert found["Completeness"] == (3, 3, 3)
