"""The simulator's parts: lead laws, waves in time, noise levels, wordings."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dataset_scripts.simulation.anatomy import draw_anatomy, frontal_axis, turned_to_axis
from dataset_scripts.simulation.findings import FORMS, RHYTHMS, Case, axis_class, draw_case
from dataset_scripts.simulation.heart_vector import rotation
from dataset_scripts.simulation.leads import DOWER, electrode_noise_to_leads, project, twelve_leads
from dataset_scripts.simulation.morphology import RESHAPE
from dataset_scripts.simulation.noise import NoiseLevels, electrode_noise
from dataset_scripts.simulation.phrases import CLOSING_NORMAL, OTHERWISE_NORMAL, PHRASES
from dataset_scripts.simulation.recording import draw_recording
from dataset_scripts.simulation.report_text import LANGUAGES, write_report
from ecg_measurements.median_beat import median_beat


def test_lead_laws_hold_to_half_a_microvolt() -> None:
    leads = np.rint(twelve_leads(np.random.default_rng(0).normal(size=(8, 500))).astype(np.float64) * 1000)
    one, two, three, avr, avl, avf = leads[:6]
    assert np.array_equal(two, one + three)
    assert np.abs(avr + (one + two) / 2).max() <= 0.5
    assert np.abs(avl - (one - three) / 2).max() <= 0.5
    assert np.abs(avf - (two + three) / 2).max() <= 0.5


def test_dower_looks_where_the_electrodes_are() -> None:
    left, feet, back = np.eye(3)[:, :, None]
    gains = np.ones(8)
    assert project(left, gains)[[0, 6, 7], 0].min() > 0.6, "I, V5, V6 see a dipole to the left upright"
    assert project(feet, gains)[1, 0] > 1.0, "II sees one to the feet upright"
    assert project(back, gains)[[2, 3, 4], 0].max() < -0.9, "V1-V3 see one to the back inverted"
    assert DOWER.shape == (8, 3)


def test_noise_common_to_all_electrodes_is_not_seen() -> None:
    common = np.tile(np.random.default_rng(0).normal(size=50), (9, 1))
    assert np.abs(electrode_noise_to_leads(common)).max() < 1e-12


@pytest.mark.parametrize("sampling_rate", [1, 20, 100, 250, 500])
def test_noise_has_its_stated_level(sampling_rate: int) -> None:
    times = np.arange(20 * sampling_rate) / sampling_rate
    silent = electrode_noise(np.random.default_rng(0), NoiseLevels(0, 0, 0), times, sampling_rate, (0.25, 0.0))
    assert not silent.any()
    muscle = electrode_noise(np.random.default_rng(0), NoiseLevels(0.02, 0, 0), times, sampling_rate, (0.25, 0.0))
    assert muscle.shape == (9, len(times))
    assert np.isfinite(muscle).all()
    if sampling_rate >= 100:
        np.testing.assert_allclose(muscle.std(axis=1), 0.02, rtol=0.01)
    wander = electrode_noise(np.random.default_rng(0), NoiseLevels(0, 0, 0.1), times, sampling_rate, (0.25, 0.0))
    assert 0.03 < wander.std() < 0.3


def test_turning_reaches_the_axis_asked_for() -> None:
    anatomy = draw_anatomy(np.random.default_rng(3))
    for low, high in ((-75, -50), (105, 135), (0, 30)):
        assert (
            low - 1 <= frontal_axis(turned_to_axis(anatomy.beat, anatomy.gains, low, high), anatomy.gains) <= high + 1
        )


def test_rotation_keeps_lengths() -> None:
    np.testing.assert_allclose(rotation(10, -20, 30) @ rotation(10, -20, 30).T, np.eye(3), atol=1e-12)


def test_axis_classes() -> None:
    assert [axis_class(a) for a in (-120.0, -45.0, -30.0, 60.0, 90.0, 110.0)] == [
        "right", "left", "normal", "normal", "normal", "right",
    ]  # fmt: skip


def test_every_form_has_a_shape_and_every_condition_words() -> None:
    assert set(RESHAPE) == set(FORMS)
    english, german = PHRASES["en"], PHRASES["de"]
    for phrases in (english, german):
        assert set(FORMS) | set(RHYTHMS) | {"sinus_rhythm", "strain"} <= set(phrases)
        for options in (*phrases.values(), CLOSING_NORMAL["en"], OTHERWISE_NORMAL["de"]):
            assert len(options) >= 2
            assert all(text == text.lower().strip(" .") for text in options)


def test_about_a_quarter_is_normal_and_every_condition_occurs() -> None:
    drawn = [draw_case(np.random.default_rng([5, k])) for k in range(2500)]
    assert 0.23 < np.mean([case == Case(None, None) for case in drawn]) < 0.31
    for name in (*RHYTHMS, *FORMS):
        assert sum(name in (case.rhythm, case.form) for case in drawn) >= 15, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_what_is_there(language: str) -> None:
    normal = {"en": "normal ecg|normal limits", "de": "normales ekg|unauffälliges ekg|normbereich"}[language]
    fibrillation = {"en": "atrial fibrillation", "de": "vorhofflimmern"}[language]
    qt = {"en": r"\bqt\b", "de": r"\bqt-"}[language]
    for index in range(120):
        recording = draw_recording(4, index, 10.0)
        report = write_report(recording, language)
        case = recording.case
        assert report.endswith(".")
        if case == Case(None, None):
            assert re.search(normal, report)
        if case.form or case.rhythm == "atrial_fibrillation":
            assert not re.search(normal, report)
        assert bool(re.search(fibrillation, report)) == (case.rhythm == "atrial_fibrillation")
        assert bool(re.search(qt, report)) == (case.form == "long_qt")
        stated = re.search(r"(?:rate|frequenz) (\d+)/min", report)
        if stated:
            assert int(stated[1]) == round(recording.measurements()["heart_rate_bpm"])


def test_wordings_vary() -> None:
    normal = [r for r in (draw_recording(4, k, 10.0) for k in range(120)) if r.case == Case(None, None)]
    assert len({write_report(recording, "en") for recording in normal}) > 8


def test_a_record_without_a_whole_beat_has_no_median_beat() -> None:
    with pytest.raises(ValueError, match="no whole beat"):
        median_beat(np.random.default_rng(0).normal(size=(12, 60)), 100)
