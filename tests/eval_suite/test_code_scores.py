"""Agreement of texts with SCP codes as sums over rows."""

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.code_agreement import code_agreement, macro_f1
from eval_suite.findings.code_scores import LABELS, code_statistics
from eval_suite.findings.names import SUPERCLASSES
from eval_suite.statistics import bootstrap

TEXTS = ["old inferior infarct", "no inferior infarct", "normal ecg", "possible lbbb", ""]
CODES = [["IMI"], ["IMI", "SR"], ["NORM"], ["CLBBB"], ["NORM"]]


def test_by_hand() -> None:
    found = code_statistics(TEXTS, CODES, min_coded=1)
    assert found.superclasses == ("NORM", "MI", "CD")
    # Row 1 denies what is coded, row 3 hedges it, row 4 says nothing.
    values = {name: float(value) for name, value in found.scores(found.matrix().sum(axis=0)).items()}
    assert values["F1 MI"] == pytest.approx(2 / 3)
    assert values["F1 NORM"] == pytest.approx(2 / 3)
    assert values["F1 CD"] == 1
    assert values["superclass macro F1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    coded = ("sinus_rhythm", "left_bundle_branch_block", "inferior_myocardial_infarction", "normal_ecg")
    assert found.frequent == coded
    assert values["statement macro F1"] == pytest.approx((0 + 1 + 2 / 3 + 2 / 3) / 4)
    assert found.by_label()["MI"] == {"precision": 1, "recall": 0.5, "F1": pytest.approx(2 / 3), "support": 2}
    assert found.matrix().shape == (5, 3 * len(LABELS))


def test_equals_the_table_of_agreement() -> None:
    texts, codes = TEXTS * 9 + ["sinus rhythm"], [*CODES * 9, ["SR", "AFIB"]]
    found, table = code_statistics(texts, codes), code_agreement(texts, codes)
    by_label = found.by_label()
    assert {name: row["F1"] for name, row in by_label.items()} == pytest.approx(
        {name: table[name].f1 for name in by_label}
    )
    intervals = bootstrap(found, [str(row // 2) for row in range(len(texts))], samples=100)
    assert intervals["superclass macro F1"].value == pytest.approx(macro_f1(table, found.superclasses))
    assert intervals["superclass macro F1"].low < intervals["superclass macro F1"].high


def test_labels_that_no_row_has_are_not_averaged() -> None:
    found = code_statistics(["normal ecg"], [["NORM"]])
    assert list(found.scores(np.zeros((2, 3 * len(LABELS))))) == ["superclass macro F1", "F1 NORM"]
    assert set(SUPERCLASSES) - set(found.superclasses) == {"MI", "STTC", "CD", "HYP"}


def test_bad_input_is_refused() -> None:
    with pytest.raises(EcgInputError, match="1 reports with 0 rows of codes"):
        code_statistics(["a"], [])


def test_a_code_that_no_finding_has_is_passed_over() -> None:
    known, more = code_statistics(TEXTS, CODES), code_statistics(TEXTS, [[*codes, "XYZ"] for codes in CODES])
    assert np.array_equal(known.matrix(), more.matrix())


def test_a_label_that_a_draw_lacks_leaves_the_macro_average() -> None:
    found = code_statistics(["normal ecg", "lbbb"], [["NORM"], ["IMI"]], min_coded=1)
    whole, first = (found.scores(sums) for sums in (found.matrix().sum(axis=0), found.matrix()[0]))
    assert whole["superclass macro F1"] == 0.5
    assert first["superclass macro F1"] == 1
    assert np.isnan(first["F1 MI"])
