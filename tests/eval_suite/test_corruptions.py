"""What each corruption does, measured back from what comes out."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from dataset_scripts.signals.electrode_check import INDEPENDENT, undo
from dataset_scripts.signals.lead_check import check_leads
from eval_suite.corruptions.corruption import Corruption
from eval_suite.corruptions.electrodes import CHEST_EXCHANGES
from eval_suite.corruptions.kinds import KINDS, find_corruptions, find_kind

RATE = 500
SECONDS = 10


def beats(rate: float = RATE, seconds: float = SECONDS, seed: int = 3) -> np.ndarray:
    """Spikes once a second on I, II, V1-V6, the other leads by their laws, float32 [12, T] in mV."""
    draw = np.random.default_rng(seed)
    times = np.arange(round(rate * seconds)) / rate
    eight = sum(
        draw.normal(0, 0.8, (8, 1)) * np.exp(-(((times - place) % 1.0 - 0.5) ** 2) / (2 * width**2))
        for place, width in ((0.0, 0.02), (0.1, 0.03), (0.3, 0.06))
    )
    return twelve(eight)


def twelve(eight: np.ndarray) -> np.ndarray:
    one, two = eight[:2]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.stack([*limb, *eight[2:]]).astype(np.float32)


def put(name: str, level, signal: np.ndarray, rate: float = RATE, ecg_id: str = "r1", seed: int = 0):
    return Corruption(find_kind(name), find_kind(name).level(level), seed)(signal, rate, ecg_id)


def added(name: str, level, rate: float = RATE, seconds: float = SECONDS, **more) -> np.ndarray:
    """What a corruption adds to a signal."""
    signal = beats(rate, seconds)
    return put(name, level, signal, rate, **more)[0].astype(np.float64) - signal


def spectrum(noise: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and the power at each, summed over leads, as shares of all."""
    power = (np.abs(np.fft.rfft(noise * np.hanning(noise.shape[1]), axis=1)) ** 2).sum(axis=0)
    return np.fft.rfftfreq(noise.shape[1], 1 / rate), power / power.sum()


def broken_law(signal: np.ndarray) -> float:
    """Largest departure of the limb leads from what I and II give, in mV."""
    one, two, three, avr, avl, avf = signal[:6].astype(np.float64)
    laws = (three - (two - one), avr + (one + two) / 2, avl - (one - three) / 2, avf - (two + three) / 2)
    return float(np.abs(np.stack(laws)).max())


@pytest.mark.parametrize("decibels", [20, 5, -10])
def test_white_noise_has_the_ratio_asked_for(decibels: float) -> None:
    signal = beats() + np.float32(3.0)  # an offset is no signal
    noise = put("gaussian", decibels, signal)[0].astype(np.float64) - signal
    power = ((signal - signal.mean(axis=1, keepdims=True)) ** 2).mean()
    assert 10 * np.log10(power / (noise**2).mean()) == pytest.approx(decibels, abs=0.1)
    each = noise.std(axis=1)
    assert each.max() / each.min() < 1.1  # as strong on every lead
    assert np.abs(np.corrcoef(noise) - np.eye(12)).max() < 0.1  # and drawn for each
    assert broken_law(put("gaussian", decibels, beats())[0]) > 0.01


def test_the_papers_ratios_are_powers() -> None:
    signal = beats()
    noise = added("paper-snr", 0.05)
    power = ((signal - signal.mean(axis=1, keepdims=True)) ** 2).mean()
    assert power / (noise**2).mean() == pytest.approx(0.05, rel=0.03)
    assert 10 * np.log10(0.05) == pytest.approx(-13.0, abs=0.05)


def test_the_released_noise_is_one_stretch_the_same_on_all_leads() -> None:
    signal = beats()
    span = float(signal.max() - signal.min())
    lengths, strengths = [], []
    for row in range(200):
        noise = added("meit-release", 0.2, ecg_id=f"r{row}")
        assert np.abs(noise - noise[0]).max() < 1e-5
        touched = np.flatnonzero(np.abs(noise[0]) > 1e-6)
        if len(touched) < 50:
            continue
        lengths.append((touched[-1] - touched[0] + 1) / noise.shape[1])
        strengths.append(noise[0, touched[0] : touched[-1] + 1].std() / span)
    assert 0.18 < max(lengths) <= 0.2001
    assert np.mean(lengths) == pytest.approx(0.1, abs=0.02)
    assert np.mean(strengths) == pytest.approx(0.05, abs=0.01)
    assert max(strengths) < 0.115
    assert broken_law(put("meit-release", 0.2, signal)[0]) > 0.001


@pytest.mark.parametrize("amplitude", [0.1, 1.0])
def test_wander_is_slow_and_as_high_as_asked_for(amplitude: float) -> None:
    noise = added("baseline-wander", amplitude, seconds=100)
    frequencies, power = spectrum(noise, RATE)
    assert power[frequencies < 0.5].sum() > 0.999
    assert power[frequencies < 0.03].sum() < 0.5
    assert np.ptp(noise, axis=1).max() / 2 == pytest.approx(amplitude, rel=1e-3)


@pytest.mark.parametrize("mains", [50, 60])
def test_hum_is_where_and_as_strong_as_asked_for(mains: int) -> None:
    noise = added(f"powerline-{mains}", 0.2)
    frequencies, power = spectrum(noise, RATE)
    first, third = (power[np.abs(frequencies - order * mains) < 0.7].sum() for order in (1, 3))
    assert first + third > 0.999
    assert third / first == pytest.approx(0.04, rel=0.05)
    worst = noise[noise.std(axis=1).argmax()]
    amplitude = np.sqrt(2 * (worst**2).mean() * first)
    assert amplitude == pytest.approx(0.2, rel=0.03)


def test_a_slow_record_keeps_of_hum_what_its_filter_lets_through() -> None:
    # 60 Hz would stand at 40 Hz; a resampled archive has next to nothing of it.
    assert np.abs(added("powerline-60", 0.2, rate=100)).max() < 0.01
    fifty = np.abs(added("powerline-50", 0.2, rate=100)).max()
    assert 0.005 < fifty < 0.11
    assert np.abs(added("powerline-50", 0.2, rate=250)).max() == pytest.approx(0.22, abs=0.03)


@pytest.mark.parametrize(("rate", "kept"), [(1000, 1.0), (500, 1.0), (100, (30 / 130) ** 0.5)])
def test_muscle_noise_has_its_band_and_strength(rate: int, kept: float) -> None:
    noise = added("muscle", 0.1, rate=rate)
    frequencies, power = spectrum(noise, rate)
    assert power[(frequencies > 19.5) & (frequencies < 150.5)].sum() > 0.99
    assert noise.std(axis=1).max() == pytest.approx(0.1 * kept, rel=0.1)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        *(("baseline-wander", 1.0), ("powerline-50", 0.5), ("muscle", 0.2), ("gain", 2.0)),
        *(("limb-electrode-off", "LA"), ("limb-swap", "RA/LL"), ("limb-swap", "RA/RL"), ("sampling-rate", 250)),
    ],
)
def test_what_comes_in_at_the_electrodes_keeps_einthovens_law(name: str, level) -> None:
    changed, _ = put(name, level, beats())
    assert np.abs(changed[:, :2000] - beats()[:, :2000]).max() > 0.01 if name != "sampling-rate" else True
    assert broken_law(changed) < 1e-4


@pytest.mark.parametrize("exchange", [*CHEST_EXCHANGES, "RA/LA", "RA/LL", "LA/LL"])
def test_an_exchange_is_what_the_electrode_check_undoes(exchange: str) -> None:
    signal = beats()
    changed, rate = put("limb-swap" if exchange.startswith(("R", "L")) else "chest-swap", exchange, signal)
    assert rate == RATE
    eight = undo(exchange) @ changed[list(INDEPENDENT)].astype(np.float64)
    np.testing.assert_allclose(twelve(eight), signal, atol=1e-5)
    assert np.abs(changed - signal).max() > 0.1


def test_exchanged_arms_invert_lead_one_and_leave_the_chest() -> None:
    signal = beats()
    changed, _ = put("limb-swap", "RA/LA", signal)
    np.testing.assert_allclose(changed[0], -signal[0], atol=1e-6)
    np.testing.assert_allclose(changed[[1, 2, 3, 4]], signal[[2, 1, 4, 3]], atol=1e-6)
    assert np.array_equal(changed[5:], signal[5:])


def test_a_leg_electrode_on_the_arm_makes_lead_two_flat_and_is_suspected() -> None:
    signal = beats()
    changed, _ = put("limb-swap", "RA/RL", signal)
    assert np.abs(changed[1]).max() < 1e-6
    np.testing.assert_allclose(changed[0], -signal[2], atol=1e-6)
    np.testing.assert_allclose(changed[6:], signal[6:] - signal[1] / 3, atol=1e-5)
    assert check_leads(changed, RATE).suspected == "RA/RL"


def test_a_lost_limb_electrode_leaves_one_limb_lead() -> None:
    signal = beats()
    for electrode, kept, source in (("RA", 2, 3), ("LA", 1, 4), ("LL", 0, 5)):
        changed, _ = put("limb-electrode-off", electrode, signal)
        assert [lead for lead in range(12) if np.array_equal(changed[lead], signal[lead])] == [kept]
        # Against Wilson's terminal the electrode has 2/3 of its augmented lead; a third of that is in the reference.
        np.testing.assert_allclose(changed[6:], signal[6:] + signal[source] * 2 / 9, atol=1e-5)


def test_lost_chest_electrodes_are_missing_and_add_up() -> None:
    signal = beats()
    before: set[int] = set()
    for count in range(1, 7):
        changed, _ = put("chest-electrodes-off", count, signal)
        lost = set(np.flatnonzero(np.isnan(changed).all(axis=1)).tolist())
        assert len(lost) == count
        assert before < lost <= set(range(6, 12))
        assert np.array_equal(np.delete(changed, list(lost), axis=0), np.delete(signal, list(lost), axis=0))
        before = lost
    firsts = {
        int(np.flatnonzero(np.isnan(put("chest-electrodes-off", 1, signal, ecg_id=str(row))[0][:, 0]))[0])
        for row in range(60)
    }
    assert firsts == set(range(6, 12))


@pytest.mark.parametrize("rate", [50, 100, 125, 250, 1000])
def test_another_rate_is_the_same_recording(rate: int) -> None:
    times = np.arange(RATE * SECONDS) / RATE
    signal = np.tile(np.sin(2 * np.pi * 5 * times), (12, 1)).astype(np.float32)
    changed, given = put("sampling-rate", rate, signal)
    assert given == rate
    assert changed.shape == (12, rate * SECONDS)
    new_times = np.arange(rate * SECONDS) / rate
    np.testing.assert_allclose(changed[0], np.sin(2 * np.pi * 5 * new_times), atol=0.02)
    same, given = put("sampling-rate", RATE, signal)
    assert given == RATE
    assert np.array_equal(same, signal)


def test_a_shorter_record_is_a_part_of_it() -> None:
    signal = np.tile(np.arange(RATE * SECONDS, dtype=np.float32), (12, 1))
    first, _ = put("first-seconds", 2.5, signal)
    assert np.array_equal(first, signal[:, :1250])
    starts = []
    for row in range(50):
        part, rate = put("any-seconds", 2.5, signal, ecg_id=str(row))
        start = int(part[0, 0])
        assert rate == RATE
        assert np.array_equal(part, signal[:, start : start + 1250])
        starts.append(start)
    assert min(starts) < 800
    assert max(starts) > 2900
    assert np.array_equal(put("any-seconds", 20, signal)[0], signal)


def test_a_gain_is_a_factor() -> None:
    assert np.array_equal(put("gain", 0.5, beats())[0], beats() * np.float32(0.5))


@pytest.mark.parametrize("corruption", find_corruptions(), ids=lambda corruption: corruption.label)
def test_missing_samples_stay_missing_and_the_record_is_not_touched(corruption: Corruption) -> None:
    signal = beats(100)
    signal[2, 100:140] = np.nan
    signal[8] = np.nan
    kept = signal.copy()
    changed, rate = corruption(signal, 100, "r1")
    assert np.array_equal(signal, kept, equal_nan=True)
    assert changed.dtype == np.float32
    assert changed.shape[0] == 12
    if changed.shape == signal.shape and corruption.kind.name not in ("any-seconds", "sampling-rate", "chest-swap"):
        assert np.isnan(changed[np.isnan(signal)]).all()
    if corruption.kind.name not in ("chest-electrodes-off", "chest-swap"):
        assert np.isfinite(changed[6:]).any(axis=1).sum() == 5
    assert rate == (corruption.level if corruption.kind.name == "sampling-rate" else 100)


@pytest.mark.parametrize("name", ["gaussian", "meit-release", "baseline-wander", "powerline-50", "muscle"])
def test_levels_share_one_draw_and_rows_do_not(name: str) -> None:
    low, high = KINDS[name].levels[0], KINDS[name].levels[-1]
    weak, strong = added(name, low), added(name, high)
    if name != "meit-release":  # there the stretch grows too
        alike = np.corrcoef(weak.ravel(), strong.ravel())[0, 1]
        assert alike > 0.999
    assert np.array_equal(strong, added(name, high))
    assert not np.allclose(strong, added(name, high, ecg_id="r2"), atol=1e-4)
    assert not np.allclose(strong, added(name, high, seed=1), atol=1e-4)


def test_a_signal_that_is_none_is_refused() -> None:
    for signal in (np.zeros((12, 50)), np.zeros((8, 50), np.float32), np.zeros((12, 0), np.float32)):
        with pytest.raises(EcgInputError, match=r"expected float32 \(12, T\) in mV"):
            put("gain", 2, signal)
    with pytest.raises(EcgInputError, match="sampling rate 0"):
        put("gain", 2, beats(), rate=0)


def test_a_signal_without_a_sample_passes_through() -> None:
    nothing = np.full((12, 100), np.nan, dtype=np.float32)
    for corruption in find_corruptions():
        assert np.isnan(corruption(nothing, 100, "r1")[0]).all(), corruption.label
