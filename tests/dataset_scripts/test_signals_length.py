"""Records of every length and rate become records of one."""

from __future__ import annotations

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.recording import draw_recording, play


def sine(rate: float, seconds: float, hertz: float = 3.0) -> np.ndarray:
    times = np.arange(round(rate * seconds)) / rate
    return np.tile(np.sin(2 * np.pi * hertz * times), (12, 1))


def test_a_record_of_the_wanted_length_is_not_copied():
    signal = sine(100, 10).astype(np.float32)
    assert to_length(signal, 100, 100) is signal or np.shares_memory(to_length(signal, 100, 100), signal)
    np.testing.assert_array_equal(to_length(signal, 100, 100), signal)


def test_a_long_record_gives_its_first_seconds_untouched():
    signal = sine(500, 12).astype(np.float32)
    np.testing.assert_array_equal(to_length(signal, 500, 500), signal[:, :5000])


def test_a_short_record_ends_in_missing_samples():
    signal = sine(500, 7).astype(np.float32)
    longer = to_length(signal, 500, 500)
    np.testing.assert_array_equal(longer[:, :3500], signal)
    assert longer.shape == (12, 5000)
    assert np.isnan(longer[:, 3500:]).all()


@pytest.mark.parametrize(("rate", "seconds"), [(1000, 38.4), (257, 1800), (400, 10.24), (240, 10), (500, 10)])
@pytest.mark.parametrize("new_rate", [100, 500])
def test_a_sine_keeps_its_course_at_another_rate(rate: float, seconds: float, new_rate: int):
    changed = to_length(sine(rate, seconds), rate, new_rate)
    assert changed.dtype == np.float32
    assert changed.shape == (12, 10 * new_rate)
    assert not np.isnan(changed).any()
    inner = slice(new_rate, -new_rate)
    np.testing.assert_allclose(changed[:, inner], sine(new_rate, 10)[:, inner], atol=0.005)


def test_cutting_before_resampling_changes_nothing():
    signal = play(draw_recording(0, 51, 20.0), 500).astype(np.float64)
    whole = to_length(signal, 500, 100, seconds=20.0)
    np.testing.assert_allclose(to_length(signal, 500, 100), whole[:, :1000], atol=2e-5)


def test_what_the_new_rate_cannot_hold_is_filtered_out():
    assert np.abs(to_length(sine(500, 10, hertz=170.0), 500, 100)[:, 50:-50]).max() < 0.02


def test_a_gap_stays_where_it_is():
    signal = sine(500, 10).astype(np.float32)
    signal[4, 1000:2000] = np.nan
    signal[5, 1000:2000] = np.inf
    changed = to_length(signal, 500, 100)
    assert np.isnan(changed[4:6, 201:399]).all()
    assert not np.isnan(changed[4:6, :199]).any()
    assert not np.isnan(changed[4:6, 402:]).any()
    assert not np.isnan(changed[[0, 11]]).any()


@pytest.mark.parametrize(
    ("shape", "rates", "seconds", "said"),
    [
        ((12,), (100, 100), 10.0, "shape"),
        ((8, 1000), (100, 100), 10.0, "shape"),
        ((12, 0), (100, 100), 10.0, "shape"),
        ((12, 1000), (0, 100), 10.0, "sampling rate 0.* read it from the record's header"),
        ((12, 1000), (100, float("nan")), 10.0, "sampling rate nan.* ask for another"),
        ((12, 1000), (100, 100), 0.0, "seconds"),
    ],
)
def test_what_cannot_be_used_is_refused(shape: tuple, rates: tuple, seconds: float, said: str):
    with pytest.raises(EcgInputError, match=said):
        to_length(np.zeros(shape), *rates, seconds=seconds)
