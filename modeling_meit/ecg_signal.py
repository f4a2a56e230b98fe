"""A 12-lead recording as an array: its leads by name, what is wrong with it, its missing samples, its sampling rate.

numpy alone is imported here (scipy where a rate is really changed), so that readers of archives can use it lightly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

FLAT_LEAD_MV = 0.005
"""A lead with less than this from peak to peak is flat: even an amplifier's noise has more."""

LARGEST_MV = 50.0
"""No surface ECG reaches it (QRS complexes stay under 10 mV), but one in microvolts passes it in every beat."""

MISSING_INT16 = -32768
"""WFDB's "no sample here" in its 16-bit formats (signal(5), format 16)."""

# ISO/IEEE 11073-10101 and HL7 aECG write MDC_ECG_LEAD_V1, DICOM (PS3.16, CID 3001) "Lead I (Einthoven)" and
# "aVR, augmented voltage, right", CODE-15% DI and DII. A leading minus (Cabrera's -aVR) is another lead and stays one.
_PREFIX = re.compile(r"^(?:mdc_)?(?:ecg_)?(?:lead_?)?")


def _plain_name(name: str) -> str:
    """Return a lead's name in lower case without prefix and remark: "MDC_ECG_LEAD_aVR" -> "avr"."""
    text = re.split(r"[(,]", str(name))[0].strip().lower().replace(" ", "_")
    text = _PREFIX.sub("", text)
    return text[1:] if text in ("di", "dii", "diii") else text


def order_leads(signal: np.ndarray, lead_names: Sequence[str], leads: Sequence[str] = STANDARD_LEADS) -> np.ndarray:
    """Reorder the rows of a recording by the names of its leads.

    Case does not matter; the prefixes "MDC_ECG_LEAD_", "ECG ", "Lead " and the "D" of DI, DII, DIII, and remarks after
    a comma or in brackets, as in "Lead I (Einthoven)", are tolerated. Nothing else is guessed.

    Args:
        signal: [C, T] or a batch [B, C, T], any dtype.
        lead_names: the C names, in the order of the rows.
        leads: the wanted order, the standard one by default.

    Returns:
        [12, T] or [B, 12, T]; the array itself where it already was in order.

    Raises:
        ValueError: a lead is missing, there twice or unknown, or names and rows differ in number.
    """
    names = [lead_names] if isinstance(lead_names, str) else list(lead_names)
    rows = signal.shape[-2]
    if len(names) != rows:
        raise ValueError(f"{len(names)} lead names were given for {rows} rows of signal; give one name a row: {names}")
    wanted = {lead.lower(): lead for lead in leads}
    positions: dict[str, int] = {}
    twice, unknown = [], []
    for position, name in enumerate(names):
        plain = _plain_name(name)
        if plain not in wanted:
            unknown.append(str(name))
        elif plain in positions:
            twice.append(wanted[plain])
        else:
            positions[plain] = position
    missing = [lead for plain, lead in wanted.items() if plain not in positions]
    wrong = [
        f"{label} {', '.join(found)}"
        for label, found in (("missing", missing), ("given twice", twice), ("unknown", unknown))
        if found
    ]
    if wrong:
        raise ValueError(
            f"leads {'; '.join(wrong)}. Expected each of {', '.join(leads)} exactly once: "
            "rename the rows, or leave out those that are no such lead"
        )
    order = [positions[plain] for plain in wanted]
    return signal if order == list(range(rows)) else signal[..., order, :]


def signal_problems(
    signal: np.ndarray, sampling_rate: float, leads: Sequence[str] = STANDARD_LEADS
) -> tuple[list[str], list[str]]:
    """Say what is wrong with one recording.

    A flat lead has less than `FLAT_LEAD_MV` from peak to peak. More than half of the leads flat or without a sample
    refuse the recording (a record of zeros or of NaN is such a one); fewer warn.

    Args:
        signal: float [12, T] in millivolts, rows in the order of `leads`; NaN and infinities are missing samples.
        sampling_rate: in Hz.
        leads: the names of the rows.

    Returns:
        The reasons to refuse the recording, and the warnings; either may be empty.

    Raises:
        ValueError: the array has another shape, or the sampling rate is not a positive number.
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[0] != len(leads):
        raise ValueError(f"signal has shape {signal.shape}, expected ({len(leads)}, T): the leads in rows")
    check_sampling_rate(sampling_rate)
    if signal.shape[1] == 0:
        return ["the recording has no samples"], []
    refusals: list[str] = []
    warnings: list[str] = []
    with np.errstate(invalid="ignore"):
        low, high = signal.min(axis=1), signal.max(axis=1)
        span = high - low
    if np.isfinite(span).all() and span.min() >= FLAT_LEAD_MV and max(high.max(), -low.min()) <= LARGEST_MV:
        return refusals, warnings  # nearly every recording: every sample measured, nothing flat, nothing too large
    measured = np.isfinite(signal)
    low = np.min(signal, axis=1, where=measured, initial=np.inf)
    high = np.max(signal, axis=1, where=measured, initial=-np.inf)
    absent = ~measured.any(axis=1)
    # A nanovolt of tolerance: 5 uV in float32 are 4.9999999 uV.
    flat = ~absent & (high - low < FLAT_LEAD_MV - 1e-6)
    if absent.all():
        refusals.append("every sample is missing (NaN or infinite)")
    elif (absent | flat).sum() > len(leads) // 2:
        refusals.append(
            f"{_named(leads, absent | flat)} are flat (under {FLAT_LEAD_MV * 1000:g} uV from peak to peak) or have no "
            f"sample, more than half of the leads; if the values are in volts, multiply them by 1000"
        )
    else:
        if flat.any():
            warnings.append(f"{_named(leads, flat)} flat (under {FLAT_LEAD_MV * 1000:g} uV from peak to peak)")
        if absent.any():
            warnings.append(f"{_named(leads, absent)} without a sample")
    peak = max(float(high.max()), -float(low.min()))
    if np.isfinite(peak) and peak > LARGEST_MV:
        refusals.append(
            f"values reach {peak:g} mV, and an ECG stays under {LARGEST_MV:g} mV; if they are microvolts, divide by "
            "1000 or pass int16; if an electrode offset was left in, subtract each lead's median"
        )
    infinite = np.isinf(signal).any(axis=1)
    if infinite.any():
        warnings.append(f"{_named(leads, infinite)} with infinite values, taken as missing")
    partly = ~absent & ~measured.all(axis=1)
    if partly.any():
        share = 100 * (1 - measured[partly].mean())
        seconds = signal.shape[1] / sampling_rate
        warnings.append(f"{_named(leads, partly)} with missing samples ({share:.2g} % of {seconds:g} s), masked")
    return refusals, warnings


def check_sampling_rate(sampling_rate: float) -> None:
    """Refuse a sampling rate that is no positive number of Hz.

    Raises:
        ValueError: it is not.
    """
    number = isinstance(sampling_rate, (int, float, np.integer, np.floating)) and not isinstance(sampling_rate, bool)
    if not number or not np.isfinite(sampling_rate) or sampling_rate <= 0:
        raise ValueError(f"sampling rate {sampling_rate!r}, expected a positive number in Hz")


def rate_ratio(sampling_rate: float, new_rate: float) -> tuple[int, int]:
    """Return the smallest `up`, `down` with new_rate / sampling_rate = up / down, rates taken to a 1000th of a Hz."""
    ratio = Fraction(float(new_rate)).limit_denominator(1000) / Fraction(float(sampling_rate)).limit_denominator(1000)
    return ratio.numerator, ratio.denominator


def resample(signal: np.ndarray, measured: np.ndarray, up: int, down: int) -> tuple[np.ndarray, np.ndarray]:
    """Change the sampling rate by up / down without letting missing samples spread.

    Gaps are bridged by straight lines (held level at the ends), then scipy's polyphase FIR filter (Kaiser window,
    attenuation some 50 dB, half its cut-off amplitude at the lower Nyquist frequency) runs over the signal without its
    mean and continued at both ends by reflection through the end point. So a constant stays that constant, and an
    offset leaves no ripple. Sample k of the result lies at k * down / up samples of the input.

    Args:
        signal: float [C, T].
        measured: bool [C, T], False where a sample is missing; what `signal` holds there is not read.
        up: see `rate_ratio`.
        down: see `rate_ratio`.

    Returns:
        The new signal, float64 [C, ceil(T * up / down)], and its mask. A new sample is measured if all input samples
        within half a new interval of it are, and at least the two between which it lies.
    """
    filled = _bridge_gaps(np.asarray(signal, dtype=np.float64), measured)
    if up == down:
        return filled, measured
    from scipy.signal import resample_poly

    new_length = -(-signal.shape[1] * up // down)
    # scipy's filter reaches 10 * max(up, down) / up input samples to each side; the margin must be whole new samples.
    margin_blocks = -(-11 * max(up, down) // (up * down))
    mean = filled.mean(axis=1, keepdims=True)
    margin = ((0, 0), (margin_blocks * down,) * 2)
    extended = np.pad(filled - mean, margin, mode="reflect", reflect_type="odd")
    start = margin_blocks * up
    new_signal = resample_poly(extended, up, down, axis=1)[:, start : start + new_length] + mean
    return new_signal, _resampled_mask(measured, up, down, new_length)


def _bridge_gaps(signal: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Replace missing samples by linear interpolation; a row without any sample becomes zero."""
    if measured.all():
        return signal
    filled = np.where(measured, signal, 0.0)
    positions = np.arange(signal.shape[1])
    for row in np.flatnonzero(measured.any(axis=1) & ~measured.all(axis=1)):
        known = measured[row]
        filled[row, ~known] = np.interp(positions[~known], positions[known], filled[row, known])
    return filled


def _resampled_mask(measured: np.ndarray, up: int, down: int, new_length: int) -> np.ndarray:
    """Return which new samples rest on measured ones only (see `resample`)."""
    if measured.all():
        return np.ones((measured.shape[0], new_length), dtype=bool)
    length = measured.shape[1]
    # Twice the distance, in units of 1 / up input samples, so that all of it is whole numbers.
    reach = max(down, 2 * (up - 1))
    centre: np.ndarray = 2 * down * np.arange(new_length, dtype=np.int64)
    first = np.clip(-((reach - centre) // (2 * up)), 0, length - 1)
    last = np.clip((centre + reach) // (2 * up), 0, length - 1)
    missing_before = np.pad(np.cumsum(~measured, axis=1), ((0, 0), (1, 0)))
    return missing_before[:, last + 1] == missing_before[:, first]


def _named(leads: Sequence[str], chosen: np.ndarray) -> str:
    """Write "lead V1" or "leads V1, V2" for the chosen rows."""
    names = [lead for lead, wanted in zip(leads, chosen, strict=True) if wanted]
    return f"lead{'s' if len(names) > 1 else ''} {', '.join(names)}"
