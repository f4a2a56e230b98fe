from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
from data_rows import data_row

from dataset_scripts.open_split import open_split
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import ShardWriter

COLUMNS = ("ecg_id", "report")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write(folder: Path, *ecg_ids: str) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    with ShardWriter(folder / "data/train-00000-of-00001.parquet") as writer:
        for ecg_id in ecg_ids:
            writer.add(np.zeros((12, 8), np.int16), data_row(ecg_id, "p"))
        writer.finish()
    (folder / "README.md").write_text("the same card everywhere")
    return folder


def test_folders_of_one_name_are_not_mistaken_for_each_other(tmp_path: Path):
    first, second = write(tmp_path / "a/set", "1", "2"), write(tmp_path / "b/set", "3")
    assert open_split(first, "train", COLUMNS)["ecg_id"][:] == ["1", "2"]
    assert open_split(second, "train", COLUMNS)["ecg_id"][:] == ["3"]
    write(first, "4")
    assert open_split(first, "train", COLUMNS)["ecg_id"][:] == ["4"]


def test_streamed(tmp_path: Path):
    rows = open_split(write(tmp_path / "set", "1", "2"), "train", COLUMNS, streaming=True)
    assert [row["ecg_id"] for row in rows] == ["1", "2"]


def test_only_some_columns(tmp_path: Path):
    rows = open_split(write(tmp_path / "set", "1"), "train", COLUMNS, columns=list(COLUMNS))
    assert rows.column_names == list(COLUMNS)


@pytest.mark.parametrize("streaming", [False, True])
def test_what_is_not_there_is_named(streaming: bool, tmp_path: Path):
    folder = write(tmp_path / "set", "1")
    with pytest.raises(EcgInputError, match=r"lacks the column poem; it has age, completion, .*: build it"):
        open_split(folder, "train", ("report", "poem"), streaming=streaming)
    with pytest.raises(EcgInputError, match=r"has no split 'test', only train"):
        open_split(folder, "test", COLUMNS, streaming=streaming)
    with pytest.raises(EcgInputError, match="has no config other; name one of default"):
        open_split(folder, "train", COLUMNS, config="other", streaming=streaming)
    with pytest.raises(EcgInputError, match="a revision is of a data set on the Hub"):
        open_split(folder, "train", COLUMNS, revision="main", streaming=streaming)
    with pytest.raises(EcgInputError, match="is a file, expected the folder"):
        open_split(folder / "README.md", "train", COLUMNS, streaming=streaming)
    with pytest.raises(EcgInputError, match="no/such-set is no data set that can be reached"):
        open_split("no/such-set", "train", COLUMNS, streaming=streaming)
