"""Each disturbance gets its own sentence, and a sound recording none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from dataset_scripts.errors import EcgInputError
from dataset_scripts.simulation.recording import draw_recording, play
from ecg_measurements.quality_remarks import QualityRemark, quality_remarks
from modeling_meit.ecg_signal import STANDARD_LEADS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LEAD = {name: row for row, name in enumerate(STANDARD_LEADS)}
RATE = 500
TIMES = np.arange(10 * RATE) / RATE


def sound() -> np.ndarray:
    return play(draw_recording(0, 51, 10.0), RATE).copy()


def only(signal: np.ndarray) -> QualityRemark:
    remarks = quality_remarks(signal, RATE)
    assert len(remarks) == 1, remarks
    return remarks[0]


@pytest.mark.parametrize("name", ["normal", "atrial_fibrillation", "inferior_infarction"])
def test_the_bundled_examples_get_none(name: str) -> None:
    record = wfdb.rdrecord(str(EXAMPLES / name))
    assert quality_remarks(record.p_signal.T.astype(np.float32), record.fs) == []


@pytest.mark.parametrize(
    ("leads", "value", "expected"),
    [
        (["V3"], 0.0, QualityRemark("warning", "V3 is flat.")),
        (["V3", "V5"], 0.0, QualityRemark("warning", "V3 and V5 are flat.")),
        (["V1", "V3", "V5"], 0.0, QualityRemark("serious", "V1, V3 and V5 are flat.")),
        (["V6"], np.nan, QualityRemark("warning", "V6 has no samples.")),
        (["V5", "V6"], np.nan, QualityRemark("warning", "V5 and V6 have no samples.")),
    ],
)
def test_flat_and_missing_leads_are_named(leads: list[str], value: float, expected: QualityRemark) -> None:
    signal = sound()
    signal[[LEAD[lead] for lead in leads]] = value
    assert only(signal) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gaps_are_counted(value: float) -> None:
    signal = sound()
    signal[:, 1000:1160] = value
    assert only(signal) == QualityRemark("warning", "3.2 % of the samples are missing or not finite.")
    signal[:, 1000:1700] = value
    assert only(signal) == QualityRemark("serious", "14.0 % of the samples are missing or not finite.")


def test_gaps_beside_a_missing_lead_are_counted_apart() -> None:
    signal = sound()
    signal[LEAD["V6"]] = np.nan
    signal[0, :600] = np.nan
    assert [remark.text for remark in quality_remarks(signal, RATE)] == [
        "V6 has no samples.",
        "1.0 % of the samples are missing or not finite.",
    ]


@pytest.mark.parametrize(("hertz", "amplitude", "level"), [(50, 0.045, "warning"), (60, 0.09, "serious")])
def test_hum_is_said_in_microvolts_and_is_not_noise_too(hertz: int, amplitude: float, level: str) -> None:
    signal = sound()
    signal[LEAD["V2"]] += (amplitude * np.sin(2 * np.pi * hertz * TIMES)).astype(np.float32)
    remark = only(signal)
    assert remark.level == level
    assert remark.text.startswith("Mains hum of ")
    assert float(remark.text.split()[3]) == pytest.approx(1000 * amplitude, rel=0.05)


@pytest.mark.parametrize(("millivolts", "level"), [(0.05, "warning"), (0.15, "serious")])
def test_noise(millivolts: float, level: str) -> None:
    signal = sound()
    signal[LEAD["V4"]] += np.random.default_rng(0).normal(0, millivolts, len(TIMES)).astype(np.float32)
    remark = only(signal)
    assert remark.level == level
    assert remark.text.startswith("Noisy: ")


@pytest.mark.parametrize(("millivolts", "level"), [(1.0, "warning"), (2.0, "serious")])
def test_wander(millivolts: float, level: str) -> None:
    signal = sound()
    signal[LEAD["V4"]] += (millivolts * np.sin(2 * np.pi * 0.3 * TIMES)).astype(np.float32)
    remark = only(signal)
    assert remark.level == level
    assert remark.text.startswith("The baseline wanders by ")


@pytest.mark.parametrize(("seconds", "is_short"), [(1.0, True), (3.9, True), (4.0, False), (10.0, False)])
def test_too_short_for_a_report(seconds: float, is_short: bool) -> None:
    remarks = quality_remarks(sound()[:, : round(seconds * RATE)], RATE)
    said = f"The recording lasts {seconds:.2g} s, too short for a report: expected 4 s at least."
    assert (QualityRemark("serious", said) in remarks) == is_short


def test_a_rail_is_saturation() -> None:
    signal = sound()
    signal[LEAD["V3"], 500:600] = 5.0
    assert only(signal).text == "V3 is saturated: it stays at one extreme value."


def test_exchanged_arms_are_suspected() -> None:
    signal = sound()
    one, two, three, avr, avl, avf = signal[:6].copy()
    signal[:6] = np.stack([-one, three, two, avl, avr, avf])
    assert only(signal) == QualityRemark("warning", "The limb electrodes RA and LA seem exchanged.")


def test_leads_that_contradict_each_other_come_first() -> None:
    signal = sound()
    signal[LEAD["aVL"]] *= 3
    signal[LEAD["V6"]] = 0
    remarks = quality_remarks(signal, RATE)
    assert [remark.level for remark in remarks] == ["serious", "warning"]
    assert remarks[0].text.startswith("The limb leads do not fit together: lead aVL")


def test_another_shape_is_refused() -> None:
    with pytest.raises(EcgInputError, match="expected"):
        quality_remarks(np.zeros((11, 500), dtype=np.float32), RATE)


@pytest.mark.parametrize(("leads", "named"), [(["V2"], "V2"), (["V2", "V5"], "V2 and V5")])
def test_spikes_are_said_once_and_are_no_hum(leads: list[str], named: str) -> None:
    signal = sound()
    for place in (700, 2100, 3900):
        signal[[LEAD[lead] for lead in leads], place : place + 10] += 20.0
    said = QualityRemark("warning", f"3 narrow spikes far larger than the QRS complexes in {named}.")
    assert only(signal) == said
    signal = sound()
    signal[LEAD["V2"], 700] -= 5.0
    assert only(signal).text == "One narrow spike far larger than the QRS complexes in V2."
