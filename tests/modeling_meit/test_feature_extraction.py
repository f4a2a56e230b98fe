"""Leads by name, millivolts, resampling, missing samples, lengths, and every refusal of `MeitFeatureExtractor`."""

import json
import warnings

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor

from modeling_meit.ecg_signal import rate_ratio, resample
from modeling_meit.feature_extraction_meit import STANDARD_LEADS, MeitFeatureExtractor, order_leads, signal_problems


def tones(rate, seconds=10.0, cycles=5.0, amplitude=1.0):
    """Twelve sines, one a lead, each 20 % larger than the one before, with different phases."""
    time = np.arange(round(rate * seconds)) / rate
    lead = np.arange(12)[:, None]
    return (amplitude * (1 + lead / 5) * np.sin(2 * np.pi * cycles * time + lead)).astype(np.float32)


@pytest.fixture
def extractor():
    return MeitFeatureExtractor(sampling_rate=100, duration=10.0)


def quiet(extractor, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return extractor(*args, **kwargs)


# Leads by name


def test_leads_are_put_in_order_by_name():
    names = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    signal = np.arange(12)[:, None] * np.ones((12, 3))
    assert order_leads(signal, names)[:, 0].tolist() == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]
    assert order_leads(signal, STANDARD_LEADS) is signal
    batch = np.stack([signal, signal])
    assert order_leads(batch, names)[1, :, 0].tolist() == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    "style",
    [
        str.upper,
        str.lower,
        "MDC_ECG_LEAD_{}".format,
        "Lead {}".format,
        "lead_{}".format,
        "ECG {}".format,
        "{} (Einthoven)".format,
        "{}, augmented voltage".format,
        lambda lead: f"D{lead}" if lead in ("I", "II", "III") else lead.upper(),
    ],
)
def test_ways_to_write_a_lead(style):
    signal = np.arange(12)[:, None]
    names = [style(lead) for lead in STANDARD_LEADS]
    assert order_leads(signal[::-1], names[::-1])[:, 0].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({3: "aVL"}, r"leads missing aVR; given twice aVL\. Expected"),
        ({0: "X", 11: "-aVR"}, r"leads missing I, V6; unknown X, -aVR\."),
        ({6: "DV1"}, "missing V1; unknown DV1"),
        ({1: "D"}, "unknown D"),
    ],
)
def test_wrong_leads_are_named(change, message):
    names = [change.get(position, lead) for position, lead in enumerate(STANDARD_LEADS)]
    with pytest.raises(ValueError, match=message):
        order_leads(np.zeros((12, 5)), names)


def test_too_many_and_too_few_leads(extractor):
    with pytest.raises(ValueError, match=r"unknown vx.*leave out"):
        order_leads(np.zeros((13, 5)), [*STANDARD_LEADS, "vx"])
    with pytest.raises(ValueError, match="12 lead names were given for 11 rows"):
        order_leads(np.zeros((11, 5)), STANDARD_LEADS)
    with pytest.raises(ValueError, match=r"shape \(11, 1000\), expected \(12, T\)"):
        extractor(tones(100)[:11], sampling_rate=100)


def test_the_extractor_reads_names(extractor):
    expected = quiet(extractor, tones(100), 100).ecg_values
    shuffled = np.random.default_rng(0).permutation(12)
    names = [STANDARD_LEADS[position].upper() for position in shuffled]
    assert np.array_equal(quiet(extractor, tones(100)[shuffled], 100, names).ecg_values, expected)
    batch = np.stack([tones(100)[shuffled]] * 2)
    assert np.array_equal(quiet(extractor, batch, 100, names).ecg_values, np.concatenate([expected] * 2))
    each = quiet(extractor, [tones(100)[shuffled], tones(100)], 100, [names, STANDARD_LEADS])
    assert np.array_equal(each.ecg_values, np.concatenate([expected] * 2))


# Sampling rates


@pytest.mark.parametrize("rate", [128, 250, 257, 360, 500, 1000, 999.5])
@pytest.mark.parametrize(("cycles", "inside", "edge"), [(1, 0.001, 0.002), (10, 0.002, 0.015), (30, 0.004, 0.13)])
def test_a_sine_keeps_its_amplitude_and_phase(extractor, rate, cycles, inside, edge):
    out = quiet(extractor, tones(rate, cycles=cycles), rate).ecg_values[0]
    error = np.abs(out - tones(100, cycles=cycles)) / (1 + np.arange(12)[:, None] / 5)
    assert error[:, 20:-20].max() < inside
    # What lies beyond the end can only be guessed; slow parts, which are nearly all of an ECG, come out right.
    assert error.max() < edge * (2 if rate < 200 else 1)


def test_upsampling():
    out = quiet(MeitFeatureExtractor(sampling_rate=500), tones(100, cycles=3), 100).ecg_values[0]
    assert np.abs(out - tones(500, cycles=3))[:, 50:-50].max() < 0.01


@pytest.mark.parametrize("rate", [128, 257, 360, 500])
def test_an_offset_stays_what_it_was(rate):
    level = np.linspace(-30, 30, 12)[:, None]
    out, _ = resample(np.repeat(level, 10 * rate, axis=1), np.ones((12, 10 * rate), bool), *rate_ratio(rate, 100))
    assert np.abs(out - level).max() < 1e-9
    small = tones(rate, cycles=2, amplitude=0.1).astype(np.float64)
    whole = np.ones(small.shape, bool)
    bare, _ = resample(small, whole, *rate_ratio(rate, 100))
    lifted, _ = resample(small + level, whole, *rate_ratio(rate, 100))
    assert np.abs(lifted - level - bare).max() < 1e-9


def test_frequencies_above_nyquist_are_not_folded_back(extractor):
    quiet_part = quiet(extractor, tones(500, cycles=5) + tones(500, cycles=70), 500).ecg_values[0]
    assert np.abs(quiet_part - tones(100, cycles=5))[:, 20:-20].max() < 0.01


def test_rates_are_taken_as_fractions():
    assert rate_ratio(500, 100) == (1, 5)
    assert rate_ratio(360, 100) == (5, 18)
    assert rate_ratio(1000 / 3, 100) == (3, 10)
    assert rate_ratio(100, 100.0) == (1, 1)


@pytest.mark.parametrize("rate", [0, -500, float("nan"), float("inf"), "500", True])
def test_a_rate_that_is_none(extractor, rate):
    with pytest.raises(ValueError, match="expected a positive number in Hz"):
        extractor(tones(100), sampling_rate=rate)


def test_the_rate_must_be_given(extractor):
    with pytest.raises(ValueError, match=r"no sampling_rate was given.*sampling_rate=500.*wrong heart rate"):
        extractor(tones(100))
    with pytest.raises(ValueError, match="3 sampling rates for 2 recordings"):
        extractor([tones(100)] * 2, sampling_rate=[100, 100, 100])


def test_each_recording_its_rate(extractor):
    out = quiet(extractor, [tones(500), tones(100), tones(250)], sampling_rate=[500, 100, np.int64(250)])
    for rates in (torch.tensor([500, 100, 250]), list(torch.tensor([500, 100, 250]))):
        same = quiet(extractor, [tones(500), tones(100), tones(250)], sampling_rate=rates)
        assert np.array_equal(same.ecg_values, out.ecg_values)
    assert out.ecg_values.shape == (3, 12, 1000)
    assert np.abs(out.ecg_values - tones(100))[:, :, 20:-20].max() < 0.01


# Missing samples


def test_missing_samples_are_masked_and_do_not_spread(extractor):
    whole, holed = tones(500), tones(500)
    holed[1, 1000:1500] = np.nan
    holed[2, 2503] = np.inf
    holed[3, :50] = np.nan
    holed[4, -50:] = -np.inf
    with pytest.warns(UserWarning, match=r"leads III, aVL with infinite values.*leads II, III, aVR, aVL with missing"):
        out = extractor(holed, 500)
    expected = extractor(whole, 500).ecg_values[0]
    values, mask = out.ecg_values[0], out.ecg_mask[0]
    missing = {1: range(200, 301), 2: [501], 3: range(11), 4: range(990, 1000)}
    for lead in range(12):
        assert np.flatnonzero(~mask[lead]).tolist() == list(missing.get(lead, []))
    assert (values[~mask] == 0).all()
    assert np.isfinite(values).all()
    # Leads without a gap are the same to the last bit, and a gap is not felt 100 ms from its ends.
    assert np.array_equal(values[5:], expected[5:])
    assert np.abs(values - expected)[1, :190].max() < 0.01
    assert np.abs(values - expected)[1, 310:].max() < 0.01
    near = np.abs(values - expected)[1][mask[1]]
    assert near.max() < 0.1


def test_a_gap_at_the_models_rate_touches_nothing_else(extractor):
    holed = tones(100)
    holed[0, 500] = np.nan
    with pytest.warns(UserWarning, match=r"lead I with missing samples \(0.1 % of 10 s\)"):
        out = extractor(np.stack([tones(100), holed]), 100)
    assert (~out.ecg_mask).sum() == 1
    assert not out.ecg_mask[1, 0, 500]
    holed[0, 500] = 0
    assert np.array_equal(out.ecg_values[1], holed)


def test_upsampled_gaps_cover_both_neighbours():
    signal = np.ones((1, 100))
    measured = np.ones((1, 100), bool)
    measured[0, 10] = False
    _, mask = resample(signal, measured, 5, 1)
    assert np.flatnonzero(~mask[0]).tolist() == list(range(46, 55))


def test_int16_are_microvolts_and_its_least_value_is_missing(extractor):
    stored = np.round(tones(100) * 1000).astype(np.int16)
    out = quiet(extractor, stored, 100)
    assert np.array_equal(out.ecg_values[0], (stored / 1000).astype(np.float32))
    stored[7, 3] = -32768
    with pytest.warns(UserWarning, match="lead V2 with missing samples"):
        out = extractor(np.stack([stored, stored]), 100)
    assert (~out.ecg_mask).sum() == 2
    assert out.ecg_values[0, 7, 3] == 0


# Lengths


def test_too_short_is_padded_at_the_end(extractor):
    with pytest.warns(UserWarning, match="4 s long, padded to 10 s"):
        out = extractor(tones(500, seconds=4), 500)
    assert out.ecg_mask[0, :, :400].all()
    assert not out.ecg_mask[0, :, 400:].any()
    assert (out.ecg_values[0, :, 400:] == 0).all()


def test_too_long_is_cut_by_rule(extractor):
    long = np.concatenate([tones(500, cycles=3), tones(500, cycles=7), tones(500, cycles=4)], axis=1)
    with pytest.warns(UserWarning, match="30 s long, only the first 10 s are read"):
        start = extractor(long, 500)
    assert np.array_equal(start.ecg_values, extractor(tones(500, cycles=3), 500).ecg_values)
    with pytest.warns(UserWarning, match="only the middle 10 s"):
        center = MeitFeatureExtractor(crop="center")(long, 500)
    assert np.array_equal(center.ecg_values, extractor(tones(500, cycles=7), 500).ecg_values)
    assert start.ecg_mask.all()
    quiet(extractor, tones(500, seconds=10.002), 500)


# What is refused


@pytest.mark.parametrize(
    ("ecg", "message"),
    [
        (np.zeros((12, 1000)), r"more than half of the leads"),
        (np.full((12, 1000), np.nan), "every sample is missing"),
        (tones(100) * 1000, r"values reach 3\d+.* mV.*microvolts, divide by 1000"),
        (tones(100) + 300, "electrode offset"),
        (tones(100) / 1000, "in volts, multiply them by 1000"),
        (np.zeros((12, 0)), "no samples"),
        (np.zeros((12, 1000), np.int32), r"dtype int32.*\.astype\('int16'\)"),
        (np.zeros((12, 1000), np.uint16), "dtype uint16"),
        (np.full((12, 1000), "x"), "dtype <U1"),
        (np.zeros(1000), r"shape \(1000,\)"),
        (np.zeros((0, 12, 1000)), "empty batch"),
        ([], r"shape \(0,\)"),
        ("record.hea", "ecg is a str"),
        (None, "ecg has shape"),
        ([[0.1] * 10] * 11 + [[0.1] * 9], "leads of different lengths"),
    ],
)
def test_refusals(extractor, ecg, message):
    with pytest.raises(ValueError, match=message):
        extractor(ecg, sampling_rate=100)


def test_a_batch_names_the_row(extractor):
    batch = np.stack([tones(100)] * 5)
    batch[3] = 0
    with pytest.raises(ValueError, match="row 3: this ECG cannot be read"):
        extractor(batch, 100)
    with pytest.raises(ValueError, match="row 3: this ECG cannot be read"):
        extractor(list(np.round(batch * 1000).astype(np.int16)), 100)


def test_flat_leads_warn_until_they_are_most():
    signal = tones(100)
    signal[:5] = 0.004 * np.sign(signal[:5]) / 2
    signal[5] = np.nan
    refusals, found = signal_problems(signal, 100)
    assert refusals == []
    assert found == [
        "leads I, II, III, aVR, aVL flat (under 5 uV from peak to peak)",
        "lead aVF without a sample",
    ]
    signal[6] = 1.5
    refusals, found = signal_problems(signal, 100)
    assert "leads I, II, III, aVR, aVL, aVF, V1 are flat" in refusals[0]
    assert signal_problems(tones(100), 100) == ([], [])


def test_five_microvolts_are_not_flat_in_any_dtype(extractor):
    stored = np.round(tones(100) * 1000).astype(np.int16)
    stored[0] = np.arange(1000) % 2 * 5
    quiet(extractor, stored, 100)
    quiet(extractor, (stored / 1000).astype(np.float32), 100)
    quiet(extractor, stored / 1000, 100)
    stored[0] = np.arange(1000) % 2 * 4
    with pytest.warns(UserWarning, match="ECG: lead I flat"):
        extractor(stored, 100)


def test_one_warning_a_call(extractor):
    batch = np.stack([tones(100)] * 8)
    batch[1:, 0] = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        extractor(batch, 100)
    assert len(caught) == 1
    assert str(caught[0].message).startswith("ECG: row 1: lead I flat")
    assert str(caught[0].message).endswith("(and 2 more rows)")


# Forms of input and output


def test_all_forms_of_a_batch_agree(extractor):
    stored = np.round(np.stack([tones(100, cycles=c) for c in (2, 3, 4)]) * 1000).astype(np.int16)
    fast = quiet(extractor, stored, 100)
    assert fast.ecg_values.dtype == np.float32
    assert fast.ecg_mask.dtype == bool
    for form in (
        list(stored),
        tuple(torch.from_numpy(stored)),
        (stored / 1000).astype(np.float32),
        stored / 1000,
        (stored / 1000).tolist(),
        torch.from_numpy(stored),
    ):
        other = quiet(extractor, form, 100)
        assert np.array_equal(other.ecg_values, fast.ecg_values)
        assert np.array_equal(other.ecg_mask, fast.ecg_mask)
    tensors = quiet(extractor, stored[0], 100, return_tensors="pt")
    assert tensors.ecg_values.shape == (1, 12, 1000)
    assert tensors.ecg_values.dtype == torch.float32
    assert tensors.ecg_mask.dtype == torch.bool


def test_the_callers_array_is_not_touched(extractor):
    signal = tones(100)
    signal[0, :10] = np.nan
    before = signal.copy()
    with pytest.warns(UserWarning, match="lead I with missing samples"):
        extractor(signal, 100).ecg_values[:] = 7
    assert np.array_equal(signal, before, equal_nan=True)


def test_it_reloads_through_auto(tmp_path):
    MeitFeatureExtractor(sampling_rate=250, duration=2.0, crop="center").save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert (saved["sampling_rate"], saved["duration"], saved["leads"]) == (250, 2.0, list(STANDARD_LEADS))
    assert saved["auto_map"] == {"AutoFeatureExtractor": "feature_extraction_meit.MeitFeatureExtractor"}
    again = AutoFeatureExtractor.from_pretrained(tmp_path, trust_remote_code=True)
    assert (again.sampling_rate, again.num_samples, again.crop) == (250, 500, "center")
    assert again.model_input_names == ["ecg_values", "ecg_mask"]
    again.save_pretrained(tmp_path / "twice")
    assert json.loads((tmp_path / "twice/preprocessor_config.json").read_text()) == saved


@pytest.mark.parametrize("setting", [{"crop": "end"}, {"sampling_rate": 0}, {"duration": 0.0}])
def test_settings_that_make_no_sense(setting):
    with pytest.raises(ValueError, match=r"expected|holds no sample"):
        MeitFeatureExtractor(**setting)
