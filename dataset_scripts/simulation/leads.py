"""From the heart vector to the twelve leads, by Dower's matrix, with Einthoven's and Goldberger's laws exact.

Dower, Machado & Osborne, "On deriving the electrocardiogram from vectorcardiographic leads", Clin Cardiol 3:87-95,
1980. The axes are Frank's: X to the patient's left, Y to the feet, Z to the back.
"""

from __future__ import annotations

import numpy as np

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],  # V2
        [0.882, 0.098, -1.277],  # V3
        [1.213, 0.127, -0.601],  # V4
        [1.125, 0.127, -0.086],  # V5
        [0.831, 0.076, 0.230],  # V6
    ]
)
"""Leads I, II, V1-V6 from X, Y, Z (mV from mV)."""

LEAD_GAIN = np.array([1.18, 1.0, 0.86, 1.14, 1.0, 1.02, 1.02, 0.98])
"""Mean gain of I, II, V1-V6 over Dower's. One fixed dipole makes I and V2 too small and V1 too tall beside PTB-XL's
normal ECGs (V2 lies closest to the heart). It acts before III, aVR, aVL and aVF are derived, so their laws hold."""


def electrode_gains(spread: np.ndarray) -> np.ndarray:
    """Return the gain [8] of I, II, V1-V6 for one body; `spread` [6] is each chest electrode's log deviation."""
    return np.asarray(LEAD_GAIN * np.exp(np.concatenate([np.zeros(2), spread])))


def project(vector: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return leads I, II, V1-V6 [8, T] in mV of a heart `vector` [3, T] in mV under `gains` [8]."""
    return np.asarray(gains[:, None] * (DOWER @ vector))


def electrode_noise_to_leads(noise: np.ndarray) -> np.ndarray:
    """Return what `noise` [9, T] on RA, LA, LL, V1-V6 (mV) adds to leads I, II, V1-V6 [8, T]."""
    right, left, foot = noise[:3]
    terminal = (right + left + foot) / 3.0  # Wilson's central terminal
    return np.concatenate([(left - right)[None], (foot - right)[None], noise[3:] - terminal])


def twelve_leads(eight: np.ndarray) -> np.ndarray:
    """Return the standard twelve leads [12, T] in mV, on whole microvolts, of I, II, V1-V6 [8, T] in mV.

    I and II are rounded first, so that III = II - I holds to the microvolt and the augmented leads to half of one.
    """
    microvolts = np.rint(eight * 1000.0)
    one, two = microvolts[0], microvolts[1]
    limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    return (np.rint(np.concatenate([limb, microvolts[2:]])) / 1000.0).astype(np.float32)
