"""Two systems' results folders and files of predictions, made for tests of comparisons."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from eval_suite.predictions import write_predictions

SAID = ("sinus rhythm. normal ecg.", "atrial fibrillation. left axis deviation.", "left bundle branch block.")
REFERENCES = [SAID[i % 3] for i in range(60)]
GOOD = [text if i % 10 else "sinus rhythm." for i, text in enumerate(REFERENCES)]
BAD = [SAID[(i + (i % 3 == 0)) % 3] for i in range(60)]


def write_side(folder: Path, predictions: list[str], references: list[str] = REFERENCES, **conditions) -> Path:
    """A results folder with as much of `scores.json` as a comparison reads."""
    rows = len(predictions)
    columns = {
        "ecg_id": [f"r{i}" for i in range(rows)],
        "patient_id": [f"p{i // 2}" for i in range(rows)],
        "prompt": ["Please report."] * rows,
        "reference": references[:rows],
        "prediction": predictions,
        "confidence": [1.0] * rows,
    }
    write_predictions(folder / "predictions.parquet", columns, {"model": "0123456789abcdefff", "ecg": "true"})
    said = {
        "system": folder.name + ", float32",
        "data": "some-set",
        "split": "test",
        "rows": rows,
        "rows_in_split": rows,
        "patients": (rows + 1) // 2,
        "text_column": "report",
        "language_told": True,
        "protocol": {"name": "strict", "version": 1, "rules": "the report alone"},
        **conditions,
    }
    scores = {"schema": 2, "task": "quality", "conditions": said, "systems": {"model": {}}}
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    return folder


def write_csv(path: Path, predictions: dict[str, str], **columns: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ecg_id", "prediction", *columns])
        writer.writerows((*pair, *more) for pair, *more in zip(predictions.items(), *columns.values(), strict=True))
    return path


def rewrite(path: Path, **columns: list[str | None]) -> None:
    """Other texts in some columns of a Parquet file."""
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    pq.write_table(table, path)
