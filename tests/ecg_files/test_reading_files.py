import os
import re
from pathlib import Path

import numpy as np
import pytest
import wfdb

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources.wfdb_check import check_wfdb
from ecg_files.read import read_ecg_file
from modeling_meit.feature_extraction_meit import STANDARD_LEADS
from tests.made_up_ecg import made_up_ecg, write_record

LEADS = list(STANDARD_LEADS)


def edit(header, *replacements):
    text = header.read_text()
    for old, new in replacements:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    header.write_text(text)


def refusal(path, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_file(path, **arguments)
    return str(caught.value)


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_wfdb_record_is_read_to_the_last_bit(tmp_path, ending):
    record = write_record(tmp_path)
    ecg = read_ecg_file(f"{record}{ending}")
    assert (ecg.sampling_rate, ecg.name, ecg.lead_names, ecg.duration) == (500, "made_up", STANDARD_LEADS, 10.0)
    assert ecg.signal.dtype == np.float32
    np.testing.assert_array_equal(ecg.signal, wfdb.rdrecord(str(record)).p_signal.T.astype(np.float32))
    assert np.abs(ecg.signal[1] - ecg.signal[0] - ecg.signal[2]).max() < 1e-6


def test_leads_are_ordered_by_name(tmp_path):
    order = [0, 1, 2, 3, 5, 4, *range(6, 12)]
    record = write_record(tmp_path, signal=made_up_ecg()[order], leads=[LEADS[i].upper() for i in order])
    np.testing.assert_array_equal(read_ecg_file(record).signal, made_up_ecg())


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1000.0), ("V", 0.001)])
def test_units_are_the_headers(tmp_path, unit, factor):
    record = write_record(tmp_path, signal=made_up_ecg() * factor, units=unit, gain=1000.0 / factor)
    np.testing.assert_allclose(read_ecg_file(record).signal, made_up_ecg(), atol=1e-6)


@pytest.mark.parametrize("fmt", ["80", "212", "24", "516"])
def test_other_formats_are_read_and_their_cut_files_refused(tmp_path, fmt):
    gain = 50.0 if fmt == "80" else 200.0
    wfdb.wrsamp(
        "made_up",
        fs=500,
        p_signal=made_up_ecg().T.astype(np.float64),
        units=["mV"] * 12,
        sig_name=LEADS,
        fmt=[fmt] * 12,
        adc_gain=[gain] * 12,
        baseline=[0] * 12,
        write_dir=str(tmp_path),
    )
    np.testing.assert_allclose(read_ecg_file(tmp_path / "made_up").signal, made_up_ecg(), atol=0.6 / gain)
    data = next(file for file in tmp_path.iterdir() if file.suffix != ".hea")
    data.write_bytes(data.read_bytes()[: data.stat().st_size * 3 // 4])
    assert "made_up" in refusal(tmp_path / "made_up")


def test_missing_samples_stay_missing(tmp_path):
    signal = made_up_ecg()
    signal[3, 100:200] = np.nan
    np.testing.assert_array_equal(read_ecg_file(write_record(tmp_path, signal=signal)).signal, signal)


@pytest.mark.parametrize("layout", ["fixed", "variable"])
def test_multi_segment_record(tmp_path, layout):
    write_record(tmp_path, "part1", made_up_ecg(seconds=4))
    write_record(tmp_path, "part2", made_up_ecg(seconds=6))
    segments = ["part1 2000", "part2 3000"]
    if layout == "variable":
        described = [f"~ 0 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
        (tmp_path / "layout.hea").write_text("\n".join(["layout 12 500 0", *described]) + "\n")
        segments = ["layout 0", segments[0], "~ 500", segments[1]]
    length = sum(int(segment.split()[1]) for segment in segments)
    (tmp_path / "whole.hea").write_text("\n".join([f"whole/{len(segments)} 12 500 {length}", *segments]) + "\n")
    ecg = read_ecg_file(tmp_path / "whole")
    assert ecg.signal.shape == (12, length)
    np.testing.assert_allclose(ecg.signal[:, :2000], made_up_ecg(seconds=4), atol=1e-6)
    np.testing.assert_allclose(ecg.signal[:, -3000:], made_up_ecg(seconds=6), atol=1e-6)
    assert np.isnan(ecg.signal[:, 2000:-3000]).all()
    (tmp_path / "part2.dat").unlink()
    assert "part2.dat" in refusal(tmp_path / "whole")


def test_example_of_the_project_is_read():
    ecg = read_ecg_file("examples/normal.hea")
    assert ecg.signal.shape == (12, 5000)


def test_missing_files(tmp_path):
    assert f"there is no record {tmp_path / 'none'}" in refusal(tmp_path / "none")
    assert "there is no file" in refusal(tmp_path / "none.npy", fs=500, leads=LEADS)
    assert "is a folder" in refusal(tmp_path)
    record = write_record(tmp_path)
    (tmp_path / "made_up.dat").unlink()
    assert "names the signal file made_up.dat, which is not beside it" in refusal(record)


@pytest.mark.parametrize("ending", [".hea", ".dat"])
def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch, ending):
    record = write_record(tmp_path)
    stat = Path.stat

    def refuse(path, **options):
        if path.suffix == ending:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(EcgInputError, match=r"made_up cannot be read \(PermissionError: Permission denied at"):
        check_wfdb(record)


def test_truncated_dat(tmp_path):
    record = write_record(tmp_path)
    data = tmp_path / "made_up.dat"
    data.write_bytes(data.read_bytes()[:-2])
    assert "is cut short: it has 119998 bytes, its header asks for 120000" in refusal(record)
    data.write_bytes(b"")
    assert "is cut short" in refusal(record)


def test_eleven_leads_name_the_missing_one(tmp_path):
    message = refusal(write_record(tmp_path, signal=made_up_ecg()[:11]))
    assert "11 leads" in message
    assert "missing V6" in message


def test_header_with_a_line_removed(tmp_path):
    record = write_record(tmp_path)
    edit(tmp_path / "made_up.hea", (r"made_up.dat .* V6\n", ""))
    assert "announces 12 signals and describes 11" in refusal(record)


@pytest.mark.parametrize(
    "content", ["just some words\n", "", "a b c\nd e f\n", "\x00\xff\x01", "x 12 500 5000 25:99:99\n"]
)
def test_text_in_place_of_a_header(tmp_path, content):
    (tmp_path / "a.hea").write_text(content, encoding="latin-1")
    assert str(tmp_path / "a.hea") in refusal(tmp_path / "a")


def test_text_in_place_of_a_record(tmp_path):
    (tmp_path / "notes.txt").write_text("sinus rhythm")
    assert "is no ECG that can be read" in refusal(tmp_path / "notes.txt")


@pytest.mark.parametrize("unit", ["mmHg", "µV", "K"])
def test_unknown_units(tmp_path, unit):
    message = refusal(write_record(tmp_path, units=unit))
    assert unit in message
    assert "uV" in message


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_records_of_nothing(tmp_path, value):
    signal = np.full((12, 5000), value, np.float32)
    np.save(tmp_path / "a.npy", signal)
    expected = "every sample is missing" if np.isnan(value) else "are flat (under 5 uV"
    assert expected in refusal(write_record(tmp_path, signal=signal))
    assert expected in refusal(tmp_path / "a.npy", fs=500, leads=LEADS)


@pytest.mark.parametrize(
    "name", ["../outside.dat", "/etc/passwd", "..", ".", "sub/made_up.dat", "..\\outside.dat", "http://x"]
)
def test_header_that_names_a_file_elsewhere(tmp_path, name):
    (tmp_path / "in").mkdir()
    record = write_record(tmp_path / "in")
    os.rename(tmp_path / "in" / "made_up.dat", tmp_path / "outside.dat")
    header = tmp_path / "in" / "made_up.hea"
    header.write_text(header.read_text().replace("made_up.dat", name))
    assert "only files beside the header are read" in refusal(record)


def test_segments_elsewhere_or_in_circles(tmp_path):
    for name, message in (("../a", "only files beside"), ("whole", "made of segments"), ("none", "no header")):
        (tmp_path / "whole.hea").write_text(f"whole/2 12 500 5000\n{name} 2500\n{name} 2500\n")
        with pytest.raises(EcgInputError, match=message):
            check_wfdb(tmp_path / "whole")


@pytest.mark.parametrize(
    ("first_line", "message"),
    [
        ("made_up 12 500 43300000", "24 h at most"),
        ("made_up 12 500 99999999999999999999", "24 h at most"),
        ("made_up 12 5000 9000000", "100,000,000 samples at most"),
        ("made_up 12 0 5000", "expected a positive number"),
        ("made_up 999999999 500 5000", "100,000,000 samples at most"),
        ("made_up 1000 500 5000", "announces 1000 signals and describes 12"),
    ],
)
def test_absurd_sizes_are_refused_before_reading(tmp_path, first_line, message):
    record = write_record(tmp_path)
    edit(tmp_path / "made_up.hea", (r"made_up 12 500 5000", first_line))
    assert message in refusal(record)


def test_header_without_a_length(tmp_path):
    record = write_record(tmp_path)
    edit(tmp_path / "made_up.hea", (r"made_up 12 500 5000", "made_up 12 500"))
    np.testing.assert_array_equal(read_ecg_file(record).signal, made_up_ecg())
    with (tmp_path / "made_up.dat").open("r+b") as file:
        file.truncate(12 * 2 * 500 * 90000)  # a sparse file of 25 h
    assert "24 h at most" in refusal(record)


def test_header_too_large(tmp_path):
    record = write_record(tmp_path)
    with (tmp_path / "made_up.hea").open("a") as file:
        file.write("# " + "x" * (1 << 20))
    assert "larger than 1 MiB" in refusal(record)
