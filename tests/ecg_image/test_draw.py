"""The page is measured back from its pixels: everything drawn must stand where its millimetres say."""

from inspect import signature

import numpy as np
import pytest
from PIL import Image

from ecg_image import draw
from ecg_image.draw import draw_ecg
from ecg_image.page import INK_MM, LEADS, PAPERS, RESEARCH_USE_NOTICE, standard_page
from ecg_image.pdf import draw_ecg_pdf
from ecg_image.svg import draw_ecg_svg, svg_file
from modeling_meit.feature_extraction_meit import STANDARD_LEADS

FS = 500
WIDTH = 2970  # ten pixels to the millimetre
SCALE = WIDTH / 297.0


def darkness(image):
    """Ink in [0, 1] a pixel: the grid is red, so only ink takes the red light away."""
    return (255 - np.asarray(image)[..., 0].astype(float)) / 235


def flat(mv=0.0, seconds=10.0):
    return np.full((12, round(seconds * FS)), mv)


def ink_rows(image, x_mm, top_mm, bottom_mm):
    """Centre of the ink in mm in one pixel column between two heights."""
    column = darkness(image)[round(top_mm * SCALE) : round(bottom_mm * SCALE), round(x_mm * SCALE)]
    column = np.where(column > 0.3, column, 0)
    return top_mm + ((np.arange(column.size) + 0.5) * column).sum() / column.sum() / SCALE


def test_lead_names_are_the_models():
    assert LEADS == STANDARD_LEADS


@pytest.mark.parametrize("mv", [0.0, 0.4, -0.75])
@pytest.mark.parametrize("gain", [5.0, 10.0])
def test_flat_line_stands_at_its_voltage(mv, gain):
    image = draw_ecg(flat(mv), FS, WIDTH, gain=gain)
    for panel in standard_page(10.0, gain=gain).panels:
        measured = ink_rows(image, panel.x + 40, panel.baseline - 10, panel.baseline + 10)
        assert measured == pytest.approx(panel.baseline - mv * gain, abs=0.06)


def test_ink_is_as_wide_as_the_pen():
    column = darkness(draw_ecg(flat(), FS, WIDTH))[:, round(40 * SCALE)]
    page = standard_page(10.0)
    row = column[round((page.baselines[0] - 2) * SCALE) : round((page.baselines[0] + 2) * SCALE)]
    assert row[row > 0.2].sum() / SCALE == pytest.approx(INK_MM, abs=0.06)


@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 10.0), (25.0, 20.0), (25.0, 5.0)])
def test_calibration_pulse_is_one_millivolt_for_200_ms(speed, gain):
    image = draw_ecg(flat(), FS, WIDTH, paper_speed=speed, gain=gain)
    page = standard_page(10.0, speed, gain)
    ink = darkness(image)
    for baseline in page.baselines:
        width = 0.2 * speed
        roof = ink_rows(image, page.pulse_x + width / 2, baseline - gain - 3, baseline - gain + 3)
        foot = ink_rows(image, page.pulse_x - 1.5, baseline - 3, baseline + 3)
        assert foot - roof == pytest.approx(gain, abs=0.06)
        row = ink[round((baseline - gain / 2) * SCALE), : round((page.trace_x - 0.5 if speed < 50 else 30) * SCALE)]
        flanks = np.flatnonzero(row > 0.5)
        rising, falling = np.split(flanks, [np.flatnonzero(np.diff(flanks) > 5)[0] + 1])
        assert falling.mean() - rising.mean() == pytest.approx(width * SCALE, abs=0.6)


@pytest.mark.parametrize("width_px", [WIDTH, 1100])
def test_r_peak_keeps_its_place_and_height(width_px):
    scale = width_px / 297.0
    signal = flat()
    peak = round(1.3 * FS)
    signal[:, peak - 10 : peak + 11] += 1.5 * (1 - np.abs(np.arange(-10, 11)) / 10)
    ink = darkness(draw_ecg(signal, FS, width_px))
    panel = next(p for p in standard_page(10.0).panels if p.lead == "I")
    x = panel.x + 1.3 * 25
    above = ink[: round((panel.baseline - 2) * scale), round((x - 4) * scale) : round((x + 4) * scale)]
    rows, columns = np.nonzero(above > 0.5)
    # The spike is a millimetre wide, so its ink begins a little below the sharp tip, and never above it.
    assert rows.min() / scale == pytest.approx(panel.baseline - 15, abs=1.5 / scale + 0.15)
    tip = columns[rows == rows.min()].mean() + 0.5 + round((x - 4) * scale)
    assert tip / scale == pytest.approx(x, abs=0.6 / scale + 0.1)


def test_columns_follow_in_time():
    signal = flat()
    signal[:, round(6.0 * FS) : round(6.05 * FS)] = 1.0  # in the third column only
    ink = darkness(draw_ecg(signal, FS, WIDTH))
    for panel in standard_page(10.0).panels:
        height = round((panel.baseline - 7) * SCALE)
        start, end = round((panel.x + 0.5) * SCALE), round((panel.x + (panel.stop - panel.start) * 25) * SCALE)
        stretch = ink[height, start:end]
        assert (stretch > 0.5).any() == (panel.start <= 6.0 < panel.stop)


def test_missing_samples_leave_a_gap():
    signal = flat()
    signal[1, round(1.0 * FS) : round(1.5 * FS)] = np.nan
    signal[5] = np.nan
    ink = darkness(draw_ecg(signal, FS, WIDTH))
    for panel in standard_page(10.0).panels:
        row = ink[round(panel.baseline * SCALE) - 1 : round(panel.baseline * SCALE) + 1].max(axis=0)
        start, end = (round((panel.x + mm) * SCALE) for mm in (25.5, 37))
        assert (row[start:end] > 0.5).all() == (panel.lead not in ("II", "aVF"))
        if panel.lead in ("II", "aVF"):
            assert (row[start:end] < 0.1).all()
        if panel.lead == "II":
            assert (row[round((panel.x + 38) * SCALE) : round((panel.x + 60) * SCALE)] > 0.5).all()


def test_grid_pitch_and_tone():
    page_px = np.asarray(draw_ecg(flat(), FS, WIDTH))[..., 1].astype(float)
    left, top, right, _ = standard_page(10.0).grid
    row = 255 - page_px[round((top + 2.5) * SCALE) - 1, :]  # between two horizontal lines
    centres = np.arange(left, right + 0.5)
    darkest = [row[round(x * SCALE) - 3 : round(x * SCALE) + 3].sum() for x in centres]
    assert len(centres) == 276
    assert min(darkest[::5]) > 2 * max(darkest[i] for i in range(276) if i % 5)
    between = [row[round((x + 0.5) * SCALE)] for x in centres[:-1]]
    assert max(between) == 0
    assert (page_px[: round((top - 15) * SCALE)] == 255).any()
    assert row[: round((left - 1) * SCALE)].max() == 0


@pytest.mark.parametrize("width_px", [400, 673, 1100, 2200])
def test_grid_keeps_its_tone_at_any_resolution(width_px):
    scale = width_px / 297.0
    image = np.asarray(draw_ecg(flat(), FS, width_px))[..., 1].astype(float)
    # Four large boxes without ink.
    box = image[round(57 * scale) : round(77 * scale), round(36 * scale) : round(56 * scale)]
    assert box.mean() == pytest.approx(229.4, abs=0.8)


def test_short_long_and_huge_records_stay_on_the_paper():
    short, long = standard_page(5.0), standard_page(60.0)
    assert short.panels[-1].stop == 5.0
    assert [p.x for p in short.panels[:2]] == [26.0, 26.0 + 5.0 / 4 * 25]
    assert long.shown == 10.0
    assert standard_page(60.0, paper_speed=50.0).shown == 5.0
    ink = darkness(draw_ecg(flat(300.0, 60.0), FS, 1100))
    assert ink[: round(31 * 1100 / 297)].max() < 0.1


def test_texts_and_size():
    plain = draw_ecg(flat(), 100, 800)
    assert isinstance(plain, Image.Image)
    assert plain.mode == "RGB"
    assert plain.size == (800, round(800 * 210 / 297))
    titled = darkness(draw_ecg(flat(), 100, 800, title="record\n" + "sinus rhythm. " * 100, footer="model."))
    header = round(30 * 800 / 297)
    assert titled[:header].max() > 0.5
    assert titled[:header, : round(10 * 800 / 297)].max() == 0
    assert titled[:header, round(288 * 800 / 297) :].max() == 0
    assert darkness(plain)[:header].max() == 0
    assert darkness(plain)[round(198 * 800 / 297) :].max() > 0.5
    assert "research use" in RESEARCH_USE_NOTICE


def test_a_record_of_two_samples_is_drawn():
    image = draw_ecg(np.zeros((12, 2)), 100, WIDTH)
    strip = standard_page(0.02).panels[-1]
    row = darkness(image)[round(strip.baseline * SCALE), round(strip.x * SCALE) + 1 :]
    assert row[0] > 0.5
    assert row[round(SCALE) :].max() < 0.1


def test_drawing_twice_gives_the_same_page():
    assert draw_ecg(flat(0.3), FS, 600).tobytes() == draw_ecg(flat(0.3), FS, 600).tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": np.zeros((5000, 12))}, "expected \\(12, T\\)"),
        ({"sampling_rate": 0}, "sampling rate 0"),
        ({"width_px": 10}, "width 10 px"),
        ({"paper_speed": 30}, "paper speed 30"),
        ({"gain": 12}, "gain 12"),
        ({"paper": "a3"}, "paper 'a3'"),
        ({"layout": "4x3"}, "layout '4x3'"),
        ({"layout": "12x1", "gain": 20}, "does not fit layout 12x1"),
        ({"sampling_rate": np.inf}, "sampling rate inf"),
        ({"signal": np.full((12, 100), "x")}, "expected real numbers"),
    ],
)
def test_wrong_arguments_say_so(change, message):
    arguments = {"signal": flat(), "sampling_rate": FS, **change}
    with pytest.raises(ValueError, match=message):
        draw_ecg(**arguments)


def test_letter_at_1100_pixels_is_850_high_and_prints_at_its_size():
    image = draw_ecg(flat(), FS, 1100, paper="letter")
    assert image.size == (1100, 850)
    assert image.info["dpi"] == pytest.approx((100, 100))


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_every_layout_shows_every_lead_once_at_its_time_and_fits_the_ruled_box(layout, paper):
    page = standard_page(10.0, paper=paper, layout=layout)
    strip = layout == "3x4"
    panels = page.panels[:-1] if strip else page.panels
    assert sorted(panel.lead for panel in panels) == sorted(LEADS)
    left, top, right, bottom = page.grid
    assert (right - left) % 5 == 0
    assert left == pytest.approx(page.width - right)
    for panel in page.panels:
        assert (panel.baseline - top) % 1 == 0  # 0 mV stands on a line
        assert page.x_of(panel, panel.stop) <= right
        assert page.x_of(panel, panel.start) == pytest.approx(page.trace_x + 25 * panel.start)
    for baseline in page.baselines:
        assert all(left <= x <= page.trace_x and top <= y <= bottom for x, y in page.calibration_pulse(baseline))


@pytest.mark.parametrize("layout", ["6x2", "12x1"])
def test_leads_of_other_layouts_are_not_mixed_up(layout):
    levels = np.linspace(-0.3, 0.4, 12)
    image = draw_ecg(np.repeat(levels[:, None], 10 * FS, axis=1), FS, WIDTH, layout=layout)
    for panel in standard_page(10.0, layout=layout).panels:
        measured = ink_rows(image, panel.x + 60, panel.baseline - 4.5, panel.baseline + 4.5)
        assert measured == pytest.approx(panel.baseline - 10 * levels[LEADS.index(panel.lead)], abs=0.06)


def test_a_day_of_signal_costs_no_more_memory_than_what_is_shown():
    signal = np.broadcast_to(np.float32(0.1), (12, 24 * 3600 * FS))
    assert draw_ecg(signal, FS, 400).size == (400, 283)


def test_a_page_that_was_kept_is_not_drawn_into():
    before = draw_ecg(np.full((12, 5000), np.nan), FS, 600)
    draw_ecg(flat(0.3), FS, 600, title="name").putpixel((5, 5), (0, 0, 0))
    assert draw_ecg(np.full((12, 5000), np.nan), FS, 600).tobytes() == before.tobytes()


def test_what_is_kept_stays_under_100_megabytes():
    largest = 0
    for paper in PAPERS:
        page = standard_page(10.0, paper=paper)
        width = draw._MAX_KEPT_PX
        largest = max(largest, 4 * width * round(page.height * width / page.width))
    kept = draw._kept_form.cache_info().maxsize + draw._kept_paper.cache_info().maxsize
    assert kept * largest < 100e6


def test_records_that_the_page_shows_alike_share_what_is_kept():
    """Uploads of one length to the second, but never to the sample."""
    draw_ecg(flat(0.1, 60.0), FS, 700)
    before = draw._kept_form.cache_info()
    image = draw_ecg(flat(0.1, 60.002), FS, 700)
    after = draw._kept_form.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    other = draw_ecg(flat(0.1, 70.0), FS, 700)
    assert draw._kept_form.cache_info().misses == before.misses + 1
    assert image.tobytes() != other.tobytes()


@pytest.mark.parametrize("function", [draw_ecg, draw_ecg_svg, svg_file, draw_ecg_pdf])
def test_what_may_be_chosen_is_named(function):
    positional = [name for name, one in signature(function).parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert set(positional) <= {"signal", "sampling_rate", "width_px", "label", "title", "footer"}
