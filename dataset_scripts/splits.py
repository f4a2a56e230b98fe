"""Which split a record belongs to, and the proof that no patient is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dataset_scripts.record import EcgInputError

SPLITS = ("train", "validation", "test")
FOLDS = 10
# Name -> shares of patients in train and validation; the rest is test. The last two send everything one way: train on
# one archive and test on another.
SHARES = {"70-10-20": (0.7, 0.1), "80-10-10": (0.8, 0.1), "all-train": (1.0, 0.0), "all-test": (0.0, 0.0)}
SCHEMES = ("official", *SHARES)


@dataclass(frozen=True)
class SplitRule:
    """Which split a record belongs to, by its patient alone or by the archive's own fold.

    "official" takes folds 1-8 for train, 9 for validation, 10 for test, as Strodthoff et al. 2021 do (IEEE J Biomed
    Health Inform 25:1519, doi 10.1109/JBHI.2020.3022989); a record whose archive gives no fold gets one from its
    patient's id. "70-10-20" and "80-10-10" are MEIT's (arXiv 2403.04945), which drew records; here a hash of seed and
    patient decides, so a patient's records stay together and the shares are expected ones. "all-train" and "all-test"
    are for zero-shot tests from one archive to another.

    Attributes:
        scheme: one of `SCHEMES`.
        seed: another seed draws other patients; nothing to "official" where the archive has folds.

    Raises:
        EcgInputError: unknown scheme.
    """

    scheme: str = "official"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise EcgInputError(f"unknown splits '{self.scheme}'; choose one of {', '.join(SCHEMES)}")

    def __call__(self, patient_id: str, fold: int | None) -> str:
        """Names the split of one record.

        Raises:
            EcgInputError: the fold is not one of 1 to 10.
        """
        if self.scheme != "official":
            train, validation = SHARES[self.scheme]
            place = _fraction(patient_id, self.seed)
            return SPLITS[0] if place < train else SPLITS[1] if place < train + validation else SPLITS[2]
        if fold is None:
            fold = 1 + int(_fraction(patient_id, self.seed) * FOLDS)
        if not 1 <= fold <= FOLDS:
            raise EcgInputError(
                f"patient {patient_id}: fold {fold}, expected 1 to {FOLDS}; correct the archive's fold column"
            )
        return {9: SPLITS[1], 10: SPLITS[2]}.get(fold, SPLITS[0])


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
