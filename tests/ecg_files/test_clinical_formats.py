"""What the clinical formats hold beside twelve plain leads: other channels, groups, units, padding, gaps, rates."""

import sys

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.read import read_ecg_file
from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.ecg_files.dicom_file import group, save, write_dicom
from tests.ecg_files.make_files import EIGHT, write_aecg, write_edf, write_muse, write_scp, write_wfdb
from tests.made_up_ecg import made_up_ecg

pytest.importorskip("pyedflib")
pytest.importorskip("pydicom")
pytest.importorskip("ecgdatakit")
SIGNAL = made_up_ecg()
EIGHT_ROWS = [STANDARD_LEADS.index(lead) for lead in EIGHT]
COMPUTED = "III, aVR, aVL and aVF are not in the file and are computed from I and II."


def refusal(path, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_file(path, **arguments)
    return str(caught.value)


def test_edf_channels_that_are_no_leads_are_left_out(tmp_path):
    others = {"Resp": (np.zeros(250, "<i2"), 25, "Ohm"), "SpO2": (np.zeros(10, "<i2"), 1, "%")}
    ecg = read_ecg_file(write_edf(tmp_path / "a.edf", SIGNAL, 500, others=others))
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=1e-6)
    assert ecg.notes == ("2 other channels are left out: Resp, SpO2.",)


def test_edf_of_eight_leads(tmp_path):
    ecg = read_ecg_file(write_edf(tmp_path / "a.edf", SIGNAL[EIGHT_ROWS], 500, EIGHT))
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=0.00051)
    assert ecg.notes == (COMPUTED,)


def test_edf_leads_at_different_rates(tmp_path):
    others = {"V6": (np.zeros(2500, "<i2"), 250, "uV")}
    path = write_edf(tmp_path / "a.edf", SIGNAL[:11], 500, STANDARD_LEADS[:11], others=others)
    assert "different sampling rates (250, 500 Hz)" in refusal(path)


def test_edf_units(tmp_path):
    path = write_edf(tmp_path / "a.edf", SIGNAL * 0.02, 500, unit="mV")  # whole millivolts, 20 times as high
    np.testing.assert_allclose(read_ecg_file(path).signal, SIGNAL * 20, atol=0.51)
    assert "in 'mV', not uV; leave out the unit that you give" in refusal(path, unit="uV")
    assert "in 'degC', expected uV, mV or V" in refusal(write_edf(tmp_path / "b.edf", SIGNAL, 500, unit="degC"))
    silent = write_edf(tmp_path / "c.edf", SIGNAL, 500, unit="")
    assert "without a unit, expected uV, mV or V" in refusal(silent)
    np.testing.assert_allclose(read_ecg_file(silent, unit="uV").signal, SIGNAL, atol=1e-6)


def test_what_the_file_says_is_not_overruled(tmp_path):
    path = write_edf(tmp_path / "a.edf", SIGNAL, 500)
    assert "the file says 500 Hz and you 250 Hz" in refusal(path, fs=250)
    assert "names the leads itself" in refusal(path, leads=STANDARD_LEADS)
    assert read_ecg_file(path, fs=500, unit="uV").sampling_rate == 500


def test_dicom_rhythm_is_taken_before_median_beats(tmp_path):
    ecg = read_ecg_file(write_dicom(tmp_path / "a.dcm", SIGNAL, 500))
    assert ecg.signal.shape == (12, 5000)
    assert ecg.notes == ("Of 2 groups of waveforms the group RHYTHM is read.",)
    assert "averaged beats only" in refusal(save(tmp_path / "b.dcm", [group(SIGNAL, 500, label="MEDIAN BEATS")]))


def test_dicom_general_ecg_in_several_groups(tmp_path):
    """General ECG objects may hold three leads a group, here in units, sensitivities and baselines of their own."""
    scales = [("uV", 1.0, 0.0), ("mV", 0.001, 0.0), ("uV", 0.5, 100.0), ("mV", 0.0005, -0.2)]
    groups = [
        group(
            SIGNAL[3 * n : 3 * n + 3],
            500,
            STANDARD_LEADS[3 * n : 3 * n + 3],
            label="",
            unit=unit,
            sensitivity=sensitivity,
            baseline=baseline,
        )
        for n, (unit, sensitivity, baseline) in enumerate(scales)
    ]
    ecg = read_ecg_file(save(tmp_path / "a.dcm", groups, "1.2.840.10008.5.1.4.1.1.9.1.2"))
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=0.00051)
    assert ecg.notes == ("4 groups of waveforms of the same time are put together.",)
    groups[3].MultiplexGroupTimeOffset = 2500.0  # one after the other: not of the same time
    assert "missing V4, V5, V6" in refusal(save(tmp_path / "b.dcm", groups))


def test_dicom_ambulatory_of_eight_leads_and_a_pulse(tmp_path):
    pulse = group(np.ones((1, 5000)), 500, ["pulse"], unit="mm[Hg]", label="")
    leads = group(SIGNAL[EIGHT_ROWS], 500, EIGHT, label="")
    ecg = read_ecg_file(save(tmp_path / "a.dcm", [pulse, leads], "1.2.840.10008.5.1.4.1.1.9.1.3"))
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=0.00051)
    assert COMPUTED in ecg.notes


def test_dicom_padding_is_missing(tmp_path):
    signal = SIGNAL.copy()
    signal[3, 100:200] = np.nan
    ecg = read_ecg_file(save(tmp_path / "a.dcm", [group(signal, 500, padding=-32768)]))
    np.testing.assert_allclose(ecg.signal, signal, atol=1e-6)
    assert ecg.notes == ("100 samples hold the file's padding value and are taken as missing.",)


def test_dicom_leads_by_code_where_the_meaning_is_of_another_language(tmp_path):
    names = [f"Ableitung {lead}" for lead in STANDARD_LEADS]
    ecg = read_ecg_file(save(tmp_path / "a.dcm", [group(SIGNAL, 500, names=names)]))
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=1e-6)


@pytest.mark.parametrize("name", ["Lead {} (Einthoven)", "{}, augmented voltage", "{}"])
def test_dicom_leads_by_meaning(tmp_path, name):
    item = group(SIGNAL, 500, names=[name.format(lead) for lead in STANDARD_LEADS])
    for channel in item.ChannelDefinitionSequence:
        channel.ChannelSourceSequence[0].CodeValue = "unknown"
    np.testing.assert_allclose(read_ecg_file(save(tmp_path / "a.dcm", [item])).signal, SIGNAL, atol=1e-6)


def test_dicom_of_32_bits_and_without_sensitivity(tmp_path):
    item = group(SIGNAL, 500, bits=32, sensitivity=0.25)
    np.testing.assert_allclose(read_ecg_file(save(tmp_path / "a.dcm", [item])).signal, SIGNAL, atol=1e-6)
    del item.ChannelDefinitionSequence[4].ChannelSensitivity
    assert "has no sensitivity" in refusal(save(tmp_path / "b.dcm", [item]))


def test_dicom_correction_factor(tmp_path):
    item = group(SIGNAL, 500)
    for channel, factor in zip(item.ChannelDefinitionSequence, [2, None, *[1] * 10], strict=True):
        channel.ChannelSensitivityCorrectionFactor = factor
    expected = SIGNAL.copy()
    expected[0] *= 2
    np.testing.assert_allclose(read_ecg_file(save(tmp_path / "a.dcm", [item])).signal, expected, atol=1e-6)
    item.ChannelDefinitionSequence[4].ChannelSensitivityCorrectionFactor = 0
    assert "its correction factor 0, so its samples stand for no voltage" in refusal(save(tmp_path / "b.dcm", [item]))


@pytest.mark.parametrize(("sample_skew", "time_skew", "said"), [(2, 0, "4 ms"), (0, 0.0015, "1.5 ms"), (0, 0, None)])
def test_dicom_skew_is_said(tmp_path, sample_skew, time_skew, said):
    item = group(SIGNAL, 500)
    item.ChannelDefinitionSequence[4].ChannelSampleSkew = sample_skew
    item.ChannelDefinitionSequence[4].ChannelTimeSkew = time_skew
    note = f"The file states that channels were sampled up to {said} apart; this is not corrected."
    assert read_ecg_file(save(tmp_path / "a.dcm", [item])).notes == ((note,) if said else ())


def test_dicom_in_other_units(tmp_path):
    item = group(SIGNAL, 500, unit="mm[Hg]", sensitivity=0.001)
    assert "in 'mm[Hg]', expected uV, mV or V" in refusal(save(tmp_path / "a.dcm", [item]))


def test_scp_leads_that_begin_later(tmp_path):
    starts = [1] * 6 + [251] * 6
    ecg = read_ecg_file(write_scp(tmp_path / "a.scp", SIGNAL, 500, starts=starts))
    assert ecg.signal.shape == (12, 5250)
    np.testing.assert_allclose(ecg.signal[:6, :5000], SIGNAL[:6], atol=1e-6)
    np.testing.assert_allclose(ecg.signal[6:, 250:], SIGNAL[6:], atol=1e-6)
    assert np.isnan(ecg.signal[:6, 5000:]).all()
    assert np.isnan(ecg.signal[6:, :250]).all()
    assert any("do not all last equally long" in note for note in ecg.notes)


def test_rates_that_are_no_whole_number(tmp_path):
    signal = made_up_ecg(fs=300)
    ecg = read_ecg_file(write_scp(tmp_path / "a.scp", signal, 1e6 / 3333))
    assert ecg.sampling_rate == pytest.approx(1e6 / 3333, rel=1e-9)
    ecg = read_ecg_file(write_aecg(tmp_path / "a.xml", signal, 299.5))
    assert ecg.sampling_rate == pytest.approx(299.5, rel=1e-9)
    assert ecg.notes == ()


@pytest.mark.parametrize(
    ("old", "new", "factor"),
    [
        ('<scale value="1" unit="uV"/>', '<scale value="2.5" unit="uV"/>', 2.5),
        ('<scale value="1" unit="uV"/>', '<scale value="0.001" unit="mV"/>', 1.0),
        ('<scale value="1" unit="uV"/>', '<scale value="1000" unit="nV"/>', 1.0),
    ],
)
def test_aecg_scales(tmp_path, old, new, factor):
    path = write_aecg(tmp_path / "a.xml", SIGNAL, 500)
    path.write_text(path.read_text().replace(old, new))
    np.testing.assert_allclose(read_ecg_file(path).signal, SIGNAL * factor, atol=1e-5)


def test_aecg_origin_and_missing_unit(tmp_path):
    path = write_aecg(tmp_path / "a.xml", SIGNAL, 500)
    text = path.read_text()
    path.write_text(text.replace('<origin value="0" unit="uV"/>', '<origin value="0.25" unit="mV"/>'))
    np.testing.assert_allclose(read_ecg_file(path).signal, SIGNAL + 0.25, atol=1e-5)
    path.write_text(text.replace(' unit="uV"', ""))
    assert "without a unit" in refusal(path)


@pytest.mark.parametrize("unit", [None, "uV"])
@pytest.mark.parametrize("scale", [' value="1"', None])
def test_aecg_without_a_scale(tmp_path, scale, unit):
    path = write_aecg(tmp_path / "a.xml", SIGNAL, 500)
    whole = '<scale value="1" unit="uV"/>'
    path.write_text(path.read_text().replace(whole, "" if scale is None else whole.replace(scale, ""), 1))
    assert "gives no scale for I, so the samples stand for no voltage" in refusal(path, unit=unit)


@pytest.mark.parametrize("unit", [None, "uV"])
def test_scp_without_a_scale(tmp_path, unit):
    path = write_scp(tmp_path / "a.scp", SIGNAL, 500, multiplier_nv=0)
    assert "gives no scale for I, II, III, aVR, aVL, aVF and others" in refusal(path, unit=unit)


@pytest.mark.parametrize("unit", [None, "uV"])
def test_muse_without_a_scale(tmp_path, unit):
    path = write_muse(tmp_path / "a.xml", SIGNAL, 500)
    before, _, rhythm = path.read_text().partition("Rhythm")
    scale = "<LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>"
    assert scale in rhythm
    path.write_text(f"{before}Rhythm{rhythm.replace(scale, '')}")
    assert "gives no scale for I, II, V1, V2, V3, V4 and others" in refusal(path, unit=unit)


def test_muse_of_unknown_units(tmp_path):
    path = write_muse(tmp_path / "a.xml", SIGNAL, 500)
    path.write_text(path.read_text().replace("MICROVOLTS", "COUNTS"))
    assert "without a unit" in refusal(path)


def test_muse_offsets_that_the_library_does_not_apply_are_said(tmp_path):
    path = write_muse(tmp_path / "a.xml", SIGNAL, 500)
    path.write_text(path.read_text().replace("<FirstSampleBaseline>0<", "<FirstSampleBaseline>7<"))
    assert any("FirstSampleBaseline" in note for note in read_ecg_file(path).notes)


def test_wfdb_of_fifteen_channels(tmp_path):
    import wfdb

    names = [*STANDARD_LEADS, "vx", "vy", "ABP"]
    signal = np.vstack([SIGNAL, SIGNAL[:3]]).T.astype(np.float64)
    units = ["mV"] * 14 + ["mmHg"]
    wfdb.wrsamp("a", fs=500, units=units, sig_name=names, p_signal=signal, fmt=["16"] * 15, write_dir=str(tmp_path))
    ecg = read_ecg_file(tmp_path / "a.hea")
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=1e-3)
    assert ecg.notes == ("3 other channels are left out: vx, vy, ABP.",)


def test_wfdb_of_eight_leads(tmp_path):
    write_wfdb(tmp_path, "a", SIGNAL[EIGHT_ROWS], 500, EIGHT)
    ecg = read_ecg_file(tmp_path / "a")
    np.testing.assert_allclose(ecg.signal, SIGNAL, atol=0.00051)
    assert ecg.notes == (COMPUTED,)
    assert "in 'mV', not uV" in refusal(tmp_path / "a", unit="uV")


@pytest.mark.parametrize(
    ("library", "file"), [("pyedflib", "ecg.edf"), ("pydicom", "ecg.dcm"), ("ecgdatakit", "ecg.scp")]
)
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, library, file):
    writers = {"ecg.edf": write_edf, "ecg.dcm": write_dicom, "ecg.scp": write_scp}
    path = writers[file](tmp_path / file, SIGNAL, 500)
    for name in list(sys.modules):
        if name.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    message = refusal(path)
    assert f"needs the package {library}" in message
    assert 'pip install "meit-ecg[formats]"' in message
