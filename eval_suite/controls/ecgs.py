"""What the model is shown: the row's own ECG, a blank one, or another patient's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from dataset_scripts.record import EcgInputError

EcgControl = Literal["true", "blank", "shuffled"]


def check_control(ecg: str) -> None:
    """Refuse a control that does not exist.

    Raises:
        EcgInputError: as said.
    """
    if ecg not in get_args(EcgControl):
        raise EcgInputError(f"ecg={ecg!r}, expected one of {', '.join(get_args(EcgControl))}")


def shuffled_partners(patient_ids: Sequence[str], seed: int = 0) -> np.ndarray:
    """For each row the row whose ECG it is shown: a seeded permutation in which no row meets its own patient.

    Patients are put in random order, each patient's rows side by side, and the whole is turned by a random number of
    places no smaller than the largest patient, so no row can land within its own patient.

    Args:
        patient_ids: one a row.
        seed: of the permutation.

    Returns:
        int64 [rows], a permutation.

    Raises:
        EcgInputError: one patient has more than half of the rows, so that no such permutation exists.
    """
    generator = np.random.default_rng(seed)
    _, patient, sizes = np.unique(np.asarray(patient_ids, dtype=str), return_inverse=True, return_counts=True)
    rows, largest = len(patient), int(sizes.max(initial=1))
    if 2 * largest > rows:
        raise EcgInputError(
            f"one patient has {largest} of the {rows} rows, so not every row can be shown another patient's ECG; "
            "take more rows"
        )
    place_of_patient = generator.permutation(len(sizes))
    order = np.lexsort((generator.permutation(rows), place_of_patient[patient]))
    shift = int(generator.integers(largest, rows - largest + 1))
    partners: np.ndarray = np.empty(rows, dtype=np.int64)
    partners[order] = np.roll(order, -shift)
    return partners
