"""Selective curves: by hand, with a confidence that knows everything, and with one that knows nothing."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.calibration.report_errors import report_errors
from eval_suite.calibration.selective import POINTS, patient_draws, selective_curve
from eval_suite.statistics import bootstrap


def own(rows: int) -> list[str]:
    return [f"p{row}" for row in range(rows)]


def test_a_curve_by_hand() -> None:
    # By confidence: .9 wrong by 0; .8 twice, wrong by 1 and 0; .5 wrong by .6.
    curve = selective_curve(np.array([0.8, 0.5, 0.9, 0.8]), np.array([1.0, 0.6, 0.0, 0.0]), own(4), samples=50)
    assert [(p.share, p.threshold) for p in curve.points] == [(0.25, 0.9), (0.75, 0.8), (1.0, 0.5)]
    assert [p.error.value for p in curve.points] == pytest.approx([0, 1 / 3, 0.4])
    assert curve.area.value == pytest.approx((0 + 1 / 3 + 1 / 3 + 0.4) / 4)
    assert curve.random_area == pytest.approx(0.4)
    # In the best order the errors are 0, 0, .6, 1.
    assert curve.best_area == pytest.approx((0 + 0 + 0.2 + 0.4) / 4)
    assert curve.gain.value == pytest.approx((0.4 - 0.8 / 3) / (0.4 - 0.15))
    assert all(p.error.low <= p.error.value <= p.error.high for p in curve.points)
    assert [p.share for p in curve.tenths()] == [0.25, 0.75, 1.0]


def test_a_confidence_that_knows_everything_reaches_the_best_area() -> None:
    errors = np.random.default_rng(1).random(3000)
    curve = selective_curve(1 - errors, errors, own(3000), samples=100)
    assert curve.area.value == pytest.approx(curve.best_area)
    assert curve.gain == pytest.approx((1, 1, 1))
    assert len(curve.points) == POINTS
    assert [p.error.value for p in curve.points] == sorted(p.error.value for p in curve.points)
    against = selective_curve(errors, errors, own(3000), samples=100)
    assert against.gain.high < -0.9


def test_a_useless_confidence_gains_nothing_and_says_so() -> None:
    draw = np.random.default_rng(2)
    hits = 0
    for _ in range(60):
        curve = selective_curve(draw.random(300), (draw.random(300) < 0.3) * 1.0, own(300), samples=200)
        hits += curve.gain.low <= 0 <= curve.gain.high
    assert hits >= 51, "a 95 % interval of nothing"
    same = selective_curve(np.full(300, 0.7), draw.random(300), own(300), samples=20)
    assert len(same.points) == 1
    assert same.area.value == pytest.approx(same.random_area)
    constant = selective_curve(draw.random(30), np.full(30, 0.25), own(30), samples=20)
    assert np.isnan(constant.gain).all()
    assert constant.area.value == pytest.approx(0.25)


def test_one_patient_has_no_interval() -> None:
    curve = selective_curve(np.array([0.9, 0.2]), np.array([0.0, 1.0]), ["p", "p"], samples=20)
    assert curve.area.value == 0.25
    assert np.isnan([curve.area.low, curve.area.high, curve.points[0].error.low]).all()


def test_the_curves_patients_are_drawn_as_everywhere() -> None:
    draw = np.random.default_rng(3)
    patients = [f"p{row // 3}" for row in range(60)]
    errors = np.repeat(draw.random(20), 3)

    class Mean:
        def matrix(self):
            return np.column_stack([errors, np.ones(60)])

        def scores(self, sums):
            return {"mean": sums[..., 0] / sums[..., 1]}

    everything = selective_curve(draw.random(60), errors, patients, samples=500, seed=4).points[-1].error
    assert everything == pytest.approx(bootstrap(Mean(), patients, samples=500, seed=4)["mean"])
    weights = np.concatenate(list(patient_draws(patients, 7, seed=4)))
    assert weights.shape == (7, 60)
    assert (weights.reshape(7, 20, 3) == weights.reshape(7, 20, 3)[:, :, :1]).all()


def test_a_large_archive_is_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    errors, confidence = np.random.default_rng(5).random((2, 40))
    whole = selective_curve(confidence, errors, own(40), samples=9)
    monkeypatch.setattr("eval_suite.calibration.selective._CELLS", 80)
    assert len(list(patient_draws(own(40), 9, 0))) == 5
    assert selective_curve(confidence, errors, own(40), samples=9) == whole


def test_bad_rows_are_refused() -> None:
    with pytest.raises(EcgInputError, match="2 confidences, 1 errors and 1 patient ids"):
        selective_curve(np.ones(2), np.ones(1), ["p"])
    with pytest.raises(EcgInputError, match="1 bootstrap samples"):
        selective_curve(np.ones(1), np.ones(1), ["p"], samples=1)


def test_errors_of_reports_by_hand() -> None:
    predictions = ["sinus rhythm.", "sinus rhythm. atrial fibrillation.", "", "see above", "see above", "sinus rhythm."]
    references = ["sinus rhythm.", "sinus rhythm.", "sinus rhythm.", "see below", "atrial fibrillation.", "see below"]
    found = report_errors(predictions, references)
    errors = found.errors
    assert found.critical.tolist() == [False, False, False, False, True, False]
    assert errors["findings"][[0, 2, 3, 4, 5]].tolist() == [0, 1, 0, 1, 1]
    assert 0 < errors["findings"][1] < 1
    # An invented and a missed atrial fibrillation; sinus rhythm is not critical.
    assert errors["critical"].tolist() == [0, 1, 0, 0, 1, 0]
    # Tokens: "sinus rhythm ." and "sinus rhythm . atrial fibrillation ." share 3: 2 * 3 / (3 + 6).
    assert errors["text"][:3] == pytest.approx([0, 1 - 6 / 9, 1])
