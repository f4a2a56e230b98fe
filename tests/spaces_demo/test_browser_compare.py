"""A browser compares models and ECGs, and asks which part of an ECG mattered."""

import re

import pytest

from tests.spaces_demo.browser_page import MODELS


def test_two_models_on_one_ecg(visit):
    one = visit()
    one.take("normal")
    report = one.write()
    one.page.click("button[role=tab]:has-text('Compare')")
    one.page.click("#compare")
    one.page.wait_for_selector("#difference table")
    for side, model in enumerate(MODELS):
        said = one.text(f"#side-{side}")
        assert model in said
        assert report.split(".")[0] in said
    assert "differs" not in one.text("#difference")


@pytest.mark.slow
def test_two_ecgs_with_one_model(visit):
    one = visit()
    one.take("normal")
    one.page.click("button[role=tab]:has-text('Compare')")
    one.page.check("#compare-mode input[value^='Two ECGs']")
    one.page.click("#second-ecg input")
    one.page.click("#second-ecg [role=option]:has-text('Inferior infarction')")
    one.page.click("#compare")
    one.page.wait_for_selector("#difference table")
    assert one.text("#side-0 h3") == "Normal (simulated)"
    assert one.text("#side-1 h3") == "Inferior infarction (simulated)"
    assert "infarct" in one.text("#side-1 .draft")
    assert "differs" in one.text("#difference")
    assert one.page.locator(".sides svg.ecg").count() == 2
    # Parts of one name in two pictures would leave one of them without its ruling.
    assert one.page.evaluate(
        "(all => all.length === new Set(all).size)([...document.querySelectorAll('pattern')].map((one) => one.id))"
    )


@pytest.mark.slow
def test_compare_without_an_ecg_says_so(visit):
    one = visit()
    one.page.click("button[role=tab]:has-text('Compare')")
    one.page.click("#compare")
    one.page.wait_for_selector("#compare-says .message.error")
    assert "no ECG yet" in one.text("#compare-says")


def test_what_mattered_is_drawn_over_the_paper(visit):
    one = visit()
    one.take("inferior_infarction")
    one.write()
    assert one.page.locator("#paper svg .heat").count() == 0
    one.page.click("#what input")
    one.page.click("#what [role=option]:has-text('infarct')")
    one.page.evaluate(
        """() => { window.shares = []; new MutationObserver(() => {
          const bar = document.querySelector('#paint-says [role=progressbar]');
          if (bar) window.shares.push(Number(bar.ariaValueNow));
        }).observe(document.querySelector('#paint-says'), {childList: true, subtree: true, attributes: true}); }"""
    )
    one.page.click("#paint")
    one.page.wait_for_selector("#paper svg .heat")
    shares = one.page.evaluate("window.shares")
    assert shares == sorted(shares)
    assert any(0 < share < 100 for share in shares)
    assert re.search(r"Mattered most: \w+ at \d", one.text("#paint-says"))
    # In twelve rows, so that what is named stands on the paper whichever lead and second it is.
    leads = one.page.locator("#paper svg text").all_text_contents()
    assert [lead for lead in leads if lead in ("I", "aVR", "V6")] == ["I", "aVR", "V6"]
    most = re.search(r"Mattered most: (\w+) at (\d)", one.text("#paint-says"))
    bands = one.page.locator("#paper svg .heat title").all_text_contents()
    assert any(band.startswith(f"{most[1]}, {most[2]} to") for band in bands)
    pdf = one.save("#save-picture-pdf")[1]
    assert pdf.startswith(b"%PDF")
    # A report written anew has not been asked about.
    one.write()
    one.page.wait_for_function("document.querySelectorAll('#paper svg .heat').length === 0")


@pytest.mark.slow
def test_cancel_what_mattered(visit):
    one = visit()
    one.take("normal")
    one.write()
    one.page.click("#paint")
    one.page.click("#cancel:enabled")
    one.page.wait_for_selector("#paint-says:has-text('Cancelled')")
    assert one.page.locator("#paper svg .heat").count() == 0
    assert one.page.is_enabled("#paint")


@pytest.mark.slow
def test_second_ecg_is_one_of_a_file_of_several(visit, tmp_path):
    import zipfile

    import numpy as np

    from spaces_demo.page.examples import example
    from tests.ecg_files.make_files import write_wfdb

    normal, infarct = example("normal").signal, example("inferior_infarction").signal
    written = [
        *write_wfdb(tmp_path, "first", normal, 500),
        *write_wfdb(tmp_path, "second", np.concatenate([infarct, normal], axis=1), 500),
    ]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for path in written:
            archive.write(path, path.name)
    one = visit()
    one.take("normal")
    one.page.click("button[role=tab]:has-text('Compare')")
    one.page.check("#compare-mode input[value^='Two ECGs']")
    one.upload(tmp_path / "two.zip", field="#second-file")
    one.page.wait_for_selector("#compare-says .loaded")
    assert "first 10 s are compared" in one.text("#compare-says")
    one.page.click("#second-ecg input")
    one.page.click("#second-ecg [role=option]:has-text('second')")
    one.page.click("#compare")
    one.page.wait_for_selector("#difference table")
    assert "second" in one.text("#side-1 h3")
    assert "infarct" in one.text("#side-1 .draft")
