"""Faults at the electrodes: exchanged or lost ones, and disturbances that come in through them.

The twelve leads are differences of nine potentials (RA, LA, LL, V1-V6): I = LA - RA, II = LL - RA, III = LL - LA, a
chest lead against Wilson's terminal (RA + LA + LL) / 3 (Wilson et al., Am Heart J 9:447, 1934), the augmented leads by
Goldberger. So a fault is a 9 x 9 matrix on the potentials, and what each lead makes of it follows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dataset_scripts.signals.lead_check import LIMB_MATRIX
from dataset_scripts.simulation.leads import electrode_noise_to_leads

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB_ELECTRODES = ELECTRODES[:3]
CHEST_ELECTRODES = ELECTRODES[3:]
LIMB_EXCHANGES = ("RA/LA", "RA/LL", "LA/LL", "RA/RL")
CHEST_EXCHANGES = ("V1/V2", "V2/V3", "V3/V4", "V4/V5", "V5/V6", "V1-V6 reversed")
_FIRST_CHEST_LEAD = 6
_ZERO = 1e-9


def disturbance(electrodes: np.ndarray) -> np.ndarray:
    """What potentials [9, T] on the electrodes add to the twelve leads [12, T], in the same unit."""
    return _leads_of_electrodes() @ electrodes


def exchange(
    signal: np.ndarray, sampling_rate: float, electrodes: str, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Exchanges electrodes; draws nothing.

    RA/RL is the right leg's electrode on the right arm and the other way round: the right leg is taken to have the left
    leg's potential, so that II becomes flat, as it does in fact.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        electrodes: of `LIMB_EXCHANGES` or `CHEST_EXCHANGES`.
        rng: not used.
    """
    change = np.eye(len(ELECTRODES))
    if electrodes == "RA/RL":
        change[0] = change[2]
    elif electrodes == "V1-V6 reversed":
        change[3:] = change[:2:-1]
    else:
        first, second = map(ELECTRODES.index, electrodes.split("/"))
        change[[first, second]] = change[[second, first]]
    return _through(signal, change), sampling_rate


def lose_limb_electrode(
    signal: np.ndarray, sampling_rate: float, electrode: str, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Takes away what one limb electrode contributes; draws nothing.

    Its amplifier input is taken to rest at Wilson's terminal, the potential that the right leg's driven electrode holds
    the body to: a third of the chest leads' reference goes, both limb leads of the electrode shrink to the other one's
    share, and Einthoven's law holds as before. (A recorder that notices would blank eleven of the twelve leads.)

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        electrode: "RA", "LA" or "LL".
        rng: not used.
    """
    change = np.eye(len(ELECTRODES))
    change[ELECTRODES.index(electrode)] = 0.0
    return _through(signal, change), sampling_rate


def lose_chest_electrodes(
    signal: np.ndarray, sampling_rate: float, count: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Takes away `count` chest leads, drawn: their samples are missing. Who loses more loses the same ones and others.

    Args:
        signal: float32 [12, T] in mV, NaN where missing.
        sampling_rate: in Hz, comes back as it is.
        count: 1 to 6.
        rng: draws which.
    """
    lost = _FIRST_CHEST_LEAD + rng.permutation(len(CHEST_ELECTRODES))[: int(count)]
    left = signal.copy()
    left[lost] = np.nan
    return left, sampling_rate


@lru_cache
def _leads_of_electrodes() -> np.ndarray:
    """The leads [12, 9] from the electrodes."""
    eight = electrode_noise_to_leads(np.eye(len(ELECTRODES)))
    return np.concatenate([LIMB_MATRIX @ eight[:2], eight[2:]])


@lru_cache
def _electrodes_of_leads() -> np.ndarray:
    """The electrodes [9, 12] against Wilson's terminal, from I, II and the chest leads; the others add nothing new."""
    found = np.zeros((len(ELECTRODES), 12))
    found[:3, :2] = np.array([[-1, -1], [2, -1], [-1, 2]]) / 3
    found[3:, _FIRST_CHEST_LEAD:] = np.eye(len(CHEST_ELECTRODES))
    return found


def _through(signal: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The leads after a change [9, 9] of the potentials; those that it does not touch keep every sample.

    A changed lead is missing where one of the leads that it is made of is.
    """
    before = _leads_of_electrodes() @ _electrodes_of_leads()
    after = _leads_of_electrodes() @ change @ _electrodes_of_leads()
    found = signal.copy()
    for lead in np.flatnonzero(np.abs(after - before).max(axis=1) > _ZERO):
        used = np.flatnonzero(np.abs(after[lead]) > _ZERO)
        measured = np.isfinite(signal[lead])
        found[lead] = np.where(measured, after[lead, used] @ signal[used], np.nan)
    return found
