"""Every format gives back the same ECG, in this process and in the isolated one."""

import numpy as np
import pytest

from ecg_files.isolated import IsolatedReader
from ecg_files.read import read_ecg_file, read_ecg_files
from modeling_meit.ecg_signal import STANDARD_LEADS
from tests.ecg_files.make_files import MUSE_STEP_UV, write_all, write_scp
from tests.made_up_ecg import made_up_ecg

pytest.importorskip("pyedflib")
pytest.importorskip("pydicom")
pytest.importorskip("ecgdatakit")
FORMATS = ("WFDB", "EDF", "DICOM waveform", "HL7 aECG", "SCP-ECG", "GE MUSE XML", "CSV", "NumPy", "zip")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("all"), made_up_ecg(), 500)


@pytest.fixture(scope="module")
def reader():
    with IsolatedReader() as opened:
        yield opened


def said(kind):
    return {"fs": 500} if kind in ("CSV", "NumPy") else {}


def test_all_formats_are_written(files):
    assert set(files) == set(FORMATS)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip(files, reader, kind, isolated):
    read = reader.read if isolated else read_ecg_files
    (ecg,) = read(files[kind], **said(kind))
    assert ecg.format == ("WFDB" if kind == "zip" else kind)
    assert ecg.sampling_rate == 500
    assert ecg.lead_names == STANDARD_LEADS
    assert ecg.signal.dtype == np.float32
    assert ecg.name.startswith("ecg")
    if kind == "GE MUSE XML":  # half a step, and half of that again where I and II are added
        np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=MUSE_STEP_UV / 1000 * 1.01)
        for row in (0, 1, *range(6, 12)):
            np.testing.assert_allclose(ecg.signal[row], made_up_ecg()[row], atol=MUSE_STEP_UV / 2000 * 1.01)
        assert any("III, aVR, aVL and aVF are not in the file and are computed from I and II" in n for n in ecg.notes)
    else:
        np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
def test_type_is_found_whatever_the_name(files, tmp_path, kind):
    for number, file in enumerate(files[kind]):
        target = tmp_path / (file.name if kind == "WFDB" and file.suffix == ".dat" else f"upload{number}.txt")
        target.write_bytes(file.read_bytes())
    (ecg,) = read_ecg_files(sorted(tmp_path.iterdir(), reverse=True), **said(kind))
    np.testing.assert_allclose(ecg.signal[0], made_up_ecg()[0], atol=MUSE_STEP_UV / 2000 * 1.01)


@pytest.mark.parametrize("kind", FORMATS)
def test_one_file_from_a_path(files, kind):
    ecg = read_ecg_file(files[kind][0], **said(kind))
    np.testing.assert_allclose(ecg.signal[0], made_up_ecg()[0], atol=MUSE_STEP_UV / 2000 * 1.01)


def test_scp_in_huffman_code_is_the_same(tmp_path):
    """Decoded by ecgdatakit, coded by the tests' own writer."""
    (ecg,) = read_ecg_files([write_scp(tmp_path / "a.scp", made_up_ecg(), 500, huffman=True)])
    np.testing.assert_allclose(ecg.signal, made_up_ecg(), atol=1e-6)


def test_all_of_them_in_one_upload(files):
    paths = [path for kind in FORMATS for path in files[kind]]
    ecgs = read_ecg_files(paths, fs=500)
    assert sorted(ecg.format for ecg in ecgs) == sorted("WFDB" if kind == "zip" else kind for kind in FORMATS)


def test_real_records(ptbxl_dir, reader, tmp_path):
    headers = sorted(ptbxl_dir.glob("records*/*/*.hea"))[::400][:3]
    assert len(headers) == 3
    for number, header in enumerate(headers):
        real = read_ecg_file(header)
        written = write_all(tmp_path / str(number), real.signal, int(real.sampling_rate))
        for kind, paths in written.items():
            (ecg,) = reader.read(paths, fs=real.sampling_rate if kind in ("CSV", "NumPy") else None)
            assert ecg.sampling_rate == real.sampling_rate
            # MUSE: steps, and leads that are computed: PTB-XL's own are rounded to the microvolt, each by itself.
            tolerance = MUSE_STEP_UV / 1000 * 1.01 + 0.002 if kind == "GE MUSE XML" else 1e-6
            np.testing.assert_allclose(ecg.signal, real.signal, atol=tolerance)
