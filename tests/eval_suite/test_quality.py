import csv
import json
from pathlib import Path

import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.metrics.text import metric_names, text_metrics
from eval_suite.rows import load_reports
from eval_suite.statistics import Interval
from eval_suite.table import number
from eval_suite.tasks import quality
from eval_suite.tasks.quality import run_quality, score_predictions

SYSTEMS = [
    "model",
    "model, blank ECG",
    "model, shuffled ECG",
    "most frequent report",
    "most frequent report, told",
    "random report",
    "random report, told",
]


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """A model that is right with the true ECG, says one thing without, and the reverse row's report when shuffled."""
    calls: list[dict] = []

    class Model:
        def __init__(self, name, **kwargs) -> None:
            self.folder, self.kwargs = Path(name), kwargs
            self.fingerprint, self.dtype = "0123456789abcdefff", "float32"

    def generate(model, rows, out: Path, *, ecg, limit, text_column, **kwargs) -> list[str]:
        calls.append({"ecg": ecg, "out": out.name, **kwargs, **model.kwargs})
        reports = list(rows[text_column])[:limit]
        return {"true": reports, "blank": ["Sinus rhythm."] * len(reports), "shuffled": reports[::-1]}[ecg]

    monkeypatch.setattr(quality, "ReportModel", Model)
    monkeypatch.setattr(quality, "generate_predictions", generate)
    return calls


def test_the_table_has_the_model_and_all_controls(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scores = run_quality("some-model", data_folder, "validation", out, seed=3, samples=200, device="cpu")
    assert list(scores.systems) == SYSTEMS
    assert {name: cell.value for name, cell in scores.systems["model"].items()} == pytest.approx(
        text_metrics(*[load_reports(data_folder, "validation").reports] * 2)
    )
    assert [(call["ecg"], call["out"]) for call in readings] == [
        ("true", "predictions.parquet"),
        ("blank", "predictions-blank.parquet"),
        ("shuffled", "predictions-shuffled.parquet"),
    ]
    assert all(call["seed"] == 3 and call["device"] == "cpu" for call in readings)
    beaten = scores.differences["model, blank ECG"]["BLEU-4"]
    assert 0 < beaten.low <= beaten.value <= beaten.high
    assert list(scores.differences) == SYSTEMS[1:]


def test_every_table_says_how_it_was_made(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    scores = run_quality(
        "some-model", data_folder, "validation", tmp_path, limit=6, language_told=False, seed=3, samples=50
    )
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert written == scores.markdown()
    for text in (written, scores.terminal()):
        for said in (
            "strict version 1",
            "evaluated: some-model, sha256 of its files 0123456789abcdef, float32",
            f"data: {data_folder.name}, split validation",
            "6 (the first of 20), of 3 patients",
            "text column: report",
            "language told to the model: no",
            r"\w+|[^\w\s]",
            "METEOR",
            "seed: 3",
            "50 draws of whole patients",
            "word for word",
            *SYSTEMS,
            *metric_names(),
        ):
            assert said in text
    saved = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert list(saved["systems"]) == SYSTEMS
    assert set(saved["systems"]["model"]["CIDEr-D"]) == {"value", "low", "high"}
    assert saved["conditions"]["rows"] == 6
    assert saved["conditions"]["protocol"]["name"] == "strict"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.json", "table.md"]


def test_anybodys_predictions_are_scored_the_same(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    rows = load_reports(data_folder, "validation")
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ecg_id", "prediction"])
        writer.writerows(reversed(list(zip(rows.ecg_ids, rows.reports, strict=True))))
    mine = score_predictions(path, data_folder, "validation", out=tmp_path / "scores", samples=50)
    models = run_quality("m", data_folder, "validation", tmp_path / "model", samples=50)
    assert mine.systems["mine.csv"] == models.systems["model"]
    assert mine.systems[SYSTEMS[5]] == models.systems[SYSTEMS[5]]
    assert "language told to the model: not stated" in mine.terminal()
    assert (tmp_path / "scores" / "table.md").is_file()
    with pytest.raises(EcgInputError, match="not among the 4 rows"):
        score_predictions(path, data_folder, "validation", limit=4)


def test_bad_input_is_refused_before_anything_is_generated(
    readings: list[dict], data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(EcgInputError, match="no split 'test'"):
        run_quality("m", data_folder, "test", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EcgInputError, match="is a file"):
        run_quality("m", data_folder, "validation", tmp_path / "file")
    assert not readings


def test_numbers_are_printed_as_in_the_paper() -> None:
    assert [number(x) for x in (0.4667, 4.45, -0.0312, 10.01, -0.0002, 1.0)] == [
        *(".467", "4.450", "-.031", "10.010", ".000", "1.000")
    ]
    assert Interval(1, 0, 2)._asdict() == {"value": 1, "low": 0, "high": 2}
