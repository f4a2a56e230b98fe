"""Results folders that are damaged, of another schema, or hold undefined values."""

import json
import re
from pathlib import Path

import page_results
import pytest
from page_html import Page

from dataset_scripts.errors import EcgInputError
from eval_suite.page import write_page


def test_an_older_schema_is_to_be_scored_again(tmp_path: Path):
    given = page_results.scores()
    del given["schema"]
    (tmp_path / "scores.json").write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(EcgInputError, match="schema 1, expected 2; score again"):
        write_page(tmp_path)


def test_a_newer_schema_asks_for_an_update(tmp_path: Path):
    (tmp_path / "robustness.json").write_text(json.dumps(page_results.robustness() | {"schema": 9}), encoding="utf-8")
    with pytest.raises(EcgInputError, match=r"schema 9, newer .* update meit-ecg"):
        write_page(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "no JSON file"), ("[]", "no JSON object"), ('{"schema": 2, "systems": {}}', "lacks conditions")],
)
def test_damaged_files_are_named(tmp_path: Path, text: str, said: str):
    (tmp_path / "scores.json").write_text(text, encoding="utf-8")
    with pytest.raises(EcgInputError, match=said):
        write_page(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path: Path):
    with pytest.raises(EcgInputError, match=r"holds none of scores\.json, robustness\.json"):
        write_page(tmp_path)
    with pytest.raises(EcgInputError, match="is no folder"):
        write_page(tmp_path / "nothing")
    page_results.write_results(tmp_path)
    with pytest.raises(EcgInputError, match="is a folder, expected a file"):
        write_page(tmp_path, out=tmp_path)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("scores", ("findings", "systems")),
        ("scores", ("findings", "counts", "critical_stated")),
        ("scores", ("findings", "by_finding", "long_qt", "support")),
        ("robustness", ("curves", "gaussian", "points")),
        ("calibration", ("selective", "findings", "area")),
        ("calibration", ("abstention", "measured_on", "share")),
    ],
)
def test_a_field_that_is_not_there_is_named_in_one_line(tmp_path: Path, kind: str, place: tuple[str, ...]):
    folder = page_results.write_changed(page_results.write_results(tmp_path), kind, place)
    with pytest.raises(EcgInputError, match=rf"{kind}\.json lacks the field '{place[-1]}'; \w+ again with `meit eval"):
        write_page(folder)


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("scores", ("findings", "systems"), ["model"]),
        ("scores", ("systems",), {}),
        ("judge", ("systems",), {"a": 3}),
        ("robustness", ("clean",), [1]),
        ("calibration", ("conditions",), "none"),
        ("scores", ("conditions", "protocol"), "strict"),
    ],
)
def test_another_kind_of_value_is_named_in_one_line(tmp_path: Path, kind: str, place: tuple[str, ...], value: object):
    folder = page_results.write_changed(page_results.write_results(tmp_path), kind, place, value=value)
    with pytest.raises(EcgInputError, match=rf"{kind}\.json holds .*; \w+ again with `meit eval"):
        write_page(folder)


def test_nothing_to_miss_is_a_dash_everywhere(tmp_path: Path):
    folder = page_results.write_results(tmp_path, "scores")
    content = page_results.scores()
    undefined = {"value": None, "low": None, "high": None}
    for name in ("systems", "paired_differences"):
        for row in content["findings"][name].values():
            row |= dict.fromkeys(("micro F1", "critical missed", "critical invented"), undefined)
    content["findings"]["systems"]["model"]["macro F1"] = {"value": 0.5, "low": None, "high": None}
    content["findings"]["counts"] |= {"critical_missed": 0, "critical_stated": 0}
    content["findings"]["by_finding"]["long_qt"] |= {"precision": None, "recall": None, "F1": None}
    content["leakage"]["share"] = undefined
    content["memorisation"]["outputs_repeating_rare"] = None
    (folder / "scores.json").write_text(json.dumps(content), encoding="utf-8")
    html = write_page(folder).read_text(encoding="utf-8")
    page = Page(html)
    assert "nan" not in page.text.lower().split()
    assert page.row("model", "macro F1")["critical missed"] == "–"
    assert page.row("model", "macro F1")["macro F1"] == ".500"
    assert page.row("long QT critical", "support")["F1"] == "–"
    assert re.search(
        r'Critical findings missed</p>\s*<p class="tile-value">–</p>\s*<p class="tile-note">0 of the 0', html
    )
    assert re.search(r'Findings micro F1</p>\s*<p class="tile-value">–</p>\s*</div>', html)
    row = html[html.index("long QT") :].partition("</tr>")[0]
    assert "data-key" not in row.partition("</svg>")[2]  # sorted below 0
    assert 'class="precision"' not in row
    assert "<td>–</td>" in row
