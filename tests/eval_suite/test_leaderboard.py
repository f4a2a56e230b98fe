"""Many results in one table: what shares a table, who shares a rank."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import meit_cli
from dataset_scripts.errors import EcgInputError
from eval_suite.comparing.leaderboard import leaderboard
from eval_suite.predictions import write_predictions

SAID = ("sinus rhythm. normal ecg.", "atrial fibrillation. left axis deviation.", "left bundle branch block.")
REFERENCES = [SAID[i % 3] for i in range(90)]
CONDITIONS: dict[str, Any] = {
    "data": "some-set",
    "split": "test",
    "rows": 90,
    "rows_in_split": 100,
    "patients": 45,
    "text_column": "report",
    "language_told": True,
    "protocol": {"name": "strict", "version": 1, "rules": "the report alone"},
    "definitions": {"BLEU": "corpus level"},
}
CONTROL = "most frequent report"


def interval(value: float, half: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def right(share: float) -> list[str]:
    """Predictions of which about that share is right, the same rows for every system."""
    return [text if i % 30 < 30 * share else SAID[(i + 1) % 3] for i, text in enumerate(REFERENCES)]


def write_results(
    folder: Path, f1: float, *, predictions: list[str] | None = None, control: float = 0.1, **conditions: Any
) -> Path:
    """A results folder; without predictions, one from which only intervals can be had."""
    systems = {"model": f1, "model, shuffled ECG": 0.2, CONTROL: control}
    scores = {
        "schema": 2,
        "task": "quality",
        "conditions": {**CONDITIONS, "system": f"weights of {folder.name}", **conditions},
        "systems": {
            name: {"BLEU-4": interval(1 - value), "ROUGE-L": interval(value)} for name, value in systems.items()
        },
        "findings": {
            "systems": {
                name: {
                    "micro F1": interval(value),
                    "critical missed": interval(1 - value),
                    "exact set": interval(value),
                }
                for name, value in systems.items()
            }
        },
        "codes": None,
    }
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    if predictions is not None:
        columns = {
            "ecg_id": [f"r{i}" for i in range(90)],
            "patient_id": [f"p{i // 2}" for i in range(90)],
            "prompt": [""] * 90,
            "reference": REFERENCES,
            "prediction": predictions,
            "confidence": [1.0] * 90,
        }
        write_predictions(folder / "predictions.parquet", columns, {})
    return folder


def ranks(group) -> dict[str, int | None]:
    return {placed.entry.name: placed.rank for placed in group.entries}


def test_systems_share_a_rank_while_the_paired_difference_holds_zero(tmp_path: Path) -> None:
    write_results(tmp_path / "best", 0.95, predictions=right(0.9))
    # One report less right than the best: the rows cannot tell.
    nearly = right(0.9)
    nearly[0] = SAID[1]
    write_results(tmp_path / "next", 0.94, predictions=nearly)
    write_results(tmp_path / "third", 0.90, predictions=right(0.7))
    found = leaderboard([tmp_path]).groups
    assert len(found) == 1
    # Of the third the intervals overlap with the others', and yet it is worse on the same rows.
    assert ranks(found[0]) == {"best": 1, "next": 1, "third": 3}
    assert not any(placed.by_overlap for placed in found[0].entries)
    assert "not at hand" not in leaderboard([tmp_path]).terminal()


def test_without_predictions_intervals_must_not_overlap(tmp_path: Path) -> None:
    for name, f1 in (("a", 0.9), ("b", 0.82), ("c", 0.79), ("d", 0.5)):
        write_results(tmp_path / name, f1)
    (group,) = leaderboard([tmp_path]).groups
    # c overlaps with b and not with a, by which ranks are given.
    assert ranks(group) == {"a": 1, "b": 1, "c": 3, "d": 4}
    assert "of b, c, d for which predictions are not at hand" in leaderboard([tmp_path]).markdown()


def test_predictions_of_more_rows_than_were_scored_are_not_paired(tmp_path: Path) -> None:
    for name, share in (("a", 0.9), ("b", 0.7)):
        write_results(tmp_path / name, share, predictions=right(share), rows=80)
    assert [placed.by_overlap for placed in leaderboard([tmp_path]).groups[0].entries] == [False, True]


def test_predictions_without_references_or_prompts_are_not_paired(tmp_path: Path) -> None:
    said = {"protocol": {"name": "meit-release-prompt", "version": 1, "rules": "as released"}}
    for name, share in (("a", 0.9), ("b", 0.7)):
        folder = write_results(tmp_path / name, share, predictions=right(share), **said)
        table = pq.read_table(folder / "predictions.parquet")
        place = table.column_names.index("prompt")
        table = table.set_column(place, "prompt", pa.nulls(90, pa.string()))
        pq.write_table(table, folder / "predictions.parquet")
    assert [placed.by_overlap for placed in leaderboard([tmp_path], sort="BLEU-4").groups[0].entries] == [False, True]
    assert not any(placed.by_overlap for placed in leaderboard([tmp_path]).groups[0].entries)
    for name in "ab":
        path = tmp_path / name / "predictions.parquet"
        pq.write_table(pq.read_table(path).drop_columns(["reference"]), path)
    assert [placed.by_overlap for placed in leaderboard([tmp_path]).groups[0].entries] == [False, True]


def test_the_metric_to_rank_by_may_be_another_and_less_may_be_better(tmp_path: Path) -> None:
    write_results(tmp_path / "a", 0.9)
    write_results(tmp_path / "b", 0.5)
    assert list(ranks(leaderboard([tmp_path]).groups[0])) == ["a", "b"]
    assert list(ranks(leaderboard([tmp_path], sort="BLEU-4").groups[0])) == ["b", "a"]
    by_missed = leaderboard([tmp_path], sort="findings critical missed")
    assert list(ranks(by_missed.groups[0])) == ["a", "b"]
    assert "less is better" in by_missed.groups[0].lines()["rank"]
    with pytest.raises(EcgInputError, match=r"has no metric 'BLEU4', did you mean 'BLEU-4'\?"):
        leaderboard([tmp_path], sort="BLEU4")
    with pytest.raises(EcgInputError, match="has no metric 'none'"):
        leaderboard([tmp_path], columns=["none"])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data": "another-set"}, "another-set"),
        ({"split": "validation"}, "split validation"),
        ({"rows": 80}, "80 (the first of 100)"),
        ({"text_column": "report_en"}, "text column report_en"),
        ({"language_told": False}, "language not told"),
        ({"protocol": {"name": "meit-release", "version": 1, "rules": "as released"}}, "as released"),
        ({"protocol": {"name": "strict", "version": 2, "rules": "the report alone"}}, "strict version 2"),
    ],
)
def test_other_conditions_get_a_table_of_their_own(other: dict[str, Any], said: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_results(tmp_path / name, 0.9)
    write_results(tmp_path / "c", 0.8, **other)
    found = leaderboard([tmp_path])
    assert [list(ranks(group)) for group in found.groups] == [["a", "b"], ["c"]]
    _, first, second = found.markdown().split("## ")
    assert said in second
    assert said not in first


def test_a_control_stands_there_once_and_twice_where_it_is_another(tmp_path: Path) -> None:
    write_results(tmp_path / "a", 0.9)
    write_results(tmp_path / "b", 0.8)
    once = leaderboard([tmp_path]).markdown()
    assert once.count(f"| {CONTROL} |") == 1
    assert "shuffled ECG" not in once
    write_results(tmp_path / "c", 0.7, control=0.3)
    twice = leaderboard([tmp_path]).markdown()
    assert twice.count(f"| {CONTROL} (of a, b) |") == 1
    assert twice.count(f"| {CONTROL} (of c) |") == 1


def test_columns_and_conditions_are_printed(tmp_path: Path) -> None:
    write_results(tmp_path / "one" / "run", 0.9)
    write_results(tmp_path / "two" / "run", 0.4, definitions={"BLEU": "corpus level, version 9"})
    found = leaderboard([tmp_path / "one" / "run", tmp_path / "two"])
    assert list(ranks(found.groups[0])) == ["one/run", "two/run"]
    header = found.markdown().splitlines()[2]
    assert "BLEU-4" in header
    assert "ROUGE-L" in header
    assert "exact set" not in header
    every = leaderboard([tmp_path], columns=[]).markdown().splitlines()[2]
    assert "exact set" in every
    some = leaderboard([tmp_path], columns=["ROUGE-L"])
    assert some.markdown().splitlines()[2] == "| system | rank | ROUGE-L |"
    for text in (found.markdown(), found.terminal()):
        for said in (
            *("some-set, split test", "90 (the first of 100), of 45 patients", "strict version 1: the report alone"),
            *("text column: report", "language told to the model: yes", "weights of run", ".900", ".850"),
            "BLEU, not the same for all: corpus level (one/run); corpus level, version 9 (two/run)",
        ):
            assert said in text


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match=r"holds no scores.json"):
        leaderboard([tmp_path])
    write_results(tmp_path / "a", 0.9)
    scores = json.loads((tmp_path / "a" / "scores.json").read_text(encoding="utf-8"))
    scores["systems"]["model"]["BLEU-4"] = {"value": None, "low": None, "high": None}
    (tmp_path / "a" / "scores.json").write_text(json.dumps(scores))
    assert ranks(leaderboard([tmp_path]).groups[0]) == {"a": 1}
    (tmp_path / "a" / "scores.json").write_text('{"schema": 1}')
    with pytest.raises(EcgInputError, match="schema 1, expected 2"):
        leaderboard([tmp_path])
    (tmp_path / "a" / "scores.json").write_text('{"schema": 2}')
    with pytest.raises(EcgInputError, match=r"scores.json lacks conditions.system, .*; write it again"):
        leaderboard([tmp_path])
    with pytest.raises(EcgInputError, match="is a folder, expected a file for the tables"):
        leaderboard([tmp_path / "a"], out=tmp_path)


def test_what_is_not_defined_stands_last_without_a_rank(tmp_path: Path) -> None:
    for name, f1 in (("a", 0.9), ("b", 0.5), ("c", 0.95)):
        write_results(tmp_path / name, f1)
    nothing = dict.fromkeys(("value", "low", "high"))
    scores = json.loads((tmp_path / "c" / "scores.json").read_text(encoding="utf-8"))
    scores["systems"]["model"]["ROUGE-L"] = nothing
    (tmp_path / "c" / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    found = leaderboard([tmp_path], sort="ROUGE-L", columns=["ROUGE-L"])
    assert ranks(found.groups[0]) == {"a": 1, "b": 2, "c": None}
    assert "| c | – | – |" in found.markdown()
    assert "nan" not in found.terminal()
    # An interval of which draws leave nothing tells nothing apart.
    scores["systems"]["model"]["ROUGE-L"] = {"value": 0.1, "low": None, "high": None}
    (tmp_path / "c" / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    assert ranks(leaderboard([tmp_path], sort="ROUGE-L").groups[0]) == {"a": 1, "b": 2, "c": 2}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(tmp_path / "runs" / "a", 0.9, predictions=right(0.9))
    write_results(tmp_path / "runs" / "b", 0.4, predictions=right(0.4))
    out = tmp_path / "tables" / "board.md"
    words = ["eval", "leaderboard", str(tmp_path / "runs"), "--out", str(out), "--sort", "ROUGE-L", "--columns", "all"]
    assert meit_cli.main(words) == 0
    assert "findings exact set" in capsys.readouterr().out
    assert "| a | 1 |" in out.read_text(encoding="utf-8")
    assert "| b | 2 |" in out.read_text(encoding="utf-8")
    assert meit_cli.main(["eval", "leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path)]) == 2
    assert "is a folder, expected a file" in capsys.readouterr().err
    assert meit_cli.main(["eval", "leaderboard", str(tmp_path / "tables")]) == 2
    assert "holds no scores.json" in capsys.readouterr().err
