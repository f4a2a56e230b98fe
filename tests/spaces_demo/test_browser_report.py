"""A browser writes reports: streaming, stopping, other models, corrections, and the files one takes home."""

import json

import pytest

from ecg_image.page import RESEARCH_USE_NOTICE
from tests.spaces_demo.browser_page import MODELS

# Notes every text that the draft shows while it grows, and presses a button at each.
_WATCH = """(press) => {
  window.seen = [];
  new MutationObserver(() => {
    const text = document.querySelector('#draft .draft .report')?.innerText.trim();
    const busy = document.querySelector('#draft .draft')?.ariaBusy === 'true';
    if (!text || !busy || text.endsWith('…') || window.seen.at(-1) === text) return;
    window.seen.push(text);
    if (press) document.querySelector(press).click();
  }).observe(document.querySelector('#draft'), {childList: true, subtree: true, characterData: true});
}"""


def choose(one, field: str, value: str) -> None:
    one.page.click(f"{field} input")
    one.page.click(f"{field} [role=option]:has-text('{value}')")


def test_report_streams_with_its_confidence_and_facts(visit):
    one = visit()
    one.take("inferior_infarction")
    one.page.wait_for_selector("#quality .message")
    one.page.evaluate(_WATCH, None)
    report = one.write()
    seen = one.page.evaluate("window.seen")
    assert len(seen) >= 3
    assert all(report.startswith(text) for text in seen)
    assert seen == sorted(seen, key=len)
    assert "infarct" in report
    assert "Confidence 0." in one.text("#draft .confidence")
    shaded = one.page.locator("#draft .report .sentence")
    assert shaded.count() >= 2
    shaded.first.focus()
    told = shaded.first.get_attribute("data-says")
    assert told.startswith("confidence 0.") or told.startswith("confidence 1.")
    assert told in one.page.evaluate(
        "getComputedStyle(document.querySelector('#draft .report .sentence'), '::after').content"
    )
    assert one.page.locator("#facts .chip.uncertain, #facts .chip.present").count() >= 2
    assert "Heart rate" in one.text("#facts table")


def test_stop(visit):
    one = visit()
    one.take("inferior_infarction")
    whole = one.write()
    one.page.evaluate(_WATCH, "#stop")
    for _ in range(8):  # on a busy machine a report may be done before the browser has shown its first word
        part = one.write()
        assert whole.startswith(part.rstrip(". "))
        assert part == whole or "Stopped before its end" in one.text("#draft")
        if len(part) < len(whole):
            break
    assert len(part) < len(whole)
    assert one.page.is_enabled("#write")


def test_files_of_report_and_picture(visit):
    pypdf = pytest.importorskip("pypdf")
    from io import BytesIO

    from PIL import Image

    one = visit()
    one.take("normal")
    report = one.write()
    name, content = one.save("#save-report-json")
    assert name == "ecg-report.json"
    found = json.loads(content)
    assert report in json.dumps(found, ensure_ascii=False)
    assert RESEARCH_USE_NOTICE in json.dumps(found)
    name, content = one.save("#save-report-pdf")
    pages = [page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages]
    assert len(pages) >= 2
    assert " ".join(report.split()) in " ".join(" ".join(pages).split())
    assert all(RESEARCH_USE_NOTICE in " ".join(page.split()) for page in pages)
    fhir = json.loads(one.save("#save-report-fhir")[1])
    assert (fhir["resourceType"], fhir["status"]) == ("DiagnosticReport", "preliminary")
    text = one.save("#save-report-text")[1].decode()
    assert report in text
    assert RESEARCH_USE_NOTICE in text
    assert Image.open(BytesIO(one.save("#save-picture-png")[1])).width == 2200
    assert RESEARCH_USE_NOTICE in one.save("#save-picture-svg")[1].decode()
    assert len(pypdf.PdfReader(BytesIO(one.save("#save-picture-pdf")[1])).pages) == 1


@pytest.mark.slow
def test_saving_without_a_report_says_so(visit):
    one = visit()
    one.page.click("#save-report-json")
    one.page.wait_for_selector("#save-report-says .message.error")
    assert "no report" in one.text("#save-report-says")


@pytest.mark.slow
def test_other_model_language_and_instruction(visit):
    one = visit()
    one.take("normal")
    english = one.write()
    choose(one, "#model", MODELS[1])
    assert one.write() == english  # a copy of the same weights
    assert MODELS[1] in one.text("#draft .confidence")
    one.page.check("#language input[value=de]")
    german = one.write()
    assert german != english
    one.page.click("#advanced > button")
    one.fill_in("#free-prompt textarea", "Write the report of this ECG. Write the report in Swedish.")
    assert one.write() not in (english, german)
    prompt = json.loads(one.save("#save-report-json")[1])["prompt"]
    assert prompt == "Write the report of this ECG. Write the report in Swedish."


@pytest.mark.slow
def test_options_that_exclude_each_other_are_a_sentence(visit):
    one = visit()
    one.take("normal")
    one.page.click("#advanced > button")
    for field, value in (("#temperature", "0.7"), ("#beams", "2")):
        one.fill_in(f"{field} input[type=number]", value)
    one.page.click("#write")
    one.page.wait_for_selector("#draft .message.error")
    assert "beams" in one.text("#draft")
    assert one.page.is_enabled("#write")


@pytest.mark.slow
def test_editor_records_what_was_changed(visit):
    one = visit()
    one.take("inferior_infarction")
    draft = one.write()
    edited = draft + " atrial fibrillation. heart rate 150/min."
    one.page.fill("#editor textarea", edited)
    one.page.locator("#editor textarea").blur()
    one.page.wait_for_selector("#changes ins")
    assert "atrial fibrillation" in one.text("#changes")
    one.page.wait_for_selector("#facts .chip:has-text('atrial fibrillation')")
    assert "differs" in one.text("#facts tr.disagrees")
    found = json.loads(one.save("#save-report-json")[1])
    assert draft in json.dumps(found, ensure_ascii=False)
    assert len(found["changes"]) >= 1
    one.page.fill("#editor textarea", draft)
    one.page.locator("#editor textarea").blur()
    one.page.wait_for_selector("#changes:has-text('No changes')")


@pytest.mark.slow
def test_copy_takes_the_notice_along(visit):
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    one.take("normal")
    report = one.write()
    one.page.click(".copy button")
    one.page.wait_for_selector(".copy output:has-text('Copied')")
    copied = one.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{report}\n\n{RESEARCH_USE_NOTICE}"


@pytest.mark.slow
def test_another_ecg_takes_the_report_away(visit):
    one = visit()
    one.take("normal")
    one.write()
    one.page.click("#example-atrial_fibrillation")
    one.page.wait_for_selector("#draft .empty")
    one.page.wait_for_selector("#editor textarea:disabled")
    assert one.page.input_value("#editor textarea") == ""
    assert one.page.is_disabled("#paint")
