"""Exchanged electrodes, which keep Einthoven's and Goldberger's identities and so must be told by how the leads look.

A linear form in the correlations and amplitudes of the eight independent leads (of their changes over 60 ms, which
leaves the baseline out) says how much a recording looks like a rightly recorded one. An exchange is suspected where
undoing it would look much more right: the difference is a log odds. The idea of undoing each exchange and taking the
best is Kors & van Herpen's ("Accurate automatic detection of electrode interchange in the electrocardiogram", Am J
Cardiol 88:396, 2001). Weights and thresholds were fitted to half of PTB-XL's patients; false alarms and sensitivity in
the other half, and what cannot be told, are in docs/signals.md (`benchmarks/lead_swaps.py` does both).
"""

from __future__ import annotations

import numpy as np

from modeling_meit.ecg_signal import FLAT_LEAD_MV

INDEPENDENT = (0, 1, 6, 7, 8, 9, 10, 11)
"""Rows of I, II, V1-V6: the other four follow from I and II."""

THRESHOLDS = {
    "RA/LA": 3.0,
    "RA/LL": 3.0,
    "V1/V2": 3.5,
    "V2/V3": 8.0,
    "V3/V4": 5.0,
    "V4/V5": 6.5,
    "V1/V3": 2.0,
    "V2/V4": 3.5,
    "V3/V5": 4.0,
    "V4/V6": 3.0,
    "V1-V6 reversed": 6.0,
}
"""Exchange -> log odds from which it is suspected. LA/LL and V5/V6 cannot be told at a useful rate and are not here.
A reversed chest looks much like an exchange of arms, which is far more frequent: its threshold is high for that."""

FLAT_SHARE = 0.15
"""A right leg electrode on an arm leaves both ends of one lead on the legs: it has less than this of the others."""

LAG_S = 0.06
_SHORTEST_S = 2.0
_FLOOR_MV = 1e-3

# In the order of `INDEPENDENT`; the upper triangle, row by row.
# fmt: off
_CORRELATION_WEIGHTS = [
    -3.19, -7.15, 5.44, 1.11, -1.39, 2.17, 2.85,
    -0.41, -3.00, 2.36, 1.31, -0.37, 3.94,
    6.16, 1.06, -2.39, -8.34, -7.97,
    13.04, -0.63, -8.90, -4.32,
    15.62, -2.35, -4.59,
    12.00, -0.54,
    8.44,
]
_AMPLITUDE_WEIGHTS = [-0.55, 1.04, -3.89, 1.15, 3.63, 2.30, -2.61, -2.98]
# fmt: on
WEIGHTS = np.array(_CORRELATION_WEIGHTS + _AMPLITUDE_WEIGHTS)
_ROWS, _COLUMNS = np.triu_indices(8, 1)

_WHY = {
    "RA/LA": "with lead I inverted, limb and chest leads would fit",
    "RA/LL": "with lead II inverted and I and III exchanged, limb and chest leads would fit",
    "RA/RL": "lead II is nearly flat, as between two legs",
    "LA/RL": "lead III is nearly flat, as between two legs",
}


def undo(exchange: str) -> np.ndarray:
    """Returns the matrix [8, 8] that undoes an exchange of electrodes in I, II, V1-V6; it is its own inverse.

    RA, LA and LL enter the chest leads only by their mean, Wilson's terminal, which their exchange does not change.
    """
    matrix = np.eye(8)
    limb = {"RA/LA": [[-1, 0], [-1, 1]], "RA/LL": [[1, -1], [0, -1]], "LA/LL": [[0, 1], [1, 0]]}
    if exchange in limb:
        matrix[:2, :2] = limb[exchange]
    elif exchange == "V1-V6 reversed":
        matrix[2:] = matrix[:1:-1]
    else:
        first, second = (int(name[1:]) + 1 for name in exchange.split("/"))
        matrix[[first, second]] = matrix[[second, first]]
    return matrix


_UNDO = np.stack([np.eye(8)] + [undo(exchange) for exchange in THRESHOLDS])
_LIMITS = np.array(list(THRESHOLDS.values()))


def moments(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Returns the mean products [..., 8, 8] of the changes of I, II, V1-V6 over 60 ms, in mV^2.

    Args:
        signals: float [..., 12, T] in millivolts; one missing sample (NaN, infinity) makes all of a recording's so.
        sampling_rate: in Hz.
    """
    with np.errstate(invalid="ignore"):  # infinities
        changes = _changes(signals, sampling_rate)
        return (changes @ np.swapaxes(changes, -1, -2)).astype(np.float64) / max(1, changes.shape[-1])


def _measured_moments(signal: np.ndarray, sampling_rate: float) -> np.ndarray | None:
    """Returns `moments` of the changes that are measured in all eight leads; None where they are too few."""
    with np.errstate(invalid="ignore"):
        changes = _changes(signal, sampling_rate)
    changes = changes[:, np.isfinite(changes).all(axis=0)]
    count = changes.shape[1]
    if count < max(0.5 * signal.shape[1], _SHORTEST_S * sampling_rate):
        return None
    return (changes @ changes.T).astype(np.float64) / count


def _changes(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Returns the changes [..., 8, T - lag] of I, II, V1-V6 over 60 ms."""
    lag = max(1, round(LAG_S * sampling_rate))
    late, early = signals[..., lag:], signals[..., :-lag]
    changes = np.empty((*signals.shape[:-2], len(INDEPENDENT), late.shape[-1]), dtype=signals.dtype)
    for rows, into in ((slice(0, 2), slice(0, 2)), (slice(6, 12), slice(2, 8))):  # by slices: nothing is copied
        np.subtract(late[..., rows, :], early[..., rows, :], out=changes[..., into, :])
    return changes


def features(products: np.ndarray) -> np.ndarray:
    """Returns the 28 correlations and 8 log amplitudes [..., 36] of `moments` [..., 8, 8]."""
    # Rounding leaves a square of a difference just under zero where leads are alike and very large.
    amplitude = np.sqrt(np.maximum(np.diagonal(products, axis1=-2, axis2=-1), 0.0) + _FLOOR_MV**2)
    alike = products / (amplitude[..., :, None] * amplitude[..., None, :])
    return np.concatenate([alike[..., _ROWS, _COLUMNS], np.log(amplitude)], axis=-1)


def log_odds(products: np.ndarray) -> np.ndarray:
    """Returns how much more right each of the exchanges of `THRESHOLDS`, undone, would look [..., 11]."""
    right = features(_UNDO @ products[..., None, :, :] @ _UNDO.transpose(0, 2, 1)) @ WEIGHTS
    return right[..., 1:] - right[..., :1]


def suspected_exchanges(signals: np.ndarray, sampling_rate: float) -> list[tuple[str, str]]:
    """Names the electrodes that seem to be exchanged in each recording, and why; empty texts where none seem to be.

    Args:
        signals: float [B, 12, T] in millivolts, leads in the standard order, the limb leads consistent.
        sampling_rate: in Hz.

    Returns:
        For example ("RA/LA", "with lead I inverted, limb and chest leads would fit: log odds 9.3"). Nothing is said of
        a recording with a flat or mostly missing lead, but for a flat II or III.
    """
    products = moments(signals, sampling_rate)
    long_enough = signals.shape[2] >= _SHORTEST_S * sampling_rate
    known = np.isfinite(products).all(axis=(1, 2)) & long_enough
    for place in np.flatnonzero(~known).tolist():
        measured = _measured_moments(signals[place], sampling_rate)
        known[place] = measured is not None
        products[place] = 0.0 if measured is None else measured
    above = log_odds(products) - _LIMITS
    found = [("", "")] * len(signals)
    for place in np.flatnonzero(known & ((above.max(axis=1) > 0) | _limb_lead_flat(products))).tolist():
        found[place] = _suspicion(products[place], above[place])
    return found


def _limb_lead_flat(products: np.ndarray) -> np.ndarray:
    """Returns which recordings [B] have a lead II or III that is nearly flat beside another limb lead."""
    one, two = products[:, 0, 0], products[:, 1, 1]
    three = one + two - 2 * products[:, 0, 1]
    return np.minimum(two, three) < FLAT_SHARE**2 * one


def _suspicion(products: np.ndarray, above: np.ndarray) -> tuple[str, str]:
    variance = products.diagonal()
    one, two = variance[0], variance[1]
    three = one + two - 2 * products[0, 1]
    for exchange, flat, others in (("RA/RL", two, min(one, three)), ("LA/RL", three, min(one, two))):
        if others > FLAT_LEAD_MV**2 and flat < FLAT_SHARE**2 * others:
            return exchange, f"{_WHY[exchange]}: {np.sqrt(max(0.0, flat) / others):.0%} of the other limb leads"
    best = int(above.argmax())
    if above[best] <= 0 or variance.min() < (FLAT_LEAD_MV / 4) ** 2:
        return "", ""
    exchange = list(THRESHOLDS)[best]
    why = _WHY.get(exchange, "with the chest leads put back, R and S would progress from V1 to V6")
    return exchange, f"{why}: log odds {above[best] + _LIMITS[best]:.1f}"
