"""A small data set of invented reports, as `meit build` lays it out, with signals that name their row."""

import csv
import random
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.instructions.prompts import draw_prompt
from eval_suite.rows import ReportRows, load_reports

REPORTS = {
    "en": ("Sinus rhythm. Normal ECG.", "Sinus bradycardia.", "Atrial fibrillation, left axis deviation."),
    "de": ("Sinusrhythmus. Unauffälliges EKG.", "Überdrehter Linkstyp.", "Vorhofflimmern; Schenkelblock rechts."),
}


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep what `datasets` caches out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield


WORDS = (
    *("sinus", "rhythm", "rhythmus", "normales", "ekg", "t-wave", "unbestätigt", "überdrehter", "q-zacke"),
    *("in", "ii,", "iii", "und", "avf.", "4.46", "åäö", "naïve"),
)


@pytest.fixture(scope="session")
def made_up_pairs():
    """rows -> (predictions, references): like each other, with umlauts, an empty one, a short one, one in capitals."""

    def make(rows: int) -> tuple[list[str], list[str]]:
        draw = random.Random(7)
        references = [" ".join(draw.choices(WORDS, k=draw.randint(3, 14))) for _ in range(rows)]
        predictions = [
            " ".join(word if draw.random() < 0.7 else draw.choice(WORDS) for word in reference.split())
            for reference in references
        ]
        predictions[3] = ""
        predictions[4] = "Rhythm"
        predictions[5] = references[5].upper()
        return predictions, references

    return make


def write_split(
    folder: Path, split: str, rows: int, *, first: int = 0, rows_a_patient: int = 2, samples: int = 50
) -> None:
    """Row i's signal is i microvolts everywhere, its patient i // rows_a_patient."""
    ids = range(first, first + rows)
    languages = ["en" if i % 3 else "de" for i in ids]
    reports = [REPORTS[language][i * i % 5 % 3] for i, language in zip(ids, languages, strict=True)]
    table = pa.table(
        {
            "ecg_id": [f"r{i}" for i in ids],
            "patient_id": [f"p{i // rows_a_patient}" for i in ids],
            "signal": pa.array(
                [np.full((12, samples), i, dtype=np.int16).tolist() for i in ids], pa.list_(pa.list_(pa.int16()))
            ),
            "sampling_rate": pa.array([100] * rows, pa.int32()),
            "report_raw": [f"{text}  4.46" for text in reports],
            "report": reports,
            "language": languages,
            "prompt": [draw_prompt(f"r{i}", language) for i, language in zip(ids, languages, strict=True)],
        }
    )
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `validation`, 20 rows of 10 patients in the latter."""
    folder = tmp_path_factory.mktemp("data-set")
    write_split(folder, "train", 60, first=100)
    write_split(folder, "validation", 20)
    return folder


def write_csv(path: Path, rows: ReportRows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ecg_id", "prediction"])
        writer.writerows(reversed(list(zip(rows.ecg_ids, rows.reports, strict=True))))
    return path


@pytest.fixture
def mine(data_folder: Path, tmp_path: Path) -> Path:
    """A foreign system's file, perfect and in another order."""
    rows = load_reports(data_folder, "validation")
    return write_csv(tmp_path / "mine.csv", rows)
