"""Permutation tests by patient, and Holm's correction."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.statistics import holm, permutation_test


class Mean:
    """Rows of numbers, scored by their mean and by a ratio of sums, which is no mean of rows."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values, dtype=float)

    def matrix(self) -> np.ndarray:
        return np.stack([self.values, self.values**2, np.ones(len(self.values))], axis=1)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": sums[..., 0] / sums[..., 2], "ratio": sums[..., 0] / (1 + sums[..., 1])}


def test_it_counts_the_swaps_that_part_the_systems_as_far() -> None:
    """Three patients have eight swaps; enough draws find the share of those, counted by hand."""
    a, b = Mean([3.0, 1.0, 1.0, 5.0]), Mean([1.0, 1.0, 0.0, 2.0])
    patients = ["p", "p", "q", "r"]
    found = permutation_test(a, b, patients, draws=40_000, seed=1)
    # Differences by patient 2, 1, 3: only the swaps of none and of all reach the sum of 6.
    assert found["mean"] == pytest.approx(2 / 8, abs=0.01)
    # p: 3 + 1 and 1 + 1 with squares 10 and 2; q: 1 and 0; r: 5 and 2 with squares 25 and 4.
    sums = [((4, 10), (2, 2)), ((1, 1), (0, 0)), ((5, 25), (2, 4))]
    apart = []
    for swap in np.ndindex(2, 2, 2):
        sides = [np.sum([pair[side ^ s] for pair, s in zip(sums, swap, strict=True)], axis=0) for side in (0, 1)]
        ratios = [first / (1 + second) for first, second in sides]
        apart.append(abs(ratios[0] - ratios[1]))
    expected = np.mean(np.array(apart) >= apart[0] - 1e-12)
    assert found["ratio"] == pytest.approx(expected, abs=0.01)


def test_without_a_difference_p_is_uniform() -> None:
    rng = np.random.default_rng(0)
    found = []
    for run in range(300):
        patients = [str(i // 2) for i in range(60)]
        shared = np.repeat(rng.normal(size=30), 2)  # rows of a patient are alike
        pair = (Mean(shared + rng.normal(size=60)), Mean(shared + rng.normal(size=60)))
        found.append(permutation_test(*pair, patients, draws=200, seed=run)["mean"])
    for level in (0.05, 0.25, 0.5, 0.75):
        # Four standard deviations of a share of 300 runs.
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 300))


def test_rows_of_one_patient_are_not_taken_for_many() -> None:
    """All of the difference is one patient's: no swap of patients can tell it from chance."""
    a, b = Mean([1.0] * 40), Mean([0.0] * 40)
    assert permutation_test(a, b, ["p"] * 40, draws=500)["mean"] == 1.0
    assert permutation_test(a, b, [str(i) for i in range(40)], draws=500)["mean"] == pytest.approx(1 / 501)


def test_equal_systems_and_undefined_scores_show_nothing() -> None:
    a = Mean(np.arange(10.0) / 3)
    assert permutation_test(a, a, list("abcdefghij"), draws=50) == {"mean": 1.0, "ratio": 1.0}
    undefined = Mean([np.nan, *range(9)])
    assert permutation_test(undefined, a, list("abcdefghij"), draws=50)["mean"] == 1.0


def test_it_is_seeded_and_ignores_the_order_of_rows_and_systems() -> None:
    rng = np.random.default_rng(2)
    a, b, patients = rng.normal(size=30), rng.normal(0.3, 1, size=30), [str(i // 3) for i in range(30)]
    first = permutation_test(Mean(a), Mean(b), patients, draws=400, seed=5)
    assert first == permutation_test(Mean(b), Mean(a), patients, draws=400, seed=5)
    assert first == permutation_test(Mean(a[::-1]), Mean(b[::-1]), patients[::-1], draws=400, seed=5)
    assert first != permutation_test(Mean(a), Mean(b), patients, draws=400, seed=6)


def test_holm_by_hand() -> None:
    assert holm({"w": 0.01, "x": 0.04, "y": 0.03, "z": 0.005}) == pytest.approx(
        {"w": 0.03, "x": 0.06, "y": 0.06, "z": 0.02}
    )
    assert list(holm({"x": 0.5, "y": 0.4})) == ["x", "y"]
    assert holm({"x": 0.9, "y": 0.7}) == {"x": 1.0, "y": 1.0}
    assert holm({}) == {}


def test_bad_input_is_refused() -> None:
    a = Mean([1.0, 2.0])
    with pytest.raises(EcgInputError, match="0 random swaps"):
        permutation_test(a, a, ["p", "q"], draws=0)
    with pytest.raises(EcgInputError, match="same rows"):
        permutation_test(a, Mean([1.0]), ["p", "q"])
    with pytest.raises(EcgInputError, match="3 patient ids for 2 rows"):
        permutation_test(a, a, ["p", "q", "r"])
