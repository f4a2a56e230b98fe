"""`meit eval score` and `meit eval quality` as a user calls them."""

import csv
import json
from pathlib import Path

import pytest

import meit_cli
from checkpoints import shipped_names
from eval_suite.rows import load_reports
from tests.eval_suite.coded_data import with_codes
from tests.eval_suite.tiny_bert import make_tiny_bert


@pytest.fixture
def foreign(data_folder: Path, tmp_path: Path) -> list[str]:
    """Arguments that score a foreign system's file of id and text."""
    data = with_codes(data_folder, tmp_path / "coded")
    rows = load_reports(data, "validation")
    with (tmp_path / "foreign.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ecg_id", "prediction", "remark"])
        writer.writerows(
            (ecg_id, f"{text} Sinus rhythm.", "") for ecg_id, text in zip(rows.ecg_ids, rows.reports, strict=True)
        )
    return ["eval", "score", str(tmp_path / "foreign.csv"), "--data", str(data), "--split", "validation"]


def test_a_foreign_systems_file_is_scored_by_one_command(foreign: list[str], capsys, tmp_path: Path) -> None:
    out = tmp_path / "results"
    options = ["--out", str(out), "--limit", "12", "--samples", "40", "--seed", "5", "--language-not-told"]
    assert meit_cli.main([*foreign, *options, "--all-protocols"]) == 0
    printed = capsys.readouterr().out
    saved = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in out.iterdir()) == ["predictions.parquet", "scores.json", "table.md"]
    conditions = saved["conditions"]
    given = {name: conditions[name] for name in ("rows", "samples", "seed", "language_told")}
    assert given == {"rows": 12, "samples": 40, "seed": 5, "language_told": False}
    assert next(iter(saved["systems"])) == "foreign.csv"
    assert 0.3 < saved["systems"]["foreign.csv"]["BLEU-1"]["value"] < 1
    assert saved["codes"]["systems"]["foreign.csv"]["superclass macro F1"]["value"] > 0
    assert set(saved["leakage"]["rows"].values()) == {12, 0}
    assert list(saved["protocols"]) == ["strict", "meit-release", "meit-release-prompt"]
    for said in ("foreign.csv", "report of the same codes, told", "meit-release-prompt", f"written to {out}"):
        assert said in printed


def test_bertscore_is_an_option(foreign: list[str], capsys, tmp_path: Path) -> None:
    pytest.importorskip("bert_score", reason="needs bert-score: pip install bert-score")
    folder = make_tiny_bert(tmp_path / "tiny-bert")
    assert meit_cli.main([*foreign, "--bertscore", str(folder), "--samples", "20"]) == 0
    assert "BERTScore-F1 (tiny-bert)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bertscore-rescaled"], "give that, too"),
        (["--train-data-config", "x"], "give that, too"),
        (["--trust-remote-code"], "is for --encoder"),
        (["--language-told", "--language-not-told"], "not allowed with"),
        (["--samples", "0"], "positive whole number"),
        (["--bertscore", "nowhere"], "nowhere holds no config.json"),
        (["--encoder", "nobody"], "no model folder nobody"),
        (["--train-data", "nowhere"], "nowhere is no data set"),
    ],
)
def test_options_that_cannot_be_are_one_line(foreign: list[str], capsys, options: list[str], message: str) -> None:
    assert meit_cli.main([*foreign, *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


@pytest.mark.skipif(not shipped_names(), reason="no model is shipped in this installation")
def test_the_shipped_model_beside_every_control(capsys, tmp_path: Path) -> None:
    """All of it once, with the true encoder, and a second time from what lies in the folder."""
    data, out = tmp_path / "synthetic", tmp_path / "results"
    build = ["build", "synthetic", "--num-records", "60", "--out", str(data), "--num-proc", "1"]
    assert meit_cli.main(build) == 0
    command = ["eval", "quality", "--model", shipped_names()[0], "--data", str(data), "--split", "test"]
    command += ["--out", str(out), "--limit", "3", "--samples", "20"]
    assert meit_cli.main(command) == 0
    names = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert set(names) == {
        *("predictions.parquet", "predictions-blank.parquet", "predictions-shuffled.parquet"),
        *("embeddings.parquet", "embeddings-train.parquet"),
    }
    first = (out / "scores.json").read_text(encoding="utf-8")
    saved = json.loads(first)
    assert {"model, blank ECG", "report of the nearest ECG", "report of the nearest ECG, told"} <= set(saved["systems"])
    assert meit_cli.main(command) == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")} == names
    assert (out / "scores.json").read_text(encoding="utf-8") == first
    assert "report of the nearest ECG" in capsys.readouterr().out
    # The same reports as a file of somebody's, with its own controls beside it and an encoder that is named.
    command = ["eval", "score", str(out / "predictions.parquet"), "--encoder", shipped_names()[0], "--data", str(data)]
    command += ["--split", "test", "--limit", "3", "--samples", "20", "--out", str(tmp_path / "again")]
    assert meit_cli.main(command) == 0
    again = json.loads((tmp_path / "again" / "scores.json").read_text(encoding="utf-8"))
    renamed = {name.replace("model", "predictions.parquet"): row for name, row in saved["systems"].items()}
    assert again["systems"] == renamed
    assert again["findings"]["systems"].keys() == renamed.keys()
