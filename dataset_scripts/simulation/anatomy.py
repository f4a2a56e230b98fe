"""One patient's body and normal beat: what stays the same from recording to recording."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dataset_scripts.simulation.heart_vector import NORMAL_QRS_CENTRES, NORMAL_QRS_WIDTH, BeatShape, rotation
from dataset_scripts.simulation.leads import electrode_gains, project

# Median over the patients of PTB-XL's normal 500 Hz records: inverse of Dower's matrix on the median beat;
# then trimmed by a few hundredths so that the simulated leads' medians meet the real ones (`compare`).
NORMAL_QRS = np.array(
    [
        [0.010, 0.010, 0.023],
        [-0.078, -0.050, -0.199],
        [0.476, 0.210, -0.108],
        [0.946, 0.530, 0.539],
        [-0.190, 0.022, 0.450],
        [0.001, -0.002, 0.114],
        [-0.006, 0.001, -0.013],
    ]
)
NORMAL_QRS_SPREAD = np.array([0.02, 0.07, 0.15, 0.16, 0.12, 0.05, 0.02])
NORMAL_P = np.array([[0.054, 0.062, -0.012], [0.070, 0.052, 0.020]])
NORMAL_ST = np.array([0.012, 0.006, -0.030])
NORMAL_T = np.array([0.290, 0.150, -0.165])

SOKOLOW_NORMAL_MV = 3.2
LIMB_QRS_NORMAL_MV = 0.65
AXIS_NORMAL_DEG = (-10.0, 82.0)


@dataclass(frozen=True)
class Anatomy:
    """A patient.

    Attributes:
        age: in years.
        sex: "male" or "female".
        gains: [8] of I, II, V1-V6, see `leads.electrode_gains`.
        beat: the normal beat, before any finding.
    """

    age: int
    sex: str
    gains: np.ndarray
    beat: BeatShape


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Return a patient with a normal beat: axis, voltages and durations inside the normal limits."""
    age = int(np.clip(rng.normal(58.0, 17.0), 18, 89))
    sex = "female" if rng.random() < 0.48 else "male"
    # The frontal axis turns to the left with age, and a man's voltages are higher.
    turn = rotation(rng.normal(0.0, 8.0), rng.normal(0.0, 10.0), rng.normal(-2.0 - 0.25 * (age - 58), 17.0))
    scale = np.exp(rng.normal(0.12 if sex == "male" else 0.04, 0.18))
    qrs_moment = (NORMAL_QRS + NORMAL_QRS_SPREAD[:, None] * rng.normal(size=NORMAL_QRS.shape)) @ turn.T * scale
    qrs_duration = float(np.clip(rng.normal(0.089 if sex == "male" else 0.083, 0.007), 0.072, 0.106))
    t_scale = np.exp(rng.normal(0.05 if sex == "male" else -0.1, 0.25))
    beat = BeatShape(
        p_moment=NORMAL_P * np.exp(rng.normal(0.0, 0.22)) @ rotation(0, 0, rng.normal(0, 10)).T,
        p_duration=float(np.clip(rng.normal(0.102, 0.009), 0.082, 0.118)),
        pr=float(np.clip(rng.normal(0.158, 0.018), 0.124, 0.196)),
        qrs_centre=NORMAL_QRS_CENTRES * qrs_duration,
        qrs_width=np.full(len(NORMAL_QRS), NORMAL_QRS_WIDTH * qrs_duration),
        qrs_moment=qrs_moment,
        qrs_duration=qrs_duration,
        st_moment=NORMAL_ST * np.exp(rng.normal(0.0, 0.4)),
        t_moment=(NORMAL_T * t_scale + rng.normal(0.0, 0.03, 3)) @ rotation(0, rng.normal(0, 12), rng.normal(0, 12)).T,
        qt=0.4,
    )
    gains = electrode_gains(rng.normal(0.0, 0.10, 6))
    return Anatomy(age, sex, gains, within_normal_limits(beat, gains))


def qrs_leads(beat: BeatShape, gains: np.ndarray) -> np.ndarray:
    """Return leads I, II, V1-V6 [8, T] in mV of the QRS alone, each millisecond from 20 ms before it to 20 ms after."""
    times = np.arange(-0.02, beat.qrs_duration + 0.02, 0.001)
    return project(beat.qrs().sample(times), gains)


def frontal_axis(beat: BeatShape, gains: np.ndarray) -> float:
    """Return the QRS axis in degrees, from the net (highest plus lowest) deflections of I and aVF.

    aVF is scaled by 2/sqrt(3), as the augmented leads are that much shorter (AHA/ACCF/HRS, Circulation 119:e235, 2009).
    """
    leads = qrs_leads(beat, gains)
    avf = leads[1] - leads[0] / 2
    net_one, net_avf = leads[0].max() + leads[0].min(), avf.max() + avf.min()
    return float(np.rad2deg(np.arctan2(2.0 / np.sqrt(3.0) * net_avf, net_one)))


def sokolow_lyon(beat: BeatShape, gains: np.ndarray) -> float:
    """Return S in V1 plus the taller R of V5 and V6, in mV (Sokolow & Lyon, Am Heart J 37:161, 1949)."""
    leads = qrs_leads(beat, gains)
    return float(max(leads[6].max(), leads[7].max()) - min(0.0, leads[2].min()))


def limb_qrs(beat: BeatShape, gains: np.ndarray) -> float:
    """Return the largest peak-to-peak QRS of the six limb leads, in mV."""
    leads = qrs_leads(beat, gains)
    one, two = leads[0], leads[1]
    limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    return float(np.ptp(limb, axis=1).max())


def scaled_qrs(beat: BeatShape, factor: float) -> BeatShape:
    """Return the beat with its QRS `factor` times as tall."""
    return replace(beat, qrs_moment=beat.qrs_moment * factor)


def turned_to_axis(beat: BeatShape, gains: np.ndarray, low: float, high: float) -> BeatShape:
    """Return the beat with its QRS turned in the frontal plane until the axis lies from `low` to `high` degrees."""
    # Dower's limb leads are not quite at right angles, so the turn needs a second and third look.
    for _ in range(4):
        axis = frontal_axis(beat, gains)
        if low <= axis <= high:
            break
        goal = low + 1.0 if (axis - (low + high) / 2 + 180) % 360 < 180 else high - 1.0
        beat = replace(beat, qrs_moment=beat.qrs_moment @ rotation(0, 0, goal - axis).T)
    return beat


def within_normal_limits(beat: BeatShape, gains: np.ndarray) -> BeatShape:
    """Return the beat with axis, Sokolow-Lyon sum and limb-lead voltage brought inside the normal limits."""
    beat = turned_to_axis(beat, gains, *AXIS_NORMAL_DEG)
    beat = scaled_qrs(beat, max(1.0, LIMB_QRS_NORMAL_MV / limb_qrs(beat, gains)))
    return scaled_qrs(beat, min(1.0, SOKOLOW_NORMAL_MV / sokolow_lyon(beat, gains)))
