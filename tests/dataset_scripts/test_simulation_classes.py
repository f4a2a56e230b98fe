"""Every simulated class shows, in the noisy signal, what a cardiologist would name it for."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pytest

from dataset_scripts.simulation.recording import Recording, case_of, draw_recording, patient_of, play
from dataset_scripts.simulation.rhythm import ATRIAL_PREMATURE, VENTRICULAR_PREMATURE
from ecg_measurements.detection import r_peaks
from ecg_measurements.median_beat import MedianBeat, median_beat, wave_amplitudes
from modeling_meit.ecg_signal import STANDARD_LEADS

FS = 500
SEED = 11
COUNT = 6
LEAD = {name: row for row, name in enumerate(STANDARD_LEADS)}


@lru_cache(maxsize=1)
def cases() -> dict[tuple[str | None, str | None], list[int]]:
    found: dict[tuple[str | None, str | None], list[int]] = {}
    last = -1
    for index in range(2400):
        patient = patient_of(SEED, index)
        if patient != last:
            case = case_of(SEED, patient)
            found.setdefault((case.rhythm, case.form), []).append(index)
            last = patient
    return found


@cache
def recordings(rhythm: str | None, form: str | None) -> tuple[tuple[Recording, np.ndarray], ...]:
    indices = cases()[(rhythm, form)][:COUNT]
    assert len(indices) == COUNT, (rhythm, form)
    drawn = [draw_recording(SEED, index, 10.0) for index in indices]
    return tuple((recording, play(recording, FS)) for recording in drawn)


@cache
def beats(form: str | None) -> tuple[MedianBeat, ...]:
    return tuple(median_beat(signal, FS) for _, signal in recordings(None, form))


@cache
def waves(form: str | None) -> dict[str, np.ndarray]:
    """Return wave -> [records, 12] in mV."""
    each = [wave_amplitudes(beat) for beat in beats(form)]
    return {wave: np.stack([one[wave] for one in each]) for wave in each[0]}


def lead(values: np.ndarray, *names: str) -> np.ndarray:
    return values[:, [LEAD[name] for name in names]]


def from_onset(recording: Recording, signal: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return the mean [12, n] over the record's sinus beats of the signal from `start` to `end` s after QRS onset."""
    pieces = []
    for beat in recording.beats:
        first = round((beat.time + start) * FS)
        count = round((end - start) * FS)
        if first >= 0 and beat.time > 0.5 and beat.time + max(end, 0.0) < recording.duration - 0.1:
            level = signal[:, round((beat.time - 0.02) * FS) : round((beat.time - 0.005) * FS)].mean(axis=1)
            pieces.append(signal[:, first : first + count] - level[:, None])
    return np.mean(pieces, axis=0)


def test_normal_amplitudes_are_a_resting_ecgs() -> None:
    wave = waves(None)
    assert 0.4 < np.median(lead(wave["r"], "II")) < 1.5
    assert 0.06 < np.median(lead(wave["p"], "II")) < 0.2
    assert 0.15 < np.median(lead(wave["t"], "II")) < 0.45
    assert np.all(lead(wave["t"], "V4", "V5") > 0.05)
    assert np.all(-np.minimum(lead(wave["q"], "V1"), lead(wave["s"], "V1")) > lead(wave["r"], "V1")), "rS in V1"
    assert np.all(np.abs(lead(wave["st"], "I", "II", "V4", "V5", "V6")) < 0.1)
    avr = np.stack([beat.window(0, 60, beat.qrs_onset)[LEAD["aVR"]] for beat in beats(None)])
    assert np.all(avr.sum(axis=1) < 0)
    assert np.all(lead(wave["p"], "aVR") < 0)
    assert np.all(lead(wave["t"], "aVR") < 0)
    assert np.all(wave["peak_to_peak"] < 4.0)


def test_normal_r_wave_grows_over_the_chest_and_turns_at_v3_or_v4() -> None:
    r, s = np.median(waves(None)["r"], axis=0), np.median(-waves(None)["s"], axis=0)
    chest = [LEAD[name] for name in ("V1", "V2", "V3", "V4")]
    assert np.all(np.diff(r[chest]) > 0)
    assert r[LEAD["V2"]] < s[LEAD["V2"]]
    assert r[LEAD["V4"]] > s[LEAD["V4"]]


def test_normal_voltages_keep_the_normal_limits() -> None:
    wave = waves(None)
    sokolow = np.maximum(lead(wave["r"], "V5"), lead(wave["r"], "V6")) - lead(wave["s"], "V1")
    assert np.all(sokolow < 3.5)
    assert np.all(wave["r"][:, :6].max(axis=1) - wave["s"][:, :6].min(axis=1) > 0.5)


def test_right_bundle_branch_block_has_rsr_in_v1_and_a_wide_s_in_i_and_v6() -> None:
    for recording, signal in recordings(None, "right_bundle_branch_block"):
        qrs = from_onset(recording, signal, 0.0, recording.shape.qrs_duration + 0.02)
        v1 = qrs[LEAD["V1"]]
        late = round(0.085 * FS)
        assert v1[late:].max() > 0.3, "R'"
        assert v1[late:].max() > v1[: round(0.045 * FS)].max()
        assert v1[round(0.03 * FS) : round(0.09 * FS)].min() < v1[late:].max() - 0.3, "a cleft before R'"
        for name in ("I", "V6"):
            assert qrs[LEAD[name], late:].min() < -0.08, name
            assert np.sum(qrs[LEAD[name], late:] < -0.03) / FS > 0.025, name
        assert recording.measurements()["qrs_duration_ms"] >= 120
        assert from_onset(recording, signal, 0.2, 0.45)[LEAD["V1"]].min() < -0.05, "T opposite to R'"


def test_left_bundle_branch_block_is_broad_notched_and_discordant() -> None:
    for recording, signal in recordings(None, "left_bundle_branch_block"):
        duration = recording.shape.qrs_duration
        qrs = from_onset(recording, signal, 0.0, duration)
        repolarisation = from_onset(recording, signal, duration + 0.06, 0.42)
        for name in ("I", "V6"):
            row = qrs[LEAD[name]]
            assert row.max() > 0.4, name
            assert row.min() > -0.15, "no Q wave and no S wave"
            assert np.sum(row > 0.5 * row.max()) / FS > 0.055, "broad"
            first, second = row[: len(row) // 2], row[len(row) // 2 :]
            middle = row[int(np.argmax(first)) : len(row) // 2 + int(np.argmax(second)) + 1]
            assert min(first.max(), second.max()) - middle.min() > 0.02, f"notch in {name}"
            assert repolarisation[LEAD[name]].min() < -0.08, "T opposite to the QRS"
        assert qrs[LEAD["V1"]].min() < -0.6
        assert qrs[LEAD["V1"]].max() < 0.15
        assert repolarisation[LEAD["V1"]].max() > 0.15
        assert duration >= 0.12


def test_left_anterior_fascicular_block_turns_the_axis_to_the_left() -> None:
    wave = waves("left_anterior_fascicular_block")
    assert np.all(-lead(wave["s"], "II", "III", "aVF") > lead(wave["r"], "II", "III", "aVF")), "rS below"
    assert np.all(lead(wave["r"], "aVL") > 0.3)
    for recording, _ in recordings(None, "left_anterior_fascicular_block"):
        assert -90 <= recording.axis_deg <= -45
        assert recording.shape.qrs_duration < 0.12


def test_left_ventricular_hypertrophy_passes_sokolow_lyon() -> None:
    wave = waves("left_ventricular_hypertrophy")
    assert np.all(np.maximum(lead(wave["r"], "V5"), lead(wave["r"], "V6")) - lead(wave["s"], "V1") > 3.5)


def test_right_ventricular_hypertrophy_has_tall_r_in_v1_and_a_right_axis() -> None:
    wave = waves("right_ventricular_hypertrophy")
    assert np.all(lead(wave["r"], "V1") > -lead(wave["s"], "V1"))
    assert np.all(lead(wave["r"], "V1") > 0.5)
    assert np.all(-lead(wave["s"], "V6") > lead(wave["r"], "V6"))
    assert np.all(lead(wave["t"], "V1", "V2") < 0)
    assert all(recording.axis_deg > 100 for recording, _ in recordings(None, "right_ventricular_hypertrophy"))


def test_low_voltage_keeps_the_limb_leads_under_half_a_millivolt() -> None:
    wave = waves("low_voltage")
    assert np.all(wave["r"][:, :6] - np.minimum(wave["q"], wave["s"])[:, :6] < 0.5)


def test_long_qt_is_long_on_the_paper_too() -> None:
    for recording, signal in recordings(None, "long_qt"):
        values = recording.measurements()
        assert values["qtc_bazett_ms"] >= 480
        assert values["qtc_fridericia_ms"] >= 460
        # T still stands where a normal one has ended, and has ended just after the stated QT.
        mean = from_onset(recording, signal, 0.2, recording.shape.qt + 0.06)[LEAD["V4"]]
        peak = 0.2 + int(np.argmax(np.abs(mean))) / FS
        assert peak == pytest.approx(recording.shape.qt - 0.076, abs=0.015)
        assert abs(mean[-1]) < 0.25 * np.abs(mean).max()


Q_LEADS = {
    "old_inferior_infarction": ("II", "III", "aVF"),
    "old_anteroseptal_infarction": ("V1", "V2", "V3"),
    "old_anterior_infarction": ("V2", "V3"),
    "old_lateral_infarction": ("I", "aVL", "V5", "V6"),
}


@pytest.mark.parametrize("form", Q_LEADS)
def test_old_infarction_has_q_waves_over_its_wall(form: str) -> None:
    shown = []
    for recording, signal in recordings(None, form):
        early = from_onset(recording, signal, 0.0, 0.04)[[LEAD[name] for name in Q_LEADS[form]]]
        # Deep (0.1 mV) and 30 ms wide: the universal definition's Q wave.
        shown.append((early.min(axis=1) < -0.1) & (np.sum(early < -0.02, axis=1) / FS >= 0.018))
    share = np.mean(shown, axis=0)
    assert np.all(share >= 0.8), dict(zip(Q_LEADS[form], share, strict=True))


ST_LEADS = {
    "acute_inferior_infarction": (("II", "III", "aVF"), ("aVL",)),
    "acute_anterior_infarction": (("V2", "V3", "V4"), ("III",)),
    "acute_lateral_infarction": (("I", "aVL", "V5"), ("III",)),
}


@pytest.mark.parametrize("form", ST_LEADS)
def test_acute_infarction_has_convex_st_elevation_with_reciprocal_depression(form: str) -> None:
    up, down = ST_LEADS[form]
    for recording, signal in recordings(None, form):
        j, peak = recording.shape.qrs_duration + 0.02, recording.shape.qt - 0.076
        st = from_onset(recording, signal, j, peak)
        for name in up:
            row = st[LEAD[name]]
            assert row[: round(0.06 * FS)].mean() > 0.1, (name, "ST elevation")
            # ST never sinks back to the baseline before T: it bulges where a normal one sags.
            assert row.min() > 0.5 * row[: round(0.04 * FS)].mean(), name
        for name in down:
            assert st[LEAD[name], : round(0.06 * FS)].mean() < -0.04, (name, "reciprocal")


T_LEADS = {
    "inferior_ischemia": ("II", "III", "aVF"),
    "anterior_ischemia": ("V2", "V3"),
    "lateral_ischemia": ("I", "aVL", "V5", "V6"),
}


@pytest.mark.parametrize("form", T_LEADS)
def test_ischemia_inverts_t_over_its_wall(form: str) -> None:
    t = lead(waves(form)["t"], *T_LEADS[form])
    assert np.all(t < -0.04), t


def test_nonspecific_ischemia_depresses_st() -> None:
    st = waves("nonspecific_ischemia")["st"]
    assert np.all(lead(st, "V5") < -0.05)
    assert np.all(np.median(lead(st, "II", "V4", "V5", "V6"), axis=0) < -0.05)


def rr_of(signal: np.ndarray) -> np.ndarray:
    return np.diff(r_peaks(signal, FS)) / FS


@pytest.mark.parametrize(
    ("rhythm", "low", "high"),
    [("sinus_bradycardia", 30, 60), ("sinus_tachycardia", 100, 180), (None, 60, 100), ("sinus_arrhythmia", 55, 100)],
)
def test_sinus_rates_are_what_they_are_called(rhythm: str | None, low: float, high: float) -> None:
    for recording, signal in recordings(rhythm, None):
        rate = 60.0 / rr_of(signal).mean()
        assert low < rate < high
        assert rate == pytest.approx(recording.measurements()["heart_rate_bpm"], abs=2.0)


def test_sinus_arrhythmia_swings_and_sinus_rhythm_hardly() -> None:
    assert all(np.ptp(rr_of(signal)) > 0.12 for _, signal in recordings("sinus_arrhythmia", None))
    assert all(np.ptp(rr_of(signal)) < 0.15 for _, signal in recordings(None, None))


def likeness_before_qrs(recording: Recording, signal: np.ndarray) -> float:
    """Return how alike lead II looks from beat to beat before the QRS: the mean correlation; a P wave makes it high."""
    pieces, before = [], 0.0
    for beat in recording.beats:
        if beat.time > 0.5 and beat.time < recording.duration and beat.time - before > 0.62:
            start = round((beat.time - 0.20) * FS)
            pieces.append(signal[LEAD["II"], start : start + round(0.18 * FS)])
        before = beat.time
    if len(pieces) < 3:  # too fast for a quiet stretch before the QRS
        return float("nan")
    alike = np.corrcoef(pieces)
    return float(alike[np.triu_indices(len(pieces), 1)].mean())


def test_atrial_fibrillation_is_irregular_and_without_p() -> None:
    for recording, signal in recordings("atrial_fibrillation", None):
        rr = rr_of(signal)
        assert rr.std() / rr.mean() > 0.09
        assert "pr_interval_ms" not in recording.measurements()
    sinus = [likeness_before_qrs(*one) for one in recordings(None, None)]
    fibrillation = [likeness_before_qrs(*one) for one in recordings("atrial_fibrillation", None)]
    assert np.nanmedian(sinus) > 0.75
    assert np.nanmedian(fibrillation) < 0.4
    assert np.nanmax(fibrillation) < np.nanmedian(sinus)
    restless = [np.std(s[LEAD["V1"], -600:]) for _, s in recordings("atrial_fibrillation", None)]
    assert min(restless) > 0.02


def test_premature_ventricular_beats_are_wide_early_without_p_and_fully_compensated() -> None:
    for recording, signal in recordings("premature_ventricular_complex", None):
        times = [beat.time for beat in recording.beats]
        normal = np.median(np.diff(times))
        early = [k for k, beat in enumerate(recording.beats) if beat.origin == VENTRICULAR_PREMATURE]
        assert any(0 < times[k] < 9.5 for k in early)
        for k in early:
            assert times[k] - times[k - 1] < 0.75 * normal
            assert times[k + 1] - times[k - 1] == pytest.approx(2 * normal, rel=0.1)
            if 0.3 < times[k] < 9.4:
                start = round(times[k] * FS)
                own = signal[:, start : start + round(0.2 * FS)]
                width = np.mean([np.sum(np.abs(row) > 0.25 * np.abs(row).max()) / FS for row in own])
                assert width > 0.09
                assert np.ptp(own, axis=1).max() > 0.8


def test_premature_atrial_beats_are_early_narrow_with_p_and_reset_the_sinus() -> None:
    for recording, signal in recordings("premature_atrial_complex", None):
        times = [beat.time for beat in recording.beats]
        normal = np.median(np.diff(times))
        early = [k for k, beat in enumerate(recording.beats) if beat.origin == ATRIAL_PREMATURE]
        assert any(0 < times[k] < 9.5 for k in early)
        for k in early:
            assert times[k] - times[k - 1] < 0.8 * normal
            assert times[k + 1] - times[k - 1] < 1.95 * normal
            if 0.4 < times[k] < 9.4:
                assert np.min(np.abs(r_peaks(signal, FS) / FS - times[k] - 0.045)) < 0.03


def test_first_degree_block_has_its_p_before_200_ms() -> None:
    for recording, signal in recordings("first_degree_av_block", None):
        pr = recording.measurements()["pr_interval_ms"] / 1000
        assert pr > 0.2
        p = from_onset(recording, signal, -pr, -pr + 0.11)[LEAD["II"]]
        after = from_onset(recording, signal, -pr + 0.13, -0.01)[LEAD["II"]]
        assert p.max() > 0.04 + np.abs(after).mean()


def test_stated_qrs_duration_pr_and_axis_are_in_the_signal() -> None:
    for (recording, signal), beat in zip(recordings(None, None), beats(None), strict=True):
        values = recording.measurements()
        assert (beat.qrs_end - beat.qrs_onset) / FS * 1000 == pytest.approx(values["qrs_duration_ms"] - 12, abs=24)
        # Without noise, the stated QRS is where the heart vector passes 3 % of its greatest length.
        times = np.arange(-0.03, recording.shape.qrs_duration + 0.03, 0.001)
        length = np.linalg.norm(recording.shape.qrs().sample(times), axis=0)
        active = times[length > 0.03 * length.max()] * 1000
        assert active[0] == pytest.approx(0.0, abs=10)
        assert active[-1] == pytest.approx(values["qrs_duration_ms"], abs=14)
        one, avf = beat.window(0, 100, beat.qrs_onset)[[LEAD["I"], LEAD["aVF"]]]
        axis = np.rad2deg(np.arctan2(2 / np.sqrt(3) * (avf.max() + avf.min()), one.max() + one.min()))
        assert axis == pytest.approx(values["qrs_axis_deg"], abs=12)
        p = from_onset(recording, signal, -0.3, -0.02)[LEAD["II"]]
        peak = 0.3 - int(np.argmax(p)) / FS
        middle = values["pr_interval_ms"] - values["p_duration_ms"] / 2
        assert peak * 1000 == pytest.approx(middle, abs=30)
