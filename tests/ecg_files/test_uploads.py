"""Several files together, zips of many records, limits, and what an `EcgFile` can do."""

import struct
import zipfile

import numpy as np
import pytest

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import EcgFile, one_line
from ecg_files.limits import Limits
from ecg_files.read import read_ecg_file, read_ecg_files
from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.ecg_files.make_files import write_csv, write_wfdb
from tests.made_up_ecg import made_up_ecg

SIGNAL = made_up_ecg()


def refusal(paths, **arguments):
    with pytest.raises(EcgInputError) as caught:
        read_ecg_files(paths, **arguments)
    return str(caught.value)


def zipped(folder, *records, others=()):
    """A zip with each record in a folder of its own, where all have the same name."""
    path = folder / "records.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(records):
            made = folder / f"made{number}"
            made.mkdir()
            for file in write_wfdb(made, name, SIGNAL * (number + 1), 500):
                archive.write(file, f"set/{number}/{file.name}")
        for other in others:
            archive.writestr(other, "about these records")
    return path


def test_header_and_signals_from_different_folders(tmp_path):
    """Web servers put each file of an upload in a folder of its own."""
    header, data = write_wfdb(tmp_path, "rec", SIGNAL, 500)
    for file in (header, data):
        (tmp_path / f"of-{file.suffix[1:]}").mkdir()
        file.rename(tmp_path / f"of-{file.suffix[1:]}" / file.name)
    (ecg,) = read_ecg_files([tmp_path / "of-dat" / "rec.dat", tmp_path / "of-hea" / "rec.hea"])
    assert ecg.name == "rec"
    np.testing.assert_array_equal(ecg.signal, SIGNAL)


def test_only_given_files_are_opened(tmp_path):
    header, _ = write_wfdb(tmp_path, "rec", SIGNAL, 500)
    assert "names the signal file rec.dat, which is not beside it" in refusal([header])


def test_segments_of_a_record_are_no_records_of_their_own(tmp_path):
    paths = [*write_wfdb(tmp_path, "one", SIGNAL, 500), *write_wfdb(tmp_path, "two", SIGNAL, 500)]
    (tmp_path / "whole.hea").write_text("whole/2 12 500 10000\none 5000\ntwo 5000\n")
    (ecg,) = read_ecg_files([*paths, tmp_path / "whole.hea"])
    assert ecg.name == "whole"
    np.testing.assert_allclose(ecg.signal, np.hstack([SIGNAL, SIGNAL]), atol=1e-6)


def test_records_of_one_name_in_folders_of_a_zip(tmp_path):
    path = zipped(tmp_path, "ecg", "ecg", "ecg", others=("README.md", "__MACOSX/._ecg.hea"))
    ecgs = read_ecg_files([path])
    assert len(ecgs) == 3
    for number, ecg in enumerate(ecgs):
        np.testing.assert_allclose(ecg.signal, SIGNAL * (number + 1), atol=1e-6)


def test_other_files_in_a_zip_are_left_out_and_said(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in write_wfdb(tmp_path, "ecg", SIGNAL, 500):
            archive.write(file, file.name)
        archive.writestr("README.md", "about this record")
    (ecg,) = read_ecg_files([path])
    assert ecg.notes == ("1 other file in the zip is left out.",)


def test_one_of_several_is_chosen_by_name(tmp_path):
    path = zipped(tmp_path, "first", "second")
    np.testing.assert_allclose(read_ecg_file(path, record="second").signal, SIGNAL * 2, atol=1e-6)
    with pytest.raises(
        EcgInputError, match=r"holds 2 ECGs \(first, second\); choose one by its name \(on the command line --record"
    ):
        read_ecg_file(path)
    with pytest.raises(EcgInputError, match="no ECG named 'third'; it holds first, second: correct the name"):
        read_ecg_file(path, record="third")


def test_what_belongs_to_no_ecg_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("sinus rhythm")
    paths = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    assert "notes.txt is no ECG that can be read" in refusal([*paths, tmp_path / "notes.txt"])


def test_nothing_and_twice(tmp_path):
    assert "no file was given" in refusal([])
    (tmp_path / "other").mkdir()
    paths = [write_csv(tmp_path / "a.csv", SIGNAL), write_csv(tmp_path / "other" / "a.csv", SIGNAL)]
    assert "a.csv was given twice" in refusal(paths, fs=500)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(bytes=100_000), "expected 0.0954 MiB at most; give fewer files"),
        (Limits(longest_s=9), "lasts 0.002778 h, expected 0.0025 h at most"),
        (Limits(records=1), "2 ECGs were given, expected 1 at most"),
        (Limits(zip_members=3), "more than 3 files"),
        (Limits(zip_bytes=100_000), "MiB at most"),
    ],
)
def test_limits(tmp_path, limits, said):
    path = zipped(tmp_path, "a", "b")
    path.write_bytes(path.read_bytes() + b"\0" * 100_000 if limits.bytes == 100_000 else path.read_bytes())
    assert said in refusal([path], limits=limits)


def test_zip_ratio(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecg.csv", write_csv(tmp_path / "a.csv", np.tile(SIGNAL, 6)).read_text())
    assert "zip bomb" in refusal([path], fs=500, limits=Limits(zip_ratio=5))
    assert len(read_ecg_files([path], fs=500)) == 1


def test_window(tmp_path):
    ecg = read_ecg_files(write_wfdb(tmp_path, "ecg", SIGNAL, 500))[0]
    part = ecg.window(2.0, 3.5)
    np.testing.assert_array_equal(part.signal, SIGNAL[:, 1000:2750])
    assert part.duration == 3.5
    assert part.name == "ecg"
    assert ecg.window(9.0).duration == 1.0
    assert ecg.window(9.0, 60.0).duration == 1.0
    for start, length in ((10.0, 1.0), (-1.0, 1.0), (float("nan"), None)):
        with pytest.raises(EcgInputError, match="start asked for"):
            ecg.window(start, length)
    for length in (0.0, 0.5, float("inf"), float("nan")):
        with pytest.raises(EcgInputError, match=f"a window of {length:g} s, expected at least 1 s"):
            ecg.window(0.0, length)
    for start in (9.02, 9.5, 9.9999):  # a stretch of 10 ms once got a confident report
        for length in (None, 10.0):
            with pytest.raises(EcgInputError, match=r"lasts 10 s, of which .* follow the start .*; start earlier"):
                ecg.window(start, length)


@pytest.mark.parametrize("rate", [360.9, 333.3, 100.0])
def test_the_last_second_is_read_at_every_rate(rate):
    samples = int(10 * rate)
    ecg = EcgFile(np.zeros((12, samples), np.float32), rate, STANDARD_LEADS, "a", "CSV")
    assert abs(ecg.window(samples / rate - 1).duration - 1) < 1 / rate


def test_zip64(tmp_path):
    """As writers of large or streamed zips make them, with the sizes in a record of their own."""
    path = zipped(tmp_path, "first", "second")
    as_zip64(path)
    assert [ecg.name for ecg in read_ecg_files([path])] == ["first", "second"]
    assert "more than 3 files" in refusal([path], limits=Limits(zip_members=3))


@pytest.mark.parametrize("hidden", [False, True])
def test_zip64_that_would_take_memory(tmp_path, hidden):
    """Whether the plain end record says so or states a small size beside it, which zipfile overrules."""
    path = zipped(tmp_path, "first")
    as_zip64(path, directory_bytes=1 << 40, hidden=hidden)
    assert "more than 256 files" in refusal([path])


def test_zip64_record_that_is_elsewhere(tmp_path):
    path = zipped(tmp_path, "first")
    as_zip64(path, moved=1)
    assert "not where it says" in refusal([path])


def as_zip64(path, directory_bytes=None, hidden=False, moved=0):
    content = path.read_bytes()
    end = content[-22:]
    count, size, start = struct.unpack("<HII", end[10:20])
    here = len(content) - 22
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, directory_bytes or size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, here + moved, 1)
    if not hidden:
        end = end[:8] + b"\xff" * 12 + end[20:]
    path.write_bytes(content[:here] + record + locator + end)


def test_zip_with_a_name_like_one_that_is_given_to_another(tmp_path):
    """What is not called by plain letters gets a number; a plain file of that name stays another."""
    record = write_wfdb(tmp_path, "ecg", SIGNAL, 500)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(record[1], "ecg.dat")
        archive.writestr("h\N{LATIN SMALL LETTER A WITH DIAERESIS}.hea", record[0].read_text())
        archive.writestr("file1", "notes")
        archive.writestr("_file1.txt", "notes")
    (ecg,) = read_ecg_files([path])
    np.testing.assert_array_equal(ecg.signal, SIGNAL)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\nb\tc\u2028d", "a b c d"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 200, "x" * 77 + "..."),
        ("Ä é 心電図", "Ä é 心電図"),
    ],
)
def test_names_are_one_line(text, shown):
    assert one_line(text) == shown
