"""The archives that `meit build` knows: a name for each, its class imported only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from dataset_scripts.record import EcgInputError, EcgRecord


class Source(Protocol):
    """What an archive offers. An instance is pickled to worker processes, so it holds paths and numbers, no open file.

    Attributes:
        name: the archive with its version, as rows carry it in `source`, for example "ptb-xl-1.0.3".
        description: a few sentences for the data card.
        licence: the licence's identifier on the Hub, for example "cc-by-4.0".
        citation: BibTeX.
        sampling_rates: the rates in Hz that a record can be read at.
        sampling_rate: the one chosen.
    """

    name: str
    description: str
    licence: str
    citation: str
    sampling_rates: Sequence[int]
    sampling_rate: int

    def __init__(self, src: Path | None, sampling_rate: int, **options: Any) -> None: ...

    def index(self) -> Sequence[Any]:
        """Lists every record's metadata, without its signal; each entry is picklable and means something to `read`."""
        ...

    def read(self, row: Any) -> EcgRecord:
        """Reads one record of `index`; raises `EcgInputError` if it is damaged or missing."""
        ...


REGISTRY = {
    "ptb-xl": "dataset_scripts.sources.ptb_xl:PtbXlSource",
    "synthetic": "dataset_scripts.sources.synthetic:SyntheticSource",
}


def source_class(name: str) -> type[Source]:
    """Returns the class of the archive called `name`.

    Raises:
        EcgInputError: no archive has this name; the message gives the nearest one and all of them.
    """
    if name not in REGISTRY:
        near = difflib.get_close_matches(name.lower(), REGISTRY, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise EcgInputError(f"unknown source '{name}'{hint} (known: {', '.join(sorted(REGISTRY))})")
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
