"""A browser uploads ECG files of every kind: each is drawn, and its report streams."""

import json
import re

import pytest

from dataset_scripts.simulation.examples import EXAMPLES
from spaces_demo.page.examples import TITLES, example
from tests.ecg_files.make_files import write_all

FAST = ("WFDB", "EDF")
SLOW = ("DICOM waveform", "HL7 aECG", "zip", "SCP-ECG", "GE MUSE XML")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    record = example("normal")
    return write_all(tmp_path_factory.mktemp("files"), record.signal, int(record.sampling_rate))


def test_examples_are_those_of_the_repository():
    assert set(TITLES) == set(EXAMPLES)


@pytest.mark.parametrize("kind", [*FAST, *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)])
def test_file_is_drawn_and_read(visit, files, server, kind):
    one = visit()
    one.upload(*files[kind])
    one.page.wait_for_selector("#paper svg.ecg")
    said = one.text("#source-status")
    assert ("WFDB" if kind == "zip" else kind) in said
    assert "10 s" in said
    assert "500 Hz" in said
    assert one.page.locator("#paper svg.ecg text", has_text=re.compile("^V6$")).count() == 1
    assert "sinus" in one.write()
    # The upload was deleted when it was read.
    assert server.stored() == []


@pytest.mark.slow
def test_csv_that_does_not_say_its_rate(visit, files):
    one = visit()
    one.upload(*files["CSV"])
    one.page.wait_for_selector("#source-status .message.error")
    assert "rate" in one.text("#source-status")
    one.page.click("#form > button")
    one.fill_in("#form input[type=number]", "500")
    one.page.click("#read-again")
    one.page.wait_for_selector("#paper svg.ecg")
    assert "500 Hz" in one.text("#source-status")


@pytest.mark.slow
def test_file_that_is_no_ecg_is_answered_by_a_sentence(visit, server):
    one = visit()
    one.upload({"name": "ecg.edf", "mimeType": "application/octet-stream", "buffer": b"MZ" + bytes(4000)})
    one.page.wait_for_selector("#source-status .message.error")
    said = one.text("#source-status")
    assert "Traceback" not in said
    assert 20 < len(said) < 500
    one.take("normal")
    assert server.stored() == []


def test_script_in_a_name_does_nothing(visit, files):
    one = visit()
    name = "<img src=x onerror=window.hacked=1>${window.hacked=2}{{window.hacked=3}}.npy"
    one.page.click("#form > button")
    one.fill_in("#form input[type=number]", "500")
    one.upload({"name": name, "mimeType": "application/octet-stream", "buffer": files["NumPy"][0].read_bytes()})
    one.page.wait_for_selector("#paper svg.ecg")
    one.write()
    assert one.page.evaluate("window.hacked") is None
    assert one.page.locator("#source-status img").count() == 0
    assert "hacked" in one.text("#source-status")
    content = json.loads(one.save("#save-report-json")[1])
    assert "hacked" in json.dumps(content)


@pytest.mark.slow
def test_long_record_and_record_of_several(visit, tmp_path):
    import zipfile

    import numpy as np

    from tests.ecg_files.make_files import write_wfdb

    normal, other = example("normal").signal, example("atrial_fibrillation").signal
    written = [
        *write_wfdb(tmp_path, "long", np.concatenate([normal, other], axis=1), 500),
        *write_wfdb(tmp_path, "short", other, 500),
    ]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for path in written:
            archive.write(path, path.name)
    one = visit()
    one.upload(tmp_path / "two.zip")
    one.page.wait_for_selector("#paper svg.ecg")
    assert "long" in one.text("#source-status .record-name")
    before = one.page.get_attribute("#paper svg .trace", "d")
    number = one.page.locator("#start input[type=number]")
    number.fill("10")
    number.press("Enter")
    one.page.wait_for_function("d => document.querySelector('#paper svg .trace').getAttribute('d') !== d", arg=before)
    assert "fibrillation" in one.write()
    one.page.click("#record input")
    one.page.click("#record [role=option]:nth-of-type(2)")
    one.page.wait_for_function("document.querySelector('#source-status .record-name').innerText.includes('short')")
    assert one.page.locator("#start").is_hidden()
    one.page.wait_for_selector("#draft .empty")


@pytest.mark.slow
def test_real_record(visit, ptbxl_dir, server):
    one = visit()
    folder = ptbxl_dir / "records100" / "00000"
    one.upload(folder / "00001_lr.hea", folder / "00001_lr.dat")
    one.page.wait_for_selector("#paper svg.ecg")
    assert one.write()
    assert server.stored() == []
