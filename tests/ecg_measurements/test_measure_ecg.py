"""Measurements of simulated recordings against their own truth, and of damaged ones against the sound one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from dataset_scripts.simulation.leads import twelve_leads
from dataset_scripts.simulation.recording import Recording, draw_recording, play
from ecg_measurements import Measurements, measure_ecg
from ecg_measurements.detection import INDEPENDENT_ROWS
from eval_suite.findings import stated_numbers
from eval_suite.findings.stated_numbers import agreements
from modeling_meit.ecg_signal import STANDARD_LEADS

SEED = 77
RECORDS = 60
LEAD = {name: row for row, name in enumerate(STANDARD_LEADS)}


@lru_cache(maxsize=2)
def measured(rate: int) -> list[tuple[Recording, Measurements]]:
    """The first recordings of an archive, of all classes, with what was measured of them."""
    recordings = [draw_recording(SEED, index, 10.0) for index in range(RECORDS)]
    return [(recording, measure_ecg(play(recording, rate), rate)) for recording in recordings]


def errors(rate: int, name: str) -> np.ndarray:
    """Measured minus true, of the recordings in which both are."""
    found = []
    for recording, measurements in measured(rate):
        value, truth = measurements.as_row()[name], recording.measurements().get(name)
        if value is not None and truth is not None:
            apart = value - truth
            found.append((apart + 180) % 360 - 180 if name.endswith("_deg") else apart)
    return np.array(found)


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize(
    ("name", "bias", "deviation", "share"),
    [
        ("heart_rate_bpm", 1.0, 3.0, 0.97),
        ("pr_interval_ms", 8.0, 12.0, 0.80),
        ("qrs_duration_ms", 9.0, 10.0, 0.95),
        ("qt_interval_ms", 8.0, 10.0, 0.90),
        ("qrs_axis_deg", 2.0, 6.0, 0.95),
    ],
)
def test_measurements_are_the_simulators(rate: int, name: str, bias: float, deviation: float, share: float) -> None:
    found = errors(rate, name)
    assert len(found) >= share * RECORDS
    assert abs(found.mean()) < bias
    assert found.std() < deviation


@lru_cache(maxsize=1)
def sound() -> tuple[np.ndarray, Measurements]:
    """A clean recording in sinus rhythm at 500 Hz, the bundled normal example."""
    signal = play(draw_recording(0, 51, 10.0), 500)
    return signal, measure_ecg(signal, 500)


def assert_close(found: Measurements, expected: Measurements, *names: str, within: float = 12.0) -> None:
    for name in names:
        value = found.as_row()[name]
        assert value is not None, f"{name}: {found.notes}"
        assert value == pytest.approx(expected.as_row()[name], abs=within), name


INTERVALS = ("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qt_interval_ms")


def test_a_sound_recording_needs_no_note() -> None:
    _, expected = sound()
    assert expected.notes == ()
    assert all(value is not None for value in expected.as_row().values())
    assert expected.beats >= 10


def test_the_rate_of_sampling_hardly_matters() -> None:
    signal, expected = sound()
    recording = draw_recording(0, 51, 10.0)
    for rate in (100, 128, 250, 257, 1000):
        assert_close(measure_ecg(play(recording, rate), rate), expected, *INTERVALS, "qrs_axis_deg", within=14)
    assert_close(measure_ecg(signal.astype(np.float64), 500.0), expected, *INTERVALS, within=0.2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gaps_are_left_out(value: float) -> None:
    signal, expected = sound()
    damaged = signal.copy()
    damaged[:, 2000:2400] = value
    damaged[3, ::97] = value
    found = measure_ecg(damaged, 500)
    assert_close(found, expected, "pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "qrs_axis_deg")


@pytest.mark.parametrize("lead", ["I", "II", "V2", "V6"])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_flat_or_missing_lead_is_done_without(lead: str, value: float) -> None:
    signal, expected = sound()
    damaged = signal.copy()
    damaged[LEAD[lead]] = value
    found = measure_ecg(damaged, 500)
    assert_close(found, expected, *INTERVALS, within=16)
    assert_close(found, expected, "qrs_axis_deg", within=3)


def test_without_limb_leads_there_is_no_axis() -> None:
    signal, expected = sound()
    damaged = signal.copy()
    damaged[:6] = np.nan
    found = measure_ecg(damaged, 500)
    assert found.qrs_axis_deg is None
    assert any("axis is not measured" in note for note in found.notes)
    assert_close(found, expected, *INTERVALS, within=20)


def test_one_inverted_lead_is_put_right_and_said() -> None:
    signal, expected = sound()
    damaged = signal.copy()
    damaged[LEAD["I"]] *= -1
    found = measure_ecg(damaged, 500)
    assert any("lead I inverted" in note for note in found.notes)
    assert_close(found, expected, *INTERVALS, "qrs_axis_deg", within=2)


def test_all_leads_inverted_keep_their_intervals_and_turn_the_axis() -> None:
    signal, expected = sound()
    found = measure_ecg(-signal, 500)
    assert_close(found, expected, *INTERVALS, within=2)
    assert found.qrs_axis_deg is not None
    assert expected.qrs_axis_deg is not None
    assert abs((found.qrs_axis_deg - expected.qrs_axis_deg) % 360 - 180) < 1


def test_exchanged_electrodes_are_said_where_they_matter() -> None:
    signal, expected = sound()
    one, two, three, avr, avl, avf = signal[:6]
    arms = np.concatenate([np.stack([-one, three, two, avl, avr, avf]), signal[6:]])
    found = measure_ecg(arms, 500)
    assert any("RA/LA" in note for note in found.notes)
    assert_close(found, expected, *INTERVALS, within=4)
    chest = signal.copy()
    chest[[LEAD["V1"], LEAD["V2"]]] = chest[[LEAD["V2"], LEAD["V1"]]]
    assert measure_ecg(chest, 500).notes == ()


def test_amplitude_and_offset_do_not_matter() -> None:
    signal, expected = sound()
    offset = np.linspace(-3, 3, 12, dtype=np.float32)[:, None]
    # Offsets that Einthoven's law allows are taken away by the filter; the check of the leads looks at changes only.
    assert_close(measure_ecg(2 * signal + offset, 500), expected, *INTERVALS, "qrs_axis_deg", within=4)


@pytest.mark.parametrize(("rate", "level"), [(500, 0.05), (100, 0.02)])
def test_noise_that_a_reader_sees_through(rate: int, level: float) -> None:
    expected = sound()[1]
    signal = play(draw_recording(0, 51, 10.0), rate)
    # On I, II and the chest leads: a recorder derives the other limb leads, noise and all.
    eight = signal[INDEPENDENT_ROWS].astype(np.float64)
    noisy = twelve_leads(eight + np.random.default_rng(0).normal(0, level, eight.shape))
    assert_close(measure_ecg(noisy, rate), expected, *INTERVALS, "qrs_axis_deg", within=20)


@pytest.mark.parametrize("rate", [100, 500])
def test_nothing_is_measured_in_noise(rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.3, (12, 10 * rate))
    found = measure_ecg(noise, rate)
    assert all(value is None for value in found.as_row().values())
    assert any("oisy" in note for note in found.notes)


def recordings_with(rhythm: str, count: int) -> list[Recording]:
    drawn = (draw_recording(5, index, 10.0) for index in range(400))
    return [recording for recording in drawn if recording.case.rhythm == rhythm][:count]


def test_fibrillation_has_no_pr_and_its_mean_rate() -> None:
    without_p = 0
    for recording in recordings_with("atrial_fibrillation", 8):
        found = measure_ecg(play(recording, 500), 500)
        assert found.heart_rate_bpm == pytest.approx(recording.measurements()["heart_rate_bpm"], abs=6)
        assert found.rr_variation_ms is not None
        assert found.rr_variation_ms > 60
        without_p += found.pr_interval_ms is None and any("rregular" in note for note in found.notes)
    assert without_p >= 7


@pytest.mark.parametrize("rhythm", ["premature_ventricular_complex", "premature_atrial_complex"])
def test_premature_beats_are_left_out(rhythm: str) -> None:
    for recording in recordings_with(rhythm, 5):
        truth, found = recording.measurements(), measure_ecg(play(recording, 500), 500)
        assert found.qrs_duration_ms == pytest.approx(truth["qrs_duration_ms"], abs=26)
        assert found.pr_interval_ms == pytest.approx(truth["pr_interval_ms"], abs=20)
        assert found.heart_rate_bpm == pytest.approx(truth["heart_rate_bpm"], abs=6)


def test_spikes_before_every_beat_are_a_pacemaker() -> None:
    signal, expected = sound()
    paced = signal.copy()
    for beat in draw_recording(0, 51, 10.0).beats:
        place = round((beat.time - 0.03) * 500)
        if 0 <= place < paced.shape[1]:
            paced[:, place] += np.array([0.5, 1.0, 0.5, -0.75, 0, 0.75, 1, 1, 1, 1, 1, 1], dtype=np.float32)
    found = measure_ecg(paced, 500)
    assert any("Pacemaker" in note for note in found.notes)
    assert found.pr_interval_ms is found.qrs_duration_ms is found.qt_interval_ms is found.qtc_bazett_ms is None
    assert_close(found, expected, "heart_rate_bpm", within=1)


def test_an_axis_between_all_leads_is_undetermined() -> None:
    signal, _ = sound()
    damaged = signal.copy()
    # As much up as down: each QRS of the limb leads is followed by its mirror image.
    edge = np.roll(signal[:6], 18, axis=1)
    damaged[:6] = signal[:6] - edge
    found = measure_ecg(damaged, 500)
    assert found.qrs_axis_deg is None
    assert any("undetermined" in note for note in found.notes)


@pytest.mark.parametrize(
    ("signal", "rate", "says"),
    [
        (np.zeros((12, 5000), dtype=np.float32), 500, "flat"),
        (np.full((12, 5000), np.nan, dtype=np.float32), 500, "without samples"),
        (np.ones((12, 400), dtype=np.float32), 500, "too short"),
        (np.ones((12, 400), dtype=np.float32), 40, "too coarse"),
    ],
)
def test_what_cannot_be_measured_says_why(signal: np.ndarray, rate: int, says: str) -> None:
    found = measure_ecg(signal, rate)
    assert all(value is None for value in found.as_row().values())
    assert says in " ".join(found.notes)


def test_two_beats_are_too_few() -> None:
    short = play(draw_recording(0, 51, 10.0), 500)[:, :1050]
    found = measure_ecg(short, 500)
    assert found.beats < 3
    assert found.heart_rate_bpm is None
    assert any("beats were found" in note for note in found.notes)


@pytest.mark.parametrize(
    ("signal", "rate"),
    [
        (np.zeros((11, 500)), 500),
        (np.zeros((12, 0)), 500),
        (np.zeros((12, 500)), -1.0),
        (np.zeros((12, 5000), dtype=np.int16), 500),
    ],
)
def test_another_shape_or_rate_is_refused(signal: np.ndarray, rate: float) -> None:
    with pytest.raises(EcgInputError, match="expected"):
        measure_ecg(signal, rate)


def test_the_row_is_what_stated_numbers_are_compared_with() -> None:
    _, expected = sound()
    row = {name: value for name, value in expected.as_row().items() if value is not None}
    text = f"Heart rate {row['heart_rate_bpm']:.0f} bpm. PR {row['pr_interval_ms']:.0f} ms. QTc 610 ms."
    assert agreements(stated_numbers(text), row) == {"heart_rate_bpm": True, "pr_interval_ms": True, "qtc_ms": False}


def test_a_gap_is_no_pause() -> None:
    recording = recordings_with("atrial_fibrillation", 1)[0]
    signal = play(recording, 500)
    damaged = signal.copy()
    damaged[:, 2000:3200] = np.nan
    whole, found = measure_ecg(signal, 500), measure_ecg(damaged, 500)
    assert found.heart_rate_bpm == pytest.approx(whole.heart_rate_bpm, rel=0.1)
    assert found.beats < whole.beats


def test_of_a_long_recording_the_beginning_is_measured() -> None:
    signal, expected = sound()
    long = np.tile(signal, (1, 9))
    found = measure_ecg(long, 500)
    assert found.notes[0] == "Measured on the first 60 s of 90 s."
    assert found.beats < 7 * expected.beats
    assert_close(found, expected, *INTERVALS, "qrs_axis_deg", within=4)


@pytest.mark.parametrize(("seed", "rate"), [(54, 100), (69, 100), (90, 250), (160, 100)])
@pytest.mark.filterwarnings("error")
def test_instants_missing_at_random_never_break_the_measuring(seed: int, rate: int) -> None:
    """Of these a median beat had gaps where P or T is looked for."""
    rng = np.random.default_rng(seed)
    assert int(rng.choice([100, 250, 500])) == rate
    recording, share = draw_recording(3, int(rng.integers(0, 200)), 10.0), float(rng.uniform(0.05, 0.7))
    signal = play(recording, rate).copy()
    signal[:, rng.random(signal.shape[1]) < share] = np.nan
    found, truth = measure_ecg(signal, rate), recording.measurements()
    assert found.heart_rate_bpm == pytest.approx(truth["heart_rate_bpm"], abs=6)
    for name in ("pr_interval_ms", "qrs_duration_ms", "qt_interval_ms"):
        value = found.as_row()[name]
        assert value == pytest.approx(truth[name], abs=30) if value is not None else found.notes


@pytest.mark.filterwarnings("error")
def test_a_wave_that_no_beat_holds_is_not_measured_and_said() -> None:
    signal, expected = sound()
    damaged = signal.copy()
    for beat in draw_recording(0, 51, 10.0).beats:
        first = max(0, round((beat.time + 0.22) * 500))
        damaged[:, first : first + 60] = np.nan
    found = measure_ecg(damaged, 500)
    assert found.qt_interval_ms is found.qtc_bazett_ms is None
    assert "Samples of the T wave are missing: QT is not measured." in found.notes
    assert_close(found, expected, "heart_rate_bpm", "qrs_duration_ms", within=6)


@pytest.mark.filterwarnings("error")
def test_a_lead_missing_in_every_other_sample_leaves_no_warning() -> None:
    signal, _ = sound()
    damaged = signal.copy()
    damaged[np.random.default_rng(1).random(signal.shape) < 0.45] = np.nan
    found = measure_ecg(damaged, 500)
    assert found.pr_interval_ms is None
    assert "Too many samples are missing before the QRS: PR is not measured." in found.notes


@pytest.mark.parametrize("size", [5.0, 10.0, 45.0])
@pytest.mark.parametrize("leads", [slice(7, 8), slice(0, 12)])
def test_three_spikes_do_not_move_the_rate(size: float, leads: slice) -> None:
    signal, expected = sound()
    damaged = signal.copy()
    for place in (700, 2100, 3900):
        damaged[leads, place : place + 10] += size
    found = measure_ecg(damaged, 500)
    assert_close(found, expected, *INTERVALS, within=5)
    assert found.notes[0] == "Left out: 3 narrow spikes far larger than the QRS complexes."


@pytest.mark.parametrize("count", [6, 12, 25])
def test_an_electrode_that_crackles_all_the_time_does_not_move_the_rate(count: int) -> None:
    signal, expected = sound()
    damaged = signal.copy()
    for place in np.random.default_rng(count).integers(0, 4990, count):
        damaged[7, place : place + 10] += 20.0
    assert_close(measure_ecg(damaged, 500), expected, "heart_rate_bpm", within=3)


def test_measuring_leaves_python_s_warnings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the whole process's: a thread that silences them makes another one lose its own."""
    signal = sound()[0].copy()
    signal[:, np.random.default_rng(0).random(signal.shape[1]) < 0.4] = np.nan

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("warnings are caught")

    monkeypatch.setattr("warnings.catch_warnings", refused)
    assert measure_ecg(signal, 500).heart_rate_bpm is not None
