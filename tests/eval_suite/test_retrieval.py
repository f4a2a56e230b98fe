"""Reports looked up in training by codes and by the nearest ECG."""

import ast
import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval_suite.controls.baselines import LANGUAGE_TOLD
from eval_suite.controls.retrieval import NEAREST, SAME_CODES, nearest_reports, reports_by_codes
from eval_suite.metrics.text import text_metrics
from eval_suite.rows import ReportRows
from tests.eval_suite.ptbxl_reports import ptbxl_reports


def rows(languages: list[str], codes: list[str] | None, reports: list[str] | None = None) -> ReportRows:
    ids = [f"x{i}" for i in range(len(languages))]
    sets = None if codes is None else [frozenset(text.split()) for text in codes]
    return ReportRows(ids, ids, languages, reports or ["?"] * len(ids), sets)


TRAIN = rows(
    ["en", "en", "en", "de", "de", "en"],
    ["A B", "A B", "A B", "A B", "C", "A C D"],
    ["two", "one", "two", "zwei", "drei", "four"],
)


def test_the_commonest_report_of_the_same_codes_else_of_the_most_similar() -> None:
    asked = rows(["en", "de", "en", "en", "sv", "en"], ["A B", "B A", "A D", "C", "A B", ""])
    found = reports_by_codes(asked, TRAIN)
    # "A D" has two of three codes of "A C D", one of three of "A B". Nothing is like no codes: the commonest of all.
    assert found[SAME_CODES] == ["two", "two", "four", "drei", "two", "two"]
    # German has "A B" and "C"; English "C" is nearest to "A C D". Swedish is not in training, so not told.
    assert found[SAME_CODES + LANGUAGE_TOLD] == ["two", "zwei", "four", "four", "two", "two"]


def test_without_codes_there_is_no_such_control() -> None:
    assert reports_by_codes(rows(["en"], None), TRAIN) == {}
    assert reports_by_codes(rows(["en"], ["A"]), rows(["en"], None)) == {}


def test_the_nearest_ecg_by_the_cosine() -> None:
    train = rows(["en", "en", "de"], None, ["right", "up", "links"])
    vectors = np.array([[3.0, 0.0], [0.0, 0.1], [-1.0, 0.1]])
    asked = rows(["en", "en", "de", "sv"], None)
    found = nearest_reports(asked, train, np.array([[0.1, 9.0], [1.0, 0.9], [1.0, 0.0], [-5.0, 0.0]]), vectors)
    assert found[NEAREST] == ["up", "right", "right", "links"]
    assert found[NEAREST + LANGUAGE_TOLD] == ["up", "right", "links", "links"]


def test_an_embedding_of_zeros_is_no_error() -> None:
    train = rows(["en", "en"], None, ["first", "second"])
    with np.errstate(all="raise"):
        found = nearest_reports(rows(["en"], None), train, np.zeros((1, 2)), np.ones((2, 2)))
    assert found[NEAREST] == ["first"]


def test_the_ladder_goes_on_with_the_codes(ptbxl_dir: Path) -> None:
    """Fold 9, codes alone, as an independent script measured it."""
    with (ptbxl_dir / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["ecg_id"]: frozenset(ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)}

    def fold(folds: Iterable[int]) -> ReportRows:
        found = ptbxl_reports(ptbxl_dir, folds)
        return replace(found, codes=[codes[ecg_id] for ecg_id in found.ecg_ids])

    asked, train = fold([9]), fold(range(1, 9))
    scores = text_metrics(reports_by_codes(asked, train)[SAME_CODES], asked.reports)
    columns = ("BLEU-1", "BLEU-4", "ROUGE-L", "Exact")
    assert [scores[column] for column in columns] == pytest.approx([0.462, 0.326, 0.489, 0.147], abs=0.003)
