"""Lines are broken alike for every output, and every letter of the reports' languages is there."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ecg_image.draw import draw_ecg
from ecg_image.lettering import write_texts
from ecg_image.page import RESEARCH_USE_NOTICE, standard_page
from ecg_image.texts import Text, clean, cut, fixed_texts, font, free_texts, length, wrap


def written(text, size=40.0):
    pixels = np.full((80, 60 * len(text) + 40, 4), 255, np.uint8)
    write_texts(pixels, [Text(text, 10.0, 55.0, size)], 1.0)
    return 255 - pixels[..., 0].astype(int)


@pytest.mark.parametrize("character", "äöüßÄÖÜẞåÅéčłąşµμαβЖ°±≥≤→…–—„“”’²½×·•")
def test_letters_are_drawn_and_are_no_boxes(character):
    box = written("\U000e0fff")
    drawn = written(character)
    assert drawn.max() > 150
    assert drawn.sum() != box.sum()


def test_letters_stand_as_the_library_sets_them():
    image = Image.new("RGB", (700, 80), "white")
    ImageDraw.Draw(image).text((10, 55), "Förmaksflimmer, 72/min", fill=(20, 20, 30), font=font(40.0), anchor="ls")
    theirs = 255 - np.asarray(image)[..., 0].astype(int)
    ours = written("Förmaksflimmer, 72/min")[:, :700]
    # But for kerning, which moves a letter by a pixel or two.
    assert np.abs(np.flatnonzero(ours.sum(axis=0))[[0, -1]] - np.flatnonzero(theirs.sum(axis=0))[[0, -1]]).max() <= 3
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.02)


@pytest.mark.parametrize(("anchor", "left"), [("start", 300), ("middle", 200), ("end", 100)])
def test_anchors(anchor, left):
    pixels = np.full((40, 600, 4), 255, np.uint8)
    text = "m" * 10
    write_texts(pixels, [Text(text, 300.0, 30.0, 200 / length(text, 1.0), anchor)], 1.0)
    columns = np.flatnonzero((pixels[..., 0] < 128).any(axis=0))
    assert columns[0] == pytest.approx(left, abs=8)
    assert columns[-1] == pytest.approx(left + 200, abs=8)


def test_what_falls_off_the_image_is_cut():
    pixels = np.full((20, 30, 4), 255, np.uint8)
    write_texts(pixels, [Text("many words", x, y, 15.0) for x in (-50.0, 10.0, 40.0) for y in (-40.0, 3.0, 25.0)], 1.0)
    assert pixels[..., 0].min() < 100
    assert (pixels[..., 3] == 255).all()


def test_lines_fit_and_nothing_is_lost():
    text = "Sinusrhythmus mit überdrehter Linkslage. " * 9 + "x" * 300
    lines = list(wrap(text, 4.0, 120.0))
    assert all(length(line, 4.0) <= 120 + 1e-9 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert list(wrap("a\n\nb", 4.0, 120.0)) == ["a", "", "b"]


def test_what_is_over_is_cut_with_an_ellipsis():
    kept = cut("word " * 500, 4.0, 100.0, 3)
    assert len(kept) == 3
    assert kept[-1].endswith("…")
    assert length(kept[-1], 4.0) <= 100
    assert cut("short", 4.0, 100.0, 3) == ["short"]
    assert cut("x" * 1_000_000, 4.0, 100.0, 1)[0].endswith("…")


def test_control_characters_are_shown_as_such():
    assert (
        clean("a\tb\x00\x1b[31m\ud800\r\nc")
        == "a b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}\nc"
    )


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_texts_stand_on_the_sheet_and_the_notice_is_there(paper, layout):
    page = standard_page(86400.0, paper=paper, layout=layout)
    texts = [*fixed_texts(page, page.extent(86400.0)), *free_texts(page, "name\n" + "word " * 900, "foot " * 90)]
    assert RESEARCH_USE_NOTICE in [text.text for text in texts]
    for text in texts:
        wide = length(text.text, text.size)
        left = text.x - (wide if text.anchor == "end" else 0)
        assert left >= page.margin
        assert left + wide <= page.width - page.margin + 1e-6
        assert text.size <= text.y <= page.height - 3


def test_the_notice_is_on_a_picture_whose_footer_is_long():
    blank = np.full((12, 1000), np.nan)
    notice = slice(round(203.5 * 1100 / 297), round(208 * 1100 / 297))
    rows = [np.asarray(draw_ecg(blank, 100, 1100, footer=foot))[notice] for foot in (None, "word " * 99)]
    assert (rows[0] == rows[1]).all()
    assert rows[0].min() < 60
