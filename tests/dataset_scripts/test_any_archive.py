"""One ECG, put into every archive's layout in that archive's order of leads: what the model reads of it is the same."""

from __future__ import annotations

import csv
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wfdb
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoProcessor

import checkpoints
from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.shards import signal_batch
from dataset_scripts.simulation.recording import draw_recording, play
from modeling_meit.ecg_signal import STANDARD_LEADS

ORDER = {
    "ptb-xl": STANDARD_LEADS,
    "mimic-iv-ecg": ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"),
    "cinc": STANDARD_LEADS,
    "wfdb-folder": ("V6", "V5", "V4", "V3", "V2", "V1", "aVF", "aVL", "aVR", "III", "II", "I"),
}
RECORDS = 3


@pytest.fixture(scope="module")
def signals() -> np.ndarray:
    """Int16 [3, 12, 5000] at 500 Hz in units of 5 uV, which every archive can hold, in the standard order."""
    drawn = [play(draw_recording(0, number, 10.0), 500) for number in (1, 3, 4)]
    return np.rint(np.stack(drawn) * 200).astype(np.int16)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_wfdb(record: Path, units: np.ndarray, source: str, gain: int) -> None:
    leads = ORDER[source]
    digital = units[[STANDARD_LEADS.index(lead) for lead in leads]].T.astype(np.int64) * (gain // 200)
    record.parent.mkdir(parents=True, exist_ok=True)
    common = {"fmt": ["16"] * 12, "adc_gain": [gain] * 12, "baseline": [0] * 12, "units": ["mV"] * 12}
    names = [name.upper() for name in leads] if source == "ptb-xl" else list(leads)
    wfdb.wrsamp(record.name, fs=500, sig_name=names, d_signal=digital, write_dir=str(record.parent), **common)


def write_ptb_xl(folder: Path, signals: np.ndarray) -> None:
    rows = []
    for number, units in enumerate(signals, start=1):
        name = f"records500/00000/{number:05d}_hr"
        write_wfdb(folder / name, units, "ptb-xl", 1000)
        row = {"ecg_id": number, "patient_id": number, "age": 60, "sex": 0, "report": "sinusrhythmus."}
        rows.append(row | {"scp_codes": "{}", "strat_fold": 1, "filename_lr": name, "filename_hr": name})
    write_table(folder / "ptbxl_database.csv", rows)


def write_mimic_iv_ecg(folder: Path, signals: np.ndarray) -> None:
    studies, machine = [], []
    for number, units in enumerate(signals, start=1):
        path = f"files/p1000/p1000000{number}/s4000000{number}/4000000{number}"
        write_wfdb(folder / path, units, "mimic-iv-ecg", 200)
        ids = {"subject_id": 10000000 + number, "study_id": 40000000 + number}
        studies.append(ids | {"file_name": 40000000 + number, "ecg_time": "2150-01-01 10:00:00", "path": path})
        measured = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")
        statements = {"report_0": "Sinus rhythm", **{f"report_{i}": "" for i in range(1, 18)}}
        row = ids | {"cart_id": 1, "ecg_time": "2150-01-01 10:00:00"} | statements | {"bandwidth": "", "filtering": ""}
        machine.append(row | dict.fromkeys(measured, 29999))
    write_table(folder / "record_list.csv", studies)
    write_table(folder / "machine_measurements.csv", machine)


def write_cinc(folder: Path, signals: np.ndarray) -> None:
    place = folder / "training/georgia/g1"
    place.mkdir(parents=True)
    for number, units in enumerate(signals, start=1):
        name, digital = f"E{number:05d}", units * 5
        head = struct.pack("<5i", 30, 12, digital.shape[1], 0, 4) + b"val\0"
        (place / f"{name}.mat").write_bytes(head + digital.astype("<i2").tobytes(order="F"))
        lines = [f"{name} 12 500 {digital.shape[1]}"]
        for lead, row in zip(ORDER["cinc"], digital, strict=True):
            checksum = int(
                np.int16(row.sum(dtype=np.int64) % 65536 - (row.sum(dtype=np.int64) % 65536 > 32767) * 65536)
            )
            lines.append(f"{name}.mat 16x1+24 1000.0(0)/mV 16 0 {row[0]} {checksum} 0 {lead}")
        lines += ["# Age: 60", "# Sex: Female", "# Dx: 426783006"]
        (place / f"{name}.hea").write_text("\n".join(lines) + "\n")


def write_wfdb_folder(folder: Path, signals: np.ndarray) -> None:
    rows = []
    for number, units in enumerate(signals, start=1):
        write_wfdb(folder / f"r{number}", units, "wfdb-folder", 1000)
        rows.append({"record": f"r{number}", "patient_id": number, "report": "Sinus rhythm.", "fold": 1})
    write_table(folder / "records.csv", rows)


def write_code_15(folder: Path, signals: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    exams = np.arange(1, RECORDS + 1)
    tracings = np.zeros((RECORDS, 4096, 12), np.float32)
    for number in range(RECORDS):
        # The archive records at 400 Hz, 10 s of 10.24.
        tracings[number, 48:4048] = play(draw_recording(0, (1, 3, 4)[number], 10.0), 400).T
    with h5py.File(folder / "exams_part0.hdf5", "w") as file:
        file["exam_id"], file["tracings"] = exams, tracings
    findings = dict.fromkeys(("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"), False)
    common = {"age": 60, "is_male": False, "nn_predicted_age": 60, **findings, "death": "", "timey": ""}
    rows = [
        {"exam_id": exam, **common, "patient_id": exam, "normal_ecg": True, "trace_file": "exams_part0.hdf5"}
        for exam in exams.tolist()
    ]
    write_table(folder / "exams.csv", rows)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "ptb-xl": write_ptb_xl,
    "mimic-iv-ecg": write_mimic_iv_ecg,
    "cinc": write_cinc,
    "wfdb-folder": write_wfdb_folder,
    "code-15": write_code_15,
}


@pytest.fixture(scope="module")
def read(signals: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], np.ndarray]:
    """What the processor gives of the three records of an archive, [3, 12, 1000] in mV."""
    processor = AutoProcessor.from_pretrained(checkpoints.shipped(), trust_remote_code=True)
    known: dict[str, np.ndarray] = {}

    def read(source: str) -> np.ndarray:
        if source not in known:
            folder = tmp_path_factory.mktemp(source)
            (folder / "archive").mkdir()
            WRITERS[source](folder / "archive", signals)
            options = BuildOptions(splits="all-test")
            build(source, folder / "archive", folder / "set", sampling_rate=500, num_proc=1, options=options)
            rows = load_dataset(str(folder / "set"), split="test", cache_dir=str(folder / "cache"))
            assert len(rows) == RECORDS
            batch = processor(ecg=signal_batch(rows, slice(None)), sampling_rate=500, text=["?"] * RECORDS)
            known[source] = np.asarray(batch["ecg_values"])
        return known[source]

    return read


@pytest.mark.parametrize("source", [source for source in WRITERS if source != "ptb-xl"])
def test_the_processor_sees_the_same_leads_whichever_archive_they_came_from(source: str, read):
    theirs, ours = read(source), read("ptb-xl")
    assert theirs.shape == ours.shape == (RECORDS, 12, 1000)
    if source == "code-15":  # its own rate: resampled, so alike and not the same
        middle = slice(20, -20)
        assert np.abs(theirs - ours)[:, :, middle].max() < 0.08
        assert all(
            np.corrcoef(a[middle], b[middle])[0, 1] > 0.995
            for x, y in zip(theirs, ours, strict=True)
            for a, b in zip(x, y, strict=True)
        )
    else:
        assert np.array_equal(theirs, ours)


def test_the_leads_that_are_read_are_the_ones_that_were_written(signals: np.ndarray, read):
    spread = np.ptp(read("mimic-iv-ecg"), axis=2)
    written = np.ptp(signals / 200, axis=2)
    assert np.abs(spread - written).max() < 0.25 * written.max()
    swapped = written[:, [0, 1, 2, 3, 5, 4, *range(6, 12)]]
    assert np.abs(spread - written).sum() < 0.5 * np.abs(spread - swapped).sum()


@pytest.mark.parametrize("source", ["mimic-iv-ecg", "cinc", "wfdb-folder", "code-15"])
def test_the_report_is_the_same_whichever_archive_the_ecg_came_from(source: str, read):
    folder = checkpoints.shipped()
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).eval()
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
    prompt = processor(text=["Report this ECG. Write the report in English."], return_tensors="pt")

    def reports(ecg: np.ndarray) -> list[str]:
        inputs = {name: value.expand(RECORDS, -1) for name, value in prompt.items()}
        with torch.inference_mode():
            written = model.generate(**inputs, ecg_values=torch.from_numpy(ecg), max_new_tokens=60, num_beams=1)
        return processor.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    expected = reports(read("ptb-xl"))
    assert all(expected)
    assert reports(read(source)) == expected
    assert reports(read(source)[:, [0, 1, 2, 3, 5, 4, 11, 10, 9, 8, 7, 6]]) != expected
