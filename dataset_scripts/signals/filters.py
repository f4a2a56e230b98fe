"""Optional filters by name. None is applied unless asked for: what a filter took away no model can learn from.

The American Heart Association's recommendation (Kligfield et al., Circulation 115:1306, 2007, doi
10.1161/CIRCULATIONAHA.106.180200): low-frequency cut-off at 0.05 Hz, or up to 0.67 Hz for digital filters without phase
distortion, because a filter with phase distortion at 0.5 Hz makes and hides ST deviations; high-frequency cut-off at
150 Hz or more for adults (250 Hz for children), because a lower one shrinks QRS voltages and loses Q waves and notches.
So every filter here runs forwards and backwards (zero phase), which squares its gain; the one that ends at 40 Hz is a
monitor's, not a diagnostic one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import ONLY_BRIDGED, check_rate
from modeling_meit.ecg_signal import resample

_BASELINE_HZ = 0.5
_LOW_PASS_HZ = 40.0
_ORDER = 2
_QUALITY_FACTOR = 30.0
_EDGE_S = 3.0  # continued at both ends by reflection: longer than the filters ring

FILTERS = {
    "none": "the samples as recorded",
    "baseline-0.5hz": "high-pass: half the amplitude at 0.5 Hz, 71 % at 0.62 Hz",
    "bandpass-0.5-40hz": "the same, and half the amplitude at 40 Hz: for looking at, not for measuring QRS voltages",
    "notch-50hz": "mains hum at 50 Hz, 1.7 Hz wide",
    "notch-60hz": "mains hum at 60 Hz, 2 Hz wide",
}
"""Name -> what it does."""

_HIGHEST_HZ = {"bandpass-0.5-40hz": _LOW_PASS_HZ, "notch-50hz": 50.0, "notch-60hz": 60.0}


def apply(signal: np.ndarray, sampling_rate: float, name: str = "none") -> np.ndarray:
    """Filters a recording; missing samples are bridged by straight lines for it, and are missing again afterwards.

    Args:
        signal: float [C, T] in any unit; NaN and infinities are missing samples.
        sampling_rate: in Hz.
        name: one of `FILTERS`.

    Returns:
        [C, T] of the same type; with "none", the array itself.

    Raises:
        EcgInputError: an unknown name, a sampling rate too low for the filter, or a signal that is not [C, T].
    """
    if name not in FILTERS:
        raise EcgInputError(f"filter {name!r}, expected one of: {', '.join(FILTERS)}")
    if name == "none":
        return signal
    check_rate(sampling_rate)
    highest = _HIGHEST_HZ.get(name, _BASELINE_HZ)
    if sampling_rate < 2.2 * highest:
        raise EcgInputError(
            f"filter {name} at {sampling_rate:g} Hz, expected {2.2 * highest:g} Hz or more "
            f"(there is nothing to filter at half the sampling rate); take the archive's higher rate, or no such filter"
        )
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[1] < 2:
        raise EcgInputError(f"signal has shape {signal.shape}, expected (C, T) with T of at least 2; put leads in rows")
    from scipy.signal import sosfiltfilt

    measured = np.isfinite(signal)
    filled = resample(signal, measured, *ONLY_BRIDGED)[0]
    edge = min(signal.shape[1] - 1, round(_EDGE_S * sampling_rate))
    filtered = sosfiltfilt(_design(name, float(sampling_rate)), filled, axis=1, padtype="odd", padlen=edge)
    return np.where(measured, filtered, np.nan).astype(signal.dtype)


@lru_cache
def _design(name: str, sampling_rate: float) -> np.ndarray:
    """Returns the filter's second-order sections."""
    from scipy.signal import butter, iirnotch, tf2sos

    if name == "baseline-0.5hz":
        return butter(_ORDER, _BASELINE_HZ, "highpass", fs=sampling_rate, output="sos")
    if name == "bandpass-0.5-40hz":
        return butter(_ORDER, (_BASELINE_HZ, _LOW_PASS_HZ), "bandpass", fs=sampling_rate, output="sos")
    return tf2sos(*iirnotch(_HIGHEST_HZ[name], _QUALITY_FACTOR, fs=sampling_rate))
