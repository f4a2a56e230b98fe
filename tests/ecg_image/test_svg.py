"""The drawing as SVG has the geometry of the page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ecg_image.heat import Heat
from ecg_image.page import LEADS, RESEARCH_USE_NOTICE, standard_page
from ecg_image.svg import draw_ecg_svg, svg_file

RATE = 100


def paths(svg: str) -> list[np.ndarray]:
    """The lines of the trace, [n, 2] in mm."""
    data = ElementTree.fromstring(svg).find("path").attrib["d"]
    found = []
    for line in data.split("M")[1:]:
        start, _, steps = line.partition("l")
        points = [tuple(map(int, pair.split(","))) for pair in (start, *steps.split())]
        found.append(np.cumsum(points, axis=0) * 0.05)
    return found


def test_traces_stand_where_the_page_says():
    time = np.arange(10 * RATE) / RATE
    signal = np.stack([np.sin(2 * np.pi * time) * (1 + lead) / 12 for lead in range(12)])
    page = standard_page(10.0)
    drawn = paths(draw_ecg_svg(signal, RATE, "an ECG"))
    for panel, line in zip(page.panels, drawn, strict=False):
        first = round(panel.start * RATE)
        values = signal[LEADS.index(panel.lead), first : first + len(line)]
        np.testing.assert_allclose(line[:, 1], panel.baseline - 10 * values, atol=0.0251)
        np.testing.assert_allclose(line[:, 0], panel.x + 25 * np.arange(len(line)) / RATE, atol=0.0251)


def test_a_gap_is_left_open():
    signal = np.zeros((12, 10 * RATE))
    whole = paths(draw_ecg_svg(signal, RATE, "x"))
    signal[1, 450:550] = np.nan  # of lead II, which only the strip shows at that time
    assert len(paths(draw_ecg_svg(signal, RATE, "x"))) == len(whole) + 1


@pytest.mark.parametrize("draw", [draw_ecg_svg, svg_file])
def test_a_sample_between_two_gaps_is_a_dot(draw):
    signal = np.full((12, 10 * RATE), np.nan)
    nothing = draw(signal, RATE, "x")
    signal[LEADS.index("V4"), 900] = 0.4
    # As far right and up as 9 s and 0.4 mV are, and no longer: its round ends make it a dot.
    assert len(re.findall(r"M\d+,\d+l0,0(?=[M\"])", draw(signal, RATE, "x"))) == 1
    assert "l0,0" not in nothing


def test_the_label_is_escaped_and_patterns_have_names_of_their_own():
    signal = np.zeros((12, 10 * RATE))
    drawings = [draw_ecg_svg(signal, RATE, label) for label in ('a "b" <c>', "d")]
    assert ElementTree.fromstring(drawings[0]).attrib["aria-label"] == 'a "b" <c>'
    names = [set(re.findall(r' id="([^"]*)"', svg)) for svg in drawings]
    assert len(names[0]) == 2
    assert not names[0] & names[1]
    for svg, own in zip(drawings, names, strict=True):
        assert set(re.findall(r"url\(#([^)]*)\)", svg)) == own


def test_it_is_small():
    signal = np.random.default_rng(0).normal(0, 0.3, (12, 10 * RATE))
    assert len(draw_ecg_svg(signal, RATE, "x")) < 40_000


def test_a_record_of_two_samples_leaves_most_panels_empty():
    drawn = paths(draw_ecg_svg(np.zeros((12, 2)), RATE, "x"))
    page = standard_page(2 / RATE)
    held = [panel for panel in page.panels if round(panel.start * RATE) < 2]
    assert 0 < len(held) < len(page.panels)
    # Of a single sample there is a dot; the strip holds both.
    single = [panel for panel in held if round(panel.start * RATE) == min(round(panel.stop * RATE), 1)]
    assert sum(np.ptp(line, axis=0).max() == 0 for line in drawn) == len(single) > 0
    strip = next(line for line in drawn if len(line) == 2 and line[0, 1] == pytest.approx(page.baselines[-1]))
    np.testing.assert_allclose(strip[:, 0], [page.trace_x, page.trace_x + 0.25], atol=0.0251)


@pytest.mark.parametrize(("shape", "rate"), [((11, 1000), 100), ((12, 1), 100), ((12, 1000), 0)])
def test_bad_signals_are_refused(shape: tuple[int, int], rate: int):
    with pytest.raises(ValueError, match="expected"):
        draw_ecg_svg(np.zeros(shape), rate, "x")


NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("paper", "size"), [("a4", (297.0, 210.0)), ("letter", (279.4, 215.9))])
def test_a_file_is_a_sheet_of_paper_in_millimetres(paper: str, size: tuple[float, float]):
    time = np.arange(10 * RATE) / RATE
    signal = np.stack([np.sin(2 * np.pi * time) * (1 + lead) / 12 for lead in range(12)])
    text = svg_file(signal, RATE, "an ECG", "Überdrehte Linkslage\nförmaksflimmer < 3", "model x", paper=paper)
    svg = ElementTree.fromstring(text.encode())
    assert (svg.attrib["width"], svg.attrib["height"]) == tuple(f"{side:g}mm" for side in size)
    assert svg.attrib["viewBox"] == "0 0 {:g} {:g}".format(*size)
    page = standard_page(10.0, paper=paper)
    path = svg.find(f"{NAMESPACE}path")
    assert path.attrib["transform"] == "scale(0.01)"
    lines = path.attrib["d"].split("M")[1:]
    for panel, line in zip(page.panels, lines, strict=False):
        start, _, steps = line.partition("l")
        points = np.cumsum([tuple(map(int, pair.split(","))) for pair in (start, *steps.split())], axis=0) * 0.01
        first = round(panel.start * RATE)
        values = signal[LEADS.index(panel.lead), first : first + len(points)]
        np.testing.assert_allclose(points[:, 1], panel.baseline - 10 * values, atol=0.0051)
        np.testing.assert_allclose(points[:, 0], panel.x + 25 * np.arange(len(points)) / RATE, atol=0.0051)
    said = [element.text for element in svg.iter(f"{NAMESPACE}text")]
    assert {"Überdrehte Linkslage", "förmaksflimmer < 3", "model x", RESEARCH_USE_NOTICE} <= set(said)


def test_a_file_brings_its_colours_and_asks_for_nothing():
    text = svg_file(np.zeros((12, 10 * RATE)), RATE, "x")
    style = ElementTree.fromstring(text.encode()).find(f"{NAMESPACE}style").text
    for name in ("fine", "bold", "trace", "text", "heat"):
        assert f".{name}{{" in style or f".{name}," in style
    assert re.findall(r"(?:https?:)?//[^\s\"']+", text) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in text
    # The pen's 0.35 mm in the units of the path.
    assert "stroke-width:35" in style


@pytest.mark.parametrize("draw", [draw_ecg_svg, svg_file])
def test_names_cannot_break_out(draw):
    text = draw(np.zeros((12, 10 * RATE)), RATE, '"><script>alert(1)</script>\x00\x1b\ud800')
    ElementTree.fromstring(text.encode())
    assert "<script" not in text


@pytest.mark.parametrize("draw", [draw_ecg_svg, svg_file])
def test_heat_lies_between_paper_and_trace_and_says_its_values(draw):
    values = np.zeros((12, 4))
    values[LEADS.index("V4"), 3] = 0.5
    svg = ElementTree.fromstring(draw(np.zeros((12, 10 * RATE)), RATE, "x", heat=Heat(values, 0.0, 2.5)).encode())
    kinds = [element.attrib.get("class") for element in svg]
    bands = [element for element in svg if element.attrib.get("class") == "heat"]
    assert kinds.index("bold") < kinds.index("heat") < kinds.index("trace") < kinds.index("text")
    assert [band[0].text for band in bands] == ["V4, 7.5 to 10 s: 0.50", "0", "0.25", "0.5", "0.75", "1"]
    # As strong as the step of the scale that it stands for.
    assert bands[0].attrib["fill-opacity"] == bands[3].attrib["fill-opacity"] == "0.300"
    bare = ElementTree.fromstring(draw(np.zeros((12, 10 * RATE)), RATE, "x").encode())
    assert not [element for element in bare if element.attrib.get("class") == "heat"]
