from pathlib import Path

import datasets
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, load_reports, load_split, report_rows


def test_the_text_side_of_a_split(data_folder: Path) -> None:
    rows = load_reports(data_folder, "validation", "report_raw")
    assert len(rows) == 20
    assert rows.ecg_ids[:2] == ["r0", "r1"]
    assert rows.reports[0].endswith("4.46")
    assert rows.head(3).patient_ids == ["p0", "p0", "p1"]
    assert len(rows.head(None)) == 20


def test_signals_come_where_asked(data_folder: Path) -> None:
    assert load_split(data_folder, "validation", (*TEXT_COLUMNS, *SIGNAL_COLUMNS))[3]["signal"][11][0] == 3


@pytest.mark.parametrize(
    ("split", "column", "message"),
    [
        ("test", "report", "has no split 'test', only train, validation"),
        ("train", "report_en", "lacks the column report_en; it has .*report_raw"),
    ],
)
def test_what_is_not_there_is_named(data_folder: Path, split: str, column: str, message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        load_reports(data_folder, split, column)


def test_what_is_no_data_set_is_refused(tmp_path: Path, data_folder: Path) -> None:
    with pytest.raises(EcgInputError, match="is no data set"):
        load_reports(tmp_path, "train")
    with pytest.raises(EcgInputError, match="is no data set"):
        load_reports(tmp_path / "missing", "train")
    (tmp_path / "file").write_text("x")
    with pytest.raises(EcgInputError, match="is a file"):
        load_reports(tmp_path / "file", "train")
    with pytest.raises(EcgInputError, match="limit 0"):
        load_reports(data_folder, "train").head(0)


def test_an_id_twice_is_refused(data_folder: Path) -> None:
    split = load_split(data_folder, "validation", (*TEXT_COLUMNS, "report"))
    with pytest.raises(EcgInputError, match="ecg_id r1 twice"):
        report_rows(split.select([0, 1, 1]), "report")
    with pytest.raises(EcgInputError, match="no rows"):
        report_rows(split.select([]), "report")


@pytest.mark.parametrize("column", ["ecg_id", "patient_id"])
def test_a_row_without_an_id_is_refused(column: str) -> None:
    columns = {name: ["a", "b", "c"] for name in (*TEXT_COLUMNS, "report")}
    split = datasets.Dataset.from_dict({**columns, column: ["a", None, "c"]})
    with pytest.raises(EcgInputError, match=rf"row 1 \(counted from 0\) has no {column}"):
        report_rows(split, "report")
