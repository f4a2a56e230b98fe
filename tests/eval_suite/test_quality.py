import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.controls import reports as report_controls
from eval_suite.controls.embeddings import NoEcgEncoderError
from eval_suite.metrics.bertscore import BertScore
from eval_suite.metrics.text import metric_names, text_metrics
from eval_suite.predictions import read_predictions
from eval_suite.protocol import PROTOCOLS
from eval_suite.rows import load_reports
from eval_suite.tasks import quality
from eval_suite.tasks.quality import run_quality, score_predictions
from tests.eval_suite import coded_data
from tests.eval_suite.coded_data import with_codes
from tests.eval_suite.conftest import write_csv, write_split
from tests.eval_suite.tiny_bert import make_tiny_bert

SYSTEMS = [
    "model",
    "model, blank ECG",
    "model, shuffled ECG",
    "most frequent report",
    "most frequent report, told",
    "random report",
    "random report, told",
    "report of the nearest ECG",
    "report of the nearest ECG, told",
]
CODED = ["report of the same codes", "report of the same codes, told"]


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

    def embeddings(model, rows, out, *, limit=None, name) -> np.ndarray:
        calls.append({"embedded": name, "out": out and out.name, "rows": len(rows) if limit is None else limit})
        return np.eye(100, dtype=np.float32)[: calls[-1]["rows"]]

    Model.described = "some-model, sha256 of its files 0123456789abcdef, float32"
    monkeypatch.setattr(quality, "ReportModel", Model)
    monkeypatch.setattr(quality, "generate_predictions", generate)
    monkeypatch.setattr(report_controls, "ecg_embeddings", embeddings)
    return calls


def test_the_table_has_the_model_and_all_controls(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scores = run_quality("some-model", data_folder, "validation", out, seed=3, samples=200, device="cpu")
    assert list(scores.systems) == SYSTEMS
    assert {name: cell.value for name, cell in scores.systems["model"].items()} == pytest.approx(
        text_metrics(*[load_reports(data_folder, "validation").reports] * 2)
    )
    assert [(call["ecg"], call["out"]) for call in readings[:3]] == [
        ("true", "predictions.parquet"),
        ("blank", "predictions-blank.parquet"),
        ("shuffled", "predictions-shuffled.parquet"),
    ]
    assert all(call["seed"] == 3 and call["device"] == "cpu" for call in readings[:3])
    assert readings[3:] == [
        {"embedded": "train", "out": "embeddings-train.parquet", "rows": 60},
        {"embedded": "rows to score", "out": "embeddings.parquet", "rows": 20},
    ]
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
            "micro F1",
            "reference seen in training (6 rows)",
            "nearest by the cosine of the embeddings of some-model",
            *SYSTEMS,
            *metric_names(),
        ):
            assert said in text
    saved = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert list(saved["systems"]) == SYSTEMS
    assert set(saved["systems"]["model"]["CIDEr-D"]) == {"value", "low", "high"}
    assert (saved["schema"], saved["task"], saved["codes"], saved["protocols"]) == (2, "quality", None, {})
    assert saved["conditions"]["rows"] == 6
    assert saved["conditions"]["protocol"]["name"] == "strict"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.json", "table.md"]


def test_anybodys_predictions_are_scored_the_same(
    readings: list[dict], data_folder: Path, mine: Path, tmp_path: Path
) -> None:
    theirs = score_predictions(mine, data_folder, "validation", out=tmp_path / "scores", samples=50)
    models = run_quality("m", data_folder, "validation", tmp_path / "model", samples=50)
    assert list(theirs.systems) == ["mine.csv", *SYSTEMS[3:7]]
    assert theirs.systems["mine.csv"] == models.systems["model"]
    assert theirs.systems[SYSTEMS[5]] == models.systems[SYSTEMS[5]]
    assert "language told to the model: not stated" in theirs.terminal()
    assert (tmp_path / "scores" / "table.md").is_file()
    kept = tmp_path / "scores" / "predictions.parquet"
    assert read_predictions(kept) == read_predictions(mine)
    assert pq.read_table(kept)["reference"].to_pylist() == load_reports(data_folder, "validation").reports
    assert pq.read_table(kept)["confidence"].null_count == 20
    assert (
        score_predictions(kept, data_folder, "validation", out=kept.parent, samples=50).systems[kept.name]
        == (theirs.systems["mine.csv"])
    )
    first = score_predictions(mine, data_folder, "validation", limit=4, samples=50)
    assert (first.conditions.rows, first.conditions.rows_in_split) == (4, 20)
    mine.write_text(mine.read_text() + "other,sinus rhythm\n")
    with pytest.raises(EcgInputError, match="not among the 4 rows"):
        score_predictions(mine, data_folder, "validation", limit=4)


def test_no_control_finds_the_row_itself(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    """Scored rows and training are one split: record and patient of every scored row are left out."""
    data = with_codes(data_folder, tmp_path / "coded")
    scores = run_quality("m", data, "train", tmp_path / "out", limit=7, samples=20)
    assert "training reports left out: 8 of 60, as their record or patient" in scores.terminal()
    assert [call["rows"] for call in readings if "embedded" in call] == [52, 7]
    train = load_reports(data, "train")
    assert (
        scores.systems["random report"]
        == score_predictions(write_csv(tmp_path / "t.csv", train.head(7)), data, "train", limit=7, samples=20).systems[
            "random report"
        ]
    )
    with pytest.raises(EcgInputError, match="all 60 training rows are of records or patients to be scored"):
        run_quality("m", data, "train", tmp_path / "all", samples=20)
    assert len([call for call in readings if "ecg" in call]) == 3


def test_a_files_own_controls_and_an_encoder_are_taken(
    readings: list[dict], data_folder: Path, mine: Path, tmp_path: Path
) -> None:
    for ending in ("blank", "shuffled"):
        (tmp_path / f"mine-{ending}.csv").write_text(mine.read_text())
    found = score_predictions(mine, data_folder, "validation", encoder="some-model", samples=20)
    own = ["mine.csv", "mine.csv, blank ECG", "mine.csv, shuffled ECG"]
    assert list(found.systems) == [*own, *SYSTEMS[3:]]
    assert [call["out"] for call in readings] == [None, None]
    assert found.differences[own[1]]["BLEU-4"].high == 0


def test_findings_and_codes_stand_beside_the_text(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    data = with_codes(data_folder, tmp_path / "coded")
    scores = run_quality("m", data, "validation", tmp_path / "out", samples=60)
    everything = [*SYSTEMS, *CODED]
    assert list(scores.systems) == list(scores.findings.systems) == everything
    saved = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    findings, codes = saved["findings"], saved["codes"]
    assert findings["systems"]["model"]["micro F1"] == {"value": 1, "low": 1, "high": 1}
    assert findings["systems"]["model, blank ECG"]["micro F1"]["value"] < 0.6
    assert list(findings["paired_differences"]) == everything[1:]
    assert findings["paired_differences"]["model, blank ECG"]["micro F1"]["low"] > 0
    assert not any(name.startswith("F1 ") for name in findings["systems"]["model"])
    assert findings["by_finding"]["sinus_rhythm"]["F1"] == {"value": 1, "low": 1, "high": 1}
    rows = load_reports(data, "validation")
    said = sum("sinus" in text.lower() and "brady" not in text.lower() for text in rows.reports)
    assert findings["by_finding"]["sinus_rhythm"]["support"] >= said
    assert findings["counts"]["rows"] == 20
    # A heart rate was measured, and no report states one: 0 of 0 is no score.
    assert findings["systems"]["model"]["numbers agreed"] == {"value": None, "low": None, "high": None}
    assert findings["paired_differences"]["random report"]["numbers agreed"]["value"] is None
    assert list(codes["systems"]) == [*everything, "the true report"]
    assert codes["systems"]["model"] == codes["systems"]["the true report"]
    assert codes["paired_differences"]["the true report"]["superclass macro F1"] == {"value": 0, "low": 0, "high": 0}
    assert codes["systems"]["model"]["F1 NORM"]["value"] == 1
    assert codes["by_finding"]["NORM"]["precision"] == 1
    for text in (scores.terminal(), scores.markdown()):
        for said in ("superclass macro F1", "the true report", "exact set", "SCP codes", *CODED):
            assert said in text


def test_training_reports_may_come_from_elsewhere(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_split(other, "train", 8, first=300)
    table = pq.read_table(other / "data" / "train-00000-of-00001.parquet")
    place = table.column_names.index("report")
    table = table.set_column(place, "report", pa.array(["elsewhere"] * 8))
    pq.write_table(table, other / "data" / "train-00000-of-00001.parquet")
    # The data set itself needs no training split then.
    alone = tmp_path / "alone"
    write_split(alone, "validation", 20)
    scores = run_quality("m", alone, "validation", tmp_path / "out", train_data=other, samples=20)
    assert scores.systems["most frequent report"]["BLEU-1"].value == 0
    assert scores.leakage.rows == {"reference seen in training": 0, "reference not seen": 20}
    assert scores.memorisation["rare_texts"] == 1
    assert readings[3]["rows"] == 8
    assert "training reports: other, split train" in scores.terminal()
    within = run_quality("m", data_folder, "validation", tmp_path / "within", samples=20)
    assert within.leakage.rows["reference seen in training"] == 20
    assert "training reports:" not in within.terminal()


def test_every_protocol_on_the_same_predictions(readings: list[dict], data_folder: Path, tmp_path: Path) -> None:
    scores = run_quality("m", data_folder, "validation", tmp_path, all_protocols=True, nearest_ecg=False, samples=20)
    saved = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["protocols"]
    assert list(saved) == list(PROTOCOLS)
    assert all(list(rows) == SYSTEMS[:7] for rows in saved.values())
    for name in SYSTEMS[:7]:
        assert saved["strict"][name]["BLEU-1"] == pytest.approx(scores.systems[name]["BLEU-1"].value)
    blank = "model, blank ECG"
    assert saved["strict"][blank]["BLEU-1"] < saved["meit-release-prompt"][blank]["BLEU-1"]
    for text in (scores.terminal(), scores.markdown()):
        assert "never a number of one protocol with a number of another" in text


@pytest.mark.parametrize("protocol", ["meit-release", "meit-release-prompt"])
def test_a_released_protocol_has_every_table_too(
    readings: list[dict], data_folder: Path, tmp_path: Path, protocol: str
) -> None:
    data = with_codes(data_folder, tmp_path / "coded")
    scores = run_quality("m", data, "validation", tmp_path / "out", protocol=protocol, nearest_ecg=False, samples=20)
    assert scores.systems["model"]["BLEU-4"].value == pytest.approx(1, abs=1e-6)
    assert scores.leakage.scores["reference seen in training"]["BLEU-4"].value == pytest.approx(1, abs=1e-6)
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["conditions"]["protocol"]["name"] == protocol


def test_a_model_without_an_ecg_encoder_leaves_a_note(
    readings: list[dict], data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_, **__):
        raise NoEcgEncoderError("some-model has no method encode_ecg")

    monkeypatch.setattr(report_controls, "ecg_embeddings", refuse)
    scores = run_quality("m", data_folder, "validation", tmp_path, samples=20)
    assert list(scores.systems) == SYSTEMS[:7]
    assert "report of the nearest ECG: left out: some-model has no method encode_ecg" in scores.markdown()


def test_bertscore_adds_its_columns(readings: list[dict], data_folder: Path, mine: Path, tmp_path: Path) -> None:
    pytest.importorskip("bert_score", reason="needs bert-score: pip install bert-score")
    judge = BertScore(make_tiny_bert(tmp_path / "tiny-bert"))
    found = score_predictions(mine, data_folder, "validation", bertscore=judge, samples=20)
    column = "BERTScore-F1 (tiny-bert)"
    assert found.systems["mine.csv"][column].value == pytest.approx(1, abs=1e-5)
    assert found.differences["random report"][column].value > 0
    assert "BERTScore: mean of rows, tiny-bert, layer 3" in found.terminal()


def test_bad_input_is_refused_before_anything_is_generated(
    readings: list[dict], data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(EcgInputError, match="no split 'test'"):
        run_quality("m", data_folder, "test", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EcgInputError, match="is a file"):
        run_quality("m", data_folder, "validation", tmp_path / "file")
    with pytest.raises(EcgInputError, match="1 bootstrap samples"):
        run_quality("m", data_folder, "validation", tmp_path / "out", samples=1)
    empty = shutil.copytree(data_folder, tmp_path / "empty")
    file = empty / "data" / "validation-00000-of-00001.parquet"
    table = pq.read_table(file)
    place = table.column_names.index("report")
    pq.write_table(table.set_column(place, "report", pa.array(["sinus rhythm"] * 19 + [" "])), file)
    with pytest.raises(EcgInputError, match=r"the reference of row 19 .* is empty"):
        run_quality("m", empty, "validation", tmp_path / "out")
    alone = tmp_path / "alone"
    write_split(alone, "train", 8, first=300)
    write_split(alone, "validation", 2)
    with pytest.raises(EcgInputError, match="one patient has 2 of the 2 rows"):
        run_quality("m", alone, "validation", tmp_path / "out")
    with pytest.raises(EcgInputError, match=r"meit-release with .*, expected roberta-large"):
        run_quality("m", data_folder, "validation", tmp_path / "out", protocol="meit-release", bertscore=OtherModel())
    assert not readings


class OtherModel:
    name, rescaled, columns = "tiny", False, ("P", "R", "BERTScore-F1 (tiny)")


def test_codes_of_another_archive_are_passed_over(
    readings: list[dict], data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(coded_data.CODES, "Sinus bradycardia.", ["XYZ", "SBRAD"])
    data = with_codes(data_folder, tmp_path / "coded")
    rows = sum("XYZ" in codes for codes in load_reports(data, "validation").codes)
    scores = run_quality("m", data, "validation", tmp_path / "out", samples=20)
    assert f"codes passed over: 1 that no finding has (XYZ), in {rows} rows" in scores.terminal()
    assert scores.codes.systems["model"] == scores.codes.systems["the true report"]
    for text in coded_data.CODES:
        monkeypatch.setitem(coded_data.CODES, text, ["XYZ"])
    data = with_codes(data_folder, tmp_path / "foreign")
    assert run_quality("m", data, "validation", tmp_path / "other", samples=20).codes is None
