"""Corruptions on the stored ECGs of a data set's rows: what comes out, by what it is recognised, whether it differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import datasets
import numpy as np

from eval_suite.corruptions.corruption import Corruption
from modeling_meit.ecg_signal import MISSING_INT16

DIGEST_ROWS = 8
_AT_ONCE = 32
_MISSING = np.iinfo(np.int64).min


def microvolts(signal: np.ndarray) -> np.ndarray:
    """A stored ECG as int16 [12, T], whichever nested form the data set's reader gives it in."""
    return np.stack(list(signal)).astype(np.int16, copy=False)


def stored_ecgs(signals: datasets.Dataset, places: Sequence[int]) -> list[tuple[np.ndarray, float]]:
    """The ECGs at these places, int16 [12, T] in microvolts, and their sampling rates in Hz.

    Args:
        signals: columns `signal` and `sampling_rate`, in numpy format.
        places: rows of it.
    """
    read = signals[list(places)]
    return list(zip(map(microvolts, read["signal"]), map(int, read["sampling_rate"]), strict=True))


def corrupted_ecgs(
    signals: datasets.Dataset, places: Sequence[int], ecg_ids: Sequence[str], corrupt: Corruption
) -> list[tuple[np.ndarray, float]]:
    """The ECGs at these places, corrupted: float32 [12, T] in mV, NaN where missing, and sampling rates in Hz.

    Args:
        signals: columns `signal` and `sampling_rate`, in numpy format.
        places: rows of it.
        ecg_ids: one for every row of `signals`.
        corrupt: what is done to each.
    """
    return [after for _, after in _before_and_after(signals, places, ecg_ids, corrupt)]


def corrupted_digest(
    signals: datasets.Dataset, places: Sequence[int], ecg_ids: Sequence[str], corrupt: Corruption
) -> str:
    """SHA-256 of what the first `DIGEST_ROWS` of these ECGs become, in whole microvolts.

    So predictions are made anew after a change of what a kind does, even where its version was not raised. Whole
    microvolts, so that the last bits, which may differ between machines, hardly ever count.

    Args:
        signals: as `corrupted_ecgs` takes them.
        places: rows of it.
        ecg_ids: one for every row of `signals`.
        corrupt: what is done to each.
    """
    digest = hashlib.sha256()
    for signal, rate in corrupted_ecgs(signals, places[:DIGEST_ROWS], ecg_ids, corrupt):
        missing = np.isnan(signal)
        whole = np.where(missing, 0.0, np.rint(signal.astype(np.float64) * 1000)).astype(np.int64)
        whole[missing] = _MISSING
        digest.update(f"{signal.shape[1]} {rate:g}\0".encode() + whole.astype("<i8").tobytes())
    return digest.hexdigest()


def leaves_as_they_are(
    signals: datasets.Dataset, places: Sequence[int], ecg_ids: Sequence[str], corrupt: Corruption
) -> bool:
    """Whether every one of these ECGs keeps all its samples and its sampling rate; ends at the first that does not.

    Args:
        signals: as `corrupted_ecgs` takes them.
        places: rows of it.
        ecg_ids: one for every row of `signals`.
        corrupt: what is done to each.
    """
    return all(
        before[1] == after[1] and np.array_equal(before[0], after[0], equal_nan=True)
        for before, after in _before_and_after(signals, places, ecg_ids, corrupt)
    )


def _before_and_after(
    signals: datasets.Dataset, places: Sequence[int], ecg_ids: Sequence[str], corrupt: Corruption
) -> Iterator[tuple[tuple[np.ndarray, float], tuple[np.ndarray, float]]]:
    for start in range(0, len(places), _AT_ONCE):
        chosen = places[start : start + _AT_ONCE]
        for place, (signal, rate) in zip(chosen, stored_ecgs(signals, chosen), strict=True):
            clean = _millivolts(signal)
            yield (clean, rate), corrupt(clean, rate, ecg_ids[place])


def _millivolts(signal: np.ndarray) -> np.ndarray:
    """int16 [12, T] in microvolts as float32 in millivolts, NaN where no sample was taken."""
    return np.where(signal == MISSING_INT16, np.float32(np.nan), signal / np.float32(1000))
