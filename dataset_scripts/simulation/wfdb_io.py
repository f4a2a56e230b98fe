"""A record as WFDB files: a `.hea` and a `.dat`, 16 bit, 1000 units per mV."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import wfdb

from dataset_scripts.record import EcgInputError, EcgRecord
from modeling_meit.ecg_signal import MISSING_INT16, STANDARD_LEADS

UNITS_PER_MV = 1000


def write_wfdb(record: EcgRecord, folder: str | Path, name: str) -> Path:
    """Write `record` as `folder/name.hea` and `.dat`, to the microvolt; a missing sample stays missing.

    Both are written to a temporary folder first and then renamed, the header last, so a header always has its samples.

    Returns:
        The path of the record without its ending, as `wfdb.rdrecord` takes it.

    Raises:
        EcgInputError: `name` is not a WFDB record name, or a sample does not fit 16 bits (beyond +-32.767 mV).
    """
    if not name or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise EcgInputError(f"record name {name!r}: expected letters, digits, '_' and '-' only; give another name")
    signal = np.asarray(record.signal, dtype=np.float64)
    if np.any(np.abs(signal[~np.isnan(signal)]) * UNITS_PER_MV > 32767):
        raise EcgInputError(f"record {record.ecg_id}: a sample beyond +-32.767 mV; give the signal in millivolts")
    digital = np.where(np.isnan(signal), MISSING_INT16, np.rint(np.nan_to_num(signal) * UNITS_PER_MV)).astype(np.int64)
    comments = [f"source: {record.source}", f"age: {record.age}", f"sex: {record.sex}", f"report: {record.report}"]
    if record.source.startswith("synthetic"):
        comments.insert(0, "synthetic: simulated signal, no patient's ECG")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    count = len(STANDARD_LEADS)
    with tempfile.TemporaryDirectory(dir=target) as draft:
        wfdb.wrsamp(
            name,
            fs=record.sampling_rate,
            units=["mV"] * count,
            sig_name=list(STANDARD_LEADS),
            d_signal=digital.T,
            fmt=["16"] * count,
            adc_gain=[UNITS_PER_MV] * count,
            baseline=[0] * count,
            comments=comments,
            write_dir=draft,
        )
        os.replace(Path(draft) / f"{name}.dat", target / f"{name}.dat")
        os.replace(Path(draft) / f"{name}.hea", target / f"{name}.hea")
    return target / name
