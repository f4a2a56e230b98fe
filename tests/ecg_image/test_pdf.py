"""The PDF is read back: by its own numbers in millimetres, by its text, and as pixels."""

import re
from io import BytesIO

import numpy as np
import pytest

from ecg_image.heat import Heat
from ecg_image.page import LEADS, RESEARCH_USE_NOTICE, standard_page
from ecg_image.pdf import draw_ecg_pdf

pypdf = pytest.importorskip("pypdf", reason="reads PDF back: pip install meit-ecg[dev]")
FS = 500


def signal_of(seed=0):
    time = np.arange(10 * FS) / FS
    return np.random.default_rng(seed).normal(0, 0.2, (12, 1)) * np.sin(2 * np.pi * 1.3 * time) + 0.1


# For what is not about the trace: reading a page back takes longer the more there is in it.
FEW = (signal_of()[:, ::50], FS / 50)


def opened(data):
    return pypdf.PdfReader(BytesIO(data))


def content(data, page=0):
    return opened(data).pages[page].get_contents().get_data().decode("latin-1")


def strokes(data):
    """Lines of the first page, [n, 2] in its own unit, which is the millimetre from the upper left corner."""
    found = []
    for line in re.findall(r"(?:^|\s)([-\d.]+ [-\d.]+ m(?: [-\d.]+ [-\d.]+ l)+)", content(data)):
        found.append(np.array(re.findall(r"([-\d.]+) ([-\d.]+) [ml]", line), dtype=float))
    return found


@pytest.mark.parametrize(("paper", "size"), [("a4", (297.0, 210.0)), ("letter", (279.4, 215.9))])
@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 5.0), (25.0, 20.0)])
def test_lines_stand_where_the_page_says(paper, size, speed, gain):
    signal = signal_of()
    data = draw_ecg_pdf(signal, FS, paper_speed=speed, gain=gain, paper=paper)
    box = opened(data).pages[0].mediabox
    assert (float(box.width) / 72 * 25.4, float(box.height) / 72 * 25.4) == pytest.approx(size, abs=1e-3)
    # One unit is a millimetre, counted from the top.
    numbers = [float(number) for number in re.findall(r"([-\d. ]+) cm\n", content(data))[0].split()]
    assert numbers == pytest.approx([72 / 25.4, 0, 0, -72 / 25.4, 0, size[1] * 72 / 25.4], abs=1e-3)
    page = standard_page(10.0, speed, gain, paper)
    traces = [line for line in strokes(data) if len(line) > 100 and np.ptp(np.diff(line[:, 0])) < 0.01]
    assert len(traces) == 13
    for panel, line in zip(page.panels, traces, strict=True):
        first = round(panel.start * FS)
        values = signal[LEADS.index(panel.lead), first : first + len(line)]
        np.testing.assert_allclose(line[:, 1], panel.baseline - gain * values, atol=0.00051)
        np.testing.assert_allclose(line[:, 0], panel.x + speed * np.arange(len(line)) / FS, atol=0.00051)


def test_it_is_vectors_and_the_same_bytes_each_time():
    arguments = (signal_of(), FS, "name\nreport", "foot")
    data = draw_ecg_pdf(*arguments, text=["a", "b"])
    assert data == draw_ecg_pdf(*arguments, text=["a", "b"])
    assert data.startswith(b"%PDF-")
    assert b"/Subtype /Image" not in data
    assert data != draw_ecg_pdf(*arguments)


def test_every_page_carries_the_notice_and_the_whole_text_in_every_alphabet():
    sentences = [
        "Sinusrhythmus, überdrehte Linkslage, ST-Hebung größer als 0,2 mV.",
        "Förmaksflimmer, vänster grenblock, åtgärd krävs ej.",
        "QTc ≥ 470 ms → verlängert; 3 µV; β-Blocker; синусовый ритм <b>&amp;",
    ]
    data = draw_ecg_pdf(*FEW, "Prüfung åäö", "Modell ß", text=[*sentences, "Wort für Wort. " * 600, "Schluss."])
    pages = [page.extract_text() for page in opened(data).pages]
    assert len(pages) > 3
    assert all(RESEARCH_USE_NOTICE in page for page in pages)
    assert all("Prüfung åäö" in page for page in pages)
    assert "Modell ß" in pages[0]
    after = " ".join(" ".join(pages[1:]).split())
    for sentence in (*sentences, "Schluss."):
        assert sentence in after
    assert after.count("Wort") + after.count("Wort-") >= 1200
    assert f"{len(pages)}/{len(pages)}" in pages[-1]
    assert opened(data).metadata.title == "Prüfung åäö"


def test_without_text_it_is_one_page():
    pages = opened(draw_ecg_pdf(*FEW)).pages
    assert len(pages) == 1
    assert all(lead in pages[0].extract_text() for lead in LEADS)


def test_heat_is_translucent_and_has_its_scale():
    heat = Heat(np.full((12, 4), 0.5), 0, 2.5, label="was zählt")
    data = draw_ecg_pdf(*FEW, heat=heat)
    assert "was zählt" in opened(data).pages[0].extract_text()
    # A band for each of the twelve columns, four for the strip, five steps of the scale, half as strong as its last.
    assert len(re.findall(r" re\s+f", content(data))) == 12 + 4 + 5
    states = opened(data).pages[0]["/Resources"]["/ExtGState"].values()
    assert {0.0, 0.15, 0.3, 0.45, 0.6} <= {float(state["/ca"]) for state in states}
    assert not re.findall(r" re\s+f", content(draw_ecg_pdf(*FEW)))


def test_as_pixels_it_is_the_image():
    pdfium = pytest.importorskip("pypdfium2", reason="draws PDF: pip install meit-ecg[dev]")
    from ecg_image.draw import draw_ecg

    signal = signal_of(3)
    page = pdfium.PdfDocument(draw_ecg_pdf(signal, FS, paper="letter"))[0]
    theirs = np.asarray(page.render(scale=2200 / (279.4 / 25.4 * 72)).to_pil().convert("RGB"))[..., 0].astype(float)
    ours = np.asarray(draw_ecg(signal, FS, 2200, paper="letter"))[..., 0].astype(float)
    mm = 279.4 / 2200
    compared = 0
    for panel in standard_page(10.0, paper="letter").panels:
        # Beside the lead's name and the marks, where nothing else is dark.
        column = round((panel.x + 20) / mm)
        near = slice(round((panel.baseline - 9) / mm), round((panel.baseline + 9) / mm))
        centres = []
        for image in (theirs, ours):
            ink = np.clip(200 - image[near, column], 0, None)
            centres.append((np.arange(ink.size) * ink).sum() / ink.sum() * mm)
        assert centres[0] == pytest.approx(centres[1], abs=0.05)
        compared += 1
    assert compared == 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": np.zeros((3, 100))}, "expected \\(12, T\\)"),
        ({"paper": "a5"}, "paper 'a5'"),
        ({"text": ["word " * 200_000]}, "more than 50 pages"),
    ],
)
def test_wrong_arguments_say_so(change, message):
    with pytest.raises(ValueError, match=message):
        draw_ecg_pdf(**{"signal": signal_of(), "sampling_rate": FS, **change})


def test_a_sample_between_two_gaps_is_a_dot():
    signal = np.full((12, 10 * FS), np.nan)
    signal[LEADS.index("V4"), 4500] = 0.4
    page = standard_page(10.0)
    (panel,) = (panel for panel in page.panels if panel.lead == "V4")
    dots = [line for line in strokes(draw_ecg_pdf(signal, FS)) if len(line) == 2 and np.ptp(line, axis=0).max() == 0]
    assert len(dots) == 1
    assert dots[0][0].tolist() == pytest.approx([page.x_of(panel, 9.0), panel.baseline - 4.0], abs=1e-3)
