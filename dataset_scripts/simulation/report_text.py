"""The report of a simulated recording, in the terse English or German of an ECG archive, in the project's own wording.

Which sentences stand in it follows from the findings; which of a sentence's wordings is used is drawn.
"""

from __future__ import annotations

import numpy as np

from dataset_scripts.simulation.findings import axis_class
from dataset_scripts.simulation.phrases import CLOSING_NORMAL, OTHERWISE_NORMAL, PHRASES, RATE
from dataset_scripts.simulation.recording import Recording

LANGUAGES = ("en", "de")
_WORDING = 5

# A fast, slow or breathing sinus rhythm in a healthy heart: the archives call the rest of such an ECG normal.
_BENIGN_RHYTHMS = ("sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia")


def draw_language(seed: int, index: int, languages: tuple[str, ...], weights: tuple[float, ...]) -> str:
    """Return the language of record `index`, drawn from `languages` with `weights` (any positive scale)."""
    shares = np.array(weights, dtype=np.float64)
    rng = np.random.default_rng([seed, _WORDING, index, 0])
    return str(languages[int(rng.choice(len(languages), p=shares / shares.sum()))])


def write_report(recording: Recording, language: str) -> str:
    """Return the report of `recording` in `language` ("en" or "de"): rhythm, rate, axis, form, conclusion."""
    rng = np.random.default_rng([recording.seed, _WORDING, recording.index, 1])
    phrases = PHRASES[language]

    def say(key: str) -> str:
        options = phrases[key]
        return str(options[int(rng.integers(len(options)))])

    case, axis = recording.case, recording.axis_deg
    sentences = [say(_rhythm_key(case.rhythm))]
    if rng.random() < 0.25:
        rate = round(recording.measurements()["heart_rate_bpm"])
        sentences[0] += RATE[language].format(rate=rate)
    if case.rhythm in ("premature_ventricular_complex", "premature_atrial_complex", "first_degree_av_block"):
        sentences.append(say(case.rhythm))
    sentences.append(say(_axis_key(axis, language)))
    if case.form:
        sentences.append(say(case.form))
        if case.form in STRAIN_FORMS and recording.shape.t_moment[0] < 0:
            sentences.append(say("strain"))
    elif case.rhythm is None:
        sentences.append(CLOSING_NORMAL[language][int(rng.integers(len(CLOSING_NORMAL[language])))])
    elif case.rhythm in _BENIGN_RHYTHMS:
        sentences.append(OTHERWISE_NORMAL[language][int(rng.integers(len(OTHERWISE_NORMAL[language])))])
    return " ".join(f"{sentence}." for sentence in sentences)


STRAIN_FORMS = ("left_ventricular_hypertrophy",)


def _rhythm_key(rhythm: str | None) -> str:
    """Return the key of the sentence that names the basic rhythm."""
    own = ("sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia", "atrial_fibrillation")
    return rhythm if rhythm in own else "sinus_rhythm"


def _axis_key(axis_deg: float, language: str) -> str:
    """Return the key of the axis: three classes in English, the five types of position that German reports name."""
    kind = axis_class(axis_deg)
    if language == "en" or kind != "normal":
        return f"axis_{kind}"
    if axis_deg < 30.0:
        return "axis_linkstyp"
    return "axis_indifferenz" if axis_deg < 60.0 else "axis_steil"
