"""One heartbeat as a moving dipole: a sum of bell-shaped waves in time, each with its own direction in space.

After McSharry et al., IEEE Trans Biomed Eng 50:289-294, 2003 (Gaussian waves) and Sameni, Clifford, Jutten &
Shamsollahi, EURASIP J Adv Signal Process 2007:043407 (their three-dimensional dipole). Here the waves are placed in
milliseconds rather than radians, so that PR, QRS and QT are what they are said to be. X left, Y feet, Z back; mV, s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NORMAL_QRS_CENTRES = np.array([0.05, 0.20, 0.35, 0.50, 0.65, 0.80, 0.95])
"""Peaks of the QRS waves as parts of its duration."""
NORMAL_QRS_WIDTH = 0.095
"""Their standard deviation, as a part of the duration."""
T_FALL_S = 0.038
T_RISE_S = 0.055
P_EDGE = 2.0
"""Standard deviations from a P wave's first peak to its onset, and from its last to its end."""


@dataclass(frozen=True)
class Waves:
    """Waves in time: each rises as half a Gaussian, may stay level, and falls as half a Gaussian.

    Attributes:
        start: [n] seconds at which the top is reached.
        end: [n] seconds at which it is left; equal to `start` for a plain Gaussian.
        rise: [n] standard deviation before `start`, in s.
        fall: [n] standard deviation after `end`, in s.
        moment: [n, 3] dipole at the top, in mV.
    """

    start: np.ndarray
    end: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    moment: np.ndarray

    def sample(self, times: np.ndarray) -> np.ndarray:
        """Return the dipole [3, T] in mV at `times` [T] in s."""
        early = np.minimum(times - self.start[:, None], 0.0) / self.rise[:, None]
        late = np.maximum(times - self.end[:, None], 0.0) / self.fall[:, None]
        return np.asarray(self.moment.T @ np.exp(-0.5 * (early**2 + late**2)))

    def turned(self, turn: np.ndarray) -> Waves:
        """Return the waves with their moments under the 3 x 3 matrix `turn`."""
        return Waves(self.start, self.end, self.rise, self.fall, self.moment @ turn.T)


def join(parts: list[Waves]) -> Waves:
    """Return all waves of `parts` as one."""
    return Waves(
        np.concatenate([w.start for w in parts]),
        np.concatenate([w.end for w in parts]),
        np.concatenate([w.rise for w in parts]),
        np.concatenate([w.fall for w in parts]),
        np.concatenate([w.moment for w in parts]),
    )


@dataclass(frozen=True)
class BeatShape:
    """The form of one beat; time zero is the onset of the QRS.

    Attributes:
        p_moment: [2, 3] dipole of right and left atrium, in mV.
        p_duration: in s.
        pr: from P onset to QRS onset, in s.
        qrs_centre: [k] peaks of the QRS waves, in s.
        qrs_width: [k] their standard deviations, in s.
        qrs_moment: [k, 3] in mV.
        qrs_duration: in s.
        st_moment: [3] level dipole from the end of the QRS into the T wave, in mV.
        t_moment: [3] in mV.
        qt: from QRS onset to the end of T by the tangent method, in s.
    """

    p_moment: np.ndarray
    p_duration: float
    pr: float
    qrs_centre: np.ndarray
    qrs_width: np.ndarray
    qrs_moment: np.ndarray
    qrs_duration: float
    st_moment: np.ndarray
    t_moment: np.ndarray
    qt: float

    def p_wave(self) -> Waves:
        """Return the P wave: the right atrium's part, then the left's."""
        sigma = self.p_duration * 0.19
        first = -self.pr + P_EDGE * sigma
        last = -self.pr + self.p_duration - P_EDGE * sigma
        centre = np.array([first, last])
        width = np.full(2, sigma)
        return Waves(centre, centre, width, width, self.p_moment)

    def qrs(self) -> Waves:
        """Return the QRS complex."""
        return Waves(self.qrs_centre, self.qrs_centre, self.qrs_width, self.qrs_width, self.qrs_moment)

    def repolarisation(self) -> Waves:
        """Return ST segment and T wave; a Gaussian's tangent meets zero two standard deviations after its peak."""
        peak = self.qt - 2.0 * T_FALL_S
        st_start = min(self.qrs_duration + 0.01, peak)
        return Waves(
            np.array([st_start, peak]),
            np.array([max(st_start, peak - 0.03), peak]),
            np.array([0.014, T_RISE_S]),
            np.array([0.045, T_FALL_S]),
            np.stack([self.st_moment, self.t_moment]),
        )

    def waves(self, with_p: bool = True) -> Waves:
        """Return the whole beat, `with_p` or without its P wave."""
        parts = [self.p_wave()] if with_p else []
        return join([*parts, self.qrs(), self.repolarisation()])


def rotation(about_x: float, about_y: float, about_z: float) -> np.ndarray:
    """Return the 3 x 3 rotation by the angles in degrees; a positive `about_z` turns the frontal axis to the right."""
    x, y, z = np.deg2rad([about_x, about_y, about_z])
    turn_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(turn_z @ turn_y @ turn_x)
