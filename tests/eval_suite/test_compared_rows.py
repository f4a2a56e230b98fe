"""Two systems brought to the same rows: what is read from files, what is checked, what is refused."""

import json
from pathlib import Path

import pytest

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import without_language
from eval_suite.comparing.compare import compare
from eval_suite.rows import load_split
from tests.eval_suite.compared_sides import BAD, GOOD, REFERENCES, rewrite, write_csv, write_side


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return write_side(tmp_path / "good", GOOD), write_side(tmp_path / "bad", BAD)


def test_what_is_said_of_the_rows_is_checked_or_refused(sides: tuple[Path, Path]) -> None:
    files = [side / "predictions.parquet" for side in sides]
    for said in ({"split": "test"}, {"text_column": "report"}):
        with pytest.raises(EcgInputError, match="is given without a data set, and no side has a"):
            compare(*files, **said)
        # One folder states it.
        assert compare(files[0], sides[1], **said, samples=20, draws=20).rows.split == "test"
    with pytest.raises(EcgInputError, match=r"split differs \(asked for: train, B: test\)"):
        compare(files[0], sides[1], split="train")


def test_a_csv_may_hold_references_and_patients(sides: tuple[Path, Path], tmp_path: Path) -> None:
    texts = [{f"r{i}": text for i, text in enumerate(predictions)} for predictions in (GOOD, BAD)]
    columns = {"reference": REFERENCES, "patient_id": [f"p{i // 2}" for i in range(60)]}
    mine, theirs = write_csv(tmp_path / "mine.csv", texts[0], **columns), write_csv(tmp_path / "b.csv", texts[1])
    found = compare(mine, theirs, samples=50, draws=50)
    assert repr(found.metrics) == repr(compare(*sides, samples=50, draws=50).metrics)
    other = write_csv(tmp_path / "other.csv", texts[1], **{**columns, "reference": ["another", *REFERENCES[1:]]})
    with pytest.raises(EcgInputError, match=r"has another reference in 1 of 60 rows \(r0\)"):
        compare(mine, other)
    gaps = write_csv(tmp_path / "gaps.csv", texts[0], **{**columns, "patient_id": ["", *columns["patient_id"][1:]]})
    with pytest.raises(EcgInputError, match=r"has no patient_id in 1 of 60 rows \(r0\)"):
        compare(gaps, theirs)
    empty = write_csv(tmp_path / "empty.csv", texts[0], **{**columns, "patient_id": [""] * 60})
    with pytest.raises(EcgInputError, match="holds the columns reference and patient_id, filled in"):
        compare(empty, theirs)


def test_a_column_of_nulls_is_none(data_folder: Path, tmp_path: Path) -> None:
    rows = load_split(data_folder, "validation", ("ecg_id", "patient_id", "report", "prompt"))
    said = {"data": data_folder.name, "split": "validation"}
    sides = []
    for name, told in (("a", None), ("b", False)):
        side = write_side(tmp_path / name, list(rows["report"]), list(rows["report"]), **said, language_told=told)
        columns = {"ecg_id": list(map(str, rows["ecg_id"])), "patient_id": list(map(str, rows["patient_id"]))}
        rewrite(side / "predictions.parquet", **columns, prompt=[None] * len(rows))
        sides.append(side)
    with pytest.raises(EcgInputError, match="scores the prompts too"):
        compare(*sides, protocol="meit-release-prompt")
    with_data = {"data": data_folder, "protocol": "meit-release-prompt", "samples": 20, "draws": 20}
    found = compare(*sides, **with_data)
    assert found.rows.prompts[0] == list(rows["prompt"])
    # To the other the language was not told.
    assert found.rows.prompts[1] == [without_language(prompt) for prompt in rows["prompt"]]
    assert found.rows.prompts[0] != found.rows.prompts[1]


def changed(folder: Path, how: str) -> Path:
    """A results folder that cannot be compared with `sides`."""
    if how == "rows":
        return write_side(folder, BAD[:58])
    if how == "references":
        return write_side(folder, BAD, ["another text", *REFERENCES[1:]])
    if how == "split":
        return write_side(folder, BAD, split="validation")
    if how == "text column":
        return write_side(folder, BAD, text_column="report_raw")
    write_side(folder, BAD)
    if how == "schema":
        (folder / "scores.json").write_text('{"conditions": {}}')
    elif how == "nothing in it":
        (folder / "scores.json").write_text('{"schema": 2}')
    elif how == "another task":
        said = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        (folder / "scores.json").write_text(json.dumps({**said, "task": "other", "systems": {"model": {"BLEU": 1}}}))
    elif how == "patients":
        rewrite(folder / "predictions.parquet", patient_id=[None, "", *(f"p{i // 2}" for i in range(2, 60))])
    elif how == "no JSON":
        (folder / "scores.json").write_text("{")
    elif how == "no predictions":
        (folder / "predictions.parquet").unlink()
    elif how == "gone":
        return folder / "none"
    return folder


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("rows", r"A has 2 rows that the other lacks \(r58, r59\)"),
        ("references", r"B, .*, has another reference in 1 of 60 rows \(r0\)"),
        ("split", r"split differs \(A: test, B: validation\)"),
        ("text column", r"text column differs \(A: report, B: report_raw\)"),
        ("schema", "schema none, expected 2"),
        ("nothing in it", 'lacks conditions.system, .*conditions.protocol, task "quality", systems with value'),
        ("another task", 'scores.json lacks task "quality", systems with value, low and high'),
        ("patients", r"has no patient_id in 2 of 60 rows \(r0, r1\)"),
        ("no JSON", "is no JSON file"),
        ("no predictions", "has no predictions.parquet"),
        ("gone", "is not there"),
    ],
)
def test_what_cannot_be_compared_is_refused(how: str, message: str, sides: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match=message):
        compare(sides[0], changed(tmp_path / "changed", how))
