"""One length and one sampling rate for every record of a data set."""

from __future__ import annotations

from math import ceil

import numpy as np

from dataset_scripts.record import EcgInputError
from modeling_meit.ecg_signal import STANDARD_LEADS, check_sampling_rate, rate_ratio, resample

ONLY_BRIDGED = (1, 1)
"""Up and down for `resample`: gaps are bridged, and the rate stays."""


def check_rate(sampling_rate: float, remedy: str = "read it from the record's header") -> None:
    """Refuses a sampling rate that is none.

    Raises:
        EcgInputError: it is no positive number of Hz; the message ends in `remedy`.
    """
    try:
        check_sampling_rate(sampling_rate)
    except ValueError as error:
        raise EcgInputError(f"{error}; {remedy}") from error


def to_length(signal: np.ndarray, sampling_rate: float, new_rate: float, seconds: float = 10.0) -> np.ndarray:
    """Brings a recording to `new_rate` and `seconds`: its first seconds, or all of it and missing samples after it.

    The rate is changed by `modeling_meit.ecg_signal.resample`, with anti-aliasing and without spreading missing
    samples. A recording that has the wanted rate is not filtered, and float32 of the wanted length comes back as it is.

    Args:
        signal: float [12, T] in millivolts; NaN and infinities are missing samples.
        sampling_rate: of the signal, in Hz.
        new_rate: the wanted one, in Hz.
        seconds: the wanted length.

    Returns:
        float32 [12, round(new_rate * seconds)], NaN where a sample is missing. It may share memory with `signal`.

    Raises:
        EcgInputError: another shape, no sample, or a rate or length that is not a positive number.
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[0] != len(STANDARD_LEADS) or signal.shape[1] == 0:
        raise EcgInputError(
            f"signal has shape {signal.shape}, expected (12, T) with T of at least 1; put the leads in rows"
        )
    check_rate(sampling_rate)
    check_rate(new_rate, "ask for another")
    length = round(new_rate * seconds) if np.isfinite(seconds) else 0
    if length < 1:
        raise EcgInputError(f"{seconds} seconds at {new_rate:g} Hz are no sample; ask for a longer record")

    up, down = rate_ratio(sampling_rate, new_rate)
    if up == down:
        first: np.ndarray = signal[:, :length].astype(np.float32, copy=False)
    else:
        # Beyond the wanted seconds only what the filter reaches: a long recording costs no more than a short one.
        needed = ceil(length * down / up) + ceil(11 * max(up, down) / up)
        first = signal[:, :needed]
        resampled, measured = resample(first, np.isfinite(first), up, down)
        first = resampled[:, :length].astype(np.float32)
        first[~measured[:, :length]] = np.nan
    if first.shape[1] == length:
        return first
    padded: np.ndarray = np.full((len(STANDARD_LEADS), length), np.nan, dtype=np.float32)
    padded[:, : first.shape[1]] = first
    return padded
