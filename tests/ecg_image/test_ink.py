"""The ink is recovered from the pixels of the PNG and held against the polyline of the samples, both ways round."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from ecg_image.draw import draw_ecg
from ecg_image.ink import INK, draw_lines
from ecg_image.page import INK_MM, LEADS, standard_page

FS = 500
NEAR_MM = 0.3
STEP_MM = 0.1


def quiet(rng):
    """Beats of half a millivolt to two, with the tremor of a resting patient."""
    time = np.arange(10 * FS) / FS
    beats = sum(np.exp(-(((time - at) / 0.012) ** 2)) for at in np.arange(0.4, 10, 0.83))
    waves = 0.2 * np.sin(2 * np.pi * 1.2 * time)
    return np.linspace(-1.5, 2, 12)[:, None] * beats + waves + rng.normal(0, 0.01, (12, time.size))


def noisy(rng):
    return rng.normal(0, 0.3, (12, 10 * FS))


def steep(rng):
    """Pacing spikes of one sample and square waves."""
    signal = np.where(np.arange(10 * FS) % 400 < 200, 0.7, -0.5) * np.linspace(0.3, 1.2, 12)[:, None]
    signal[:, rng.integers(0, 10 * FS, 40)] += 1.5
    return signal


def clipped(rng):
    """Slow waves far beyond the paper."""
    time = np.arange(10 * FS) / FS
    return 25 * np.sin(2 * np.pi * 0.4 * time + np.arange(12)[:, None]) + rng.normal(0, 0.02, (12, time.size))


def polyline(page, signal, rate):
    """Points on the lines between a page's samples, [n, 2] in mm, at most `STEP_MM` apart; in NaN there are none."""
    _, top, _, bottom = page.grid
    found = []
    for panel in page.panels:
        samples = np.arange(round(panel.start * rate), min(round(panel.stop * rate) + 1, signal.shape[1]))
        x = panel.x + (samples / rate - panel.start) * page.paper_speed
        y = panel.baseline - signal[LEADS.index(panel.lead), samples] * page.gain
        for i in np.flatnonzero(np.isfinite(y[1:]) & np.isfinite(y[:-1])):
            parts = int(np.hypot(x[i + 1] - x[i], y[i + 1] - y[i]) / STEP_MM) + 2
            found.append(np.linspace([x[i], y[i]], [x[i + 1], y[i + 1]], parts))
    points = np.concatenate(found)
    return np.stack([points[:, 0], points[:, 1].clip(top, bottom)], axis=1)


def recovered(signal, rate, width_px, **how):
    """The share of ink in each pixel of the saved file, NaN where the page itself is dark, and mm a pixel."""

    def red(values):
        file = BytesIO()
        draw_ecg(values, rate, width_px, **how).save(file, "PNG")
        return np.asarray(Image.open(file))[..., 0].astype(float)

    paper = red(np.full_like(signal, np.nan))
    share = (paper - red(signal)) / (paper - INK[0] + 1e-9)
    share[paper < 150] = np.nan
    page = standard_page(
        signal.shape[1] / rate, how.get("paper_speed", 25), how.get("gain", 10), how.get("paper", "a4")
    )
    return share, page, page.width / width_px


def centres(pixels, mm):
    rows, columns = np.nonzero(pixels)
    return np.stack([(columns + 0.5) * mm, (rows + 0.5) * mm], axis=1)


@pytest.mark.parametrize(
    ("make", "width_px", "how"),
    [
        (quiet, 1100, {"paper": "letter"}),
        (quiet, 1100, {"paper_speed": 50.0, "gain": 20.0}),
        (quiet, 1600, {"gain": 5.0}),
        (quiet, 2970, {"paper": "letter", "paper_speed": 50.0}),
        (noisy, 1100, {"paper": "letter"}),
        (noisy, 1100, {"gain": 5.0}),
        (noisy, 2200, {"paper_speed": 50.0, "gain": 20.0}),
        (steep, 1100, {"paper": "letter", "gain": 20.0}),
        (steep, 1600, {"paper_speed": 50.0}),
        (steep, 2970, {}),
        (clipped, 1100, {"paper": "letter"}),
        (clipped, 2200, {"gain": 20.0, "paper_speed": 50.0}),
    ],
)
def test_ink_and_polyline_are_within_a_third_of_a_millimetre(make, width_px, how):
    signal = make(np.random.default_rng(width_px))
    share, page, mm = recovered(signal, FS, width_px, **how)
    line = polyline(page, signal, FS)
    drawn = centres(share >= 0.5, mm)
    touched = centres(share >= 0.05, mm)
    tree = cKDTree(line)
    # No ink far from the line. Of a pixel that is less than half covered, the ink is in the half towards the line.
    assert tree.query(drawn)[0].max() <= NEAR_MM
    assert tree.query(touched)[0].max() <= NEAR_MM + mm / np.sqrt(2)
    # No stretch of the line without ink, but below what the page itself wrote there.
    hidden = np.isnan(share[(line[:, 1] / mm).astype(int), (line[:, 0] / mm).astype(int)])
    assert hidden.mean() < 0.02
    assert cKDTree(drawn).query(line[~hidden])[0].max() <= NEAR_MM


@pytest.mark.parametrize(("rate", "width_px"), [(100, 2970), (100, 1100), (250, 1600), (1000, 1100)])
def test_the_same_at_other_sampling_rates_and_with_gaps(rate, width_px):
    rng = np.random.default_rng(rate)
    signal = rng.normal(0, 0.2, (12, 10 * rate))
    for start in rng.integers(0, 9 * rate, 12):
        signal[rng.integers(0, 12), start : start + rate // 4] = np.nan
    share, page, mm = recovered(signal, rate, width_px)
    line = polyline(page, signal, rate)
    drawn = centres(share >= 0.5, mm)
    assert cKDTree(line).query(drawn)[0].max() <= NEAR_MM
    hidden = np.isnan(share[(line[:, 1] / mm).astype(int), (line[:, 0] / mm).astype(int)])
    assert cKDTree(drawn).query(line[~hidden])[0].max() <= NEAR_MM


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
@pytest.mark.parametrize(
    ("width_px", "paper", "speed"), [(1100, "letter", 25.0), (1100, "a4", 50.0), (2200, "a4", 25.0)]
)
def test_flat_stretches_are_read_back_within_20_microvolts(width_px, paper, speed, gain):
    rng = np.random.default_rng(int(gain))
    stair = 250
    levels = rng.uniform(-0.6, 0.6, (12, 10 * FS // stair))
    share, page, mm = recovered(
        np.repeat(levels, stair, axis=1), FS, width_px, paper=paper, paper_speed=speed, gain=gain
    )
    errors = []
    for panel in page.panels:
        for i, level in enumerate(levels[LEADS.index(panel.lead)]):
            middle = (i + 0.5) * stair / FS
            if not panel.start + 0.25 < middle < panel.stop - 0.25:
                continue
            column = share[:, round(page.x_of(panel, middle) / mm)]
            near = slice(round((panel.baseline - 14) / mm), round((panel.baseline + 14) / mm))
            heights = (np.arange(share.shape[0])[near] + 0.5) * mm
            ink = np.where(column[near] > 0.02, column[near], 0)
            errors.append((panel.baseline - (heights * ink).sum() / ink.sum()) / page.gain - level)
    assert len(errors) > 15
    assert np.abs(errors).max() < 0.01  # twice as good as it must be


@pytest.mark.parametrize("radius", [0.5, 0.69, 1.0, 1.75, 3.2])
@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, 3.0, 12.0])
def test_a_slanting_line_is_as_wide_as_the_pen(radius, slope):
    pixels = np.full((400, 400, 4), 255, np.uint8)
    run = 300 / np.hypot(1, slope)
    draw_lines(pixels, [np.array([[50.3, 30.6], [50.3 + run, 30.6 + slope * run]])], radius)
    ink = (255.0 - pixels[..., 0]).sum() / (255 - INK[0])
    # A stroke of 300 pixels with a round end at both sides; a little wide on slopes, for columns are not points.
    assert ink / (300 * 2 * radius + np.pi * radius**2) == pytest.approx(1.03, abs=0.11)


def test_lines_that_touch_do_not_run_into_each_other():
    pixels = np.full((60, 100, 4), 255, np.uint8)
    draw_lines(pixels, [np.array([[10.0, 10], [50, 10]]), np.array([[50.0, 50], [90, 50]])], 1.0)
    assert (pixels[15:45, :, 0] == 255).all()


def test_nothing_leaves_the_paper_white():
    pixels = np.full((20, 20, 4), 255, np.uint8)
    draw_lines(pixels, [], 1.0)
    assert (pixels == 255).all()


@pytest.mark.parametrize("radius", [0.7, 1.75, 3.2])
def test_a_line_of_no_length_is_a_dot_as_large_as_the_pen(radius):
    pixels = np.full((20, 20, 4), 255, np.uint8)
    draw_lines(pixels, [np.array([[9.6, 10.3], [9.6, 10.3]])], radius)
    share = (255.0 - pixels[..., 0]) / (255 - INK[0])
    assert share.sum() == pytest.approx(np.pi * radius**2, rel=0.15)
    rows, columns = np.indices(share.shape) + 0.5
    assert ((columns * share).sum() / share.sum(), (rows * share).sum() / share.sum()) == pytest.approx(
        (9.6, 10.3), abs=0.15
    )


@pytest.mark.parametrize("width_px", [1100, 2970])
def test_a_sample_between_two_gaps_is_drawn(width_px):
    signal = np.full((12, 10 * FS), np.nan)
    moments = np.array([300, 700, 1100])
    signal[LEADS.index("I"), moments] = [0.5, -0.3, 0.1]
    share, page, mm = recovered(signal, FS, width_px)
    (panel,) = (panel for panel in page.panels if panel.lead == "I")
    x = page.x_of(panel, moments / FS)
    y = panel.baseline - page.gain * signal[LEADS.index("I"), moments]
    touched = centres(share >= 0.05, mm)
    distances = np.hypot(touched[:, None, 0] - x, touched[:, None, 1] - y)
    assert (distances.min(axis=1) < INK_MM / 2 + mm).all()
    assert (distances.min(axis=0) < mm).all()


def test_pen_is_never_thinner_than_a_pixel():
    share, page, mm = recovered(np.zeros((12, 10 * FS)), FS, 400)
    column = share[:, round((page.trace_x + 30) / mm)]
    strip = column[round((page.baselines[0] - 3) / mm) : round((page.baselines[0] + 3) / mm)]
    assert strip.sum() == pytest.approx(1, abs=0.05)
    assert mm > INK_MM
