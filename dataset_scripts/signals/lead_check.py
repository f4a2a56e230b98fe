"""Do the six limb leads fit together? Found by the identities that bind them, mended where the answer is certain.

Einthoven: II = I + III. Goldberger (Am Heart J 23:483, 1942): aVR = -(I + II) / 2, aVL = (I - III) / 2 and
aVF = (II + III) / 2. So the six are M S: two signals S and a fixed 6 x 2 matrix M. Leads exchanged or inverted are a
signed permutation P, one of 6! * 2^6 = 46,080; it goes unseen where P M spans what M spans. These P form a group of
twelve: the six orders of the electrodes RA, LA and LL, with or without all leads inverted. (In Einthoven's triangle the
leads and their negatives are a hexagon of long and one of short vectors, whose symmetries are the dihedral group of
order 12.) So every fault has twelve answers; but each of the group except the identity touches at least five leads,
which makes an answer that touches one or two leads the only smallest one. Any other fault, or one among fewer than five
measured leads, or of leads so alike that several answers fit, is reported as ambiguous, and not mended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations, product

import numpy as np

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.electrode_check import suspected_exchanges
from dataset_scripts.signals.extremes import FLAT_MV, Extremes
from dataset_scripts.signals.length import check_rate
from modeling_meit.ecg_signal import STANDARD_LEADS

LIMB_LEADS = STANDARD_LEADS[:6]
LIMB_MATRIX = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
"""M: the limb leads from I and II."""

CONSISTENT = "consistent"
INCONSISTENT = "inconsistent"
SWAPPED = "swapped"
NOT_CHECKABLE = "not_checkable"

TOLERANCE = 0.05
"""Largest residual of consistent leads, as a share of their root mean square. All but 8 of PTB-XL's 19,601 records
stay under .01; a lead at twice its gain makes about .4."""

BETTER = 1 / 3
"""Another assignment is believed if it makes the residual this small a part of what it was."""

_MOST_CERTAIN = 2  # leads touched
_FEWEST_CERTAIN = 5  # leads measured
_NEGLIGIBLE = 0.02  # of the amplitude: no search below it
_FLOOR_MV = 0.001
_FLOOR_STEPS = 0.6  # rounding alone makes a residual of .29 steps
_WINDOW_S = 2.0  # long enough for a beat in each
_SHORTEST_S = 1.0


_ALL = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class LeadCheck:
    """What the identities say of one recording.

    Attributes:
        verdict: "consistent", "inconsistent", "swapped" or "not_checkable" (fewer than three limb leads measured).
        residual_mv: root mean square error of a lead that would explain what is left of the identities; the median over
            windows of 2 s, so that one burst does not count. None where not checkable.
        amplitude_mv: root mean square of the limb leads, likewise.
        assignment: for "swapped": (row, sign) for each of the six limb leads in order; the true lead is sign * row.
        ambiguous: another assignment may be as likely; such a one is not mended.
        description: in words what is wrong, for example "aVL and aVF exchanged"; empty where nothing is.
        suspected: an exchange of electrodes, which keeps the identities, for example "RA/LA"; empty where none.
        reason: what speaks for it.
    """

    verdict: str
    residual_mv: float | None = None
    amplitude_mv: float | None = None
    assignment: tuple[tuple[int, int], ...] | None = None
    ambiguous: bool = False
    description: str = ""
    suspected: str = ""
    reason: str = ""


NOT_CHECKED = LeadCheck(NOT_CHECKABLE)


def check_leads(signal: np.ndarray, sampling_rate: float) -> LeadCheck:
    """Checks the limb leads of one recording [12, T], see `check_many`."""
    return check_many(np.asarray(signal)[None], sampling_rate)[0]


def check_many(signals: np.ndarray, sampling_rate: float, extremes: Extremes | None = None) -> list[LeadCheck]:
    """Checks the limb leads by Einthoven's and Goldberger's identities, then the electrodes.

    A flat lead (under 5 uV from peak to peak), or one without half of its samples, takes no part; three or more are
    checked by the identities that are left among them.

    Args:
        signals: float [B, 12, T] in millivolts, leads in the standard order; NaN and infinities are missing samples.
        sampling_rate: in Hz.
        extremes: of these, where they have been found.

    Raises:
        EcgInputError: another shape, no sample, or a sampling rate that is no positive number.
    """
    if signals.ndim != 3 or signals.shape[1] != len(STANDARD_LEADS) or signals.shape[2] == 0:
        raise EcgInputError(
            f"signal has shape {signals.shape[1:]}, expected (12, T) with T of at least 1; put the leads in rows"
        )
    check_rate(sampling_rate)
    limb = signals[:, :6]
    # Where every limb lead takes part, the recordings are checked together.
    whole = (extremes or Extremes.of(signals)).alive()[:, :6].all(axis=1)
    together = _check_limb(limb if whole.all() else limb[whole], _ALL, sampling_rate)
    checks = [NOT_CHECKED] * len(signals)
    for place, check in zip(np.flatnonzero(whole).tolist(), together, strict=True):
        checks[place] = check
    for place in np.flatnonzero(~whole).tolist():
        chosen, leads = _usable(limb[place])
        if len(leads) >= 3:
            checks[place] = _check_limb(chosen[None], leads, sampling_rate)[0]
    consistent = [place for place, check in enumerate(checks) if check.verdict == CONSISTENT]
    right = signals if len(consistent) == len(signals) else signals[consistent]
    suspicions = suspected_exchanges(right, sampling_rate) if consistent else []
    for place, (suspected, reason) in zip(consistent, suspicions, strict=True):
        if suspected:
            checks[place] = replace(checks[place], suspected=suspected, reason=reason)
    return checks


def _check_limb(limb: np.ndarray, leads: tuple[int, ...], sampling_rate: float) -> list[LeadCheck]:
    """Checks recordings [B, K, T] of these leads by the identities among them."""
    samples = limb.shape[2]
    if samples < _SHORTEST_S * sampling_rate or not len(limb):
        return [NOT_CHECKED] * len(limb)
    window = max(1, min(samples, round(_WINDOW_S * sampling_rate)))
    checks = []
    for signal, residual, amplitude in zip(limb, *_residual(limb, leads, window), strict=True):
        check = None
        if residual > max(_NEGLIGIBLE * amplitude, _FLOOR_MV) and residual > _FLOOR_STEPS * _step(signal):
            check = _explain(signal, leads, window, residual, amplitude)
        checks.append(check or LeadCheck(CONSISTENT, residual, amplitude))
    return checks


def mend_leads(signal: np.ndarray, check: LeadCheck) -> np.ndarray:
    """Puts the limb leads right as `check_leads` found; a signal without one unambiguous fault comes back as it is.

    Args:
        signal: [12, T], the one that was checked.
        check: what was found.

    Returns:
        [12, T] of the same type; the chest leads are untouched.
    """
    if check.assignment is None or check.ambiguous:
        return signal
    rows, signs = zip(*check.assignment, strict=True)
    mended = signal.copy()
    mended[:6] = signal[list(rows)] * np.array(signs, dtype=signal.dtype)[:, None]
    return mended


def _usable(limb: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Returns the leads that take part [K, T] where all of them are measured, and their rows."""
    measured = np.isfinite(limb)
    whole = bool(measured.all())
    if whole:
        taken = limb.max(axis=1) - limb.min(axis=1) >= FLAT_MV
    else:
        low = np.min(limb, axis=1, where=measured, initial=np.inf)
        high = np.max(limb, axis=1, where=measured, initial=-np.inf)
        taken = (high - low >= FLAT_MV) & (measured.mean(axis=1) >= 0.5)
    leads = tuple(np.flatnonzero(taken).tolist())
    chosen = limb if len(leads) == 6 else limb[list(leads)]
    if not whole and leads:
        chosen = chosen[:, measured[list(leads)].all(axis=0)]
    return chosen, leads


@lru_cache
def _complement(leads: tuple[int, ...]) -> np.ndarray:
    """Returns an orthonormal basis [K - 2, K] of the identities among the leads: it is 0 on every lawful signal."""
    return np.linalg.svd(LIMB_MATRIX[list(leads)])[0][:, 2:].T


def _residual(limb: np.ndarray, leads: tuple[int, ...], window: int) -> tuple[list[float], list[float]]:
    """Returns residual and amplitude of recordings [B, K, T] in mV (see `LeadCheck`)."""
    records, count, samples = limb.shape
    windows = samples // window
    cut = limb[:, :, : windows * window].reshape(records, count, windows, window)
    cut = (cut - cut.mean(axis=3, keepdims=True)).reshape(records, count, -1)
    errors = _complement(leads).astype(cut.dtype) @ cut
    found = []
    for values in (errors, cut):
        split = values.reshape(records, -1, windows, window)
        mean_squares = np.einsum("rkwt,rkwt->rw", split, split) / (split.shape[1] * window)
        found.append((np.sort(mean_squares, axis=1)[:, windows // 2].astype(np.float64) ** 0.5).tolist())
    return found[0], found[1]


def _step(limb: np.ndarray) -> float:
    """Returns the archive's quantisation step in mV: the smallest change between samples (tiny after resampling)."""
    changes = np.abs(np.diff(limb, axis=1))
    changes = changes[changes > 1e-5]
    return float(changes.min()) if changes.size else 0.0


def _explain(
    limb: np.ndarray, leads: tuple[int, ...], window: int, residual: float, amplitude: float
) -> LeadCheck | None:
    """Searches for an assignment that satisfies the identities where the given one does not; None: it does."""
    covariance = _covariance(limb, window)
    scale = max(1, len(leads) - 2)
    limit = min((BETTER * residual) ** 2, (TOLERANCE * amplitude) ** 2)
    small_orders, small_signs = _small_changes(len(leads))
    small = _energy(covariance, leads, small_orders, small_signs) / scale
    if small.min() > limit and residual <= TOLERANCE * amplitude:
        return None
    orders, signs, cost = _all_changes(len(leads))
    energy = _all_energies(covariance, leads) / scale
    if energy.min() <= limit:
        floor = max(_FLOOR_MV, _FLOOR_STEPS * _step(limb)) ** 2
        fitting = np.flatnonzero(energy <= min(limit, max(4 * energy.min(), floor)))
        cheapest = fitting[cost[fitting] == cost[fitting].min()]
        order, sign = divmod(int(cheapest[np.argmin(energy[cheapest])]), len(signs))
        assignment = [(row, 1) for row in range(6)]
        for position, lead in enumerate(leads):
            assignment[lead] = (leads[orders[order, position]], int(signs[sign, position]))
        words = _in_words(assignment)
        ambiguous = len(cheapest) > 1 or cost[cheapest[0]] > _MOST_CERTAIN or len(leads) < _FEWEST_CERTAIN
        return LeadCheck(
            SWAPPED,
            residual,
            amplitude,
            assignment=tuple(assignment),
            ambiguous=ambiguous,
            description=f"{words}, or another fault that explains it as well" if ambiguous else words,
        )
    return LeadCheck(INCONSISTENT, residual, amplitude, description=_odd_one_out(covariance, leads, residual))


def _covariance(limb: np.ndarray, window: int) -> np.ndarray:
    """Returns the covariance [K, K] of the leads over the windows that no burst dominates."""
    windows = limb.shape[1] // window
    cut: np.ndarray = limb[:, : windows * window].astype(np.float64).reshape(len(limb), windows, window)
    cut = cut - cut.mean(axis=2, keepdims=True)
    power = np.einsum("iwt,iwt->w", cut, cut)
    cut = cut[:, power <= 4 * np.median(power)].reshape(len(limb), -1)
    return cut @ cut.T / cut.shape[1]


def _energy(covariance: np.ndarray, leads: tuple[int, ...], orders: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Returns the squared residual [n] that assignments, `orders` and `signs` [n, K], would leave."""
    basis = _complement(leads)
    projector = basis.T @ basis
    moved = covariance[orders[:, :, None], orders[:, None, :]] * signs[:, :, None] * signs[:, None, :]
    return np.maximum(0.0, np.einsum("ij,nij->n", projector, moved))


def _all_energies(covariance: np.ndarray, leads: tuple[int, ...]) -> np.ndarray:
    """Returns the squared residual of every assignment, in the order of `_all_changes`."""
    orders, signs, _ = _all_changes(len(leads))
    basis = _complement(leads)
    weighted = (basis.T @ basis) * covariance[orders[:, :, None], orders[:, None, :]]
    return np.maximum(0.0, np.einsum("psi,si->ps", signs @ weighted, signs)).reshape(-1)


@lru_cache
def _small_changes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns order and sign [n, count] of every single inversion and every exchange of two leads."""
    orders, signs = [], []
    for i in range(count):
        for j in range(i, count):
            order, sign = np.arange(count), np.ones(count)
            order[[i, j]] = order[[j, i]]
            sign[i] = -1.0 if i == j else 1.0
            orders.append(order)
            signs.append(sign)
    return np.array(orders), np.array(signs)


@lru_cache
def _all_changes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all orders [n, count], all signs [m, count], and how many leads each of the n * m pairs touches."""
    orders = np.array(list(permutations(range(count))))
    signs = np.array(list(product([1.0, -1.0], repeat=count)))
    touched = (orders != np.arange(count))[:, None, :] | (signs < 0)[None, :, :]
    return orders, signs, touched.sum(axis=2).reshape(-1)


def _in_words(assignment: list[tuple[int, int]]) -> str:
    """Writes an assignment as "aVL and aVF exchanged; lead III inverted"."""
    exchanged, inverted, moved = [], [], []
    for row, (source, sign) in enumerate(assignment):
        if source == row:
            if sign < 0:
                inverted.append(LIMB_LEADS[row])
        elif assignment[source][0] == row:
            if sign < 0:
                inverted.append(LIMB_LEADS[row])
            if source > row:
                exchanged.append(f"{LIMB_LEADS[row]} and {LIMB_LEADS[source]} exchanged")
        else:
            moved.append(f"{LIMB_LEADS[row]} stands as {LIMB_LEADS[source]}" + (" inverted" if sign < 0 else ""))
    if inverted:
        exchanged.append(f"lead{'s' if len(inverted) > 1 else ''} {', '.join(inverted)} inverted")
    return "; ".join(exchanged + moved)


def _odd_one_out(covariance: np.ndarray, leads: tuple[int, ...], residual: float) -> str:
    """Names the one lead that does not follow from the others, with its gain where that alone is wrong."""
    found = []
    for position, lead in enumerate(leads if len(leads) > 3 else ()):
        others = [place for place in range(len(leads)) if place != position]
        rows = tuple(leads[place] for place in others)
        rest = covariance[np.ix_(others, others)]
        basis = _complement(rows)
        left = np.trace(basis @ rest @ basis.T) / len(basis)
        if left > (BETTER * residual) ** 2:
            continue
        weights = LIMB_MATRIX[lead] @ np.linalg.pinv(LIMB_MATRIX[list(rows)])
        cross = float(weights @ covariance[others, position])
        predicted = float(weights @ rest @ weights)
        alike = cross / np.sqrt(predicted * covariance[position, position]) if predicted > 0 else 0.0
        times = f" ({cross / predicted:.2f} times what they give)" if abs(alike) > 0.98 else ""
        found.append(f"lead {LIMB_LEADS[lead]} does not follow from the other limb leads{times}")
    return found[0] if len(found) == 1 else "the limb leads do not follow from each other"
