"""What a WFDB header leaves open is said, and leads at different rates are refused."""

import re

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.read import read_ecg_file
from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.made_up_ecg import made_up_ecg, write_record

ALL = ", ".join(STANDARD_LEADS)


def changed(folder, old, new, count=0, signal=None):
    """A record with every match of `old` in its header (or the first `count`) replaced."""
    record = write_record(folder, signal=made_up_ecg() if signal is None else signal)
    header = record.with_name(record.name + ".hea")
    text, found = re.subn(old, new, header.read_text(), count=count, flags=re.M)
    assert found
    header.write_text(text)
    return record


def refusal(path, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_file(path, **arguments)
    return str(caught.value)


def test_a_header_that_says_all_gets_no_note(tmp_path):
    assert read_ecg_file(write_record(tmp_path)).notes == ()


@pytest.mark.parametrize("gain", ["0(0)/mV", "0.0/mV", "0", "(0)/mV"])
def test_no_gain(tmp_path, gain):
    ecg = read_ecg_file(changed(tmp_path, r" 1000(\.0)?\(0\)/mV ", f" {gain} ", count=2))
    np.testing.assert_allclose(ecg.signal[:2], made_up_ecg()[:2] * 5, atol=1e-5)  # 200 and not 1000
    np.testing.assert_allclose(ecg.signal[2:], made_up_ecg()[2:], atol=1e-6)
    assert ecg.notes[0] == "The header does not state the calibration of I, II: a gain of 200 is assumed."


def test_no_unit(tmp_path):
    ecg = read_ecg_file(changed(tmp_path, r"\(0\)/mV ", "(0) "))
    np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=1e-6)
    assert ecg.notes == (f"The header does not state the unit of {ALL}: mV is assumed.",)


def test_no_rate(tmp_path):
    record = changed(tmp_path, r"^made_up 12 500 5000", "made_up 12")
    ecg = read_ecg_file(record)
    assert (ecg.sampling_rate, ecg.notes) == (250, ("The header does not state the sampling rate: 250 Hz is assumed.",))
    given = read_ecg_file(record, fs=500)
    assert (given.sampling_rate, given.notes, given.duration) == (500, (), 10.0)
    np.testing.assert_array_equal(given.signal, made_up_ecg())


def test_leads_at_different_rates(tmp_path):
    """Lead I with two samples in a frame, which the wfdb package would average."""
    record = write_record(tmp_path)
    data, header = record.with_name("made_up.dat"), record.with_name("made_up.hea")
    samples = np.frombuffer(data.read_bytes(), "<i2").reshape(-1, 12)
    data.write_bytes(np.insert(samples, 0, samples[:, 0], axis=1).tobytes())
    header.write_text(header.read_text().replace("made_up.dat 16 ", "made_up.dat 16x2 ", 1))
    assert "different sampling rates (samples in a frame: 1 of V6, 2 of I), expected one" in refusal(record)


def test_several_samples_in_every_frame(tmp_path):
    signal = made_up_ecg()
    data = tmp_path / "made_up.dat"
    record = changed(tmp_path, "^made_up.dat 16 ", "made_up.dat 16x2 ", signal=signal)
    frames = np.rint(signal * 1000).astype("<i2").T.reshape(-1, 2, 12).transpose(0, 2, 1)
    data.write_bytes(np.ascontiguousarray(frames).tobytes())
    header = record.with_name("made_up.hea")
    header.write_text(header.read_text().replace("12 500 5000", "12 250 2500"))
    ecg = read_ecg_file(record)
    np.testing.assert_allclose(ecg.signal, signal.reshape(12, -1, 2).mean(axis=2), atol=1.1e-3)
    assert ecg.notes == ("The file holds 2 samples of each lead for one that is read: their mean, at 250 Hz.",)


def test_segments_are_looked_at_too(tmp_path):
    write_record(tmp_path, "part1", made_up_ecg(seconds=4))
    write_record(tmp_path, "part2", made_up_ecg(seconds=6))
    part = tmp_path / "part2.hea"
    part.write_text(re.sub(r" 1000(\.0)?\(0\)/mV ", " 0(0)/mV ", part.read_text(), count=1))
    (tmp_path / "whole.hea").write_text("whole/2 12 500 5000\npart1 2000\npart2 3000\n")
    said = "The header does not state the calibration of I: a gain of 200 is assumed."
    assert read_ecg_file(tmp_path / "whole").notes == (said,)
