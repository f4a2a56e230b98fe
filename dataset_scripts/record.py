"""One 12-lead ECG with all that its archive says of it: the object every source yields and every later stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dataset_scripts.errors import EcgInputError as EcgInputError
from modeling_meit.ecg_signal import STANDARD_LEADS


@dataclass(frozen=True)
class Label:
    """One diagnosis or finding as an archive codes it.

    Attributes:
        system: of the code, for example "snomed-ct".
        code: as the archive writes it.
        name: full English name in snake case, for example "left_bundle_branch_block".
    """

    system: str
    code: str
    name: str


@dataclass(frozen=True)
class EcgRecord:
    """One recording.

    Attributes:
        ecg_id: unique within its archive.
        patient_id: unique within its archive; every split is disjoint in it.
        signal: float32 [12, T] in millivolts, rows in the order of `STANDARD_LEADS`; a missing sample is NaN.
        sampling_rate: in Hz.
        report: the report word for word as the archive has it, separate statements on lines of their own; empty where
            the archive has none.
        language: "de", "en", "sv" or "other".
        source: the archive with its version, for example "ptb-xl-1.0.3".
        fold: the archive's own fold where it has one.
        age: in years; None where unknown. PTB-XL's 300 ("over 89") is kept.
        sex: "male", "female" or None.
        text: what is to be cleaned and learnt where that is not `report` itself: its statements joined to sentences,
            or sentences made from the labels.
        scp_codes: SCP-ECG statement -> likelihood in percent.
        labels: in any other code system.
        measurements: name (with its unit, as in "pr_interval_ms") -> value.
        quality: what the archive says of the recording's quality, name -> text.
    """

    ecg_id: str
    patient_id: str
    signal: np.ndarray
    sampling_rate: int
    report: str
    language: str
    source: str
    fold: int | None = None
    age: float | None = None
    sex: str | None = None
    text: str | None = None
    scp_codes: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    quality: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = np.shape(self.signal)
        if len(shape) != 2 or shape[0] != len(STANDARD_LEADS):
            raise EcgInputError(
                f"record {self.ecg_id}: signal has shape {shape}, expected (12, T); "
                "put the leads in rows, in the standard order"
            )
        if self.sampling_rate <= 0:
            raise EcgInputError(
                f"record {self.ecg_id}: sampling rate {self.sampling_rate} Hz, expected a positive number"
            )
