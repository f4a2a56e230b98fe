"""Worst cases: which, what is marked, and when patients' data may be shown."""

import json
from pathlib import Path

import numpy as np
import page_results
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.errors import EcgInputError
from dataset_scripts.sources.synthetic import SyntheticSource
from ecg_image.svg import draw_ecg_svg
from eval_suite.page import write_page
from eval_suite.page.cases import chips, worst_cases
from eval_suite.page.highlight import matching_spans
from meit_cli import main

PATIENTS = "contains patient data: keep it local"


def data_set(folder: Path, source: str | None = SyntheticSource.name) -> Path:
    ecg_ids = [row[0] for row in page_results.ROWS]
    signal = np.zeros((12, 1000), dtype=np.int16)
    signal[:, ::100] = 1000
    signal[:, 500:600] = -32768
    columns = {
        "ecg_id": ecg_ids,
        "signal": pa.array([signal.tolist()] * len(ecg_ids), pa.list_(pa.list_(pa.int16()))),
        "sampling_rate": pa.array([100] * len(ecg_ids), pa.int32()),
        "report": [row[1] for row in page_results.ROWS],
    }
    if source:
        columns["source"] = [source] * len(ecg_ids)
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "data" / "validation-00000-of-00001.parquet")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_results.write_results(tmp_path_factory.mktemp("results"))


def marked(spans) -> list[str]:
    return [span.text for span in spans if span.matched]


def test_matching_words_are_marked_in_both_texts():
    reference, prediction = matching_spans("Sinus rhythm. Left axis deviation.", "atrial rhythm; LEFT axis deviation")
    assert marked(reference) == ["rhythm", "Left axis deviation"]
    assert marked(prediction) == ["rhythm", "LEFT axis deviation"]


@pytest.mark.parametrize("pair", [("", "a b"), ("a . b", "c . d"), ("überleitung  q-t\n verlängert", "q-t verlängert")])
def test_spans_give_their_texts_again(pair: tuple[str, str]):
    assert tuple("".join(span.text for span in spans) for spans in matching_spans(*pair)) == pair


def test_punctuation_alone_is_no_match():
    assert not marked(matching_spans("a . b", "c . d")[0])


def test_chips_say_what_became_of_each_finding():
    found = {
        chip.name: chip for chip in chips("Sinus rhythm. Possible long QT.", "Sinus rhythm. Long QT. Tachycardia.")
    }
    assert found["sinus rhythm"].fate == "matched"
    assert found["tachycardia"].fate == "invented"
    assert (found["long QT"].fate, found["long QT"].state) == ("other state", "present, reference uncertain")
    assert found["long QT"].critical
    assert next(chip.fate for chip in chips("Atrial fibrillation.", "")) == "missed"


def test_critical_misses_come_first_and_right_rows_never(results: Path):
    cases = worst_cases(results / "predictions.parquet", 6)
    names = [case.ecg_id for case in cases]
    assert names[0] == "r2"
    assert cases[0].alarm == "critical finding invented"
    assert {case.ecg_id: case.alarm for case in cases}["r1"] == "critical finding missed"
    assert "r0" not in names  # right
    assert "r5" not in names  # states nothing
    assert [case.f1 for case in cases[2:]] == sorted(case.f1 for case in cases[2:])
    assert next(case for case in cases if case.ecg_id == "r4").confidence is None
    assert len(worst_cases(results / "predictions.parquet", 2)) == 2


def test_patients_are_shown_only_on_request_and_in_red(results: Path, tmp_path: Path):
    data = data_set(tmp_path / "made-up", "ptb-xl-1.0.3")
    silent = write_page(results, data=data, out=tmp_path / "a.html").read_text(encoding="utf-8")
    assert PATIENTS not in silent
    assert "Left axis deviation" not in silent
    asked = write_page(results, data=data, worst=3, out=tmp_path / "b.html").read_text(encoding="utf-8")
    assert asked.count(f'class="patients"><strong>{PATIENTS}') == 2
    assert 'id="cases"' in asked


@pytest.mark.parametrize("source", [None, "synthetic-hospital", "wfdb-folder"])
def test_what_is_not_known_to_be_made_up_is_patients_data(results: Path, tmp_path: Path, source: str | None):
    data = data_set(tmp_path / "made-up", source)
    assert 'id="cases"' not in write_page(results, data=data, out=tmp_path / "a.html").read_text(encoding="utf-8")
    assert PATIENTS in write_page(results, worst=1, out=tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_folder_built_from_another_archive_is_not_made_up(results: Path, tmp_path: Path):
    data = data_set(tmp_path / "made-up")
    (data / "build.json").write_text('{"builder": "wfdb-folder"}', encoding="utf-8")
    assert 'id="cases"' not in write_page(results, data=data, out=tmp_path / "a.html").read_text(encoding="utf-8")


def test_synthetic_cases_are_shown_by_default_and_drawn(results: Path, tmp_path: Path):
    data = data_set(tmp_path / "made-up")
    html = write_page(results, data=data, draw=True, out=tmp_path / "a.html").read_text(encoding="utf-8")
    assert PATIENTS not in html
    assert '<span class="tag">synthetic ECGs</span>' in html
    assert html.count('<svg class="ecg"') == html.count('<article class="case"') == 4
    expected = np.zeros((12, 1000))
    expected[:, ::100] = 1.0
    expected[:, 500:600] = np.nan
    drawing = draw_ecg_svg(expected, 100, "Twelve-lead ECG r2, drawn at 25 mm/s and 10 mm/mV")
    assert drawing in html
    assert "nan" not in drawing
    assert 'id="cases"' not in write_page(results, data=data, worst=0, out=tmp_path / "b").read_text(encoding="utf-8")


@pytest.mark.parametrize(("text", "said"), [("{", "no JSON file"), ("[]", "no JSON object")])
def test_a_damaged_build_file_is_named(results: Path, tmp_path: Path, text: str, said: str):
    data = data_set(tmp_path / "made-up")
    (data / "build.json").write_text(text, encoding="utf-8")
    with pytest.raises(EcgInputError, match=rf"build\.json .*{said}.*; build the data set again"):
        write_page(results, data=data, out=tmp_path / "a.html")


def test_licence_and_citation_come_from_the_card(results: Path, tmp_path: Path):
    data = data_set(tmp_path / "made-up")
    licence = "## Licence\n\n[CC BY 4.0](https://example.org/by). Name the archive.\n"
    (data / "README.md").write_text(
        f"---\nlicense: cc-by-4.0\n---\n# Data\n\n{licence}\nCite the archive:\n\n```bibtex\n@misc{{made_up}}\n```\n",
        encoding="utf-8",
    )
    html = write_page(results, data=data, worst=0, out=tmp_path / "a.html").read_text(encoding="utf-8")
    assert "CC BY 4.0 (https://example.org/by). Name the archive.</p>" in html
    assert "@misc{made_up}" in html


def test_refusals_say_what_to_do(results: Path, tmp_path: Path):
    real = data_set(tmp_path / "real" / "made-up", "ptb-xl-1.0.3")
    with pytest.raises(EcgInputError, match="name it with --data"):
        write_page(results, worst=2, draw=True)
    with pytest.raises(EcgInputError, match="ask for some with --worst N"):
        write_page(results, data=real, draw=True)
    with pytest.raises(EcgInputError, match="expected 0 or more"):
        write_page(results, worst=-1)
    with pytest.raises(EcgInputError, match=r"no predictions\.parquet"):
        write_page(page_results.write_results(tmp_path / "bare", "scores", predictions=False), worst=2)
    with pytest.raises(EcgInputError, match="no split 'test'"):
        write_page(page_results.write_results(tmp_path / "judge", "judge"), data=real, split="test")
    with pytest.raises(EcgInputError, match="which split"):
        write_page(tmp_path / "judge", data=real)


@pytest.mark.parametrize("draw", [False, True])
@pytest.mark.parametrize(("column", "said"), [(0, "has no such ECG"), (3, "has another report of it")])
def test_predictions_of_another_data_set_are_refused(tmp_path: Path, draw: bool, column: int, said: str):
    folder = page_results.write_results(tmp_path / "results")
    path = folder / "predictions.parquet"
    table = pq.read_table(path)
    texts = table.column(column).to_pylist()
    changed = table.set_column(column, table.column_names[column], pa.array([*texts[:-1], "another"]))
    pq.write_table(changed, path)
    with pytest.raises(EcgInputError, match=said):
        write_page(folder, data=data_set(tmp_path / "made-up"), draw=draw)


@pytest.mark.parametrize(("kind", "name"), [("scores", "syn"), ("calibration", "made-up"), ("judge", "made-up")])
def test_results_that_name_another_data_set_or_split_are_refused(tmp_path: Path, kind: str, name: str):
    folder = page_results.write_results(tmp_path / "results")
    data = data_set(tmp_path / name)
    if name == "made-up":
        path = folder / f"{kind}.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["conditions"] |= {"data": "made-up, split test"} if kind == "judge" else {"split": "test"}
        path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EcgInputError, match=rf"the {kind} in .* and not of {name}, split validation"):
        write_page(folder, data=data, split="validation")


def test_results_that_name_no_data_set_are_not_known_to_be_made_up(tmp_path: Path):
    folder = page_results.write_results(tmp_path / "results", "judge")
    html = write_page(folder, data=data_set(tmp_path / "made-up"), split="validation").read_text(encoding="utf-8")
    assert "synthetic ECGs" not in html
    assert 'id="cases"' not in html


def test_rows_left_out_by_name_are_no_cases_and_are_counted(results: Path, tmp_path: Path):
    path = results / "predictions.parquet"
    assert "r2" in [case.ecg_id for case in worst_cases(path, 6)]
    assert "r2" not in [case.ecg_id for case in worst_cases(path, 6, ["r2"])]
    html = write_page(results, worst=2, leave_out=["r2", "r3"], out=tmp_path / "a.html").read_text(encoding="utf-8")
    assert "2 rows were left out by name." in html
    assert "ECG r2" not in html
    assert "left out by name" not in write_page(results, worst=2, out=tmp_path / "b.html").read_text(encoding="utf-8")
    with pytest.raises(EcgInputError, match="has no ECG r9 to leave out"):
        write_page(results, worst=2, leave_out=["r9"])
    with pytest.raises(EcgInputError, match="ask for some with --worst N"):
        write_page(results, leave_out=["r2"])


@pytest.mark.parametrize(("content", "said"), [(b"no parquet", "not a Parquet file"), (None, "lacks reference")])
def test_damaged_predictions_are_named(tmp_path: Path, content: bytes | None, said: str):
    folder = page_results.write_results(tmp_path, "scores")
    path = folder / "predictions.parquet"
    if content is None:
        pq.write_table(pq.read_table(path).drop_columns(["reference"]), path)
    else:
        path.write_bytes(content)
    with pytest.raises(EcgInputError, match=said):
        write_page(folder, worst=1)


def test_command_writes_the_page(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, out = data_set(tmp_path / "made-up"), tmp_path / "new" / "page.html"
    note = ("--note", "Simulated <ECGs>.")
    assert (
        main(
            [
                "eval",
                "page",
                str(results),
                "--data",
                str(data),
                "--worst",
                "2",
                "--draw",
                *note,
                "--leave-out",
                "r2",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert capsys.readouterr().out == f"written to {out}\n"
    assert out.read_text(encoding="utf-8").count('<svg class="ecg"') == 2
    assert '<p class="note">Simulated &lt;ECGs&gt;.</p>' in out.read_text(encoding="utf-8")
    assert main(["eval", "page", str(results), "--split", "validation"]) == 2
    assert "--split without a data set" in capsys.readouterr().err
    assert main(["eval", "page", str(tmp_path / "nothing")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_the_page_is_beside_the_results_by_default(tmp_path: Path):
    folder = page_results.write_results(tmp_path, "judge")
    assert write_page(folder) == folder / "report.html"
    assert json.loads((folder / "judge.json").read_text(encoding="utf-8"))
