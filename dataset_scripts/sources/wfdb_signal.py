"""What every reader of WFDB records does once the header is read: checksums, calibration, leads in order, millivolts.

header(5) and signal(5) of the WFDB Applications Guide (https://physionet.org/physiotools/wag/).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dataset_scripts.record import EcgInputError
from modeling_meit.ecg_signal import MISSING_INT16, order_leads

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


class Calibration:
    """What stored samples stand for: (digital - baseline) / gain.

    Args:
        gains: samples for one of the physical unit, of each row.
        baselines: whole numbers, the samples that stand for 0.
    """

    def __init__(self, gains: ArrayLike, baselines: ArrayLike) -> None:
        self.gains = np.array(gains, dtype=np.float64)
        self.baselines = np.array(baselines, dtype=np.float64)
        # int16 minus such a baseline is a float32 number, and the quotient of two of these is the same number whether
        # it was rounded to float32 at once or by way of float64.
        with np.errstate(over="ignore"):
            single = self.gains == self.gains.astype(np.float32)
        self._is_single = bool(single.all() and (np.abs(self.baselines) < 2**23).all())

    def __call__(self, digital: np.ndarray, order: np.ndarray, dtype: DTypeLike = np.float64) -> np.ndarray:
        """Returns a signal [C, T] in its physical units, NaN where a sample is missing.

        Args:
            digital: int16 [C, T] as stored.
            order: the rows wanted, in the order wanted.
            dtype: float64, or float32 for the former rounded.
        """
        digital = digital[order]
        signal: np.ndarray = digital.astype(dtype if self._is_single else np.float64)
        if self.baselines.any():
            signal -= self.baselines[order, None].astype(signal.dtype)
        signal /= self.gains[order, None].astype(signal.dtype)
        if digital.min() == MISSING_INT16:
            signal[digital == MISSING_INT16] = np.nan
        return signal.astype(dtype, copy=False)


def refuse_wrong_sums(file: Path | str, digital: np.ndarray, checksums: Sequence[int], leads: Sequence[str]) -> None:
    """Compares the 16-bit sum of all samples of each lead with its header line's.

    Args:
        file: for the message.
        digital: int16 [C, T], the whole record as stored.
        checksums: of each row, as the header has them.
        leads: names of the rows.

    Raises:
        EcgInputError: one does not hold; the message names the leads.
    """
    sums = digital.sum(axis=1, dtype=np.int16).tolist()  # which wraps as the header's do
    wrong = [lead for lead, given, sum_ in zip(leads, checksums, sums, strict=True) if (given - sum_) % 65536]
    if wrong:
        raise EcgInputError(
            f"{file}: checksum of {', '.join(wrong)} does not match the header; unpack or download it again"
        )


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
