"""The kinds of corruption there are, with the levels of their tables and where they come from."""

from __future__ import annotations

from eval_suite.corruptions import electrodes, noise, recording
from eval_suite.corruptions.corruption import Kind

_PAPER = "MEIT, arXiv 2403.04945, figure 3"
_STRESS = (
    "the disturbances that Friesen et al. list (IEEE Trans Biomed Eng 37:85, 1990) and the MIT-BIH noise stress test "
    "records (Moody et al., Comput Cardiol 11:381, 1984)"
)
_SWAPS = "Kors & van Herpen, Am J Cardiol 88:396, 2001"
_LEADS = "Kligfield et al., Circulation 115:1306, 2007"

ALL = (
    Kind(
        "gaussian",
        "White noise",
        "signal-to-noise ratio",
        "dB",
        "white Gaussian noise on each lead, of one strength on all; power of signal over power of noise, both averaged "
        "over the leads, the signal's about each lead's mean, in the record as given: drift counts as signal, and a "
        "model that reads a faster record at 100 Hz filters most of the noise out (500 Hz: 7 dB more)",
        f"{_PAPER}, with the ratio in dB",
        (20.0, 10.0, 5.0, 0.0),
        (-60.0, 120.0),
        noise.white_noise,
    ),
    Kind(
        "paper-snr",
        "White noise at the paper's ratios",
        "ratio of signal to noise power",
        "",
        "as gaussian; 10 log10 of the ratio are its dB: .2 is -7.0, .15 is -8.2, .1 is -10 and .05 is -13 dB",
        f"{_PAPER}, as its text has it",
        (0.2, 0.15, 0.1, 0.05),
        (1e-6, 1e12),
        noise.white_noise_at_ratio,
    ),
    Kind(
        "meit-release",
        "Noise on a random stretch, as MEIT's code adds it",
        "largest share of the record",
        "",
        "a stretch of random length, up to this share of the record, at a random place gets white noise, the same on "
        "all leads, of a standard deviation drawn from 0 to .1 of the record's range",
        "MEIT's released code, where the paper says SNR",
        (0.05, 0.1, 0.15, 0.2),
        (0.0, 1.0),
        noise.released_noise,
    ),
    Kind(
        "baseline-wander",
        "Baseline wander",
        "amplitude in the worst lead",
        "mV",
        "at each electrode a sum of four sines between .05 and .45 Hz; half of what the worst lead's baseline moves",
        _STRESS,
        (0.1, 0.25, 0.5, 1.0),
        (0.0, 40.0),
        noise.baseline_wander,
    ),
    Kind(
        "powerline-50",
        "Mains hum, 50 Hz",
        "amplitude in the worst lead",
        "mV",
        "hum within .1 Hz of 50 Hz with a fifth of it at the third harmonic, shares drawn for each electrode; "
        "amplitude before the record's sampling rate limits it (at 100 Hz half stays at most)",
        _STRESS,
        (0.05, 0.1, 0.2, 0.5),
        (0.0, 40.0),
        noise.hum_50,
    ),
    Kind(
        "powerline-60",
        "Mains hum, 60 Hz",
        "amplitude in the worst lead",
        "mV",
        "as powerline-50, at 60 Hz (of which a record of 100 Hz keeps nearly nothing)",
        _STRESS,
        (0.05, 0.1, 0.2, 0.5),
        (0.0, 40.0),
        noise.hum_60,
    ),
    Kind(
        "muscle",
        "Muscle noise",
        "root mean square in the worst lead",
        "mV",
        "white noise between 20 and 150 Hz, drawn for each electrode; strength before the record's sampling rate "
        "limits it (at 100 Hz about half stays)",
        _STRESS,
        (0.02, 0.05, 0.1, 0.2),
        (0.0, 40.0),
        noise.muscle_noise,
    ),
    Kind(
        "chest-electrodes-off",
        "Chest electrodes off",
        "chest leads lost",
        "leads",
        "so many chest leads, drawn, have no sample",
        "what a recorder stores of an electrode that has come off",
        (1.0, 2.0, 4.0, 6.0),
        (1.0, 6.0),
        electrodes.lose_chest_electrodes,
    ),
    Kind(
        "limb-electrode-off",
        "A limb electrode off",
        "electrode",
        "",
        "its potential is replaced by Wilson's terminal, so that all leads but one limb lead change and Einthoven's "
        "law still holds: a recorder that does not notice",
        "the electrode model of the twelve leads: Wilson et al., Am Heart J 9:447, 1934",
        electrodes.LIMB_ELECTRODES,
        None,
        electrodes.lose_limb_electrode,
    ),
    Kind(
        "limb-swap",
        "Limb electrodes exchanged",
        "electrodes",
        "",
        "two limb electrodes exchanged; RL is taken to have LL's potential",
        _SWAPS,
        electrodes.LIMB_EXCHANGES,
        None,
        electrodes.exchange,
    ),
    Kind(
        "chest-swap",
        "Chest electrodes exchanged",
        "electrodes",
        "",
        "two chest electrodes exchanged, or all six in reverse order",
        _SWAPS,
        electrodes.CHEST_EXCHANGES,
        None,
        electrodes.exchange,
    ),
    Kind(
        "gain",
        "Wrong gain",
        "factor",
        "",
        "every lead times the factor: .5 and 2 are a recording at 5 or 20 mm/mV read as one at 10",
        f"standardisation in {_LEADS}",
        (0.5, 0.8, 1.25, 2.0),
        (0.001, 1000.0),
        recording.gain_error,
    ),
    Kind(
        "sampling-rate",
        "Another sampling rate",
        "sampling rate",
        "Hz",
        "resampled by a polyphase filter, as an archive of that rate would have it, and given with that rate",
        f"the rates that archives have; {_LEADS} asks for 500 Hz",
        (500.0, 250.0, 125.0, 100.0, 50.0),
        (10.0, 10000.0),
        recording.other_rate,
    ),
    Kind(
        "first-seconds",
        "Shorter record, its beginning",
        "length",
        "s",
        "only the first seconds",
        "lead groups of 2.5 s on paper; short strips",
        (5.0, 2.5),
        (0.1, 3600.0),
        recording.first_seconds,
    ),
    Kind(
        "any-seconds",
        "Shorter record, a random part",
        "length",
        "s",
        "so many seconds from a random place",
        "lead groups of 2.5 s on paper; short strips",
        (5.0, 2.5),
        (0.1, 3600.0),
        recording.any_seconds,
    ),
)
