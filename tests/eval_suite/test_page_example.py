"""The example in the docs shows no patient, and nothing that one patient alone has in the archive."""

import csv
import re
from collections import defaultdict
from html import unescape
from pathlib import Path

from page_html import Page

from dataset_scripts.reports.cleaning import clean

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-report.html"


def shown_predictions() -> list[str]:
    """What the example shows of the model's reports."""
    found = re.findall(r"<h4>Prediction</h4><blockquote>(.*?)</blockquote>", EXAMPLE.read_text(encoding="utf-8"), re.S)
    return [unescape(re.sub(r"<[^>]*>", "", text)) for text in found]


def test_the_example_in_the_docs_shows_no_patient():
    html = EXAMPLE.read_text(encoding="utf-8")
    page = Page(html)
    assert "contains patient data" not in html
    assert '<span class="tag">synthetic ECGs</span>' in html
    assert page.ids() > {"glance", "robustness", "calibration", "cases"}
    assert len(shown_predictions()) == html.count('<article class="case"') == 4
    # The simulation numbers its patients so; PTB-XL's ECGs have plain numbers.
    assert all(re.fullmatch(r"ECG 0-\d{6}", name) for name in re.findall(r'class="case" aria-label="([^"]*)"', html))
    assert EXAMPLE.stat().st_size < 400_000


def test_what_the_model_recites_in_the_example_is_no_single_patients(ptbxl_dir: Path):
    """A model can recite what it learnt even on simulated ECGs: whole reports and single statements alike."""

    def words(text: str) -> tuple[str, ...]:
        return tuple(re.findall(r"\w+", text.lower()))

    def statements(text: str) -> list[str]:
        return [part for part in re.split(r"(?<=[.!?])\s|\n", text) if words(part)]

    patients: dict[tuple[str, ...], set[str]] = defaultdict(set)
    with (ptbxl_dir / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for text in {row["report"], clean(row["report"])}:
                for part in (text, *statements(text)):
                    patients[words(part)].add(row["patient_id"])
    assert len(patients) > 1000
    for prediction in shown_predictions():
        for part in (prediction, *statements(prediction)):
            assert len(patients.get(words(part), ())) not in range(1, 10), part
