"""Random choices that a key alone decides."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

_Option = TypeVar("_Option")


class Draws:
    """Draws that depend on their key alone, on every machine and in every version of Python."""

    def __init__(self, *key: object) -> None:
        self._key = ":".join(map(str, key))
        self._count = 0
        self._numbers: list[int] = []

    def below(self, number: int) -> int:
        """Draws a whole number from 0 up, below `number`."""
        if not self._numbers:
            self._count += 1
            digest = hashlib.blake2b(f"{self._key}:{self._count}".encode()).digest()
            self._numbers = list(struct.unpack("<8Q", digest))
        return self._numbers.pop() % number

    def chance(self, probability: float) -> bool:
        """Draws True with a probability."""
        return probability >= 1 or (probability > 0 and self.below(1 << 30) < probability * (1 << 30))

    def one(self, options: Sequence[_Option]) -> _Option:
        """Draws one of the options."""
        return options[self.below(len(options))]

    def some(self, options: Sequence[_Option], weights: Sequence[float], number: int) -> list[_Option]:
        """Draws without putting back, each with a probability in proportion to its weight."""
        left, weight = list(options), list(weights)
        drawn: list[_Option] = []
        while left and len(drawn) < number:
            point = self.below(1 << 30) / (1 << 30) * sum(weight)
            place = 0
            while place < len(left) - 1 and point >= weight[place]:
                point -= weight[place]
                place += 1
            drawn.append(left.pop(place))
            weight.pop(place)
        return drawn

    def shuffled(self, options: Sequence[_Option]) -> list[_Option]:
        """Returns the options in a drawn order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in options]
