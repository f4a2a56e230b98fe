"""A small archive in PTB-XL's layout with made-up signals, patients and reports."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import wfdb

LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
REPORTS = [
    "sinus rhythm. normal ecg.",
    "sinusrhythmus normales ekg 4.46                          unbestÄtigter bericht",
    "sinusrytm normalt ekg",
    "trace only requested.",
    "sinus rhythm. left axis deviation. Edit: LAFB 80, (LAFB 100)",
    " ",
]
FIELDS = [
    "ecg_id", "patient_id", "age", "sex", "height", "weight", "report", "scp_codes", "heart_axis",
    "infarction_stadium1", "infarction_stadium2", "validated_by_human", "baseline_drift", "static_noise",
    "burst_noise", "electrodes_problems", "strat_fold", "filename_lr", "filename_hr",
]  # fmt: skip


def microvolts(ecg_id: int, rate: int) -> np.ndarray:
    """int16 [T, 12], rows of time as WFDB stores them."""
    return np.random.default_rng(ecg_id * 1000 + rate).integers(-2000, 2000, (10 * rate, 12)).astype(np.int16)


def write_record(folder: Path, name: str, digital: np.ndarray, rate: int, leads: list[str] = LEADS, **options) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    n = len(leads)
    settings = {"fmt": ["16"] * n, "adc_gain": [1000.0] * n, "baseline": [0] * n, "units": ["mV"] * n} | options
    wfdb.wrsamp(name, fs=rate, sig_name=leads, d_signal=digital[:, :n], write_dir=str(folder), **settings)


def write_archive(root: Path, records: int, rates: tuple[int, ...] = (100,), version: str = "1.0.3") -> Path:
    """`version` is told by the changelogs that the archive has from 1.0.2 on."""
    root.mkdir(parents=True, exist_ok=True)
    for later in ("1.0.2", "1.0.3"):
        if later <= version:
            (root / f"ptbxl_v{later.replace('.', '')}_changelog.txt").touch()
    rows = []
    for ecg_id in range(1, records + 1):
        row = {
            "ecg_id": ecg_id,
            "patient_id": f"{1 + (ecg_id - 1) // 2}.0",  # two records a patient, float-like as in the archive's 1.0.1
            "age": "" if ecg_id == 1 else 50 + ecg_id,
            "sex": ecg_id % 2,
            "height": "",
            "weight": 70.5,
            "report": REPORTS[ecg_id % len(REPORTS)],
            "scp_codes": "{'NORM': 80.0, 'SR': 0.0}",
            "heart_axis": ("", "LAD", "MID")[ecg_id % 3],
            "infarction_stadium1": "unknown" if ecg_id % 2 else "Stadium II-III",
            "validated_by_human": "True",
            "static_noise": " , I-AVF,  ",
            "strat_fold": 1 + ((ecg_id - 1) // 2) % 10,
        }
        for rate, column, suffix in ((100, "filename_lr", "lr"), (500, "filename_hr", "hr")):
            row[column] = f"records{rate}/00000/{ecg_id:05d}_{suffix}"
            if rate in rates:
                write_record(root / f"records{rate}/00000", f"{ecg_id:05d}_{suffix}", microvolts(ecg_id, rate), rate)
        rows.append(row)
    with (root / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return root
