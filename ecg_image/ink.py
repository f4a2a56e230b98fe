"""Ink: lines that run from left to right, drawn with a round pen, with the share of each pixel that the pen covers.

A trace has one height at each moment, so what a round pen of radius r leaves of it above any x is one stretch, from
min(y(x + d) - sqrt(r^2 - d^2)) to max(y(x + d) + sqrt(r^2 - d^2)) over |d| <= r: a dilation, which takes as long for a
noisy trace as for a smooth one. It is worked out in a few thin columns to the pixel; up the page it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import floor, sqrt

import numpy as np

INK = (20, 20, 30)
_MIN_COLUMNS, _MAX_COLUMNS = 4, 8
# Of a stroke straight up, by which a faster choice of columns may be off: 0.03 mm.
_WIDTH_ERROR = 0.1
# A share of a pixel that changes no colour.
_LEAST = 1 / 512


def draw_lines(pixels: np.ndarray, lines: Sequence[np.ndarray], radius: float) -> None:
    """Draw lines into an image.

    Args:
        pixels: of the image, uint8 [height, width, 4]: red, green, blue, 255; all ink must fall inside it.
        lines: each [n, 2] with n at least 2: x, y in pixels from the image's upper left corner; x never falls. Of no
            length it is a dot.
        radius: of the pen, in pixels, at least 0.5.
    """
    if not lines:
        return
    columns, reach = _thin_columns(radius)
    column, top, bottom = _stretches(lines, radius, columns, reach)
    pixel: np.ndarray = column // columns
    left, upper = int(pixel.min()), floor(top.min())
    width, height = int(pixel.max()) - left + 1, floor(bottom.max()) - upper + 2
    # Each stretch adds to its pixels by where it begins and ends; the sum down the page fills what is between.
    begin, end = np.floor(top), np.floor(bottom)
    corner = pixel - (upper * width + left)
    after, below = (top - begin) / columns, (bottom - end) / columns
    cover: np.ndarray = np.zeros((height, width), np.float32)
    cells = cover.reshape(-1)
    for edge, here, under in ((begin, 1 / columns - after, after), (end, below - 1 / columns, -below)):
        cell = (edge * width).astype(np.intp) + corner
        np.add.at(cells, cell, here.astype(np.float32))
        np.add.at(cells, cell + width, under.astype(np.float32))
    # Twice as fast as `np.cumsum` down the columns, which does not go along the rows.
    for above, row in pairwise(cover):
        row += above
    put_ink(pixels, left, upper, cover)


def put_ink(pixels: np.ndarray, left: int, top: int, cover: np.ndarray) -> None:
    """Darken pixels by the share of them that ink covers.

    Args:
        pixels: of the image, uint8 [height, width, 4]: red, green, blue, 255.
        left: column of the image where `cover` begins.
        top: row of the image where it begins.
        cover: float32 [h, w], 0 to 1 (what is over 1 counts as 1); it must lie inside the image.
    """
    inked = np.flatnonzero(cover > _LEAST)
    share = np.minimum(cover.reshape(-1)[inked], 1.0)
    row, across = np.divmod(inked, cover.shape[1])
    at = (row + top) * pixels.shape[1] + (across + left)
    # One word a pixel, and then channel by channel: far faster to fetch and to mix than triples of bytes.
    words: np.ndarray = pixels.reshape(-1).view(np.uint32)
    found = words[at]
    channels = found.view(np.uint8).reshape(-1, 4)
    for channel, ink in enumerate(INK):
        paper = channels[:, channel].astype(np.float32)
        channels[:, channel] = paper + (ink - paper) * share + 0.5
    words[at] = found


@lru_cache(maxsize=64)
def _thin_columns(radius: float) -> tuple[int, int]:
    """How many columns to the pixel, and how many of them the pen reaches to each side, so that the widths agree."""

    def reach(columns: int) -> int:
        return max(round(radius * columns - 0.5), 0)

    def error(columns: int) -> float:
        return abs((2 * reach(columns) + 1) / columns / (2 * radius) - 1)

    best = min(range(_MIN_COLUMNS, _MAX_COLUMNS + 1), key=lambda columns: (max(error(columns), _WIDTH_ERROR), columns))
    return best, reach(best)


def _stretches(
    lines: Sequence[np.ndarray], radius: float, columns: int, reach: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inked stretch of each thin column: its number from the left of the image, its top and its bottom [n]."""
    counts = np.array([len(line) for line in lines])
    points = np.concatenate(lines)
    x, y = points[:, 0] * columns, points[:, 1]
    end = np.cumsum(counts) - 1
    start = end - counts + 1
    # The lines side by side in one row of columns, each with room for the pen on both sides.
    left = np.floor(x[start]).astype(np.int64) - reach
    widths = np.floor(x[end]).astype(np.int64) + reach + 1 - left
    total = int(widths.sum())
    moved = np.cumsum(widths) - widths - left
    x = x + np.repeat(moved, counts)
    high, low = np.full(total, np.inf), np.full(total, -np.inf)
    inside = np.floor(x).astype(np.int64)
    np.minimum.at(high, inside, y)
    np.maximum.at(low, inside, y)
    # Where a line passes from one column into the next it is in both.
    edges = np.arange(1, total)
    passed = (edges > np.repeat(x[start], widths)[1:]) & (edges < np.repeat(x[end], widths)[1:])
    heights = np.interp(edges, x, y)
    for extreme, nowhere, stretch in ((np.minimum, np.inf, high), (np.maximum, -np.inf, low)):
        crossed = np.where(passed, heights, nowhere)
        extreme(stretch[1:], crossed, out=stretch[1:])
        extreme(stretch[:-1], crossed, out=stretch[:-1])
    top, bottom = high - radius, low + radius
    for step in range(1, reach + 1):
        pen = sqrt(radius**2 - (step / columns) ** 2)
        for to, by in ((slice(step, None), slice(None, -step)), (slice(None, -step), slice(step, None))):
            np.minimum(top[to], high[by] - pen, out=top[to])
            np.maximum(bottom[to], low[by] + pen, out=bottom[to])
    return np.arange(total) - np.repeat(moved, widths), top, bottom
