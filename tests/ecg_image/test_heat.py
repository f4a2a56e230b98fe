"""Bands stand where their lead and time are, as strong as their value, on every output's page."""

from itertools import pairwise

import numpy as np
import pytest

from ecg_image.draw import draw_ecg
from ecg_image.heat import HEAT_COLOUR, Heat, bands, legend
from ecg_image.page import LEADS, standard_page

FS = 100


def one(lead, window, value=1.0, windows=10):
    values = np.zeros((12, windows))
    values[LEADS.index(lead), window] = value
    return Heat(values, 0.0, 10.0 / windows)


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_band_stands_on_every_panel_of_its_lead_at_its_time(paper):
    page = standard_page(10.0, paper=paper)
    found = bands(one("II", 1), page)  # from 1 to 2 s: in the first column and in the strip
    assert len(found) == 2
    for band, row in zip(found, (1, 3), strict=True):
        assert (band.left, band.right) == (page.trace_x + 25, page.trace_x + 50)
        assert band.top < page.baselines[row] < band.bottom
        assert band.bottom - band.top < page.row_mm
    # V6 is shown from 7.5 s on only: half of the window before, none of an earlier one.
    assert [(b.left, b.right) for b in bands(one("V6", 7), page)] == [(page.trace_x + 7.5 * 25, page.trace_x + 8 * 25)]
    assert bands(one("V6", 3), page) == []


def test_windows_that_begin_before_or_end_after_the_record_are_cut():
    page = standard_page(10.0, layout="12x1")
    found = bands(Heat(np.ones((12, 2)), -3.0, 8.0), page)
    assert len(found) == 24
    assert min(band.left for band in found) == page.trace_x
    assert max(band.right for band in found) == page.trace_x + 250


def test_strength_is_the_value():
    page = standard_page(10.0)
    half, whole = (bands(one("I", 0, value), page)[0].opacity for value in (0.5, 1.0))
    assert half == pytest.approx(whole / 2)
    steps, left = legend(200.0, 100.0)
    assert [step.says for step in steps] == ["0", "0.25", "0.5", "0.75", "1"]
    assert steps[-1].opacity == whole
    assert steps[0].left == left
    assert steps[-1].right == 200.0


def test_colours_of_the_scale_grow_darker_in_print_without_colour():
    steps, _ = legend(200.0, 100.0)
    paper, colour = np.full(3, 255.0), np.array(HEAT_COLOUR)
    greys = [((1 - s.opacity) * paper + s.opacity * colour) @ [0.2126, 0.7152, 0.0722] for s in steps]
    assert all(before - after > 20 for before, after in pairwise(greys))
    # What stands on the darkest is still read easily: a contrast of more than six to one.
    light = [((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in (0.4 * 255 + 0.6 * np.array(HEAT_COLOUR))]
    assert (np.dot([0.2126, 0.7152, 0.0722], light) + 0.05) / (0.007 + 0.05) > 6


def test_the_image_is_coloured_there_and_the_ink_is_not_touched():
    signal = np.random.default_rng(0).normal(0, 0.1, (12, 10 * FS))
    plain = np.asarray(draw_ecg(signal, FS, 1100)).astype(int)
    warm = np.asarray(draw_ecg(signal, FS, 1100, heat=one("aVL", 3))).astype(int)
    page, mm = standard_page(10.0), 297 / 1100
    changed = np.abs(warm - plain).sum(axis=2) > 30
    band = bands(one("aVL", 3), page)[0]
    rows, columns = np.nonzero(changed[: round(page.grid[3] / mm)])
    assert rows.min() * mm == pytest.approx(band.top, abs=mm)
    assert rows.max() * mm == pytest.approx(band.bottom, abs=2 * mm)
    assert columns.min() * mm == pytest.approx(band.left, abs=mm)
    assert columns.max() * mm == pytest.approx(band.right, abs=2 * mm)
    ink = plain.sum(axis=2) < 80
    assert np.abs(warm - plain)[ink].max() < 25
    # Below the paper the scale appears.
    assert changed[round((page.grid[3] + 6) / mm) :].any()


@pytest.mark.parametrize(
    ("values", "start", "window", "message"),
    [
        (np.zeros((11, 4)), 0, 1, r"heat has shape \(11, 4\)"),
        (np.zeros(12), 0, 1, "heat has shape"),
        (np.zeros((12, 0)), 0, 1, "heat has shape"),
        (np.full((12, 2), 1.2), 0, 1, "outside 0 to 1"),
        (np.full((12, 2), np.nan), 0, 1, "outside 0 to 1"),
        (np.zeros((12, 2)), np.nan, 1, "starts at nan"),
        (np.zeros((12, 2)), 0, 0, "windows of 0 s"),
    ],
)
def test_other_values_are_refused(values, start, window, message):
    with pytest.raises(ValueError, match=message):
        Heat(values, start, window)
