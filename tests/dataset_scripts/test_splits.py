from __future__ import annotations

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import SPLITS, SplitRule, patient_holdout


def test_official_folds():
    rule = SplitRule()
    assert [rule("1", fold) for fold in range(1, 11)] == ["train"] * 8 + ["validation", "test"]
    for fold in (0, 11):
        with pytest.raises(EcgInputError, match=f"fold {fold}, expected 1 to 10"):
            rule("7", fold)


def test_an_archive_without_folds_is_split_by_patient():
    assert shares(SplitRule(), None) == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("70-10-20", [0.7, 0.1, 0.2]), ("80-10-10", [0.8, 0.1, 0.1]), ("all-train", [1, 0, 0]), ("all-test", [0, 0, 1])],
)
def test_shares_are_drawn_by_patient_and_seed_whatever_the_fold(scheme, expected):
    rule = SplitRule(scheme, seed=3)
    assert shares(rule, 10) == pytest.approx(expected, abs=0.02)
    patients = [str(patient) for patient in range(500)]
    drawn = [rule(patient, None) for patient in patients]
    assert drawn == [SplitRule(scheme, seed=3)(patient, 5) for patient in patients]
    other = [SplitRule(scheme, seed=4)(patient, None) for patient in patients]
    assert (drawn == other) == (1 in expected)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(EcgInputError, match=r"unknown splits '60-20-20'; choose one of official, 70-10-20"):
        SplitRule("60-20-20")


def shares(rule: SplitRule, fold: int | None) -> list[float]:
    drawn = [rule(str(patient), fold) for patient in range(5000)]
    return [drawn.count(split) / 5000 for split in SPLITS]


def test_holdout_is_patient_disjoint_seeded_and_independent_of_order():
    patients = [str(i % 2000) for i in range(5000)]
    mask = patient_holdout(patients, 0.1, seed=3)
    assert mask.dtype == bool
    assert mask.mean() == pytest.approx(0.1, abs=0.02)
    held, kept = ({p for p, m in zip(patients, mask, strict=True) if m == side} for side in (True, False))
    assert not held & kept
    assert np.array_equal(patient_holdout(patients[::-1], 0.1, seed=3), mask[::-1])
    assert np.array_equal(patient_holdout(patients[:100], 0.1, seed=3), mask[:100])
    assert not np.array_equal(patient_holdout(patients, 0.1, seed=4), mask)
    assert patient_holdout(patients, 0, 0).sum() == 0
    assert patient_holdout(patients, 1, 0).all()
    with pytest.raises(EcgInputError, match=r"share 5 .* expected 0 to 1"):
        patient_holdout(patients, 5, 0)
