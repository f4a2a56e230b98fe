"""The drawing as SVG has the geometry of the page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ecg_image.page import LEADS, standard_page
from ecg_image.svg import draw_ecg_svg

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
    # Of a single sample there is no line; the strip holds both.
    strip = next(line for line in drawn if len(line) == 2 and line[0, 1] == pytest.approx(page.baselines[-1]))
    np.testing.assert_allclose(strip[:, 0], [page.trace_x, page.trace_x + 0.25], atol=0.0251)


@pytest.mark.parametrize(("shape", "rate"), [((11, 1000), 100), ((12, 1), 100), ((12, 1000), 0)])
def test_bad_signals_are_refused(shape: tuple[int, int], rate: int):
    with pytest.raises(ValueError, match="expected"):
        draw_ecg_svg(np.zeros(shape), rate, "x")
