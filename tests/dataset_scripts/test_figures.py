from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_rows import data_row

from dataset_scripts.figures import count
from dataset_scripts.shards import ShardWriter


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with ShardWriter(path) as writer:
        for row in rows:
            writer.add(np.zeros((12, 8), np.int16), row)
        writer.finish()
    return path


def code(name: str) -> list[dict[str, Any]]:
    return [{"code": name, "likelihood": 100.0}]


@pytest.fixture
def counts(tmp_path: Path) -> dict[str, Any]:
    first = [data_row("1", "a", report="sinus rhythm.", scp_codes=code("SR")), data_row("2", "a", report="flutter.")]
    second = [data_row("3", "b", report="pacing.", language="de", scp_codes=code("PACE"), report_en="[?xyz] pacing.")]
    flawed = data_row("4", "c", report="sinus rhythm.", scp_codes=code("SR"))
    flawed["signal_quality"] |= {"missing_share": 0.1, "flat_leads": ["V1"], "lead_verdict": "swapped"}
    asked = {"task": "rate", "prompt": "?", "completion": "60/min."}
    test = [flawed, data_row("5", "d", report="new."), data_row("6", "d", report="new.", questions=[asked] * 2)]
    train = [write(tmp_path / "a", first), write(tmp_path / "b", second)]
    return count({"train": train, "test": [write(tmp_path / "c", test)]})


def test_rows_patients_and_languages(counts: dict[str, Any]):
    assert counts["rows"] == {"train": 3, "test": 3}
    assert counts["patients"] == {"train": 2, "test": 2}
    assert counts["languages"] == {"train": {"de": 1, "en": 2}, "test": {"en": 3}}
    assert counts["questions"] == {"train": {}, "test": {"rate": 2}}


def test_reports_of_another_split_that_stand_in_train(counts: dict[str, Any]):
    assert counts["repeated_reports"] == {"test": 0.3333}


def test_flaws_and_words_left_untranslated(counts: dict[str, Any]):
    assert counts["signal_quality"] == {
        "train": {},
        "test": {"flat leads": 1, "limb leads swapped": 1, "missing samples": 1},
    }
    assert counts["untranslated_words"] == {"train": 1, "test": 0}


def test_labels_and_their_shift(counts: dict[str, Any]):
    assert counts["labels"] == {"SR": {"train": 0.3333, "test": 0.3333}, "PACE": {"train": 0.3333, "test": 0.0}}
    assert counts["label_shift"] == {"test": 0.5}


def test_an_archive_for_testing_only(tmp_path: Path):
    counts = count({"test": [write(tmp_path / "a", [data_row("1", "a")])]})
    assert counts["repeated_reports"] == counts["label_shift"] == counts["labels"] == {}
