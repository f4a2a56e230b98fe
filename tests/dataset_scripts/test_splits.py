from __future__ import annotations

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import assert_patient_disjoint, patient_holdout, split_of


def test_official_folds():
    names = [split_of(fold, "1") for fold in range(1, 11)]
    assert names == ["train"] * 8 + ["validation", "test"]
    for fold in (0, 11):
        with pytest.raises(EcgInputError, match=f"fold {fold}, expected 1 to 10"):
            split_of(fold, "7")


def test_an_archive_without_folds_is_split_by_patient():
    splits = [split_of(None, str(patient)) for patient in range(5000)]
    assert [splits.count(s) / 5000 for s in ("train", "validation", "test")] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    assert splits == [split_of(None, str(patient)) for patient in range(5000)]


def test_shared_patients_are_named():
    assert_patient_disjoint({"train": {"1", "2"}, "validation": {"3"}, "test": set()})
    with pytest.raises(EcgInputError, match=r"1 patients are in more than one split: 2 \(train and test\)"):
        assert_patient_disjoint({"train": {"1", "2"}, "validation": {"3"}, "test": {"2"}})


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
