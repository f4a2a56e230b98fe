"""Lines of text written into the pixels of a page, from letters that are kept once they were drawn."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ecg_image.ink import put_ink
from ecg_image.texts import Text, font

_SHARE_BEFORE = {"start": 0.0, "middle": 0.5, "end": 1.0}


class _Letter(NamedTuple):
    """Share of ink, uint8 [height, width]; its left and top from the pen's place, and how far the pen moves on, px."""

    cover: np.ndarray
    left: int
    top: int
    advance: float


# Hinting takes twenty microseconds a letter: far longer than copying it.
@lru_cache(maxsize=1024)
def _letter(character: str, size_px: float) -> _Letter:
    face = font(size_px)
    left, top, right, bottom = (round(side) for side in face.getbbox(character, anchor="ls"))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=face, anchor="ls")
    return _Letter(np.asarray(image), left, top, face.getlength(character))


def write_texts(pixels: np.ndarray, texts: Iterable[Text], scale: float) -> None:
    """Write lines of text; what falls off the image is cut.

    Args:
        pixels: of the image, uint8 [height, width, 4]: red, green, blue, 255.
        texts: in mm.
        scale: pixels to the millimetre.
    """
    height, width, _ = pixels.shape
    for text in texts:
        letters = [_letter(character, text.size * scale) for character in text.text]
        if not letters:
            continue
        ascent = -min(letter.top for letter in letters)
        descent = max(letter.top + letter.cover.shape[0] for letter in letters)
        pens = np.cumsum([0.0, *(letter.advance for letter in letters)])
        pens += text.x * scale - _SHARE_BEFORE[text.anchor] * pens[-1]
        start, line = round(pens[0]) - 1, round(text.y * scale)
        reach = max(letter.left + letter.cover.shape[1] for letter in letters)
        cover = np.zeros((ascent + descent, round(pens[-1]) + reach + 2 - start), np.uint8)
        for letter, pen in zip(letters, pens.tolist(), strict=False):
            rows, columns = letter.cover.shape
            top, left = ascent + letter.top, max(round(pen) + letter.left - start, 0)
            place = cover[top : top + rows, left : left + columns]
            np.maximum(place, letter.cover, out=place)
        top, left = line - ascent, start
        cover = cover[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
        if cover.size:
            put_ink(pixels, max(left, 0), max(top, 0), cover.astype(np.float32) / 255)
