"""AUROC by hand and with draws of patients; PTB-XL's superclasses."""

import csv

import numpy as np
import pytest

from meit_training.auroc import auroc_by_label, macro_auroc_interval, weighted_auroc
from meit_training.encoder_labels import LabelArguments, label_matrix, label_names
from meit_training.superclasses import SUPERCLASSES, superclasses_of


def pairs(labels, scores):
    """Every positive against every negative, a tie for half."""
    wins = [float(p > n) + 0.5 * (p == n) for p in scores[labels > 0] for n in scores[labels == 0]]
    return np.mean(wins)


def test_auroc_by_hand():
    # Pairs (positive, negative): .9 beats .2 and .6; .6 beats .2 and ties .6: 3.5 of 4.
    one = np.ones((1, 4))
    assert weighted_auroc(np.array([1, 0, 1, 0]), np.array([0.9, 0.2, 0.6, 0.6]), one) == pytest.approx(3.5 / 4)
    assert weighted_auroc(np.array([1, 0, 0, 0]), np.array([-3.0, -2.0, -1.0, 0.0]), one) == 0


def test_auroc_of_many_rows_with_ties():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 3)) < 0.3).astype(np.float32)
    scores = np.round(labels + rng.normal(0, 1, labels.shape), 1).astype(np.float32)
    expected = [pairs(labels[:, c], scores[:, c]) for c in range(3)]
    np.testing.assert_allclose(auroc_by_label(labels, scores)[0], expected)


def test_a_weight_is_a_repetition():
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 30), np.round(rng.random(30), 1)
    weights = rng.integers(0, 4, (5, 30))
    found = weighted_auroc(labels, scores, weights)
    for weight, value in zip(weights, found, strict=True):
        assert value == pytest.approx(pairs(np.repeat(labels, weight), np.repeat(scores, weight)))


def test_a_draw_without_a_positive_is_not_a_number():
    assert np.isnan(weighted_auroc(np.array([1, 0]), np.array([1.0, 0.0]), np.array([[0, 1]])))[0]


def test_the_interval_holds_the_value_and_widens_where_patients_repeat():
    rng = np.random.default_rng(2)
    labels = (rng.random((60, 2)) < 0.4).astype(np.float32)
    scores = labels + rng.normal(0, 1.0, labels.shape)
    value = auroc_by_label(labels, scores).mean()
    low, high = macro_auroc_interval(labels, scores, [f"p{row}" for row in range(60)])
    assert low < value < high
    assert macro_auroc_interval(labels, scores, [f"p{row}" for row in range(60)]) == (low, high)
    # Every record four times over, by the same patient: four times the rows, and not a bit surer.
    repeated = [np.repeat(part, 4, axis=0) for part in (labels, scores, np.arange(60))]
    low4, high4 = macro_auroc_interval(repeated[0], repeated[1], [f"p{row}" for row in repeated[2]])
    assert high4 - low4 == pytest.approx(high - low, rel=0.15)
    alone = macro_auroc_interval(repeated[0], repeated[1], [str(row) for row in range(240)])
    assert alone[1] - alone[0] < 0.65 * (high - low)


def test_there_are_44_diagnostic_statements_in_five_classes():
    codes = [code for group in SUPERCLASSES.values() for code in group]
    assert len(codes) == len(set(codes)) == 44
    assert {name: len(group) for name, group in SUPERCLASSES.items()} == {
        "NORM": 1,
        "MI": 14,
        "STTC": 13,
        "CD": 11,
        "HYP": 5,
    }


def test_superclasses_of_a_record():
    assert superclasses_of(["IMI", "SR", "LAFB"]) == {"MI", "CD"}
    assert superclasses_of(["SR", "PVC", "AFIB"]) == set()  # rhythm and form are no diagnosis
    assert superclasses_of(["LVH", "RAO/RAE"]) == {"HYP"}


def test_records_without_a_superclass_do_not_count():
    arguments = LabelArguments(labels="superclasses")
    found = [{"NORM", "SR"}, {"SR"}, {"IMI", "ISC_"}]
    names = label_names(arguments, found, np.zeros(3, dtype=bool))
    labels, counted = label_matrix(arguments, names, found)
    assert names == ["NORM", "MI", "STTC", "CD", "HYP"]
    assert counted.tolist() == [True, False, True]
    assert labels.tolist() == [[1, 0, 0, 0, 0], [0] * 5, [0, 1, 1, 0, 0]]
    labels, counted = label_matrix(LabelArguments(), ["SR"], found)
    assert counted.all()
    assert labels[:, 0].tolist() == [1, 1, 0]


@pytest.mark.real
def test_the_table_is_the_archives(ptbxl_dir):
    with open(ptbxl_dir / "scp_statements.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["diagnostic"] == "1.0"]
    assert {row[""]: {row["diagnostic_class"]} for row in rows} == {
        code: superclasses_of([code]) for group in SUPERCLASSES.values() for code in group
    }
