"""The page against the JSON files it is made of."""

import base64
import hashlib
import json
import re
from pathlib import Path

import page_results
import pytest
from page_html import Page

from ecg_image.page import RESEARCH_USE_NOTICE
from eval_suite.findings.code_scores import MIN_CODED
from eval_suite.page import write_page
from eval_suite.page.values import signed, spoken

SECTIONS = {
    "scores": {"glance", "findings", "critical", "codes", "text", "protocols", "leakage"},
    "robustness": {"robustness"},
    "calibration": {"calibration"},
    "judge": {"judge"},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = page_results.write_results(tmp_path_factory.mktemp("whole"))
    return Page(write_page(folder, worst=6).read_text(encoding="utf-8"))


def number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


@pytest.mark.parametrize("system", page_results.SYSTEMS)
@pytest.mark.parametrize("metric", ["BLEU-4", "ROUGE-L", "CIDEr-D"])
def test_text_metrics_are_those_of_the_file(whole: Page, system: str, metric: str):
    given = page_results.scores()["systems"][system][metric]
    expected = f"{number(given['value'])} {number(given['low'])} to {number(given['high'])}"
    assert whole.row(system, "CIDEr-D")[metric] == expected.replace("-", "−").replace("−0.", "−.")


@pytest.mark.parametrize("metric", ["micro F1", "macro F1", "critical missed", "critical invented"])
def test_finding_scores_are_those_of_the_file(whole: Page, metric: str):
    given = page_results.scores()["findings"]["systems"]["model, blank ECG"][metric]
    expected = f"{number(given['value'])} {number(given['low'])} to {number(given['high'])}"
    assert whole.row("model, blank ECG", "macro F1")[metric] == expected


def test_labels_have_support_precision_recall_and_f1(whole: Page):
    row = whole.row("atrial fibrillation critical", "support")
    assert row["support"] == "40"
    assert (row["precision"], row["recall"]) == (".733", ".644")
    assert row["F1"] == ".686 .666 to .706"
    assert whole.row("NORM", "support")["F1"] == ".815 .795 to .835"


def test_a_bar_is_as_long_as_its_f1(tmp_path: Path):
    html = write_page(page_results.write_results(tmp_path, "scores")).read_text(encoding="utf-8")
    row = html[html.index("sinus rhythm</th>") :].partition("</tr>")[0]
    assert float(re.search(r'class="bar"[^>]* width="([\d.]+)%"', row).group(1)) == pytest.approx(86.44)
    low = float(re.search(r'class="whisker" x1="([\d.]+)%"', row).group(1))
    assert low == pytest.approx(84.44)


def test_a_point_stands_at_its_score_on_the_scale(tmp_path: Path):
    html = write_page(page_results.write_results(tmp_path, "scores")).read_text(encoding="utf-8")
    table = html[html.index('<table class="comparison">') :].partition("</table>")[0]
    assert Page(f"{table}</table>").tables[0][0][1] == "0.800"  # both ends of the scale
    row = table[table.index("model, blank ECG</th>") :].partition("</tr>")[0]
    assert float(re.search(r'class="point" cx="([\d.]+)%"', row).group(1)) == pytest.approx(
        100 * 0.6345 / 0.8, abs=0.01
    )


def test_every_kind_of_number_is_on_the_page(whole: Page):
    for shown in (
        ".735",  # findings micro F1 at a glance
        "25.7 %",  # critical findings missed
        "11 of the 43",  # its counts
        ".532",  # protocol meit-release
        ".579",  # superclass macro F1 against the codes
        "62.3 %",  # references that training held
        "18.1 %",  # outputs that repeat
        ".501",  # scores where the reference was seen
        ".325",  # BLEU-4 at 10 dB
        ".065",  # calibration error
        ".032",  # the same after isotonic regression
        "0.8125",  # abstention threshold
        "71.4 %",  # share answered
        ".188",  # area under the selective curve
        ".432",  # its gain
        "3.414",  # judge's grade
        ".912",  # judge against itself
    ):
        assert shown in whole.text, shown


def test_what_is_not_defined_is_a_dash(whole: Page):
    assert whole.row("candidate first: all four", "kappa")["kappa"] == "–"


def test_a_difference_whose_interval_holds_zero_is_grey(tmp_path: Path):
    html = write_page(page_results.write_results(tmp_path, "judge")).read_text(encoding="utf-8")
    assert re.search(r'class="open">\+\.010', html)
    assert not re.search(r'class="open">−1\.500', html)


def test_numbers_and_names_are_printed_as_everywhere():
    assert [signed(value) for value in (0.25, -0.25, 0.0001, -0.0001, 1.5)] == [
        "+.250",
        "−.250",
        ".000",
        ".000",
        "+1.500",
    ]
    assert spoken("nonspecific_st_t_abnormality") == "nonspecific ST-T abnormality"
    assert spoken("first_degree_av_block") == "first degree AV block"


def test_curves_pass_through_their_values(tmp_path: Path):
    html = write_page(page_results.write_results(tmp_path, "robustness")).read_text(encoding="utf-8")
    plot = html[html.index('<svg class="plot"') :].partition("</svg>")[0]
    bottom, top = 186.0, 12.0
    points = [
        tuple(map(float, point.split(",")))
        for point in re.search(r'class="l0">\s*<polygon[^>]*>\s*<polyline class="curve" points="([^"]*)"', plot)
        .group(1)
        .split()
    ]
    heights = [(bottom - y) / (bottom - top) * 0.8 for _, y in points]  # .8 is the round value above all
    assert heights == pytest.approx([0.7345, 0.722, 0.647, 0.472], abs=0.001)
    floor = float(re.search(r'class="rule r0"[^>]* y1="([\d.]+)"', plot).group(1))
    assert (bottom - floor) / (bottom - top) * 0.8 == pytest.approx(0.3345, abs=0.001)
    assert "findings micro F1: clean .735, 20 dB .722" in Page(html).text


def test_names_are_not_joined_by_a_line(tmp_path: Path):
    html = write_page(page_results.write_results(tmp_path, "robustness")).read_text(encoding="utf-8")
    first, second = html.split('<svg class="plot"')[1:3]
    assert first.partition("</svg>")[0].count('class="curve"') == 3
    assert 'class="curve"' not in second.partition("</svg>")[0]
    assert second.partition("</svg>")[0].count('class="whisker"') == 12


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_section_is_there_only_with_its_file(tmp_path: Path, kind: str):
    ids = Page(write_page(page_results.write_results(tmp_path, kind)).read_text(encoding="utf-8")).ids()
    every = set().union(*SECTIONS.values())
    assert ids & every == SECTIONS[kind]
    assert "conditions" in ids
    assert "cases" not in ids


def test_the_contents_lead_to_every_section(whole: Page):
    links = {attributes["href"] for tag, attributes in whole.elements if tag == "a"}
    assert links == {"#main"} | {f"#{name}" for name in (*set().union(*SECTIONS.values()), "cases", "conditions")}
    assert {link[1:] for link in links} <= whole.ids()


def test_nothing_of_a_model_becomes_markup(whole: Page):
    assert len(whole.scripts) == 1
    assert "alert" not in whole.scripts[0]
    assert "alert" in whole.text
    assert "corpus level <b>" in whole.text
    assert "secret words" not in whole.text  # a judge's answer may repeat a report


def test_names_from_the_files_are_escaped(tmp_path: Path):
    folder = page_results.write_results(tmp_path)
    for kind in page_results.FILES:
        path = folder / f"{kind}.json"
        text = path.read_text(encoding="utf-8")
        for name in ("model, blank ECG", "sinus_rhythm", "Gaussian noise", "tiny-model", "findings, isotonic", "20 dB"):
            text = text.replace(f'"{name}', f'"{page_results.EVIL}{name}')
        path.write_text(text, encoding="utf-8")
    html = write_page(folder, worst=6).read_text(encoding="utf-8")
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;alert(1)") > 20


def test_the_page_asks_nothing_of_the_network(whole: Page, tmp_path: Path):
    for tag, attributes in whole.elements:
        assert tag not in {"img", "link", "iframe", "object", "embed", "base", "form", "video", "audio", "image", "use"}
        for name in ("src", "srcset", "data", "action", "xlink:href", "style"):
            assert name not in attributes, (tag, name)
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    html = write_page(page_results.write_results(tmp_path)).read_text(encoding="utf-8")
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert not re.search(r"https?://", html)


def test_its_own_policy_allows_only_its_own_style_and_script(whole: Page):
    policy = next(a["content"] for _, a in whole.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    digest = base64.b64encode(hashlib.sha256("".join(whole.scripts).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_the_notice_is_on_every_page(tmp_path: Path):
    for kind in page_results.FILES:
        html = write_page(page_results.write_results(tmp_path / kind, kind)).read_text(encoding="utf-8")
        notice = html[html.index('<div class="notice"') :].partition("</div>")[0]
        assert RESEARCH_USE_NOTICE in notice


def test_tables_and_charts_can_be_heard(whole: Page):
    for tag, attributes in whole.elements:
        if tag == "th":
            assert attributes.get("scope") in {"col", "row", "rowgroup"}
        if tag == "svg" and attributes.get("role") == "img":
            named = attributes.get("aria-labelledby", "").split()
            assert attributes.get("aria-label") or set(named) <= whole.ids()
    names = [attributes["id"] for _, attributes in whole.elements if "id" in attributes]
    assert len(names) == len(set(names))


def test_the_same_results_give_the_same_bytes(tmp_path: Path):
    pages = [write_page(page_results.write_results(tmp_path / name), worst=4).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_results_of_two_models_are_told_apart(tmp_path: Path):
    folder = page_results.write_results(tmp_path)
    assert "do not belong together" not in write_page(folder).read_text(encoding="utf-8")
    given = page_results.robustness()
    given["conditions"]["system"] = "predictions.parquet, model with sha256 of its files 9999456789abcdef"
    (folder / "robustness.json").write_text(json.dumps(given), encoding="utf-8")
    text = write_page(folder).read_text(encoding="utf-8")
    assert "do not belong together" in text
    assert "9999456789abcdef (robustness)" in text


def test_each_file_says_how_many_rows_it_is_of(tmp_path: Path):
    folder = page_results.write_results(tmp_path)
    given = page_results.robustness()
    given["conditions"] |= {"rows": 77, "patients": 66}
    (folder / "robustness.json").write_text(json.dumps(given), encoding="utf-8")
    text = Page(write_page(folder).read_text(encoding="utf-8")).text
    assert "Measured on 77 of 2,345 rows, of 66 patients." in text
    assert "Measured on 321 of 2,345 rows, of 123 patients." in text


def test_a_missed_target_is_said(tmp_path: Path):
    folder = page_results.write_results(tmp_path, "calibration")
    given = page_results.calibration() | {
        "abstention": None,
        "target_missed": {"target": {"error": "findings", "at_most": 0.01, "chance": 0.1}},
    }
    (folder / "calibration.json").write_text(json.dumps(given), encoding="utf-8")
    text = Page(write_page(folder).read_text(encoding="utf-8")).text
    assert "none meets it" in text
    assert "0.01" in text


def test_a_code_is_rare_below_what_the_average_asks_for(tmp_path: Path):
    folder = page_results.write_results(tmp_path, "scores")
    content = page_results.scores()
    content["codes"]["by_finding"]["long_qt"] = {"precision": 0.1, "recall": 0.1, "F1": 0.1, "support": MIN_CODED - 1}
    (folder / "scores.json").write_text(json.dumps(content), encoding="utf-8")
    text = Page(write_page(folder).read_text(encoding="utf-8")).text
    assert f"1 that fewer than {MIN_CODED} rows are coded with: too few" in text
    assert "1 that fewer than 10 references hold: too few" in text


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("conditions", "language_told"), False, "language told: yes (scores, calibration); no (robustness)"),
        (
            ("conditions", "protocol"),
            {"name": "meit-release", "version": 1},
            "protocol: strict (scores, calibration); meit-release (robustness)",
        ),
        (
            ("conditions", "text_column"),
            "report_en",
            "text column: report (scores, calibration); report_en (robustness)",
        ),
    ],
)
def test_other_conditions_are_told_apart(tmp_path: Path, place: tuple[str, ...], value: object, said: str):
    folder = page_results.write_changed(page_results.write_results(tmp_path), "robustness", place, value=value)
    page = Page(write_page(folder).read_text(encoding="utf-8"))
    assert f"These results do not belong together. {said}" in page.text
