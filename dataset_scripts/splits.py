"""Which split a record belongs to, and the proof that no patient is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from dataset_scripts.record import EcgInputError

SPLITS = ("train", "validation", "test")
FOLDS = 10


def split_of(fold: int | None, patient_id: str) -> str:
    """Names the split of a record: folds 1-8 train, 9 validation, 10 test.

    So Strodthoff et al. 2021, IEEE J Biomed Health Inform 25:1519, doi 10.1109/JBHI.2020.3022989. A record whose
    archive gives no fold gets one from its patient's id, so that all of a patient's records share it.

    Raises:
        EcgInputError: the fold is not one of 1 to 10.
    """
    if fold is None:
        fold = 1 + int(_fraction(patient_id, seed=0) * FOLDS)
    if not 1 <= fold <= FOLDS:
        raise EcgInputError(
            f"patient {patient_id}: fold {fold}, expected 1 to {FOLDS}; correct the archive's fold column"
        )
    return {9: "validation", 10: "test"}.get(fold, "train")


def assert_patient_disjoint(patients: Mapping[str, set[str]]) -> None:
    """Checks that no patient is in two splits.

    Args:
        patients: split -> the ids of its patients.

    Raises:
        EcgInputError: names the first patients that are.
    """
    splits = sorted(patients)
    shared = {p for i, a in enumerate(splits) for b in splits[i + 1 :] for p in patients[a] & patients[b]}
    if shared:
        named = ", ".join(
            f"{patient} ({' and '.join(s for s in SPLITS if patient in patients.get(s, set()))})"
            for patient in sorted(shared)[:5]
        )
        raise EcgInputError(
            f"{len(shared)} patients are in more than one split: {named}; a split must be disjoint in its patients, "
            "so correct the archive's folds"
        )


def patient_holdout(patient_ids: Sequence[str], share: float, seed: int = 0) -> np.ndarray:
    """Marks a seeded, patient-disjoint slice of the rows, for early stopping within `train`.

    A patient is held out by a hash of id and seed alone: neither the order nor the number of rows changes it.

    Args:
        patient_ids: one id a row.
        share: expected share of patients to hold out, 0 to 1.
        seed: another seed holds out other patients.

    Returns:
        bool [rows], True = held out.

    Raises:
        EcgInputError: `share` is not within 0 to 1.
    """
    if not 0 <= share <= 1:
        raise EcgInputError(f"share {share} of patients to hold out, expected 0 to 1")
    held_out = {patient: _fraction(patient, seed) < share for patient in set(patient_ids)}
    return np.array([held_out[patient] for patient in patient_ids], dtype=bool)


def _fraction(patient_id: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}:{patient_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
