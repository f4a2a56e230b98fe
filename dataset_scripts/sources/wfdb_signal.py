"""What every reader of WFDB records does once the header is read: checksums, order of the leads, millivolts.

header(5) and signal(5) of the WFDB Applications Guide (https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from dataset_scripts.record import EcgInputError
from modeling_meit.ecg_signal import order_leads

_TO_MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}


def in_millivolts(record: Path, signal: np.ndarray, units: Sequence[str]) -> np.ndarray:
    """Returns a signal [C, T] in millivolts.

    Args:
        record: for the message.
        signal: in `units`; it comes back as it is where all of them are mV.
        units: of its rows.

    Raises:
        EcgInputError: other units than volts.
    """
    given = set(units)
    if given == {"mV"}:
        return signal
    if unknown := sorted(given - set(_TO_MILLIVOLTS)):
        raise EcgInputError(
            f"record {record}: signals in {', '.join(unknown)}, expected mV, uV or V; correct the header's units"
        )
    return signal * np.array([[_TO_MILLIVOLTS[unit]] for unit in units])


def refuse_wrong_sums(file: Path | str, digital: np.ndarray, checksums: np.ndarray, leads: Sequence[str]) -> None:
    """Compares the 16-bit sum of all samples of each lead with its header line's.

    Args:
        file: for the message.
        digital: int16 [C, T], the whole record as stored.
        checksums: int [C], as the header has them.
        leads: names of the rows.

    Raises:
        EcgInputError: one does not hold; the message names the leads.
    """
    wrong = (digital.sum(axis=1, dtype=np.int64) - checksums) % 65536 != 0
    if wrong.any():
        named = ", ".join(lead for lead, bad in zip(leads, wrong, strict=True) if bad)
        raise EcgInputError(f"{file}: checksum of {named} does not match the header; unpack or download it again")


def lead_order(record: Path, leads: tuple[str, ...]) -> np.ndarray:
    """Returns the rows [12] that put these leads in the standard order.

    Raises:
        EcgInputError: they are not the twelve standard ones.
    """
    try:
        return _order(leads)
    except ValueError as error:
        raise EcgInputError(f"record {record} has {len(leads)} leads: {error}") from error


@lru_cache
def _order(leads: tuple[str, ...]) -> np.ndarray:
    return order_leads(np.arange(len(leads))[:, None], leads)[:, 0]


def read_with_wfdb(
    record: Path, samples: int | None = None
) -> tuple[np.ndarray, float, tuple[str, ...], tuple[str, ...]]:
    """Reads a record of any layout with the `wfdb` package.

    Args:
        record: path of the header without its ".hea".
        samples: to read of each lead; by default all.

    Returns:
        float64 [C, T] with NaN where a sample is missing, the sampling rate in Hz, units and names of the rows.

    Raises:
        EcgInputError: the package does not read it, or it holds no signal.
    """
    import wfdb

    try:
        read = wfdb.rdrecord(str(record), sampto=samples)
    except OSError:
        raise
    except Exception as error:  # the package raises whatever its parser runs into
        raise EcgInputError(
            f"record {record}: cannot be read as WFDB ({type(error).__name__}: {error}); unpack or download it again"
        ) from error
    if read.p_signal is None:
        raise EcgInputError(f"record {record}: no signal; expected samples of twelve leads at the same rate")
    return read.p_signal.T, read.fs, tuple(read.units), tuple(read.sig_name)
