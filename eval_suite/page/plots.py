"""Charts as plain geometry, for a template to draw as SVG.

Drawn by the template and not by matplotlib: lines then take the page's own colours, in the dark as on paper, their
texts stay texts, a chart is a tenth of the size, and the same numbers give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eval_suite.page.values import shown
from eval_suite.statistics import Interval

WIDTH, HEIGHT = 340.0, 232.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 322.0, 12.0, 186.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Rule:
    """A straight line for comparison: a floor, a diagonal, a threshold."""

    x1: float
    y1: float
    x2: float
    y2: float
    text: str
    number: int | None = None  # of the curve it belongs to


@dataclass(frozen=True)
class Bar:
    """A bar that stands on the x axis."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Line:
    """A curve with its interval.

    Attributes:
        name: for the legend.
        number: 0, 1, …: which colour, dash and marker it has.
        points: x and y of each point, as SVG wants them; "" where they are not joined.
        band: outline of the intervals, likewise; "" where there are none.
        dots: x, y, and what to say of the point.
        whiskers: x, and y of both ends.
    """

    name: str
    number: int
    points: str
    band: str
    dots: Sequence[tuple[float, float, str]]
    whiskers: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Plot:
    """A chart.

    Attributes:
        title: what it shows.
        description: the same in a sentence, for who cannot see it.
        x_label: of the axis.
        y_label: of the axis.
        x_ticks: marks below.
        y_ticks: marks at the left.
        lines: the curves.
        rules: lines for comparison.
        bars: bars behind all.
        depth: room for slanted texts below the marks, 0 where they lie flat.
    """

    title: str
    description: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    rules: Sequence[Rule] = ()
    bars: Sequence[Bar] = field(default_factory=tuple)
    depth: float = 0.0
    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


class Axes:
    """Values to places in the frame; both axes are linear."""

    def __init__(self, x_low: float, x_high: float, y_low: float, y_high: float) -> None:
        self.x_low, self.x_high, self.y_low, self.y_high = x_low, x_high, y_low, y_high

    def x(self, value: float) -> float:
        """From left to right."""
        return round(_LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (_RIGHT - _LEFT), 1)

    def y(self, value: float) -> float:
        """From bottom to top; what lies outside stops at the frame."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(_BOTTOM - min(max(share, 0.0), 1.0) * (_BOTTOM - _TOP), 1)

    def y_ticks(self) -> list[Tick]:
        """Marks at round values."""
        return [Tick(self.y(value), _short(value)) for value in ticks(self.y_low, self.y_high)]

    def line(
        self,
        name: str,
        number: int,
        points: Sequence[tuple[float, Interval]],
        texts: Sequence[str],
        *,
        whiskers: bool = False,
        joined: bool = True,
    ) -> Line:
        """A curve; points that are not defined are left out.

        Args:
            name: for the legend.
            number: which colour.
            points: x and the value with its interval.
            texts: what to say of each point.
            whiskers: draw the intervals as whiskers and not as a band.
            joined: draw a line from point to point.
        """
        kept = [(x, value, text) for (x, value), text in zip(points, texts, strict=True) if not math.isnan(value.value)]
        bounded = [(x, value) for x, value, _ in kept if not (math.isnan(value.low) or math.isnan(value.high))]
        outline = [(x, value.low) for x, value in bounded] + [(x, value.high) for x, value in reversed(bounded)]
        return Line(
            name,
            number,
            self._path([(x, value.value) for x, value, _ in kept]) if joined else "",
            "" if whiskers else self._path(outline),
            [(self.x(x), self.y(value.value), text) for x, value, text in kept],
            [(self.x(x), self.y(value.low), self.y(value.high)) for x, value in bounded] if whiskers else (),
        )

    def level(self, value: float, text: str, number: int | None = None) -> Rule:
        """A line across at a value."""
        return Rule(_LEFT, self.y(value), _RIGHT, self.y(value), text, number=number)

    def upright(self, value: float, text: str) -> Rule:
        """A line from bottom to top at a value."""
        return Rule(self.x(value), _TOP, self.x(value), _BOTTOM, text)

    def diagonal(self, text: str) -> Rule:
        """Where x and y are equal."""
        low, high = max(self.x_low, self.y_low), min(self.x_high, self.y_high)
        return Rule(self.x(low), self.y(low), self.x(high), self.y(high), text)

    def bar(self, low: float, high: float, share: float, text: str) -> Bar:
        """A bar from one x to another, its height a share of the frame's lower quarter."""
        height = round(share * (_BOTTOM - _TOP) / 4, 1)
        return Bar(self.x(low), _BOTTOM - height, round(self.x(high) - self.x(low), 1), height, text)

    def _path(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(x):g},{self.y(y):g}" for x, y in points)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values from low to high, both reached at most, no more than `most` steps."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in _STEPS if power * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 10) for place in range(first, last + 1)]


def top_of(values: Sequence[float]) -> float:
    """A round value above all values; 1 where none is defined."""
    highest = max((value for value in values if not math.isnan(value)), default=1.0)
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(
        power * factor for factor in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0) if power * factor >= highest
    )


def described(name: str, points: Mapping[str, Interval]) -> str:
    """A curve in words: each point's label with its value."""
    return f"{name}: " + ", ".join(f"{label} {shown(value.value)}" for label, value in points.items()) + "."


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−")
