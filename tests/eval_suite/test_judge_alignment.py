import argparse
import json
import random
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from chat_server import ChatServer
from scripted_judge import (
    VALIDATED,
    WRONG,
    Seen,
    answer,
    answering,
    honest,
    judge_at,
    run,
    write_predictions,
    write_quality,
)

from dataset_scripts.errors import EcgInputError
from eval_suite.judge import candidates
from eval_suite.judge.drawn_rows import draw_rows
from eval_suite.judge.rubric import DIMENSIONS
from eval_suite.rows import DataSource, load_reports
from eval_suite.tasks import alignment
from meit_commands import evaluate_alignment
from meit_commands.arguments import UsageError
from meit_remote.endpoint import Prices


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer()
    server.answer = answering(honest)
    yield server
    server.close()


@pytest.fixture(scope="module")
def validated_folder(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    write_quality(data_folder, folder, VALIDATED)
    return folder


def test_rows_are_drawn_by_seed_among_the_validated_ones(data_folder: Path, validated_folder: Path) -> None:
    drawn = draw_rows(DataSource(str(validated_folder)), "validation", "report", 5, 3)
    assert set(drawn.rows.ecg_ids) < VALIDATED
    assert drawn.rows.ecg_ids == sorted(VALIDATED, key=lambda ecg_id: random.Random(f"3/{ecg_id}").random())[:5]
    more = draw_rows(DataSource(str(validated_folder)), "validation", "report", 500, 3)
    assert more.rows.ecg_ids[:5] == drawn.rows.ecg_ids
    assert set(more.rows.ecg_ids) == VALIDATED
    assert draw_rows(DataSource(str(validated_folder)), "validation", "report", 500, 4).rows != more.rows
    assert "drawn by seed 3 among the 10 that a human validated, of 20 in the split" in more.described(3)
    everything = draw_rows(DataSource(str(data_folder)), "validation", "report", None, 3)
    assert len(everything.rows) == 20
    assert "all 20 of the split" in everything.described(3)
    reports = dict(
        zip(*(lambda rows: (rows.ecg_ids, rows.reports))(load_reports(data_folder, "validation")), strict=True)
    )
    assert all(reports[i] == text for i, text in zip(more.rows.ecg_ids, more.rows.reports, strict=True))
    assert [f"r{position}" for position in more.positions] == more.rows.ecg_ids


def test_the_table_has_the_system_and_its_controls(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    scores = run(server, data_folder, tmp_path / "out")
    assert list(scores.systems) == [
        *("mine.csv (20 rows)", "most frequent report (6 rows)", "random report, told (6 rows)"),
        "the reference itself (6 rows)",
    ]
    mine = scores.systems["mine.csv (20 rows)"]
    assert mine["Medical Terminology Accuracy"].value == pytest.approx((15 * 5 + 5 * 1) / 20)
    assert mine["Logical Consistency"].value == pytest.approx((15 * 5 + 5 * 4) / 20)
    assert mine["Completeness"].low < mine["Completeness"].value < mine["Completeness"].high
    assert mine["Mean"].value == pytest.approx((15 * 20 + 5 * 10) / 80)
    assert set(scores.systems["the reference itself (6 rows)"]["Mean"]) == {5}
    assert list(scores.differences) == ["most frequent report", "random report, told", "the reference itself"]
    first = draw_rows(DataSource(str(data_folder)), "validation", "report", 6, 0).rows
    assert scores.asked[1].ecg_ids == first.ecg_ids
    own = np.mean([5 if int(ecg_id[1:]) < 15 else 2.5 for ecg_id in first.ecg_ids])
    assert scores.differences["the reference itself"]["Mean"].value == pytest.approx(own - 5)


def test_everything_is_written_and_says_how_it_was_made(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scores = run(server, data_folder, out, seed=3, settings=judge_at(server, prices=Prices(2.0, 10.0)))
    written = (out / "judge.md").read_text(encoding="utf-8")
    assert written == scores.markdown()
    for text in (written, scores.terminal()):
        for said in (
            "scripted at 127.0.0.1, rubric meit-table6 version 1",
            "temperature 0, seed 3",
            "evaluated: mine.csv",
            f"{data_folder.name}, split validation",
            "20 of 10 patients, drawn by seed 3 among all 20",
            "the first 6 of these rows",
            "200 draws of whole patients",
            "without scores: none",
            "tokens",
            "USD",
            "order swapped",
            "quadratic-weighted kappa",
            *DIMENSIONS.values(),
        ):
            assert said in text
    saved = json.loads((out / "judge.json").read_text(encoding="utf-8"))
    assert set(saved) == {"conditions", "systems", "paired_differences", "checks", "failures", "usage"}
    assert saved["systems"]["mine.csv (20 rows)"]["Mean"]["value"] == scores.systems["mine.csv (20 rows)"]["Mean"].value
    table = pq.read_table(out / "judged.parquet")
    assert table.column_names == [*("system", "question", "ecg_id", "patient_id"), *DIMENSIONS, "asked", "failure"]
    assert table.num_rows == 20 + 3 * 6 + 3 * 6
    row = next(row for row in table.to_pylist() if row["ecg_id"] == "r19" and row["question"] == "asked once")
    assert [row[key] for key in DIMENSIONS] == [1, 4, 3, 2]
    assert (row["system"], row["patient_id"], row["asked"], row["failure"]) == ("mine.csv", "p9", 1, None)
    report = load_reports(data_folder, "validation").reports[0]
    for path in out.iterdir():
        assert report.encode() not in path.read_bytes()
    assert stat.S_IMODE((out / "replies.sqlite").stat().st_mode) == 0o600
    assert sorted(path.name for path in out.iterdir()) == ["judge.json", "judge.md", "judged.parquet", "replies.sqlite"]


def test_cost_is_that_of_the_different_questions(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    settings = judge_at(server, prices=Prices(2.0, 10.0))
    usage = run(server, data_folder, tmp_path / "out", settings=settings).usage
    asked = {json.dumps(request) for request in server.requests}
    assert len(asked) == len(server.requests) < 56  # rows that read the same are asked about once
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (100 * len(asked), 20 * len(asked))
    assert usage["cost"] == pytest.approx(len(asked) * (100 * 2 + 20 * 10) / 1e6)
    assert usage["this_run"]["cost"] == pytest.approx(usage["cost"])
    again = run(server, data_folder, tmp_path / "out", settings=settings).usage
    assert again["cost"] == pytest.approx(usage["cost"])
    assert (again["this_run"]["cost"], again["this_run"]["replies"]) == (0, 0)
    assert len(server.requests) == len(asked)


def test_without_prices_or_counted_tokens_no_cost_is_made_up(
    server: ChatServer, data_folder: Path, tmp_path: Path
) -> None:
    scores = run(server, data_folder, tmp_path / "a")
    assert scores.usage["cost"] is None
    assert "no prices given" in scores.conditions["cost"]
    server.usage = None
    scores = run(server, data_folder, tmp_path / "b", settings=judge_at(server, prices=Prices(2.0, 10.0)))
    assert scores.usage["cost"] is None
    assert "counts no tokens" in scores.conditions["cost"]


def test_the_checks_measure_what_the_judge_does(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    def say(asked: Seen) -> str:
        base = 2 if asked.candidate == WRONG else 4
        if asked.candidate_first:
            return answer(base + 1, base, base, base)
        if asked.other_wording:
            return answer(base, base, base, 6 - base)
        return answer(base)

    server.answer = answering(say)
    scores = run(server, data_folder, tmp_path / "out", control_limit=20)
    swapped, reworded, reseeded = (scores.checks[name] for name in ("order swapped", "other wording", "other seed"))
    value = {part: {name: cell.value for name, cell in cells.items()} for part, cells in swapped.items()}
    assert value["Medical Terminology Accuracy"]["changed"] == 1
    assert value["Medical Terminology Accuracy"]["mean shift"] == 1
    assert value["Completeness"]["changed"] == value["Completeness"]["mean shift"] == 0
    assert value["all four"]["changed"] == pytest.approx(1 / 4)
    assert value["all four"]["mean shift"] == pytest.approx(1 / 4)
    assert reworded["all four"]["exact agreement"].value == pytest.approx(3 / 4)
    assert reworded["Completeness"]["quadratic-weighted kappa"].value == pytest.approx(1)
    # 15 times 4 then 2, 5 times 2 then 4: seen 4; by chance 4 (15*15 + 5*5) / 400.
    expected = 1 - 4 / (4 * (15 * 15 + 5 * 5) / 400)
    assert reworded["Diagnostic Accuracy"]["quadratic-weighted kappa"].value == pytest.approx(expected)
    assert reworded["Diagnostic Accuracy"]["quadratic-weighted kappa"].low < 0
    assert reseeded["all four"]["quadratic-weighted kappa"].value == pytest.approx(1)
    assert [one.question for one in scores.asked[-3:]] == ["order swapped", "other wording", "other seed"]
    saved = json.loads((tmp_path / "out" / "judge.json").read_text(encoding="utf-8"))
    assert saved["checks"]["order swapped"]["all four"]["mean shift"]["value"] == pytest.approx(1 / 4)


def test_a_kappa_that_is_not_defined_is_null(server: ChatServer, data_folder: Path, tmp_path: Path) -> None:
    server.answer = answering(lambda asked: answer(3))
    scores = run(server, data_folder, tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "judge.json").read_text(encoding="utf-8"))
    assert saved["checks"]["other seed"]["all four"]["quadratic-weighted kappa"] == dict.fromkeys(
        ("value", "low", "high")
    )
    assert scores.terminal()


def test_shuffled_predictions_beside_the_file_are_a_control(
    server: ChatServer, data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    mine = write_predictions(tmp_path / "p", data_folder)
    write_predictions(tmp_path / "p", data_folder, "mine-shuffled.csv", right=0)
    scores = run(server, data_folder, tmp_path / "out", predictions=mine)
    assert scores.systems["mine.csv, shuffled ECG (6 rows)"]["Completeness"] == (3, 3, 3)
    assert list(scores.differences)[2] == "mine.csv, shuffled ECG"


def test_a_models_reports_are_made_for_the_drawn_rows(
    server: ChatServer, validated_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    class Model:
        def __init__(self, name: str, **kwargs: Any) -> None:
            self.folder = Path(name)
            self.described = f"{name}, as described"

    def generate(model, rows, out, *, ecg, limit, text_column, **kwargs):
        calls.append((ecg, out.name, limit, list(rows["ecg_id"]), kwargs["language_told"]))
        reports = list(rows[text_column])[:limit]
        return reports if ecg == "true" else [WRONG] * len(reports)

    monkeypatch.setattr(alignment, "ReportModel", Model)
    monkeypatch.setattr(candidates, "generate_predictions", generate)
    scores = run(server, validated_folder, tmp_path / "out", model="tiny-model", limit=8, language_told=False)
    drawn = draw_rows(DataSource(str(validated_folder)), "validation", "report", 8, 0).rows.ecg_ids
    assert calls == [
        ("true", "judged-predictions.parquet", None, drawn, False),
        ("shuffled", "judged-predictions-shuffled.parquet", 6, drawn, False),
    ]
    assert scores.systems["tiny-model (8 rows)"]["Mean"].value == 5
    assert scores.differences["tiny-model, shuffled ECG"]["Mean"].value == pytest.approx(2.5)
    assert scores.conditions["evaluated"] == "tiny-model, as described"
    assert scores.conditions["language told to the model"] == "no"


def command(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    evaluate_alignment.add(parser)
    given = parser.parse_args(arguments)
    given.run(given)


def test_the_command(server: ChatServer, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = write_predictions(tmp_path, data_folder)
    common = (
        "--predictions",
        str(mine),
        "--data",
        str(data_folder),
        "--split",
        "validation",
        "--out",
        str(tmp_path / "o"),
    )
    who = ("--judge-url", server.url, "--judge-model", "scripted")
    command(
        *common, *who, "--limit", "8", "--control-limit", "4", "--price-in", "2", "--price-out", "10", "--seed", "2"
    )
    told = capsys.readouterr()
    assert "mine.csv (8 rows)" in told.out
    assert "drawn by seed 2" in told.out
    assert "USD" in told.out
    assert "sending 36 reports at most" in told.err
    with pytest.raises(UsageError, match="belong together"):
        command(*common, *who, "--price-in", "2")
    with pytest.raises(UsageError, match="are for --model"):
        command(*common, *who, "--language-not-told")
    with pytest.raises(EcgInputError, match=r"--consent-to-send api\.example"):
        command(*common, "--judge-url", "https://api.example/v1", "--judge-model", "m")
    for bad in (("--price-in", "nan"), ("--price-in", "-1"), ("--limit", "0"), ("--model", "m")):
        with pytest.raises(SystemExit):
            command(*common, *who, *bad)
