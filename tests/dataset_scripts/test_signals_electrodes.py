"""Exchanged electrodes keep every identity; they are suspected by how the leads look."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice

import numpy as np
import pytest

from dataset_scripts.signals.electrode_check import THRESHOLDS, features, suspected_exchanges, undo
from dataset_scripts.signals.lead_check import LIMB_MATRIX, check_leads
from dataset_scripts.simulation.recording import draw_recording, play
from dataset_scripts.sources.ptb_xl import PtbXlSource

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")


@lru_cache
def recordings(rate: int) -> tuple[np.ndarray, ...]:
    return tuple(play(draw_recording(1, index, 10.0), rate) for index in range(0, 160, 4))


def recorded_with(signal: np.ndarray, order: list[int]) -> np.ndarray:
    """The recording as it would be had electrode k stood where electrode order[k] belongs; 9 is the right leg."""
    one, two = signal[0].astype(float), signal[1].astype(float)
    right = -(one + two) / 3  # potentials against Wilson's terminal, which the difference of any two does not need
    potentials = np.stack([right, right + one, right + two, *signal[6:], right + two])  # both legs are alike
    placed = potentials[order]
    one, two = placed[1] - placed[0], placed[2] - placed[0]
    chest = placed[3:] - placed[:3].mean(axis=0)
    return np.concatenate([LIMB_MATRIX @ np.stack([one, two]), chest]).astype(np.float32)


def exchange(name: str) -> list[int]:
    order = list(range(9))
    if name == "V1-V6 reversed":
        return order[:3] + order[:2:-1]
    first, second = name.split("/")
    i = ELECTRODES.index(first)
    if second == "RL":
        order[i] = 9
    else:
        j = ELECTRODES.index(second)
        order[i], order[j] = j, i
    return order


def test_rightly_placed_electrodes_give_the_recording_itself():
    signal = recordings(100)[0]
    np.testing.assert_allclose(recorded_with(signal, list(range(9))), signal, atol=0.002)


@pytest.mark.parametrize("rate", [100, 500])
def test_right_recordings_are_not_suspected(rate: int):
    found = [check_leads(signal, rate).suspected for signal in recordings(rate)]
    assert sum(bool(name) for name in found) <= 1


@pytest.mark.parametrize("name", list(THRESHOLDS))
def test_undoing_twice_changes_nothing_and_once_is_the_exchange(name: str):
    np.testing.assert_array_equal(undo(name) @ undo(name), np.eye(8))
    signal = recordings(100)[3]
    eight = [0, 1, 6, 7, 8, 9, 10, 11]
    faulty = recorded_with(signal, exchange(name))
    np.testing.assert_allclose(undo(name) @ signal[eight], faulty[eight], atol=0.002)


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("RA/LA", 0.9),
        ("RA/LL", 0.9),
        ("RA/RL", 1.0),
        ("LA/RL", 1.0),
        ("V1/V2", 0.5),
        ("V1/V3", 0.9),
        ("V2/V4", 0.7),
        ("V3/V5", 0.8),
    ],
)
def test_exchanged_electrodes_are_suspected(name: str, least: float, rate: int):
    found = []
    for signal in recordings(rate):
        check = check_leads(recorded_with(signal, exchange(name)), rate)
        assert check.verdict == "consistent"
        assert bool(check.suspected) == bool(check.reason)
        found.append(check.suspected == name)
    assert np.mean(found) >= least


def test_a_lead_flat_to_the_microvolt_between_the_legs_is_suspected():
    faulty = recorded_with(recordings(100)[0], exchange("RA/RL"))
    faulty[1] = 0.0
    assert check_leads(faulty, 100).suspected == "RA/RL"


@pytest.mark.filterwarnings("error")
def test_a_square_that_rounding_left_under_zero_is_an_amplitude_of_nothing():
    products = np.eye(8)
    products[2, 2] = -1e-5
    assert np.isfinite(features(products)).all()


def test_nothing_is_said_without_all_eight_leads():
    faulty = recorded_with(recordings(100)[0], exchange("RA/LA"))
    assert suspected_exchanges(faulty[None], 100)[0][0] == "RA/LA"
    without, flat = faulty.copy(), faulty.copy()
    without[8], flat[8] = np.nan, 0.0
    assert suspected_exchanges(without[None], 100)[0] == ("", "")
    assert suspected_exchanges(flat[None], 100)[0] == ("", "")


def test_a_gap_and_an_offset_change_nothing():
    faulty = recorded_with(recordings(100)[0], exchange("RA/LA"))
    faulty[8, 100:300] = np.nan
    faulty[10, 700:710] = np.inf
    faulty[5:] += 0.7
    assert suspected_exchanges(faulty[None], 100)[0][0] == "RA/LA"


def test_real_recordings_are_seldom_suspected_and_exchanged_arms_mostly_found(ptbxl_dir):
    source = PtbXlSource(ptbxl_dir, 100)
    signals = [source.read(row).signal for row in islice(source.index(), 500)]
    assert sum(bool(check_leads(signal, 100).suspected) for signal in signals) <= 12
    assert sum(check_leads(signal, 100).suspected in ("RA/LA", "RA/LL", "RA/RL") for signal in signals) <= 3
    arms = [check_leads(recorded_with(signal, exchange("RA/LA")), 100).suspected for signal in signals]
    assert sum(bool(name) for name in arms) >= 0.97 * len(arms)
