"""A recording's quality as columns: each kind of disturbance shows in its own field, at its own size."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.electrode_check import THRESHOLDS
from dataset_scripts.signals.filters import FILTERS
from dataset_scripts.signals.lead_check import check_leads, check_many
from dataset_scripts.signals.quality import FEATURES, assess, assess_many
from dataset_scripts.simulation.recording import draw_recording, play
from modeling_meit.ecg_signal import STANDARD_LEADS

RATES = (100, 500)


def recording(rate: int) -> np.ndarray:
    return play(draw_recording(0, 51, 10.0), rate).copy()


def sine(rate: int, hertz: float, amplitude_mv: float) -> np.ndarray:
    return (amplitude_mv * np.sin(2 * np.pi * hertz * np.arange(10 * rate) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_a_clean_recording_has_little_of_everything(rate: int):
    quality = assess(recording(rate), rate)
    assert quality.missing_share == 0.0
    assert quality.missing_leads == quality.flat_leads == quality.saturated_leads == ()
    assert quality.baseline_wander_uv < 40
    assert quality.high_frequency_noise_uv < 15
    assert quality.lead_residual_uv < 1
    assert (quality.lead_verdict, quality.lead_fault, quality.suspected_swap) == ("consistent", "", "")
    assert (quality.powerline_uv is None) == (rate == 100)


@pytest.mark.parametrize("rate", RATES)
def test_missing_and_flat_leads_are_named(rate: int):
    signal = recording(rate)
    signal[7] = np.nan
    signal[8] = 0.3
    signal[9, ::2] = signal[9, 0]
    signal[9] = signal[9, 0] + 0.0049 * (np.arange(10 * rate) % 2)
    signal[10, : 5 * rate] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quality = assess(signal, rate)
    assert quality.missing_leads == ("V2",)
    assert quality.flat_leads == ("V3", "V4")
    assert quality.missing_share == pytest.approx(1.5 / 12, abs=1e-4)
    assert quality.baseline_wander_uv < 60  # V2 to V4 and the gap in V5 make none


def test_nothing_measured_is_still_assessed():
    quality = assess(np.full((12, 1000), np.nan), 100)
    assert quality.missing_share == 1.0
    assert quality.missing_leads == STANDARD_LEADS
    assert (quality.baseline_wander_uv, quality.high_frequency_noise_uv, quality.lead_residual_uv) == (None, None, None)
    assert quality.lead_verdict == "not_checkable"
    flat = assess(np.zeros((12, 1000)), 100)
    assert flat.flat_leads == STANDARD_LEADS
    assert flat.high_frequency_noise_uv is None


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rate", RATES)
def test_a_lead_at_its_rail_is_saturated(rate: int, sign: int):
    signal = recording(rate)
    assert assess(signal, rate).saturated_leads == ()
    drift = np.interp(np.arange(10 * rate), [0, 3 * rate, 5 * rate, 10 * rate], [0, 0, 8, 0])
    signal[6] = np.minimum(signal[6] + drift, 5.0)
    signal[6] *= sign
    assert assess(signal, rate).saturated_leads == ("V1",)
    signal[6, 100] = np.nan
    assert assess(signal, rate).saturated_leads == ("V1",)


@pytest.mark.parametrize("rate", RATES)
def test_a_flat_top_of_a_slow_wave_is_no_rail(rate: int):
    signal = recording(rate)
    signal[6] = np.rint(sine(rate, 0.7, 0.6) / 0.05) * 0.05
    assert assess(signal, rate).saturated_leads == ()


def test_isolated_peaks_of_equal_height_are_no_rail():
    signal = recording(100)
    signal[6, 50::80] = 4.0
    assert assess(signal, 100).saturated_leads == ()


@pytest.mark.parametrize("rate", RATES)
def test_wander_is_measured(rate: int):
    signal = recording(rate)
    before = assess(signal, rate)
    signal[11] += sine(rate, 0.3, 0.5)
    after = assess(signal, rate)
    assert after.baseline_wander_uv == pytest.approx(500 / np.sqrt(2), rel=0.05)
    assert after.high_frequency_noise_uv == pytest.approx(before.high_frequency_noise_uv, abs=0.5)


@pytest.mark.parametrize("hertz", [49.8, 50.0, 60.0, 60.2])
def test_hum_is_measured(hertz: float):
    signal = recording(500)
    assert assess(signal, 500).powerline_uv < 4
    signal[9] += sine(500, hertz, 0.08)
    assert assess(signal, 500).powerline_uv == pytest.approx(80, rel=0.1)


def test_muscle_noise_is_no_hum():
    signal = recording(500)
    signal += np.random.default_rng(0).normal(0, 0.03, signal.shape).astype(np.float32)
    assert assess(signal, 500).powerline_uv < 8


def test_hum_is_unknown_where_the_rate_cannot_hold_it():
    assert assess(recording(100), 100).powerline_uv is None
    assert assess(recording(500)[:, :1000], 500).powerline_uv is None


@pytest.mark.parametrize("rate", RATES)
def test_noise_is_measured_and_the_qrs_is_not(rate: int):
    signal = recording(rate)
    assert assess(3 * signal, rate).high_frequency_noise_uv == pytest.approx(
        3 * assess(signal, rate).high_frequency_noise_uv, rel=0.02
    )
    signal[8] += np.random.default_rng(0).normal(0, 0.1, 10 * rate).astype(np.float32)
    assert assess(signal, rate).high_frequency_noise_uv == pytest.approx(100, rel=0.15)


def test_swapped_leads_show():
    signal = recording(100)
    signal[[4, 5]] = signal[[5, 4]]
    quality = assess(signal, 100)
    assert (quality.lead_verdict, quality.lead_fault) == ("swapped", "aVL and aVF exchanged")
    assert quality.lead_residual_uv == pytest.approx(1000 * check_leads(signal, 100).residual_mv, abs=0.06)
    assert assess(signal, 100, check_leads(recording(100), 100)).lead_verdict == "consistent"


def test_exchanged_arms_show():
    signal = recording(100)
    signal[:6] = signal[[0, 2, 1, 4, 3, 5]] * np.array([-1, 1, 1, 1, 1, 1], dtype=np.float32)[:, None]
    assert assess(signal, 100).suspected_swap == "RA/LA"


def test_a_row_holds_what_the_schema_says():
    kinds = {"float32": pa.float32(), "string": pa.string(), "list[string]": pa.list_(pa.string())}
    schema = pa.struct([(name, kinds[kind]) for name, kind in FEATURES.items()])
    signal = recording(100)
    signal[3] = np.nan
    rows = [assess(recording(100), 100).as_row(), assess(signal, 100).as_row()]
    assert all(list(row) == list(FEATURES) for row in rows)
    stored = pa.array(rows, type=schema).to_pylist()
    assert stored[1]["missing_leads"] == ["aVR"]
    assert stored[0]["powerline_uv"] is None
    assert stored[0]["baseline_wander_uv"] == pytest.approx(rows[0]["baseline_wander_uv"])


def test_another_shape_is_refused():
    with pytest.raises(EcgInputError, match="shape"):
        assess(np.zeros((8, 1000)), 100)


def test_neither_torch_nor_datasets_is_imported():
    code = (
        "import sys; import dataset_scripts.signals.quality, dataset_scripts.signals.filters, "
        "dataset_scripts.signals.length; print([name for name in ('torch', 'datasets') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_guide_runs_and_its_table_names_every_field():
    guide = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", guide, re.S)[1], names)
    assert names["check"].description == "aVL and aVF exchanged"
    assert assess(names["mended"], 100).lead_verdict == "consistent"
    assert all(f"`{field}`" in guide for field in FEATURES)
    assert all(f"`{name}`" in guide for name in FILTERS)
    assert all(exchange in guide for exchange in THRESHOLDS)


@pytest.mark.parametrize("rate", RATES)
def test_together_as_one_by_one(rate: int):
    signals = np.stack([play(draw_recording(0, number, 10.0), rate) for number in range(6)]).astype(np.float32)
    signals[1, 3, 10:40] = np.nan
    signals[2, 8] = 0
    signals[3, 0] *= -1
    signals[4, 6] = np.nan
    checks = check_many(signals, rate)
    assert checks == [check_leads(signal, rate) for signal in signals]
    assert [check.verdict for check in checks].count("swapped") == 1
    together = assess_many(signals, rate, checks)
    assert together == [assess(signal, rate) for signal in signals]
    assert [bool(q.missing_share) for q in together] == [False, True, False, False, True, False]
    assert together[2].flat_leads == ("V3",)
