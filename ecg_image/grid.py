"""ECG paper: the 1 mm and 5 mm ruling, exact at any scale.

The lines across and the lines down are one profile each; a profile gives every pixel the share of its width that lines
cover (a box filter), so the grid keeps its pitch and its tone whatever the resolution.
"""

from __future__ import annotations

import numpy as np

FINE_MM = 0.15
BOLD_MM = 0.3
# Share of red, green, blue that a line lets through: the usual pink paper.
_FINE_LIGHT = (1.0, 0.80, 0.80)
_BOLD_LIGHT = (0.97, 0.60, 0.60)
# Rows at once: a large page in floating point would take a gigabyte.
_STRIPE_PX = 256


def _coverage(pixels: int, px_per_mm: float, spans: np.ndarray) -> np.ndarray:
    """Return the share of each pixel, float32 [pixels], covered by spans [n, 2] (from, to in mm; not overlapping)."""
    edges = np.arange(pixels + 1)[:, None] / px_per_mm
    # Covered length to the left of each pixel edge: its differences are exact.
    covered = np.clip(edges - spans[:, 0], 0.0, spans[:, 1] - spans[:, 0]).sum(axis=1)
    return (np.diff(covered) * px_per_mm).astype(np.float32)


def _lines(start: float, stop: float, pitch: float, line: float) -> np.ndarray:
    """Return the spans in mm, [n, 2], of lines every `pitch` mm from start to stop."""
    centres = np.arange(start, stop + pitch / 2, pitch)
    return np.stack([centres - line / 2, centres + line / 2], axis=1)


def paper(width_px: int, height_px: int, px_per_mm: float, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return white paper with a ruled box, uint8 [height_px, width_px, 4]: red, green, blue, 255; read-only.

    Args:
        width_px: width of the image.
        height_px: height of the image.
        px_per_mm: scale.
        box: left, top, right, bottom of the ruled area, mm; its sides are multiples of 5 mm.
    """
    left, top, right, bottom = box
    axes = ((width_px, left, right), (height_px, top, bottom))
    fine, bold, inside = (
        [_coverage(pixels, px_per_mm, spans(start, stop)) for pixels, start, stop in axes]
        for spans in (
            lambda start, stop: _lines(start, stop, 1.0, FINE_MM),
            lambda start, stop: _lines(start, stop, 5.0, BOLD_MM),
            lambda start, stop: np.array([[start - BOLD_MM / 2, stop + BOLD_MM / 2]]),
        )
    )
    image: np.ndarray = np.full((height_px, width_px, 4), 255, np.uint8)
    for channel, (fine_light, bold_light) in enumerate(zip(_FINE_LIGHT, _BOLD_LIGHT, strict=True)):
        # What the lines at right angles to each axis take away, zero outside the box.
        taken = [1 - (1 - f * (1 - fine_light)) * (1 - b * (1 - bold_light)) for f, b in zip(fine, bold, strict=True)]
        for start in range(0, height_px, _STRIPE_PX):
            rows = slice(start, start + _STRIPE_PX)
            light = (1 - np.outer(inside[1][rows], taken[0])) * (1 - np.outer(taken[1][rows], inside[0]))
            image[rows, :, channel] = np.rint(255 * light)
    image.setflags(write=False)
    return image
