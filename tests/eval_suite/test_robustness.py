"""The robustness task with a tiny model on a few rows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.record import EcgInputError
from eval_suite.corruptions.corruption import Corruption
from eval_suite.corruptions.kinds import find_corruptions
from eval_suite.generate import generate_predictions, refused_rows
from eval_suite.metrics.text import meteor_name
from eval_suite.predictions import read_settings
from eval_suite.report_model import ReportModel
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, load_reports, load_split
from eval_suite.tasks.robustness import FOLDER, run_robustness
from meit_cli import main
from tests.eval_suite.conftest import write_split
from tests.tiny import save_tiny_model_folder

ROWS = 12
METRICS = ["BLEU-4", meteor_name(), "ROUGE-L", "CIDEr-D", "findings micro F1", "critical missed"]
# A factor of 1 changes nothing; one of 1000 makes values that no ECG has, which the processor refuses.
KINDS = ["gain:1:0.5:1000", "gaussian:10", "limb-swap:RA/LA"]
FILES = ["gain_0.5", "gain_1000.0", "gaussian_10.0", "limb-swap_RA-LA"]

pytestmark = pytest.mark.filterwarnings("ignore:ECG:UserWarning")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def noisy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose signals differ and reach 0.2 mV, half a second long, with one critical finding."""
    folder = tmp_path_factory.mktemp("noisy")
    write_split(folder, "validation", ROWS)
    path = next((folder / "data").iterdir())
    table = pq.read_table(path)
    draw = np.random.default_rng(2)
    signals = [draw.integers(-200, 200, (12, 50), dtype=np.int16).tolist() for _ in range(ROWS)]
    reports = table["report"].to_pylist()
    reports[5] = "Ventricular tachycardia."
    for name, column in (("signal", signals), ("report", reports)):
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(column, field.type))
    pq.write_table(table, path)
    return folder


@pytest.fixture(scope="module")
def rows(noisy_folder: Path) -> datasets.Dataset:
    return load_split(noisy_folder, "validation", (*TEXT_COLUMNS, *SIGNAL_COLUMNS, "report"))


@pytest.fixture(scope="module")
def finished(model_folder: Path, noisy_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """(folder, scores) of one run."""
    out = tmp_path_factory.mktemp("results")
    with pytest.warns(UserWarning, match="refuses 12 of the 12 corrupted ECGs, which count as empty"):
        scores = run_robustness(model_folder, noisy_folder, "validation", out, kinds=KINDS, samples=50, device="cpu")
    return out, scores


def test_the_results_are_the_agreed_ones(finished, noisy_folder: Path) -> None:
    out, scores = finished
    written = json.loads((out / "robustness.json").read_text(encoding="utf-8"))
    assert (written["schema"], written["task"]) == (1, "robustness")
    assert list(written["clean"]) == list(written["floor"]) == METRICS
    assert list(written["curves"]) == ["gain", "gaussian", "limb-swap"]
    gain = written["curves"]["gain"]
    assert {name: gain[name] for name in ("title", "parameter", "unit", "categorical")} == {
        **{"title": "Wrong gain", "parameter": "factor", "unit": "", "categorical": False}
    }
    assert gain["description"]
    assert [(point["level"], point["label"]) for point in gain["points"]] == [(1, "1"), (0.5, "0.5"), (1000, "1000")]
    swap = written["curves"]["limb-swap"]
    assert (swap["categorical"], swap["points"][0]["level"], swap["points"][0]["label"]) == (True, 1, "RA/LA")
    for curve in written["curves"].values():
        for point in curve["points"]:
            assert list(point["scores"]) == list(point["drop"]) == METRICS
            assert all(set(cell) == {"value", "low", "high"} for cell in point["drop"].values())
            for metric, drop in point["drop"].items():
                difference = written["clean"][metric]["value"] - point["scores"][metric]["value"]
                assert drop["value"] == pytest.approx(difference)
    conditions = written["conditions"]
    assert (conditions["rows"], conditions["split"], conditions["data"]) == (ROWS, "validation", noisy_folder.name)
    assert {"protocol", "interval", "drop", "gain"} <= set(conditions["definitions"])
    table = (out / "robustness.md").read_text(encoding="utf-8")
    for said in ("| clean |", "| blank ECG |", "gain 1000", "limb-swap RA/LA", "gain 1000: 12", "50 draws", *METRICS):
        assert said in table
    assert "gain 1000: 12" in scores.terminal()
    assert conditions["definitions"]["changes no ECG of these rows, so the clean predictions are taken"] == "gain 1"
    assert not any(other in table for other in ("macro", "exact set", "contradictory", "territory", "numbers agreed"))


def test_a_corruption_that_changes_nothing_costs_nothing(finished) -> None:
    out, scores = finished
    nothing, half, refused = scores.curves["gain"]
    assert nothing.scores == scores.clean
    assert all(cell == (0, 0, 0) for cell in nothing.drop.values())
    texts = {name: pq.read_table(out / FOLDER / f"{name}.parquet")["prediction"].to_pylist() for name in FILES}
    clean = pq.read_table(out / FOLDER / "clean.parquet")["prediction"].to_pylist()
    assert all(texts[name] != clean for name in FILES)
    assert [point.unchanged for point in scores.curves["gain"]] == [True, False, False]
    assert not (out / FOLDER / "gain_1.0.parquet").exists()  # not generated: they are the clean ones
    assert half.refused == 0
    # Refused rows are empty reports: they score nothing.
    assert refused.refused == ROWS
    assert texts["gain_1000.0"] == [""] * ROWS
    assert refused.scores["ROUGE-L"].value == refused.scores["findings micro F1"].value == 0


def test_a_cut_run_makes_only_what_is_missing(
    finished, model_folder: Path, noisy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = finished
    before = json.loads((out / "robustness.json").read_text(encoding="utf-8"))
    (out / FOLDER / "gaussian_10.0.parquet").unlink()
    calls: list[int] = []
    reports = ReportModel.reports

    def counted(self, signals, *arguments, **settings):
        calls.append(len(signals))
        return reports(self, signals, *arguments, **settings)

    monkeypatch.setattr(ReportModel, "reports", counted)
    # Another batch size is no other setting.
    kinds = [*KINDS, "any-seconds:0.3"]
    run_robustness(
        model_folder, noisy_folder, "validation", out, kinds=kinds, samples=50, device="cpu", batch_size=ROWS
    )
    assert calls == [ROWS, ROWS]
    after = json.loads((out / "robustness.json").read_text(encoding="utf-8"))
    assert {name: after["curves"][name] for name in before["curves"]} == before["curves"]
    assert after["clean"] == before["clean"]
    assert list(after["curves"]) == [*before["curves"], "any-seconds"]


def test_rows_share_a_batch_with_the_same_others_in_every_condition(
    model_folder: Path, noisy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    reports = ReportModel.reports

    def watched(self, signals, rates, prompts, **settings):
        batches.append(prompts)
        return reports(self, signals, rates, prompts, **settings)

    monkeypatch.setattr(ReportModel, "reports", watched)
    scores = run_robustness(
        *(model_folder, noisy_folder, "validation", tmp_path),
        kinds=["sampling-rate:100:50"],
        samples=10,
        batch_size=5,
        device="cpu",
    )
    clean, blank, half = batches[:3], batches[3:6], batches[6:]  # 100 Hz is the data set's own rate
    assert clean == blank == half
    assert [point.unchanged for point in scores.curves["sampling-rate"]] == [True, False]


def test_a_rows_noise_depends_on_no_other_row(
    model_folder: Path, rows: datasets.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, np.ndarray]] = []
    seen: dict[str, list[np.ndarray]] = {}
    corrupt = Corruption.__call__

    def named(self, signal, sampling_rate, ecg_id):
        found = corrupt(self, signal, sampling_rate, ecg_id)
        made.append((ecg_id, found[0]))
        return found

    class Watched(ReportModel):
        def reports(self, signals, *arguments, **settings):
            for signal in signals:
                seen.setdefault(next(ecg_id for ecg_id, array in made if array is signal), []).append(signal)
            return super().reports(signals, *arguments, **settings)

    monkeypatch.setattr(Corruption, "__call__", named)
    corruption = find_corruptions(["gaussian:0"])[0]
    for turned in (rows, rows.select(range(ROWS)[::-1]), rows.select(range(3, 7))):
        generate_predictions(Watched(model_folder, device="cpu"), turned, tmp_path / "p.parquet", corrupt=corruption)
    assert {ecg_id: len(signals) for ecg_id, signals in seen.items()} == {
        ecg_id: 3 if 3 <= row < 7 else 2 for row, ecg_id in enumerate(rows["ecg_id"])
    }
    assert all(np.array_equal(signal, signals[0]) for signals in seen.values() for signal in signals)


def test_clean_predictions_are_recognised_and_corrupted_ones_are_others(
    model_folder: Path, rows: datasets.Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "p.parquet"
    generate_predictions(model_folder, rows, out, device="cpu")
    # The settings of files made before there were corruptions.
    assert set(read_settings(out)) == {"model", "dtype", "signals", "texts", "ecg", "generation", "seed"}
    made = out.stat().st_mtime_ns
    generate_predictions(model_folder, rows, out, device="cpu", alike=["x" * row for row in range(ROWS)])
    assert out.stat().st_mtime_ns == made
    first, second = find_corruptions(["gaussian:10:5"])
    generate_predictions(model_folder, rows, out, corrupt=first, device="cpu")
    recorded = read_settings(out)["corruption"]
    assert len(recorded.pop("signals")) == 64
    assert recorded == {"kind": "gaussian", "version": 1, "level": 10.0, "seed": 0}
    corrupted = out.stat().st_mtime_ns
    generate_predictions(model_folder, rows, out, corrupt=first, device="cpu")
    assert made < corrupted == out.stat().st_mtime_ns
    generate_predictions(model_folder, rows, out, corrupt=second, device="cpu")
    assert out.stat().st_mtime_ns > corrupted
    assert refused_rows(out) == 0


def test_a_changed_noise_is_noticed_though_its_version_was_not_raised(
    model_folder: Path, rows: datasets.Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "p.parquet"
    first = find_corruptions(["gaussian:10"])[0]

    def settings_with(factor: float) -> dict:
        def change(signal, sampling_rate, level, rng):
            noisy, rate = first.kind.change(signal, sampling_rate, level, rng)
            return (signal + np.float32(factor) * (noisy - signal)).astype(np.float32), rate

        changed = replace(first, kind=replace(first.kind, change=change))
        generate_predictions(model_folder, rows, out, corrupt=changed, device="cpu")
        return read_settings(out)

    same, made = settings_with(1.0), out.stat().st_mtime_ns
    assert settings_with(1.0) == same
    assert out.stat().st_mtime_ns == made
    stronger = settings_with(1.2)
    assert out.stat().st_mtime_ns > made
    assert stronger["corruption"].pop("signals") != same["corruption"].pop("signals")
    assert stronger == same


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": ["gausian"]}, "did you mean 'gaussian'"),
        ({"kinds": ["gain:-1"]}, "gain has no level '-1'"),
        ({"limit": 0}, "limit 0"),
        ({"samples": 1}, "1 bootstrap samples, expected at least 2"),
    ],
)
def test_bad_input_is_refused_before_anything_is_generated(
    noisy_folder, tmp_path, settings: dict, message: str
) -> None:
    with pytest.raises(EcgInputError, match=message):
        run_robustness("no-model", noisy_folder, "validation", tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_an_empty_reference_is_refused_before_anything_is_generated(noisy_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy_folder, tmp_path / "data-set")
    path = next((folder / "data").iterdir())
    table = pq.read_table(path)
    place = table.schema.get_field_index("report")
    reports = pa.array([*table["report"].to_pylist()[:-1], " "], table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), reports), path)
    with pytest.raises(EcgInputError, match=r"reference of row 11 .* is empty"):
        run_robustness("no-model", folder, "validation", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_lists_the_kinds_and_runs(
    model_folder: Path, noisy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in (["--list-kinds"], ["--kinds", "list"]):
        with pytest.raises(SystemExit) as ended:
            main(["eval", "robustness", *asked])
        assert not ended.value.code
        assert "limb-swap: Limb electrodes exchanged" in capsys.readouterr().out
    given = ["--model", str(model_folder), "--data", str(noisy_folder), "--split", "validation", "--limit", "4"]
    command = ["eval", "robustness", *given, "--out", str(tmp_path / "out")]
    assert main([*command, "--kinds", "gain:2, limb-electrode-off:RA"]) == 0
    printed = capsys.readouterr().out
    assert "4 (the first of 12), of 2 patients" in printed
    assert "limb-electrode-off RA" in printed
    written = json.loads((tmp_path / "out" / "robustness.json").read_text(encoding="utf-8"))
    assert written["clean"]["critical missed"]["value"] is None  # these four have no critical finding
    reports = load_reports(noisy_folder, "validation").reports[:4]
    table = pq.read_table(tmp_path / "out" / FOLDER / "limb-electrode-off_RA.parquet")
    assert table["reference"].to_pylist() == reports
    assert main([*command, "--kinds", "gain:x"]) == 2
    assert "gain has no level 'x'" in capsys.readouterr().err
