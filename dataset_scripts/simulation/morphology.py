"""What conduction, hypertrophy, ischaemia and infarction do to a beat: each function reshapes the normal dipole.

Signs to remember: an electrode sees a wave upright when the dipole points at it. X left (I, aVL, V5, V6), Y feet (II,
III, aVF), -Z front (V1-V3). So an inferior Q wave is an early dipole along -Y, anterior ST elevation one along -Z, and
the opposite (reciprocal) change in the far leads follows by itself. Criteria: AHA/ACCF/HRS recommendations for the
standardization and interpretation of the electrocardiogram III-VI, Circulation 119:e235-e270, 2009; Thygesen et al.,
Fourth universal definition of myocardial infarction, Circulation 138:e618, 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from dataset_scripts.simulation.anatomy import limb_qrs, scaled_qrs, sokolow_lyon, turned_to_axis
from dataset_scripts.simulation.heart_vector import NORMAL_QRS_CENTRES, NORMAL_QRS_WIDTH, BeatShape

Reshape = Callable[[BeatShape, np.ndarray, np.random.Generator], BeatShape]

LBBB_CENTRES = np.array([0.12, 0.26, 0.42, 0.58, 0.74, 0.88])
LBBB_QRS = np.array(
    [
        [0.10, 0.03, 0.08],
        [0.56, 0.20, 0.35],
        [0.35, 0.10, 0.63],
        [0.31, 0.02, 0.65],
        [0.66, -0.04, 0.42],
        [0.18, -0.06, 0.17],
    ]
)
LAFB_QRS = np.array(
    [
        [0.01, 0.02, 0.02],
        [-0.05, 0.22, -0.18],
        [0.40, 0.02, -0.08],
        [0.75, -0.50, 0.45],
        [0.05, -0.50, 0.42],
        [0.00, -0.12, 0.12],
        [0.00, 0.00, 0.00],
    ]
)
RVH_QRS = np.array(
    [
        [0.00, 0.00, 0.00],
        [0.00, 0.06, -0.15],
        [0.22, 0.25, -0.32],
        [-0.15, 0.60, -0.52],
        [-0.55, 0.42, -0.14],
        [-0.25, 0.08, 0.06],
        [0.00, 0.00, 0.00],
    ]
)


def right_bundle_branch_block(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with the right ventricle last: rsR' in V1, broad S in I and V6, T opposite to R'."""
    duration = float(rng.uniform(0.126, 0.156))
    late = np.array([[-0.36, -0.05, -0.56], [-0.30, -0.04, -0.42]]) * np.exp(rng.normal(0.0, 0.18))
    early = beat.qrs_moment.copy()
    early[3:, 2] *= 0.5  # the right ventricle's delay takes its share off the posterior forces
    centre = np.concatenate([beat.qrs_centre, np.array([0.70, 0.84]) * duration])
    width = np.concatenate([beat.qrs_width, np.full(2, 0.085 * duration)])
    return replace(
        beat,
        qrs_centre=centre,
        qrs_width=width,
        qrs_moment=np.concatenate([early, late]),
        qrs_duration=duration,
        t_moment=np.array([0.24, 0.12, 0.14]) * np.exp(rng.normal(0.0, 0.15)),
        st_moment=np.array([0.02, 0.0, 0.05]),
    )


def left_bundle_branch_block(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with the left ventricle last: broad notched R in I and V6, deep V1, ST and T opposite to QRS."""
    duration = float(rng.uniform(0.132, 0.168))
    moment = (LBBB_QRS + rng.normal(0.0, 0.03, LBBB_QRS.shape)) * np.exp(rng.normal(0.05, 0.15))
    blocked = replace(
        beat,
        qrs_centre=LBBB_CENTRES * duration,
        qrs_width=np.full(len(LBBB_QRS), 0.082 * duration),
        qrs_moment=moment,
        qrs_duration=duration,
        st_moment=np.array([-0.09, -0.02, -0.14]),
        t_moment=np.array([-0.26, -0.04, -0.34]) * np.exp(rng.normal(0.0, 0.15)),
    )
    return turned_to_axis(blocked, gains, -55.0, 60.0)


def left_anterior_fascicular_block(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with an axis of -50 to -75 degrees: qR in aVL, rS in II, III and aVF, QRS under 120 ms."""
    duration = float(rng.uniform(0.098, 0.114))
    moment = (LAFB_QRS + rng.normal(0.0, 0.03, LAFB_QRS.shape)) * np.exp(rng.normal(0.0, 0.15))
    blocked = replace(_with_normal_timing(beat, duration), qrs_moment=moment)
    return turned_to_axis(blocked, gains, -75.0, -50.0)


def left_ventricular_hypertrophy(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with left and posterior forces grown to a Sokolow-Lyon sum of 3.8 to 5.2 mV; half with strain."""
    goal = rng.uniform(3.8, 5.2)
    grown = _with_normal_timing(beat, float(rng.uniform(0.096, 0.114)))
    for _ in range(6):
        factor = goal / sokolow_lyon(grown, gains)
        grown = replace(grown, qrs_moment=grown.qrs_moment * np.array([factor, factor**0.5, factor]))
    # A turn in the frontal plane changes the sum a little: the last scaling is of the whole loop.
    grown = turned_to_axis(grown, gains, -28.0, 75.0)
    grown = scaled_qrs(grown, goal / sokolow_lyon(grown, gains))
    if rng.random() < 0.5:
        strain = np.exp(rng.normal(0.0, 0.15))
        grown = replace(
            grown, st_moment=np.array([-0.08, -0.03, -0.04]) * strain, t_moment=np.array([-0.20, -0.02, -0.22]) * strain
        )
    return grown


def right_ventricular_hypertrophy(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with an axis of 105 to 135 degrees, tall R in V1, deep S in V5 and V6, T inverted in V1 to V3."""
    duration = float(rng.uniform(0.092, 0.110))
    moment = (RVH_QRS + rng.normal(0.0, 0.03, RVH_QRS.shape)) * np.exp(rng.normal(0.1, 0.15))
    grown = replace(
        _with_normal_timing(beat, duration),
        qrs_moment=moment,
        st_moment=np.array([0.0, -0.02, 0.06]),
        t_moment=np.array([0.16, 0.06, 0.19]) * np.exp(rng.normal(0.0, 0.15)),
        p_moment=beat.p_moment * np.array([1.0, 1.35, 1.0]),
    )
    return turned_to_axis(grown, gains, 105.0, 135.0)


def low_voltage(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat with every limb-lead QRS between 0.24 and 0.42 mV peak to peak, and the rest smaller with it."""
    factor = rng.uniform(0.24, 0.42) / limb_qrs(beat, gains)
    return replace(
        scaled_qrs(beat, factor),
        p_moment=beat.p_moment * 0.7,
        st_moment=beat.st_moment * 0.4,
        t_moment=beat.t_moment * 0.45,
    )


def unchanged(beat: BeatShape, gains: np.ndarray, rng: np.random.Generator) -> BeatShape:
    """Return the beat as it is: the finding lies in an interval, not in a shape."""
    return beat


def old_infarction(
    beat: BeatShape,
    gains: np.ndarray,
    rng: np.random.Generator,
    early: np.ndarray,
    kept: np.ndarray,
    t_moment: np.ndarray,
    lasting: float,
) -> BeatShape:
    """Return the beat without the dead wall's forces: a Q wave of about 40 ms, a smaller R, often an inverted T.

    Args:
        beat: the beat before.
        gains: of the body, [8].
        rng: draws the size and whether T is inverted.
        early: [3] dipole in mV of the first 40 ms that looks away from the wall.
        kept: [3] part of the remaining QRS that is kept along each axis.
        t_moment: [3] the T dipole of the months after, in mV.
        lasting: how much of `early` is left as the main forces begin; near 1 the Q wave becomes a QS.
    """
    duration = float(rng.uniform(0.100, 0.116))
    later = _with_normal_timing(beat, duration)
    moment = later.qrs_moment * kept
    moment[:3] *= 1.0 - lasting
    moment[2] += 0.5 * lasting * early
    size = np.exp(rng.normal(0.0, 0.15))
    infarct = np.stack([early * 0.6, early, early * lasting]) * size
    changed = replace(
        later,
        qrs_centre=np.concatenate([later.qrs_centre + 0.012, [0.016, 0.029, 0.042]]),
        qrs_width=np.concatenate([later.qrs_width * 0.92, [0.0075, 0.0085, 0.0085]]),
        qrs_moment=np.concatenate([moment, infarct]),
    )
    return replace(changed, t_moment=t_moment * np.exp(rng.normal(0.0, 0.2))) if rng.random() < 0.65 else changed


def current_of_injury(
    beat: BeatShape, gains: np.ndarray, rng: np.random.Generator, st_moment: np.ndarray, t_moment: np.ndarray
) -> BeatShape:
    """Return the beat with an ST dipole and the T dipole that goes with it, [3] in mV each; their size is drawn."""
    size = np.exp(rng.normal(0.0, 0.15))
    return replace(beat, st_moment=st_moment * size, t_moment=t_moment * size)


def _with_normal_timing(beat: BeatShape, duration: float) -> BeatShape:
    """Return the beat with its seven QRS waves spread over `duration` seconds."""
    return replace(
        beat,
        qrs_centre=NORMAL_QRS_CENTRES * duration,
        qrs_width=np.full(len(NORMAL_QRS_CENTRES), NORMAL_QRS_WIDTH * duration),
        qrs_duration=duration,
    )


def _vector(left: float, down: float, back: float) -> np.ndarray:
    return np.array([left, down, back])


RESHAPE: dict[str, Reshape] = {
    "right_bundle_branch_block": right_bundle_branch_block,
    "left_bundle_branch_block": left_bundle_branch_block,
    "left_anterior_fascicular_block": left_anterior_fascicular_block,
    "left_ventricular_hypertrophy": left_ventricular_hypertrophy,
    "right_ventricular_hypertrophy": right_ventricular_hypertrophy,
    "low_voltage": low_voltage,
    "long_qt": unchanged,
    "old_inferior_infarction": partial(
        old_infarction,
        lasting=0.2,
        early=_vector(0.06, -0.45, 0.0),
        kept=_vector(1.0, 0.55, 1.0),
        t_moment=_vector(0.20, -0.16, -0.16),
    ),
    "old_anteroseptal_infarction": partial(
        old_infarction,
        lasting=0.9,
        early=_vector(0.10, 0.06, 0.42),
        kept=_vector(0.9, 1.0, 0.9),
        t_moment=_vector(0.10, 0.12, 0.16),
    ),
    "old_anterior_infarction": partial(
        old_infarction,
        lasting=0.9,
        early=_vector(-0.12, 0.08, 0.50),
        kept=_vector(0.75, 1.0, 0.9),
        t_moment=_vector(-0.06, 0.10, 0.18),
    ),
    "old_lateral_infarction": partial(
        old_infarction,
        lasting=0.2,
        early=_vector(-0.42, 0.16, -0.10),
        kept=_vector(0.6, 1.0, 0.9),
        t_moment=_vector(-0.14, 0.12, -0.14),
    ),
    "acute_inferior_infarction": partial(
        current_of_injury, st_moment=_vector(-0.03, 0.27, 0.07), t_moment=_vector(0.06, 0.28, -0.05)
    ),
    "acute_anterior_infarction": partial(
        current_of_injury, st_moment=_vector(0.13, -0.08, -0.26), t_moment=_vector(0.16, 0.0, -0.28)
    ),
    "acute_lateral_infarction": partial(
        current_of_injury, st_moment=_vector(0.21, -0.14, 0.0), t_moment=_vector(0.25, -0.06, -0.08)
    ),
    "inferior_ischemia": partial(
        current_of_injury, st_moment=_vector(0.0, -0.10, 0.0), t_moment=_vector(0.18, -0.20, -0.14)
    ),
    "anterior_ischemia": partial(
        current_of_injury, st_moment=_vector(-0.02, 0.0, 0.07), t_moment=_vector(-0.05, 0.10, 0.25)
    ),
    "lateral_ischemia": partial(
        current_of_injury, st_moment=_vector(-0.10, 0.0, 0.0), t_moment=_vector(-0.19, 0.10, -0.06)
    ),
    "nonspecific_ischemia": partial(
        current_of_injury, st_moment=_vector(-0.12, -0.09, 0.05), t_moment=_vector(0.06, 0.04, -0.06)
    ),
}
"""Finding -> how it reshapes the normal beat."""
