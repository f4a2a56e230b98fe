"""Limb leads that were exchanged or inverted are found by their identities, and mended where that is certain."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, islice, permutations, product

import numpy as np
import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.lead_check import LIMB_LEADS, LIMB_MATRIX, LeadCheck, check_leads, mend_leads
from dataset_scripts.simulation.recording import draw_recording, play
from dataset_scripts.sources.ptb_xl import PtbXlSource

PAIRS = list(combinations(range(6), 2))
RATES = (100, 500)


@lru_cache
def recording(index: int = 51, rate: int = 100) -> np.ndarray:
    signal = play(draw_recording(0, index, 10.0), rate)
    signal.flags.writeable = False
    return signal


def exchanged(signal: np.ndarray, *pairs: tuple[int, int]) -> np.ndarray:
    faulty = signal.copy()
    for i, j in pairs:
        faulty[[i, j]] = faulty[[j, i]]
    return faulty


def inverted(signal: np.ndarray, *rows: int) -> np.ndarray:
    faulty = signal.copy()
    faulty[list(rows)] *= -1
    return faulty


def quantised(signal: np.ndarray, step_uv: float) -> np.ndarray:
    return (np.rint(signal * 1000 / step_uv) * step_uv / 1000).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("index", range(0, 40, 4))
def test_leads_that_fit_raise_no_alarm(index: int, rate: int):
    check = check_leads(recording(index, rate), rate)
    assert (check.verdict, check.description, check.assignment) == ("consistent", "", None)
    assert check.residual_mv < 0.001
    assert check.amplitude_mv > 0.02


@pytest.mark.parametrize("step_uv", [1.0, 2.44, 4.88, 5.0])
@pytest.mark.parametrize("rate", RATES)
def test_rounding_of_each_lead_raises_no_alarm(step_uv: float, rate: int):
    for index in range(8):
        check = check_leads(quantised(recording(index, rate), step_uv), rate)
        assert check.verdict == "consistent"
        assert check.residual_mv == pytest.approx(0.289 * step_uv / 1000, rel=0.35)


@pytest.mark.parametrize("step_uv", [1.0, 5.0])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("i", "j"), PAIRS)
def test_every_exchange_of_two_leads_is_found_and_mended(i: int, j: int, rate: int, step_uv: float):
    signal = quantised(recording(51, rate), step_uv)
    faulty = exchanged(signal, (i, j))
    check = check_leads(faulty, rate)
    assert (check.verdict, check.ambiguous) == ("swapped", False)
    assert check.description == f"{LIMB_LEADS[i]} and {LIMB_LEADS[j]} exchanged"
    np.testing.assert_array_equal(mend_leads(faulty, check), signal)


@pytest.mark.parametrize("step_uv", [1.0, 5.0])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("row", range(6))
def test_every_inverted_lead_is_found_and_mended(row: int, rate: int, step_uv: float):
    signal = quantised(recording(51, rate), step_uv)
    faulty = inverted(signal, row)
    check = check_leads(faulty, rate)
    assert (check.verdict, check.ambiguous) == ("swapped", False)
    assert check.description == f"lead {LIMB_LEADS[row]} inverted"
    np.testing.assert_array_equal(mend_leads(faulty, check), signal)


def test_two_faults_at_once_are_mended_or_said_to_be_ambiguous_never_mended_wrongly():
    """A mend may differ from the original only by what no identity can see."""
    rng = np.random.default_rng(0)
    signal = recording(51)
    certain = 0
    for _ in range(200):
        order, signs = rng.permutation(6), rng.choice([-1.0, 1.0], 6).astype(np.float32)
        faulty = signal.copy()
        faulty[:6] = signal[order] * signs[:, None]
        check = check_leads(faulty, 100)
        touched = np.sum((order != np.arange(6)) | (signs < 0))
        assert check.verdict in ("swapped", "consistent")
        mended = mend_leads(faulty, check)
        if check.ambiguous:
            np.testing.assert_array_equal(mended, faulty)
            assert "or another fault" in check.description
        elif check.verdict == "swapped":
            certain += 1
            assert check_leads(mended, 100).verdict == "consistent"
            moved = sum((row, sign) != (at, 1) for at, (row, sign) in enumerate(check.assignment))
            assert moved <= min(2, touched)
    assert certain >= 1


def test_twelve_signed_permutations_go_unseen_and_all_but_one_touch_five_leads():
    """The claim on which "the smallest change is the only one" rests."""
    onto = LIMB_MATRIX @ np.linalg.pinv(LIMB_MATRIX)
    touched = []
    for order in permutations(range(6)):
        for signs in product([1, -1], repeat=6):
            moved = LIMB_MATRIX[list(order)] * np.array(signs)[:, None]
            if np.allclose(onto @ moved, moved):
                touched.append(sum(o != i or s < 0 for i, (o, s) in enumerate(zip(order, signs, strict=True))))
    assert sorted(touched) == [0] + 6 * [5] + 5 * [6]


def test_a_fault_with_several_smallest_answers_is_reported_and_left():
    signal = recording(51)
    faulty = signal.copy()
    faulty[:6] = signal[[4, 0, 3, 1, 5, 2]] * np.array([[1], [1], [-1], [1], [1], [1]], dtype=np.float32)  # Cabrera's
    check = check_leads(faulty, 100)
    assert check.verdict == "swapped"
    assert check.ambiguous
    assert mend_leads(faulty, check) is faulty


@pytest.mark.parametrize("row", range(6))
def test_a_lead_at_twice_its_gain_is_named_and_not_mended(row: int):
    signal = recording(51)
    faulty = signal.copy()
    faulty[row] *= 2
    check = check_leads(faulty, 100)
    assert check.verdict == "inconsistent"
    assert check.description.startswith(f"lead {LIMB_LEADS[row]} does not follow from the other limb leads (2.00 times")
    assert mend_leads(faulty, check) is faulty


def test_another_recordings_lead_is_named():
    faulty = recording(51).copy()
    faulty[4] = recording(12)[4]
    check = check_leads(faulty, 100)
    assert (check.verdict, check.description) == ("inconsistent", "lead aVL does not follow from the other limb leads")


def test_a_burst_in_one_lead_does_not_count():
    noisy = recording(51).copy()
    noisy[2, 300:400] += 3.0
    assert check_leads(noisy, 100).verdict == "consistent"
    assert check_leads(exchanged(noisy, (4, 5)), 100).description == "aVL and aVF exchanged"


def test_an_offset_of_one_lead_does_not_count():
    shifted = recording(51).copy()
    shifted[3] += 1.5
    assert check_leads(shifted, 100).verdict == "consistent"


@pytest.mark.parametrize("gone", ["missing", "flat"])
@pytest.mark.parametrize("row", range(6))
def test_five_leads_are_still_checked(row: int, gone: str):
    signal = recording(51).copy()
    signal[row] = np.nan if gone == "missing" else 0.0
    assert check_leads(signal, 100).verdict == "consistent"
    others = [other for other in range(6) if other != row]
    found = 0
    for other in others:
        check = check_leads(faulty := inverted(signal, other), 100)
        assert check.verdict == "swapped"
        if not check.ambiguous:
            found += 1
            np.testing.assert_array_equal(mend_leads(faulty, check), signal)
    assert found == 5


def test_three_leads_are_checked_and_two_are_not():
    signal = recording(51).copy()
    signal[3:6] = np.nan
    assert check_leads(signal, 100).verdict == "consistent"
    check = check_leads(inverted(signal, 1), 100)
    assert (check.verdict, check.ambiguous) == ("swapped", True)
    signal[2] = 0.001
    assert check_leads(signal, 100) == LeadCheck("not_checkable")


def test_missing_samples_are_left_out():
    signal = recording(51).copy()
    signal[1, 100:300] = np.nan
    signal[4, 700:800] = np.inf
    assert check_leads(signal, 100).verdict == "consistent"
    check = check_leads(faulty := exchanged(signal, (1, 2)), 100)
    assert check.description == "II and III exchanged"
    np.testing.assert_array_equal(mend_leads(faulty, check), signal)


def test_a_lead_without_half_of_its_samples_takes_no_part():
    signal = recording(51).copy()
    signal[5, :600] = np.nan
    signal[5, 600:] *= -1
    assert check_leads(signal, 100).verdict == "consistent"


def test_leads_that_are_all_alike_are_not_mended():
    """With one signal in all leads, many faults look the same."""
    one = recording(51)[1]
    signal = np.tile(one, (12, 1))
    signal[:6] = (LIMB_MATRIX @ np.array([1.0, 1.0]))[:, None] * one  # III is flat, aVL and aVF are equal
    faulty = exchanged(signal, (0, 3))
    check = check_leads(faulty, 100)
    assert check.verdict in ("consistent", "swapped", "inconsistent")
    assert check.ambiguous or check.verdict != "swapped" or np.array_equal(mend_leads(faulty, check), signal)


@pytest.mark.parametrize(
    ("shape", "rate", "said"), [((8, 1000), 100, "shape"), ((12, 0), 100, "shape"), ((12, 1000), -1, "sampling rate")]
)
def test_what_cannot_be_checked_is_refused(shape: tuple, rate: float, said: str):
    with pytest.raises(EcgInputError, match=said):
        check_leads(np.zeros(shape), rate)


def test_real_leads_fit_and_their_faults_are_mended(ptbxl_dir):
    source = PtbXlSource(ptbxl_dir, 100)
    signals = [source.read(row).signal for row in islice(source.index(), 300)]
    assert sum(check_leads(signal, 100).verdict == "consistent" for signal in signals) >= 299
    for number, signal in enumerate(signals):
        faulty = exchanged(signal, PAIRS[number % 15])
        np.testing.assert_array_equal(mend_leads(faulty, check_leads(faulty, 100)), signal)
