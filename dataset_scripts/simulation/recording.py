"""One simulated recording: drawn from (seed, index) alone, then played at any sampling rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dataset_scripts.simulation import rhythm as rh
from dataset_scripts.simulation.anatomy import Anatomy, draw_anatomy, frontal_axis, qrs_leads
from dataset_scripts.simulation.findings import Case, draw_case
from dataset_scripts.simulation.heart_vector import BeatShape, Waves, rotation
from dataset_scripts.simulation.leads import electrode_noise_to_leads, project, twelve_leads
from dataset_scripts.simulation.morphology import RESHAPE
from dataset_scripts.simulation.noise import NoiseLevels, draw_levels, electrode_noise

# Streams of random numbers, so that one more draw in the one does not change the others.
_BLOCK, _PATIENT, _RECORD, _NOISE = 1, 2, 3, 4

BLOCK = 4
"""Records come in blocks of four that two to four patients share."""
_SHARING = ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 3))

NORMAL_RATE = (62.0, 96.0)
LONG_QTC_S = 0.480
WIDE_QRS_S = 0.120


@dataclass(frozen=True)
class Recording:
    """All that is true of one recording.

    Attributes:
        seed: of the archive.
        index: of the record.
        patient: number of the patient.
        anatomy: the patient.
        case: what the patient has.
        shape: the form of a conducted beat.
        beats: in order of time, from before the record's start to after its end.
        duration: in s.
        breathing: rate in Hz and phase in rad.
        levels: of the noise.
    """

    seed: int
    index: int
    patient: int
    anatomy: Anatomy
    case: Case
    shape: BeatShape
    beats: Sequence[rh.Beat]
    duration: float
    breathing: tuple[float, float]
    levels: NoiseLevels

    @property
    def axis_deg(self) -> float:
        """QRS axis of a conducted beat in degrees."""
        return frontal_axis(self.shape, self.anatomy.gains)

    def measurements(self) -> dict[str, float]:
        """Return the true measurements; PR and P duration are left out where there is no P wave."""
        rr = rh.mean_interval(self.beats, self.duration)
        leads = qrs_leads(self.shape, self.anatomy.gains)
        values = {"heart_rate_bpm": 60.0 / rr, "rr_interval_ms": 1000.0 * rr}
        if self.case.rhythm != "atrial_fibrillation":
            values["pr_interval_ms"] = 1000.0 * self.shape.pr
            values["p_duration_ms"] = 1000.0 * self.shape.p_duration
        values["qrs_duration_ms"] = 1000.0 * self.shape.qrs_duration
        values["qt_interval_ms"] = 1000.0 * self.shape.qt
        values["qtc_bazett_ms"] = 1000.0 * self.shape.qt / np.sqrt(rr)
        values["qtc_fridericia_ms"] = 1000.0 * self.shape.qt / np.cbrt(rr)
        values["qrs_axis_deg"] = self.axis_deg
        values["rv5_mv"] = float(leads[6].max())
        values["sv1_mv"] = float(-min(0.0, leads[2].min()))
        return {name: round(float(value), 3 if name.endswith("_mv") else 1) for name, value in values.items()}


def patient_of(seed: int, index: int) -> int:
    """Return the number of the patient of record `index`: the index of that patient's first record."""
    block = index // BLOCK
    shares = _SHARING[int(np.random.default_rng([seed, _BLOCK, block]).integers(len(_SHARING)))]
    first = block * BLOCK
    for share in shares:
        if index < first + share:
            return first
        first += share
    raise AssertionError(f"record {index} outside its block")


def case_of(seed: int, patient: int) -> Case:
    """Return what a patient has, without drawing the body."""
    return draw_case(np.random.default_rng([seed, _PATIENT, patient]))


def patient_case(seed: int, patient: int) -> tuple[Anatomy, Case, BeatShape]:
    """Return a patient's body, what the patient has, and the beat reshaped by it."""
    rng = np.random.default_rng([seed, _PATIENT, patient])
    case = draw_case(rng)
    anatomy = draw_anatomy(rng)
    shape = RESHAPE[case.form](anatomy.beat, anatomy.gains, rng) if case.form else anatomy.beat
    if case.rhythm == "first_degree_av_block":
        shape = replace(shape, pr=float(rng.uniform(0.220, 0.300)))
    return anatomy, case, shape


def draw_recording(seed: int, index: int, duration: float) -> Recording:
    """Return the recording `index` of the archive `seed`; it depends on nothing else but its `duration` in s."""
    patient = patient_of(seed, index)
    anatomy, case, shape = patient_case(seed, patient)
    rng = np.random.default_rng([seed, _RECORD, index])
    breathing = (float(rng.uniform(0.18, 0.32)), float(rng.uniform(0.0, 2 * np.pi)))
    rate = _draw_rate(rng, case)
    beats = _draw_beats(rng, case, rate, anatomy.age, duration, breathing)
    shape = replace(shape, qt=_draw_qt(rng, case, shape, anatomy.sex, rh.mean_interval(beats, duration)))
    return Recording(seed, index, patient, anatomy, case, shape, beats, duration, breathing, draw_levels(rng))


def _draw_rate(rng: np.random.Generator, case: Case) -> float:
    """Return beats a minute."""
    if case.rhythm == "sinus_bradycardia":
        return float(rng.uniform(42.0, 56.0))
    if case.rhythm == "sinus_tachycardia":
        return float(rng.uniform(104.0, 138.0))
    if case.rhythm == "atrial_fibrillation":
        return float(rng.uniform(64.0, 128.0))
    # A premature beat or a long PR needs room, and a long QT a rate at which Bazett's correction is fair.
    top = NORMAL_RATE[1] if case.rhythm is None and case.form != "long_qt" else 84.0
    # With a wide respiratory swing ten seconds may hold more of its slow half.
    low = NORMAL_RATE[0] + (6.0 if case.rhythm == "sinus_arrhythmia" else 0.0)
    return float(low + (top - low) * rng.beta(1.5, 3.0))


def _draw_beats(
    rng: np.random.Generator, case: Case, rate: float, age: int, duration: float, breathing: tuple[float, float]
) -> list[rh.Beat]:
    """Return the beats of the record and of its margins."""
    if case.rhythm == "atrial_fibrillation":
        return rh.fibrillation_beats(rng, rate, duration)
    variation = 0.04 * np.exp(-(age - 20) / 40.0) if case.rhythm != "sinus_arrhythmia" else rng.uniform(0.13, 0.20)
    beats = rh.sinus_beats(rng, rate, duration, breathing, float(variation))
    if case.rhythm == "premature_ventricular_complex":
        return rh.with_premature_beats(rng, beats, duration, rh.VENTRICULAR_PREMATURE)
    if case.rhythm == "premature_atrial_complex":
        return rh.with_premature_beats(rng, beats, duration, rh.ATRIAL_PREMATURE)
    return beats


def _draw_qt(rng: np.random.Generator, case: Case, shape: BeatShape, sex: str, rr: float) -> float:
    """Return QT in s at a mean RR interval `rr` in s: QTc by Bazett is 495 ms or more in a long QT, else under 480 ms.

    Limits: Rautaharju et al., Circulation 119:e241, 2009. QT is drawn midway between Bazett's and Fridericia's rule,
    since Bazett's alone makes it too short in a tachycardia.
    """
    if case.form == "long_qt":
        return float(rng.uniform(0.495, 0.560) * np.sqrt(rr))
    corrected = float(np.clip(rng.normal(0.402 if sex == "male" else 0.412, 0.014), 0.370, 0.436))
    qt = corrected * rr**0.42
    if shape.qrs_duration >= WIDE_QRS_S:  # a block delays the end of T with the end of the QRS
        qt += 0.7 * (shape.qrs_duration - 0.095)
    return min(qt, (LONG_QTC_S - 0.005) * float(np.sqrt(rr)))


def play(recording: Recording, sampling_rate: int) -> np.ndarray:
    """Return the signal float32 [12, T] in mV, on whole microvolts, at `sampling_rate` in Hz."""
    rng = np.random.default_rng([recording.seed, _NOISE, recording.index])
    times = np.arange(round(recording.duration * sampling_rate)) / sampling_rate
    heart = _heart_vector(rng, recording, times)
    eight = project(heart, recording.anatomy.gains)
    noise = electrode_noise(rng, recording.levels, times, sampling_rate, recording.breathing)
    return twelve_leads(eight + electrode_noise_to_leads(noise))


def _heart_vector(rng: np.random.Generator, recording: Recording, times: np.ndarray) -> np.ndarray:
    """Return the dipole [3, T] in mV at `times` in s."""
    vector = np.zeros((3, len(times)))
    sampling_rate = (len(times) - 1) / (times[-1] - times[0])
    conducted = recording.shape.waves(with_p=True)
    without_p = recording.shape.waves(with_p=False)
    extra = _premature_waves(rng, recording.shape)
    frequency, phase = recording.breathing
    swing = rng.uniform(1.0, 3.5, 3)
    for beat in recording.beats:
        waves = {rh.SINUS: conducted, rh.FIBRILLATION: without_p}.get(beat.origin) or extra[beat.origin]
        # The heart turns and comes nearer to the electrodes with every breath.
        breath = np.sin(2 * np.pi * frequency * beat.time + phase)
        waves = waves.turned(rotation(*(swing * breath)) * (1.0 + 0.03 * breath))
        first = max(0, int((beat.time - 0.45) * sampling_rate))
        last = min(len(times), int((beat.time + 0.90) * sampling_rate))
        if first < last:
            vector[:, first:last] += waves.sample(times[first:last] - beat.time)
    if recording.case.rhythm == "atrial_fibrillation":
        vector += rh.fibrillation_waves(rng, times)
    return vector


def _premature_waves(rng: np.random.Generator, shape: BeatShape) -> dict[str, Waves]:
    """Return the waves of an atrial and of a ventricular premature beat, one form for the whole recording."""
    atrial = replace(
        shape, p_moment=shape.p_moment * np.array([0.7, rng.uniform(0.5, 1.0), -1.0]), pr=max(0.12, shape.pr - 0.02)
    )
    duration = float(rng.uniform(0.145, 0.170))
    from_right = np.array([[0.35, 0.30, 0.10], [0.95, 0.85, 0.70], [0.85, 0.70, 1.05], [0.35, 0.20, 0.55]])
    from_left = np.array([[-0.10, -0.25, -0.40], [-0.55, -0.70, -0.95], [-0.85, -0.65, -0.60], [-0.45, -0.20, -0.10]])
    moment = (from_right if rng.random() < 0.6 else from_left) * np.exp(rng.normal(0.1, 0.15))
    moment = moment @ rotation(0.0, 0.0, rng.normal(0.0, 20.0)).T
    opposite = -moment.sum(axis=0) * 0.16
    ventricular = replace(
        shape,
        qrs_centre=np.array([0.16, 0.36, 0.58, 0.82]) * duration,
        qrs_width=np.full(4, 0.11 * duration),
        qrs_moment=moment,
        qrs_duration=duration,
        st_moment=opposite * 0.4,
        t_moment=opposite,
        qt=max(0.40, min(shape.qt + 0.04, 0.46)),
    )
    return {rh.ATRIAL_PREMATURE: atrial.waves(), rh.VENTRICULAR_PREMATURE: ventricular.waves(with_p=False)}
