"""`meit_report.plot_report`: the report of an ECG as a picture, of every kind, whole or not at all."""

import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import meit_report
from dataset_scripts.errors import EcgInputError
from ecg_image.page import RESEARCH_USE_NOTICE

TEXT = "Sinusrhythmus, überdrehte Linkslage. " * 30 + "Ende des Befundes."


def made_report(text=TEXT, abstention=None):
    signal = np.random.default_rng(0).normal(0, 0.1, (12, 1000)).astype(np.float32)
    record = SimpleNamespace(signal=signal, sampling_rate=100.0, name="Prüfung <1>")
    return meit_report.EcgReport(text, 0.4, "tiny", "?", record, (), abstention)


@pytest.mark.parametrize(("ending", "kind"), [("png", "PNG"), ("JPG", "JPEG"), ("jpeg", "JPEG")])
def test_images_print_at_their_size(tmp_path, ending, kind):
    path = meit_report.check_plot(tmp_path / f"page.{ending}")
    meit_report.plot_report(made_report(), path)
    image = Image.open(path)
    assert image.format == kind
    assert image.width / image.info["dpi"][0] * 25.4 == pytest.approx(297, abs=1)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_svg_stands_alone(tmp_path):
    path = meit_report.check_plot(tmp_path / "page.svg")
    meit_report.plot_report(made_report(), path)
    said = [element.text for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert "Prüfung <1>" in said
    assert any(line.startswith("Sinusrhythmus, überdrehte") for line in said)
    assert "Report written by the model tiny." in said
    assert RESEARCH_USE_NOTICE in said


def test_pdf_is_vectors_with_the_whole_report(tmp_path):
    pypdf = pytest.importorskip("pypdf", reason="reads PDF back: pip install meit-ecg[dev]")
    path = meit_report.check_plot(tmp_path / "page.pdf")
    meit_report.plot_report(made_report(), path)
    assert b"/Subtype /Image" not in path.read_bytes()
    pages = [page.extract_text() for page in pypdf.PdfReader(path).pages]
    assert len(pages) == 2
    assert "Ende des Befundes." in pages[1]
    assert all(RESEARCH_USE_NOTICE in page for page in pages)


def test_another_ending_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(EcgInputError, match=r"unknown ending '.gif', expected one of .png, .jpg, .jpeg, .svg, .pdf"):
        meit_report.check_plot(tmp_path / "page.gif")
    with pytest.raises(EcgInputError, match="there is no folder"):
        meit_report.check_plot(tmp_path / "none" / "page.svg")


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_a_drawing_that_fails_leaves_the_older_file(tmp_path, ending):
    path = tmp_path / f"page.{ending}"
    path.write_bytes(b"older")
    report = made_report()
    report.record.signal = report.record.signal[:5]
    with pytest.raises(ValueError, match="expected \\(12, T\\)"):
        meit_report.plot_report(report, path)
    assert path.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1
