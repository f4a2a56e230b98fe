"""`meit eval calibration` from predictions to its files, and the threshold that stays with the model."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoConfig, AutoModelForCausalLM

import meit_cli
from dataset_scripts.errors import EcgInputError
from dataset_scripts.reports.language import LANGUAGES
from ecg_files.read import read_ecg_file
from eval_suite.calibration.abstention import ERRORS, Target
from eval_suite.calibration.asked import language_told
from eval_suite.confidence import CONFIDENCE
from eval_suite.generate import generate_predictions
from eval_suite.model_folder import folder_fingerprint, read_config
from eval_suite.predictions import read_confidences, read_settings, write_predictions, write_table_whole
from eval_suite.report_model import ReportModel
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, load_reports, load_split
from eval_suite.table import number
from eval_suite.tasks.calibration import run_calibration
from meit_report import write_report
from tests.eval_suite.conftest import write_split
from tests.made_up_ecg import write_record
from tests.tiny import save_tiny_model_folder

ROWS = 800


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 rows of 400 patients, a quarter of them in atrial fibrillation."""
    folder = tmp_path_factory.mktemp("calibrated-set")
    write_split(folder, "validation", ROWS)
    (file,) = (folder / "data").iterdir()
    table = pq.read_table(file)
    column = table.column_names.index("report")
    reports = table["report"].to_pylist()
    reports = [text if row // 2 % 4 else "Atrial fibrillation." for row, text in enumerate(reports)]
    pq.write_table(table.set_column(column, "report", [reports]), file)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model_folder(tmp_path_factory.mktemp("saved") / "model", num_ecg_tokens=2)


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def predict(
    data: Path,
    out: Path,
    by: Path | None = None,
    told: Sequence[str] | None = None,
    split: str = "validation",
    **settings,
) -> Path:
    """Patients in turn: four right and sure, one wrong and unsure; the confidence falls within both."""
    rows = load_reports(data, split)
    wrong = [row // 2 % 5 == 4 for row in range(len(rows))]
    columns = {
        "ecg_id": rows.ecg_ids,
        "patient_id": rows.patient_ids,
        "prompt": [
            "Read it." if told is None else f"Read it. Write the report in {LANGUAGES[name]}."
            for name in told or rows.languages
        ],
        "reference": rows.reports,
        "prediction": ["" if bad else text for bad, text in zip(wrong, rows.reports, strict=True)],
        "confidence": [(0.5 if bad else 0.99) - row / 10_000 for row, bad in enumerate(wrong)],
    }
    made_by = {} if by is None else {"model": folder_fingerprint(by), "dtype": "float32"}
    write_predictions(out, columns, {**made_by, "ecg": "true", "generation": {}, **settings})
    return out


def run(*arguments: object) -> int:
    return meit_cli.main(["eval", "calibration", *map(str, arguments)])


def test_the_command_finds_measures_and_stores_a_threshold(data: Path, model: Path, tmp_path: Path, capsys) -> None:
    before = {path: path.read_bytes() for path in model.iterdir()}
    predict(data, tmp_path / "results" / "predictions.parquet", model)
    arguments = ["--predictions", tmp_path / "results", "--data", data, "--split", "validation"]
    arguments += ["--target-error", "0.1", "--out", tmp_path / "out", "--store", model]
    assert run(*arguments) == 0
    printed = capsys.readouterr().out
    assert "Error among the answered" in printed
    assert f"threshold stored in {model}" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["calibration.json", "calibration.md"]

    found = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))
    assert (found["schema"], found["task"]) == (1, "calibration")
    assert (found["conditions"]["rows"], found["conditions"]["patients"]) == (800, 400)
    assert set(found["selective"]) == set(found["errors"]) == set(ERRORS)
    for curve in found["selective"].values():
        shares = [point["share"] for point in curve["points"]]
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert {"share", "threshold", "error"} == set(curve["points"][0])
        assert {"value", "low", "high"} == set(curve["area"]) == set(curve["points"][0]["error"])
        assert curve["best_area"] <= curve["area"]["value"] + 1e-12
    assert found["selective"]["findings"]["random_area"] == pytest.approx(0.2)
    assert found["selective"]["findings"]["area"]["value"] == pytest.approx(found["selective"]["findings"]["best_area"])
    critical = found["critical"]
    assert {row["rows"] for row in critical} == {200}
    assert critical[-1]["share"] == critical[-1]["answered"]["value"] == 1
    assert 0 < critical[0]["answered"]["value"] < critical[4]["answered"]["value"] < 1
    assert [critical[place]["error"]["value"] for place in (0, 4, 9)] == pytest.approx([0, 0, 0.2])
    assert set(found["reliability"]) == {kind for name in ERRORS for kind in (name, f"{name}, isotonic")}
    assert set(found["calibration_error"]) == set(found["reliability"])
    assert sum(one["rows"] for one in found["reliability"]["findings"]) == 400
    errors = found["calibration_error"]
    assert errors["findings, isotonic"]["value"] < errors["findings"]["value"]
    assert all((one["low"], one["high"]) == (None, None) and one["by_chance"] >= 0 for one in errors.values())
    for name in ERRORS:
        raw, fitted = (found["reliability"][key] for key in (name, f"{name}, isotonic"))
        assert [one["rows"] for one in raw] == [one["rows"] for one in fitted], "the same bins"
    assert found["confidence"].startswith(f"{CONFIDENCE}: ")

    abstention = found["abstention"]
    assert abstention["target"] == {"error": "findings", "at_most": 0.1, "chance": 0.1}
    assert abstention["chosen_on"]["bound"] <= 0.1
    assert abstention["measured_on"]["rows"] + abstention["chosen_on"]["rows"] == 800
    assert abstention["measured_on"]["patients"] == abstention["chosen_on"]["patients"] == 200
    # Of the sure four fifths none is wrong; a few of the unsure are let in.
    assert 0.8 < abstention["chosen_on"]["share"] < 0.9
    table = (tmp_path / "out" / "calibration.md").read_text(encoding="utf-8")
    assert f"at least {abstention['threshold']:.4f}" in table

    stored = AutoConfig.from_pretrained(model, trust_remote_code=True).abstention
    assert stored["threshold"] == abstention["threshold"]
    assert stored["error_answered"] == abstention["measured_on"]["error"]
    assert (stored["confidence"], stored["error"], stored["target"]) == (CONFIDENCE, "findings", 0.1)
    assert (stored["text_column"], stored["language_told"], stored["dtype"]) == ("report", False, "float32")
    assert sum(stored["languages"].values()) == pytest.approx(1)
    assert (stored["data"], stored["split"], stored["rows"]) == (data.name, "validation", 400)
    after = {path: path.read_bytes() for path in model.iterdir()}
    changed = [path.name for path in after if before.get(path) != after[path]]
    assert changed == ["config.json"]
    assert after.keys() == before.keys()
    # The file is still this model's: a second threshold replaces the first.
    assert run(*arguments, "--seed", "1") == 0
    assert AutoConfig.from_pretrained(model, trust_remote_code=True).abstention != stored


def test_where_no_threshold_meets_the_target_nothing_is_stored(data: Path, model: Path, tmp_path: Path, capsys) -> None:
    file = predict(data, tmp_path / "p.parquet", model)
    before = (model / "config.json").read_bytes()
    arguments = ["--predictions", file, "--data", data, "--split", "validation", "--out", tmp_path / "out"]
    arguments += ["--target-error", "0.0001", "--store", model]
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    error = printed.err.splitlines()[-1]
    assert error.startswith(f"meit: error: nothing is stored in {model}: No threshold keeps the error findings")
    assert (model / "config.json").read_bytes() == before
    found = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))
    assert found["abstention"] is None
    lowest = found["target_missed"]["lowest"]
    assert lowest["bound"] > 0.0001
    assert 0.2 <= lowest["share"] <= 1
    assert lowest["bound"] <= found["target_missed"]["first"]["bound"]
    said = f"{lowest['share']:.1%} answered, error {number(lowest['error'])}, bound {number(lowest['bound'])}."
    assert f"of all that answer 20% or more: {said}" in printed.out
    assert run(*arguments[:-4]) == 0
    assert json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))["target_missed"] is None


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    file = predict(data, tmp_path / "p.parquet")
    outs = [tmp_path / name for name in ("a", "b", "c")]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        run_calibration(file, data, "validation", out=out, target=Target("text", 0.1), seed=seed, samples=50)
    one, two, other = ((out / "calibration.json").read_bytes() for out in outs)
    assert one == two != other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "0" * 64}, "was made by other files than"),
        ({"ecg": "blank"}, "made with blank ECGs, expected the rows' own"),
        ({"generation": {"num_beams": 4}}, "for the model's own generation_config"),
    ],
)
def test_a_threshold_of_other_predictions_is_not_stored(
    data: Path, model: Path, tmp_path: Path, settings: dict, message: str
) -> None:
    file = predict(data, tmp_path / "p.parquet", model, **settings)
    before = (model / "config.json").read_bytes()
    with pytest.raises(EcgInputError, match=message):
        run_calibration(file, data, "validation", target=Target("findings", 0.1), store=model, samples=20)
    assert (model / "config.json").read_bytes() == before


def test_what_cannot_be_stored_into_is_refused(data: Path, model: Path, tmp_path: Path) -> None:
    file = predict(data, tmp_path / "p.parquet", model)
    target = Target("findings", 0.1)
    with pytest.raises(EcgInputError, match="no target was given"):
        run_calibration(file, data, "validation", store=model)
    with pytest.raises(EcgInputError, match=r"has no config\.json"):
        run_calibration(file, data, "validation", target=target, store=tmp_path / "none")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(EcgInputError, match="of the model type 'llama', expected 'meit'"):
        run_calibration(file, data, "validation", target=target, store=tmp_path / "other")
    (model / "model.safetensors").write_bytes(b"trained on")
    with pytest.raises(EcgInputError, match="was made by other files than"):
        run_calibration(file, data, "validation", target=target, store=model)
    table = pq.read_table(file)
    write_table_whole(tmp_path / "bare.parquet", table.replace_schema_metadata(None))
    with pytest.raises(EcgInputError, match="does not record which model made it"):
        run_calibration(tmp_path / "bare.parquet", data, "validation", target=target, store=model)
    # Without storing, anybody's file will do.
    assert run_calibration(tmp_path / "bare.parquet", data, "validation", target=target, samples=20).abstention


def test_a_full_disk_leaves_the_old_configuration(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = predict(data, tmp_path / "p.parquet", model)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    fingerprint = folder_fingerprint(model)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        run_calibration(file, data, "validation", target=Target("findings", 0.1), store=model, samples=20)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert folder_fingerprint(model) == fingerprint


def test_a_threshold_of_reports_the_model_has_seen_is_not_stored(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tmp_path / "set"
    write_split(seen, "train", 40)
    file = predict(seen, tmp_path / "p.parquet", model, split="train")
    arguments = ["--predictions", file, "--data", seen, "--split", "train", "--out", tmp_path / "out"]
    arguments += ["--target-error", "0.5"]
    assert run(*arguments, "--store", model) == 2
    assert "a threshold of the split train is not stored" in capsys.readouterr().err
    assert run(*arguments) == 0
    assert "\nWARNING: these reports are of the split train" in capsys.readouterr().out
    file = predict(data, tmp_path / "q.parquet", model)
    assert "WARNING" not in run_calibration(file, data, "validation", samples=20).terminal()


def test_a_threshold_is_stored_with_how_the_model_was_asked(data: Path, model: Path, tmp_path: Path) -> None:
    languages = load_reports(data, "validation").languages
    file = predict(data, tmp_path / "p.parquet", model, languages, dtype="bfloat16")
    run_calibration(file, data, "validation", target=Target("findings", 0.1), store=model, samples=50)
    stored = read_config(model / "config.json")["abstention"]
    assert (stored["language_told"], stored["dtype"]) == (True, "bfloat16")
    assert stored["languages"] == {name: languages.count(name) / ROWS for name in sorted(set(languages))}
    file = predict(data, tmp_path / "p.parquet", model, ["sv"] * ROWS)
    with pytest.raises(EcgInputError, match=rf"of {ROWS} prompts name another language"):
        run_calibration(file, data, "validation", target=Target("findings", 0.1), store=model, samples=50)


def test_whether_the_language_was_told() -> None:
    german, none = "Read it. Write the report in German.", "Read it."
    assert language_told([none, german], ["other", "de"])
    assert not language_told([none, none], ["other", "de"])
    for strange in ([german, german], [none, german]):
        with pytest.raises(EcgInputError, match="1 of 2 prompts name another language"):
            language_told(strange, ["de", "other"] if strange[0] == german else ["de", "de"])


def test_what_the_confidence_of_others_is_nobody_here_knows(data: Path, tmp_path: Path) -> None:
    rows = load_reports(data, "validation")
    lines = [f"{ecg_id},Sinus rhythm,0.{row:03d}" for row, ecg_id in enumerate(rows.ecg_ids)]
    (tmp_path / "p.csv").write_text("\n".join(["ecg_id,prediction,confidence", *lines]))
    scores = run_calibration(tmp_path / "p.csv", data, "validation", out=tmp_path / "out", samples=20)
    assert scores.conditions.lines()["confidence"] == "as the file states it"
    found = json.loads((tmp_path / "out" / "calibration.json").read_text("utf-8"))
    assert found["confidence"] == "as the file states it"


def test_an_interval_that_says_nothing_is_not_shown(data: Path, tmp_path: Path) -> None:
    scores = run_calibration(predict(data, tmp_path / "p.parquet"), data, "validation", samples=50)
    surest = scores.selective["findings"].tenths()[0]
    assert f"| 10% | {surest.threshold:.3f} | .000 | .000 | .000 |" in scores.markdown()


def test_a_negative_seed_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--predictions", "p.csv", "--data", data, "--split", "validation", "--out", tmp_path / "o"]
    assert run(*arguments, "--seed", "-1") == 2
    assert "'-1', expected a whole number from 0 up" in capsys.readouterr().err


def test_a_threshold_survives_saving_and_loading(data: Path, model: Path, tmp_path: Path) -> None:
    file = predict(data, tmp_path / "p.parquet", model)
    run_calibration(file, data, "validation", target=Target("findings", 0.1), store=model, samples=50)
    stored = read_config(model / "config.json")["abstention"]
    loaded = AutoModelForCausalLM.from_pretrained(model, trust_remote_code=True)
    assert loaded.config.abstention == stored
    loaded.save_pretrained(tmp_path / "again")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "again", trust_remote_code=True).config.abstention == stored


def test_the_fingerprint_leaves_the_threshold_out_and_nothing_else(model: Path) -> None:
    first, config = folder_fingerprint(model), model / "config.json"
    fields = read_config(config)
    config.write_text(json.dumps({**fields, "abstention": {"threshold": 0.5}}))
    assert folder_fingerprint(model) == first
    config.write_text(json.dumps({**fields, "num_ecg_tokens": 9}))
    assert folder_fingerprint(model) != first
    config.write_text("[]")
    with pytest.raises(EcgInputError, match="holds no JSON object"):
        folder_fingerprint(model)
    config.write_text("{")
    with pytest.raises(EcgInputError, match="is no JSON file"):
        folder_fingerprint(model)


def test_from_a_models_own_predictions_to_its_report(model: Path, tmp_path: Path) -> None:
    """Generated, calibrated, stored; evaluated again from what is there; the report knows of it."""
    build = ["build", "synthetic", "--num-records", "150", "--out", str(tmp_path / "set"), "--seed", "3"]
    assert meit_cli.main(build) == 0
    rows = load_split(tmp_path / "set", "validation", (*TEXT_COLUMNS, *SIGNAL_COLUMNS, "report"))
    file = tmp_path / "predictions.parquet"
    generate_predictions(ReportModel(model, device="cpu"), rows, file)
    written = file.stat().st_mtime_ns
    scores = run_calibration(file, tmp_path / "set", "validation", target=Target("critical", 0.9), store=model)
    assert scores.abstention is not None
    assert "model with sha256 of its files" in scores.conditions.system
    generate_predictions(ReportModel(model, device="cpu"), rows, file)
    assert file.stat().st_mtime_ns == written, "a stored threshold changes no prediction"

    record = read_ecg_file(write_record(tmp_path))
    report = write_report(record, str(model), "What does it show?")
    assert report.abstention == read_config(model / "config.json")["abstention"]
    assert report.abstains is (report.confidence < scores.abstention.chosen.threshold)


def test_confidences_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ecg_id,prediction,confidence\n1,SR,0.25\n2,VHF,1\n")
    assert read_confidences(tmp_path / "a.csv") == {"1": 0.25, "2": 1.0}
    for bad in ("", "1.5", "-0.1", "sure", "nan"):
        (tmp_path / "b.csv").write_text(f"ecg_id,prediction,confidence\n1,SR,{bad}\n")
        with pytest.raises(EcgInputError, match=r"the confidence of ecg_id 1 is .*, expected a number from 0 to 1"):
            read_confidences(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("ecg_id,prediction\n1,SR\n")
    with pytest.raises(EcgInputError, match="lacks the column confidence, it has ecg_id, prediction"):
        read_confidences(tmp_path / "c.csv")
    assert read_settings(tmp_path / "none.parquet") is None


def test_options_that_need_a_target_are_refused_without_one(data: Path, tmp_path: Path, capsys) -> None:
    for option in (["--store", "m"], ["--error", "text"], ["--chance", "0.2"]):
        arguments = ["--predictions", "p.csv", "--data", data, "--split", "validation", "--out", tmp_path / "o"]
        assert run(*arguments, *option) == 2
        assert "belong to --target-error" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
