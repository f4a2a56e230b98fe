"""Optional filters take away what their name says, and nothing is moved in time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.filters import FILTERS, apply
from dataset_scripts.simulation.recording import draw_recording, play


def recording(rate: int) -> np.ndarray:
    return play(draw_recording(0, 51, 10.0), rate)


def gain(name: str, hertz: float, rate: int = 500) -> float:
    times = np.arange(60 * rate) / rate
    wave = np.sin(2 * np.pi * hertz * times)[None]
    inner = slice(10 * rate, -10 * rate)
    filtered = apply(wave, rate, name)[:, inner]
    # What stays in phase with the wave: a shift in time would show as a smaller gain.
    return float((filtered * wave[:, inner]).mean() / np.square(wave[:, inner]).mean())


def test_no_filter_is_the_default_and_gives_the_signal_itself():
    signal = recording(100)
    assert apply(signal, 100) is signal
    assert next(iter(FILTERS)) == "none"


@pytest.mark.parametrize(
    ("name", "hertz", "expected"),
    [
        ("baseline-0.5hz", 0.1, 0.0),
        ("baseline-0.5hz", 0.5, 0.5),
        ("baseline-0.5hz", 0.62, 0.707),
        ("baseline-0.5hz", 5.0, 1.0),
        ("baseline-0.5hz", 100.0, 1.0),
        ("bandpass-0.5-40hz", 0.1, 0.0),
        ("bandpass-0.5-40hz", 0.5, 0.5),
        ("bandpass-0.5-40hz", 10.0, 1.0),
        ("bandpass-0.5-40hz", 40.0, 0.5),
        ("bandpass-0.5-40hz", 120.0, 0.0),
        ("notch-50hz", 50.0, 0.0),
        ("notch-50hz", 45.0, 0.97),
        ("notch-50hz", 60.0, 1.0),
        ("notch-60hz", 60.0, 0.0),
        ("notch-60hz", 50.0, 1.0),
        ("notch-60hz", 10.0, 1.0),
    ],
)
def test_each_filter_keeps_and_takes_what_it_says(name: str, hertz: float, expected: float):
    assert gain(name, hertz) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", [name for name in FILTERS if name != "none"])
def test_the_qrs_stays_where_it_was(name: str):
    signal = recording(500)
    filtered = apply(signal, 500, name)
    assert filtered.dtype == signal.dtype
    assert filtered.shape == signal.shape
    products = [float((signal[1, 50:-50] * filtered[1, 50 + lag : 4950 + lag]).sum()) for lag in range(-20, 21)]
    assert int(np.argmax(products)) == 20


def test_the_st_segment_is_kept_because_the_filter_has_no_phase_distortion():
    """A level of 0.2 mV after each beat; the same filter run once, forwards, makes a depression of it."""
    rate = 500
    times = np.arange(10 * rate) % rate / rate
    beat = np.where((times > 0.5) & (times < 0.58), 1.5, 0.0) + np.where((times >= 0.58) & (times < 0.7), 0.2, 0.0)
    before, after = 5 * rate + int(0.45 * rate), 5 * rate + int(0.62 * rate)
    kept = apply(beat[None], rate, "baseline-0.5hz")[0]
    assert kept[after] - kept[before] == pytest.approx(0.2, abs=0.01)
    once = sosfilt(butter(2, 0.5, "highpass", fs=rate, output="sos"), beat)
    assert once[after] - once[before] < -0.1


@pytest.mark.parametrize("name", ["baseline-0.5hz", "notch-50hz"])
def test_missing_samples_stay_missing_and_spoil_nothing(name: str):
    signal = recording(500)
    gapped = signal.copy()
    gapped[3, 2000:2100] = np.nan
    gapped[4, 4000] = np.inf
    gapped[5] = np.nan
    filtered, whole = apply(gapped, 500, name), apply(signal, 500, name)
    np.testing.assert_array_equal(np.isnan(filtered), ~np.isfinite(gapped))
    np.testing.assert_array_equal(filtered[[0, 11]], whole[[0, 11]])
    assert np.abs(filtered[4, :3900] - whole[4, :3900]).max() < 0.02


def test_limb_leads_keep_their_identities():
    filtered = apply(recording(500), 500, "bandpass-0.5-40hz")
    np.testing.assert_allclose(filtered[0] + filtered[2], filtered[1], atol=0.002)


@pytest.mark.parametrize(
    ("name", "rate", "said"),
    [
        ("notch-50hz", 100, "notch-50hz at 100 Hz, expected 110 Hz or more"),
        ("notch-60hz", 120, "notch-60hz at 120 Hz"),
        ("bandpass-0.5-40hz", 80, "bandpass-0.5-40hz at 80 Hz"),
        ("baseline-0.5hz", 0, "sampling rate"),
        ("highpass", 500, "expected one of: none, baseline-0.5hz"),
    ],
)
def test_what_cannot_be_filtered_is_refused(name: str, rate: int, said: str):
    with pytest.raises(EcgInputError, match=said):
        apply(np.zeros((12, 1000)), rate, name)


def test_a_short_record_is_filtered_too():
    assert apply(recording(100)[:, :50], 100, "baseline-0.5hz").shape == (12, 50)
