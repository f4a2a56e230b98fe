from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.model_folder import folder_fingerprint
from eval_suite.predictions import COLUMNS, align, read_predictions, read_settings, write_predictions

ROWS = {
    "ecg_id": ["1", "2"],
    "patient_id": ["p", "q"],
    "prompt": ["Read it.", "Read it."],
    "reference": ["SR", "VHF"],
    "prediction": ["SR", ""],
    "confidence": [0.5, 1.0],
}


def test_a_file_has_the_agreed_columns_and_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "predictions.parquet"
    assert read_settings(path) is None
    write_predictions(path, ROWS, {"seed": 1, "generation": {"num_beams": 3}})
    assert pq.read_table(path).column_names == list(COLUMNS)
    assert read_predictions(path) == {"1": "SR", "2": ""}
    assert read_settings(path) == {"seed": 1, "generation": {"num_beams": 3}}
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, ROWS, {})
    before = path.read_bytes()

    def full_disk(table: pa.Table, where: Path) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_predictions(path, ROWS, {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.parquet"]


def test_a_csv_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('﻿ecg_id,prediction,more\n01,"Überdrehter, \nLinkstyp",x\n2,nan,\n3,,\n4\n', encoding="utf-8")
    assert read_predictions(path) == {"01": "Überdrehter, \nLinkstyp", "2": "nan", "3": "", "4": ""}


def test_blanks_and_capitals_of_a_name_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "MINE.CSV"
    path.write_text(" ecg_id, prediction \n1,SR\n")
    assert read_predictions(path) == {"1": "SR"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"ecg_id,text\n1,SR\n", "lacks the column prediction, it has ecg_id, text"),
        ("a.csv", b"", "lacks the column ecg_id and prediction, it has none"),
        ("a.csv", b"ecg_id,prediction\n1,SR\n1,VHF\n", "ecg_id 1 more than once"),
        ("a.csv", b"ecg_id,prediction\n1,\xfcber\n", "not a UTF-8 CSV"),
        ("a.parquet", b"PAR1 no", "not a Parquet file"),
        ("a.json", b"{}", "ends in '.json', expected"),
        ("b.csv", None, "is not a file"),
        ("a.csv", b"ecg_id,prediction, prediction\n1,SR,AF\n", "the column prediction more than once"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EcgInputError, match=message):
        read_predictions(tmp_path / name)


def test_every_row_needs_exactly_one_prediction() -> None:
    assert align("f.csv", {"2": "b", "1": "a"}, ["1", "2"]) == ["a", "b"]
    with pytest.raises(EcgInputError, match=r"lacks 4 of the 5 rows to score \(1, 2, 3, …\)"):
        align("f.csv", {"5": "e"}, ["1", "2", "3", "4", "5"])
    with pytest.raises(EcgInputError, match=r"1 ecg_ids that are not among the 1 rows to score \(9\)"):
        align("f.csv", {"1": "a", "9": "z"}, ["1"])


def test_the_fingerprint_follows_every_file_but_the_card(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    first = folder_fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("scores")
    assert folder_fingerprint(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"weightz")
    assert folder_fingerprint(tmp_path) != first
