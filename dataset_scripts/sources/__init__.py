"""The archives that `meit build` knows: a name for each, its class imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dataset_scripts.errors import did_you_mean
from dataset_scripts.record import EcgInputError, EcgRecord


class Source(Protocol):
    """What an archive offers. An instance is pickled to worker processes, so it holds paths and numbers, no open file.

    Attributes:
        name: the archive with its version, as rows carry it in `source`, for example "ptb-xl-1.0.3".
        description: a few sentences for the data card.
        licence: the licence's identifier on the Hub, for example "cc-by-4.0".
        licence_name: its name in words; "none stated" where the archive has none.
        licence_link: where its text is; "" where that is not known.
        licence_condition: one sentence on what it asks of who passes the data on.
        patients_unknown: "" where every record's patient is identified; else one sentence that says for which records
            not, so that a patient of theirs may be in two splits.
        citation: BibTeX; "" where there is none.
        title: the archive's name in words.
        homepage: where it is to be had; None for one that is made.
        signals_public: whether signals may be published beside the texts; False publishes an index that rebuilds them.
        sampling_rates: the rates in Hz that a record can be read at.
        sampling_rate: the one chosen.
    """

    name: str
    description: str
    licence: str
    licence_name: str
    licence_link: str
    licence_condition: str
    patients_unknown: str
    citation: str
    title: str
    homepage: str | None
    signals_public: bool
    sampling_rates: Sequence[int]
    sampling_rate: int

    def __init__(self, src: Path | None, sampling_rate: int, **options: Any) -> None:
        """Takes the folder, the rate in Hz, and options.

        The annotation of an option is int, float, str, bool, a tuple of one of them of any length, or one of these or
        None: a command line reads the option by it. Attributes that depend on options are the instance's.
        """
        ...

    def index(self) -> Iterable[Mapping[str, Any]]:
        """Yields every record's metadata without its signal, always in the same order.

        An entry holds `ecg_id` and `patient_id` (strings), `fold` (1 to 10) where the archive has folds, and what
        `read` needs beside them, all of it JSON. Entries come one by one: an archive need not fit into memory.
        """
        ...

    def read(self, row: Mapping[str, Any]) -> EcgRecord:
        """Reads one record of `index`; raises `EcgInputError` if it is damaged or missing."""
        ...


REGISTRY = {
    "cinc": "dataset_scripts.sources.cinc:CincSource",
    "code-15": "dataset_scripts.sources.code_15:Code15Source",
    "mimic-iv-ecg": "dataset_scripts.sources.mimic_iv_ecg:MimicIvEcgSource",
    "ptb-xl": "dataset_scripts.sources.ptb_xl:PtbXlSource",
    "synthetic": "dataset_scripts.sources.synthetic:SyntheticSource",
    "wfdb-folder": "dataset_scripts.sources.wfdb_folder:WfdbFolderSource",
}


def source_class(name: str) -> type[Source]:
    """Returns the class of the archive called `name`.

    Raises:
        EcgInputError: no archive has this name; the message gives the nearest one and all of them.
    """
    if name not in REGISTRY:
        hint = did_you_mean(name, REGISTRY)
        raise EcgInputError(f"unknown source {name!r}{hint} (known: {', '.join(sorted(REGISTRY))})")
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
