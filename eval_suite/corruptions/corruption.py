"""A kind of corruption, and one of them at one level, ready to be put on a record."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from modeling_meit.ecg_signal import STANDARD_LEADS, check_sampling_rate

Level = float | str
Change = Callable[[np.ndarray, float, Any, np.random.Generator], tuple[np.ndarray, float]]


@dataclass(frozen=True)
class Kind:
    """One way in which a recording goes wrong.

    Attributes:
        name: as `--kinds` and the files give it.
        title: heading of its table or curve.
        parameter: what its level is.
        unit: of the level; empty for a number without one, and where the levels are names.
        description: what is done.
        source: where it comes from.
        levels: those of the table, the mildest first; names where there is no more and less.
        allowed: smallest and largest level, None where the levels are names and no other is possible.
        change: signal, sampling rate, level and generator -> signal and sampling rate.
        version: raised with every change of what it does, so that older predictions are made anew.
    """

    name: str
    title: str
    parameter: str
    unit: str
    description: str
    source: str
    levels: tuple[float, ...] | tuple[str, ...]
    allowed: tuple[float, float] | None
    change: Change
    version: int = 1

    def level(self, given: Level) -> Level:
        """A level as this kind has it: a number, or one of its names.

        Raises:
            EcgInputError: there is no such level.
        """
        if self.allowed is None:
            if given in self.levels:
                return given
            raise EcgInputError(f"{self.name} has no level {given!r}; {self._expected()}")
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not self.allowed[0] <= number <= self.allowed[1] or (self.unit == "leads" and number % 1):
            raise EcgInputError(f"{self.name} has no level {given!r}; {self._expected()}")
        return number

    def label(self, level: Level) -> str:
        """The level with its unit."""
        if level == 1 and self.unit == "leads":
            return "1 lead"
        return level if isinstance(level, str) else f"{level:g} {self.unit}".rstrip()

    def _expected(self) -> str:
        if self.allowed is None:
            return f"expected one of {', '.join(map(str, self.levels))}"
        whole = "a whole number" if self.unit == "leads" else "a number"
        low, high = self.allowed
        return f"expected {whole} from {low:g} to {high:g}{f' ({self.unit})' if self.unit else ''}"


@dataclass(frozen=True)
class Corruption:
    """One kind at one level under one seed.

    Attributes:
        kind: what is done.
        level: how strongly.
        seed: of what it draws.
    """

    kind: Kind
    level: Level
    seed: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """What a corrupted signal depends on beside the clean one."""
        return {"kind": self.kind.name, "version": self.kind.version, "level": self.level, "seed": self.seed}

    @property
    def label(self) -> str:
        """Kind and level, for a table."""
        return f"{self.kind.name} {self.kind.label(self.level)}"

    @property
    def number(self) -> float:
        """The level; of one that is a name its place, the first 1."""
        return 1 + self.kind.levels.index(self.level) if isinstance(self.level, str) else self.level

    def __call__(self, signal: np.ndarray, sampling_rate: float, ecg_id: str) -> tuple[np.ndarray, float]:
        """One record, corrupted.

        What is drawn depends on seed, kind and `ecg_id` alone: not on the level, so that levels can be compared row by
        row, nor on the other rows.

        Args:
            signal: float32 [12, T] in mV, NaN where missing; stays as it is.
            sampling_rate: in Hz.
            ecg_id: of the record.

        Returns:
            float32 [12, T'] in mV and its sampling rate in Hz.

        Raises:
            EcgInputError: the signal has another shape or type, or the sampling rate is no positive number.
        """
        if signal.ndim != 2 or len(signal) != len(STANDARD_LEADS) or not signal.size or signal.dtype != np.float32:
            raise EcgInputError(
                f"the signal is {signal.dtype} {signal.shape}, expected float32 (12, T) in mV with T of at least 1"
            )
        try:
            check_sampling_rate(sampling_rate)
        except ValueError as error:
            raise EcgInputError(f"{error}; read it from the record's header") from error
        drawn_by = hashlib.sha256(f"{self.seed}\0{self.kind.name}\0{ecg_id}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(drawn_by[:16], "big"))
        return self.kind.change(signal, sampling_rate, self.level, generator)
