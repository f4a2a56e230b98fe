"""The lines of text on a page in millimetres, measured with one font, so that every output breaks them alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from ecg_image.heat import Heat, legend
from ecg_image.page import RESEARCH_USE_NOTICE, Page

_MEASURED_PX = 1000
_HEADING_MM, _BODY_MM, _SMALL_MM = 5.0, 3.6, 3.0
_LONGEST_CHARACTERS = 20_000
LEGEND_BELOW_MM = 10.5
"""From the ruled paper to the scale of a `Heat`, which stands on the footer's line."""


class Text(NamedTuple):
    """One line: its words, where its baseline stands (mm), its size (mm), and which end of it stands there."""

    text: str
    x: float
    y: float
    size: float
    anchor: str = "start"


@lru_cache(maxsize=1)
def font_file() -> str:
    """Return the path of DejaVu Sans (Latin, Greek, Cyrillic and the usual signs), which comes with matplotlib.

    Pillow's own font has no umlauts. matplotlib itself is not imported.

    Raises:
        FileNotFoundError: matplotlib is not installed, or without its fonts.
    """
    found = find_spec("matplotlib")
    for folder in (found.submodule_search_locations if found else None) or ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return str(path)
    raise FileNotFoundError("DejaVuSans.ttf, which matplotlib brings, is not here: pip install matplotlib")


@lru_cache(maxsize=16)
def font(size_px: float) -> ImageFont.FreeTypeFont:
    """Return the font at a size in pixels."""
    return ImageFont.truetype(font_file(), size_px, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _advance(character: str) -> float:
    return font(_MEASURED_PX).getlength(character) / _MEASURED_PX


def length(text: str, size: float) -> float:
    """Return how long a line is, in the unit of its size."""
    return sum(map(_advance, text)) * size


def clean(text: str) -> str:
    """Return a text without what no page can show and no XML may hold: control characters and lone surrogates."""
    spaced = text.replace("\t", " ")
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(character) in ("Cc", "Cs", "Cn") and character != "\n"
        else character
        for character in "\n".join(spaced.splitlines())
    )


def wrap(text: str, size: float, width: float) -> Iterator[str]:
    """Break a text into lines that fit a width; a word that is longer than a line is broken too."""
    for paragraph in clean(text).split("\n"):
        line, used = "", 0.0
        for word in paragraph.split():
            for piece in _pieces(word, size, width):
                wide = length(piece, size)
                gap = _advance(" ") * size if line else 0.0
                if line and used + gap + wide > width:
                    yield line
                    line, used, gap = "", 0.0, 0.0
                line, used = f"{line} {piece}" if line else piece, used + gap + wide
        yield line


def _pieces(word: str, size: float, width: float) -> Iterator[str]:
    """A word, cut where it would be wider than a line."""
    while length(word, size) > width:
        fits = 1
        while length(word[: fits + 1], size) <= width:
            fits += 1
        yield word[:fits]
        word = word[fits:]
    yield word


def cut(text: str, size: float, width: float, lines: int) -> list[str]:
    """Break a text into at most some lines; what is over is cut with "…"."""
    # No page holds more than this; a whole book would only take long to break.
    broken = wrap(text[:_LONGEST_CHARACTERS], size, width)
    kept = [line for line, _ in zip(broken, range(lines), strict=False)]
    if next(broken, None) is not None:
        last = f"{kept[-1]}…"
        while len(last) > 1 and length(last, size) > width:
            last = last[:-2].rstrip() + "…"
        kept[-1] = last
    return kept


def fixed_texts(page: Page, extent: str) -> list[Text]:
    """Return what a page always says: lead names, speed and gain, its `extent`, the research-use notice."""
    _, _, right, bottom = page.grid
    above = min(13.0, 0.325 * page.row_mm)
    return [
        *(Text(panel.lead, panel.x + 1.5, panel.baseline - above, 4.0) for panel in page.panels),
        Text(f"{page.paper_speed:g} mm/s   {page.gain:g} mm/mV", page.margin, bottom + 5.0, _BODY_MM),
        Text(extent, right, bottom + 5.0, _BODY_MM, "end"),
        Text(RESEARCH_USE_NOTICE, page.margin, bottom + 14.7, _SMALL_MM),
    ]


def free_texts(page: Page, title: str | None, footer: str | None) -> list[Text]:
    """Return the lines of a title (its first line large, three more small) and of a footer (one)."""
    width = page.width - 2 * page.margin
    found = []
    if title:
        heading, _, rest = title.partition("\n")
        found.append(Text(cut(heading, _HEADING_MM, width, 1)[0], page.margin, 12.0, _HEADING_MM))
        if rest:
            lines = cut(rest, _BODY_MM, width, 3)
            found += [Text(line, page.margin, 18.0 + 5.0 * i, _BODY_MM) for i, line in enumerate(lines)]
    if footer:
        found.append(Text(cut(footer, _SMALL_MM, width, 1)[0], page.margin, page.grid[3] + LEGEND_BELOW_MM, _SMALL_MM))
    return [text for text in found if text.text]


def legend_texts(heat: Heat, right: float, baseline: float) -> list[Text]:
    """Return what stands before and in the scale of `ecg_image.heat.legend`."""
    steps, left = legend(right, baseline)
    inside = [Text(step.says, (step.left + step.right) / 2, baseline - 0.7, 2.4, "middle") for step in steps]
    return [Text(clean(heat.label), left - 2.0, baseline, _SMALL_MM, "end"), *inside]
