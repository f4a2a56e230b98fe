"""What `score_predictions` keeps of a foreign system's file beside the scores."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.predictions import read_settings, write_with_settings
from eval_suite.rows import load_reports
from eval_suite.tasks.quality import score_predictions


def test_other_predictions_are_not_written_over(data_folder: Path, mine: Path, tmp_path: Path) -> None:
    score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", limit=4, samples=50)
    before = (tmp_path / "scores" / "predictions.parquet").read_bytes()
    with pytest.raises(EcgInputError, match=r"holds other predictions than .*; name another folder"):
        score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=50)
    assert (tmp_path / "scores" / "predictions.parquet").read_bytes() == before


def test_the_same_predictions_may_be_scored_again_otherwise(data_folder: Path, mine: Path, tmp_path: Path) -> None:
    for column in ("report", "report_raw"):
        score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=20, text_column=column)
    kept = pq.read_table(tmp_path / "scores" / "predictions.parquet")["reference"].to_pylist()
    assert kept == load_reports(data_folder, "validation", "report_raw").reports
    file = tmp_path / "scores" / "predictions.parquet"
    write_with_settings(file, pq.read_table(file), {"model": "abc"})
    score_predictions(mine, data_folder, "validation", out=file.parent, samples=20, text_column="report_raw")
    assert read_settings(file) == {"model": "abc"}
    file.write_bytes(b"PAR1 half")
    with pytest.raises(EcgInputError, match="not a Parquet file"):
        score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=20)


def with_confidence(mine: Path, value: str) -> None:
    header, *lines = mine.read_text().splitlines()
    mine.write_text("\n".join([f"{header},confidence", *(f"{line},{value}" for line in lines)]))


@pytest.mark.parametrize(("given", "kept"), [("0.5", 0.5), ("", None)])
def test_a_files_confidence_goes_along(data_folder: Path, mine: Path, tmp_path: Path, given: str, kept: object) -> None:
    with_confidence(mine, given)
    score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=50)
    assert pq.read_table(tmp_path / "scores" / "predictions.parquet")["confidence"].to_pylist() == [kept] * 20


@pytest.mark.parametrize("given", ["1.5", "sure", "nan"])
def test_a_confidence_that_is_none_stays_empty(
    data_folder: Path, mine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    with_confidence(mine, given)
    mine.write_text(mine.read_text().replace(given, "0.5", 1))
    score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=50)
    kept = pq.read_table(tmp_path / "scores" / "predictions.parquet")["confidence"].to_pylist()
    assert sorted(kept, key=str) == [0.5] + [None] * 19
    assert f"19 confidences, such as '{given}', are no number from 0 to 1" in caplog.text
