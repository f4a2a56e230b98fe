"""What a reader should know of a recording's quality before its report: a sentence each, none where all is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dataset_scripts.signals.lead_check import check_leads
from dataset_scripts.signals.length import ONLY_BRIDGED
from dataset_scripts.signals.quality import SignalQuality, assess
from ecg_measurements.impulses import find_impulses, impulse_count
from modeling_meit.ecg_signal import STANDARD_LEADS, resample

Level = Literal["info", "warning", "serious"]
_ORDER = ("serious", "warning", "info")

NOISE_UV = (30.0, 80.0)
"""High-frequency noise of the worst lead from which it is remarked, and from which it is serious: the worst one to five
in a hundred of PTB-XL, and where intervals can no longer be measured. The shares are in docs/measurements.md."""

MAINS_UV = (20.0, 80.0)
"""The same for the hum's amplitude."""

WANDER_UV = (450.0, 1000.0)
"""The same for the baseline's root mean square below 0.5 Hz."""

SHORT_S = 4.0
"""A recording of less is seriously short: it may hold two beats, and no rhythm can be told from them."""

MISSING_SERIOUS = 0.1
"""Share of missing samples from which they are serious."""

MOST_FLAT = 2
"""More leads than this flat, without samples or saturated are serious."""


@dataclass(frozen=True)
class QualityRemark:
    """One sentence about a recording.

    Attributes:
        level: "info", "warning", or "serious" where a report should not be trusted before the recording is seen.
        text: the sentence.
    """

    level: Level
    text: str


def quality_remarks(signal: np.ndarray, sampling_rate: float) -> list[QualityRemark]:
    """Return what is wrong with a recording, the serious first; empty where nothing is.

    The thresholds and how often PTB-XL's recordings pass them are in docs/measurements.md.

    Args:
        signal: float [12, T] in mV, standard lead order; NaN and infinities are missing samples.
        sampling_rate: in Hz.

    Raises:
        EcgInputError: another shape, no sample, or a sampling rate that is no positive number.
    """
    check = check_leads(signal, sampling_rate)
    impulses = find_impulses(signal, sampling_rate)
    if impulses.any():
        # Told once: they are no hum, and no fault of the leads.
        bridged = resample(signal, np.isfinite(signal) & ~impulses, *ONLY_BRIDGED)[0]
        signal = np.where(impulses, bridged, signal)
        check = check_leads(signal, sampling_rate)
    remarks = [*_impulse_remarks(impulses), *remarks_on(assess(signal, sampling_rate, check))]
    remarks.sort(key=lambda remark: _ORDER.index(remark.level))
    seconds = np.shape(signal)[1] / sampling_rate
    if seconds < SHORT_S:
        said = f"The recording lasts {seconds:.2g} s, too short for a report: expected {SHORT_S:g} s at least."
        remarks.insert(0, QualityRemark("serious", said))
    return remarks


def remarks_on(quality: SignalQuality) -> list[QualityRemark]:
    """Return the remarks on a quality that is known already, see `quality_remarks`; its length is not."""
    remarks = [*_lead_remarks(quality), *_amplitude_remarks(quality), *_placement_remarks(quality)]
    return sorted(remarks, key=lambda remark: _ORDER.index(remark.level))


def _impulse_remarks(impulses: np.ndarray) -> list[QualityRemark]:
    """Return what is said of impulse artefacts [12, T]."""
    if not impulses.any():
        return []
    leads = tuple(STANDARD_LEADS[row] for row in np.flatnonzero(impulses.any(axis=1)))
    count = impulse_count(impulses)
    said = "One narrow spike" if count == 1 else f"{count} narrow spikes"
    return [QualityRemark("warning", f"{said} far larger than the QRS complexes in {_listed(leads)}.")]


def _lead_remarks(quality: SignalQuality) -> list[QualityRemark]:
    """Return what is said of leads that are missing, flat or saturated, and of gaps."""
    remarks = []
    kinds = (
        (quality.missing_leads, "has no samples", "have no samples"),
        (quality.flat_leads, "is flat", "are flat"),
        (
            quality.saturated_leads,
            "is saturated: it stays at one extreme value",
            "are saturated: they stay at one extreme value",
        ),
    )
    for leads, one, several in kinds:
        if leads:
            level: Level = "serious" if len(leads) > MOST_FLAT else "warning"
            remarks.append(QualityRemark(level, f"{_listed(leads)} {one if len(leads) == 1 else several}."))
    # Whole leads without samples have been named already.
    gaps = quality.missing_share - len(quality.missing_leads) / 12
    if gaps > 5e-4:
        share = f"{100 * gaps:.1f}"
        level = "serious" if gaps >= MISSING_SERIOUS else "warning"
        remarks.append(QualityRemark(level, f"{share} % of the samples are missing or not finite."))
    return remarks


def _amplitude_remarks(quality: SignalQuality) -> list[QualityRemark]:
    """Return what is said of hum, noise and a wandering baseline."""
    remarks = []
    mains = quality.powerline_uv
    noise = quality.high_frequency_noise_uv
    if mains is not None and mains >= MAINS_UV[0]:
        remarks.append(QualityRemark(_level(mains, MAINS_UV), f"Mains hum of {mains:.0f} uV in the worst lead."))
        # Hum counts as noise too and is not said twice: over 10 ms, half a period of 50 Hz, its second difference is
        # four times the sine, which white noise of 4 / 3 of the squared amplitude has as well.
        if noise is not None:
            noise = float(np.sqrt(max(0.0, noise**2 - 4 / 3 * mains**2)))
    if noise is not None and noise >= NOISE_UV[0]:
        remarks.append(
            QualityRemark(_level(noise, NOISE_UV), f"Noisy: {noise:.0f} uV of high-frequency noise in the worst lead.")
        )
    wander = quality.baseline_wander_uv
    if wander is not None and wander >= WANDER_UV[0]:
        remarks.append(
            QualityRemark(
                _level(wander, WANDER_UV),
                f"The baseline wanders by {wander:.0f} uV (root mean square) in the worst lead.",
            )
        )
    return remarks


def _placement_remarks(quality: SignalQuality) -> list[QualityRemark]:
    """Return what is said of leads that do not fit together and of exchanged electrodes."""
    remarks = []
    if quality.lead_fault:
        remarks.append(QualityRemark("serious", f"The limb leads do not fit together: {quality.lead_fault}."))
    swap = quality.suspected_swap
    if "/" in swap:
        first, second = swap.split("/")
        where = "chest" if first.startswith("V") else "limb"
        remarks.append(QualityRemark("warning", f"The {where} electrodes {first} and {second} seem exchanged."))
    elif swap:
        remarks.append(QualityRemark("warning", f"The chest electrodes seem to be placed in reverse ({swap})."))
    return remarks


def _level(value: float, limits: tuple[float, float]) -> Level:
    return "serious" if value >= limits[1] else "warning"


def _listed(leads: tuple[str, ...]) -> str:
    return leads[0] if len(leads) == 1 else f"{', '.join(leads[:-1])} and {leads[-1]}"
