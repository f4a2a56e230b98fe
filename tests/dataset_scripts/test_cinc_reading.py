"""The start of a WFDB record as the Challenges have them: equal to what the wfdb package reads, or refused."""

from __future__ import annotations

import errno
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import wfdb
from challenge_records import edit, header_of, read_first
from fake_ptbxl import write_record

from dataset_scripts.record import EcgInputError
from dataset_scripts.signals.length import to_length
from dataset_scripts.simulation.archives.challenge import write_challenge
from dataset_scripts.sources import cinc
from dataset_scripts.sources.cinc import CincSource
from dataset_scripts.sources.wfdb_start import WfdbStart, read_wfdb_start
from modeling_meit.ecg_signal import STANDARD_LEADS


@pytest.mark.parametrize(
    ("subset", "layout", "path"),
    [
        ("georgia", "2021", "training/georgia/g1/E00001"),
        ("cpsc2018", "2020", "Training_WFDB/A0001"),
        ("ptb", "2020", "Training_PTB/S0001"),
        ("chapman-shaoxing", "ecg-arrhythmia", "WFDBRecords/01/010/JS00001"),
        ("ningbo", "ecg-arrhythmia", "WFDBRecords/11/116/JS10647"),
    ],
)
def test_layouts_equal_wfdb(tmp_path: Path, subset: str, layout: str, path: str):
    write_challenge(tmp_path / "x", 2, subset, layout=layout)
    source = pickle.loads(pickle.dumps(CincSource(tmp_path / "x", 500)))
    row = next(iter(source.index()))
    assert (row["path"], row["subset"]) == (path, subset)
    reference = wfdb.rdrecord(str(tmp_path / "x" / path))
    start = read_wfdb_start(tmp_path / "x" / path, 1e6)
    assert np.array_equal(start.signal, reference.p_signal.T)
    assert start.sampling_rate == reference.fs
    record = source.read(row)
    assert record.signal.dtype == np.float32
    assert record.signal.shape == (12, 5000)
    if reference.fs == 500:
        assert np.array_equal(record.signal, reference.p_signal.T[:, :5000].astype(np.float32))
    assert record.source == f"physionet-challenge-2021/{subset}"


@pytest.mark.parametrize("subset", ["incart", "ptb", "cpsc2018"])
@pytest.mark.parametrize("rate", [100, 250, 500])
def test_long_records_are_read_in_part_and_equal_the_whole(every_subset: Path, subset: str, rate: int):
    source = CincSource(every_subset, rate, subset=subset)
    row = next(iter(source.index()))
    whole = wfdb.rdrecord(str(every_subset / row["path"]))
    expected = to_length(whole.p_signal.T, whole.fs, rate)
    assert expected.shape == (12, 10 * rate)
    assert np.array_equal(source.read(row).signal, expected)


def test_no_more_of_a_holter_record_is_read_than_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_challenge(tmp_path / "x", 1, "incart", seconds=120)
    counts = []
    fromfile = np.fromfile
    monkeypatch.setattr(np, "fromfile", lambda *a, **k: counts.append(k["count"]) or fromfile(*a, **k))
    read_first(tmp_path / "x")
    assert counts == [12 * 257 * 11]


def test_short_records_end_in_missing_samples(tmp_path: Path):
    write_challenge(tmp_path / "x", 1, "cpsc2018", seconds=6)
    record = read_first(tmp_path / "x", sampling_rate=500)
    assert not np.isnan(record.signal[:, :3000]).any()
    assert np.isnan(record.signal[:, 3000:]).all()


def test_missing_samples_units_and_order_of_leads(georgia: Path):
    header = header_of(georgia)
    path = header.with_suffix(".mat")
    digital = np.fromfile(path, "<i2", offset=24).reshape(-1, 12)
    digital[100:110, 2] = -32768
    path.write_bytes(path.read_bytes()[:24] + digital.tobytes())
    sums = iter(digital.sum(axis=0, dtype=np.int64) % 65536)
    text = re.sub(r"-?\d+ 0 (?=[IaV])", lambda found: f"{next(sums)} 0 ", header.read_text())
    header.write_text(text)
    edit(header, "0 aVL", "0 swap")
    edit(header, "0 aVF", "0 avl")
    edit(header, "0 swap", "0 AVF")
    edit(header, "1000.0(0)/mV", "1.0(5)/uV")
    signal = read_first(georgia, sampling_rate=500).signal
    expected = ((digital.T[[0, 1, 2, 3, 5, 4, *range(6, 12)]] - 5.0) * 1e-3).astype(np.float32)
    expected[2, 100:110] = np.nan
    assert np.array_equal(signal, expected, equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [
        {"fmt": ["16"] * 12},
        {"fmt": ["212"] * 12},
        {"fmt": ["24"] * 12},
        {"units": ["uV"] * 12, "adc_gain": [1.0] * 12},
        {"adc_gain": [200.0 + i for i in range(12)], "baseline": list(range(12))},
    ],
    ids=["format-16", "format-212", "format-24", "microvolts", "gain-and-baseline-a-lead"],
)
def test_other_headers_read_as_wfdb_reads_them(tmp_path: Path, options: dict):
    digital = np.random.default_rng(0).integers(-100, 100, (3000, 12)).astype(np.int16)
    write_record(tmp_path, "E00001", digital, 250, list(STANDARD_LEADS), **options)
    scale = 1e-3 if "units" in options else 1
    reference = wfdb.rdrecord(str(tmp_path / "E00001"), sampto=2500)
    start = read_wfdb_start(tmp_path / "E00001", 10)
    assert np.array_equal(start.signal, reference.p_signal.T * scale)
    assert start.sampling_rate == 250
    assert read_first(tmp_path, sampling_rate=250).signal.shape == (12, 2500)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000.0(0)/mV", "1000/mV"),
        ("1000.0(0)/mV 16 0", "1000/mV 16 7"),  # the ADC's zero is the baseline where none is given
        ("1000.0(0)/mV 16 0", "1000(-3)/mV 16 7"),
        ("16x1+24", "16+24"),
        ("12 500 5000", "12 500/500 5000 11:39:16 05/02/2020"),
        ("12 500 5000", "12 500 5000 05-Feb-2020 11:39:16"),
        ("1000.0(0)/mV", "0(0)/mV"),  # not calibrated: WFDB takes 200 units per mV
    ],
)
def test_every_spelling_of_a_header_reads_as_wfdb_reads_it(georgia: Path, old: str, new: str):
    header = header_of(georgia)
    edit(header, old, new)
    reference = wfdb.rdrecord(str(header.with_suffix("")))
    start = read_wfdb_start(header.with_suffix(""), 10)
    assert np.array_equal(start.signal, reference.p_signal.T)
    assert start.sampling_rate == reference.fs == 500


def flip_a_bit(header: Path) -> None:
    path = header.with_suffix(".mat")
    data = bytearray(path.read_bytes())
    data[24 + 2 * 5] ^= 4
    path.write_bytes(data)


def test_checksums_are_verified(georgia: Path):
    header = header_of(georgia)
    assert read_wfdb_start(header.with_suffix(""), 10).signal.shape == (12, 5000)
    flip_a_bit(header)
    with pytest.raises(EcgInputError, match=r"E00001\.mat: checksum of aVF does not match the header"):
        read_wfdb_start(header.with_suffix(""), 10)
    # A part of a record has no checksum of its own.
    assert read_wfdb_start(header.with_suffix(""), 9).signal.shape == (12, 4500)


def test_the_record_is_named_whose_length_cannot_be_changed(georgia: Path, monkeypatch: pytest.MonkeyPatch):
    empty = WfdbStart(np.empty((12, 0)), 500.0, [])
    monkeypatch.setattr(cinc, "read_wfdb_start", lambda *_: empty)
    with pytest.raises(EcgInputError, match=r"^record E00001: signal has shape \(12, 0\)"):
        read_first(georgia)


def test_files_that_the_system_does_not_read_are_damaged_records(georgia: Path, monkeypatch: pytest.MonkeyPatch):
    number = errno.EIO

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(np, "fromfile", fail)
    with pytest.raises(EcgInputError, match=r"record .*E00001 cannot be read \(OSError: Input/output error\)"):
        read_first(georgia)
    number = errno.ENOSPC
    with pytest.raises(OSError, match="No space left"):
        read_first(georgia)


def eleven_leads(header: Path) -> None:
    edit(header, r"^E00001\.mat.*V6\n", "", regex=True)
    edit(header, "E00001 12", "E00001 11")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda h: h.with_suffix(".mat").unlink(), "names the signal file E00001.mat, which is not beside it"),
        (lambda h: h.with_suffix(".mat").write_bytes(b"\0" * 999), "is cut short: it has 999 bytes"),
        (lambda h: edit(h, "E00001.mat", "../E00001.mat"), "expected a plain name"),
        (lambda h: edit(h, "E00001.mat", "/etc/passwd"), "expected a plain name"),
        (lambda h: edit(h, r"^E00001\.mat.*V6\n", "", regex=True), "announces 12 signals and describes 11"),
        (eleven_leads, "11 leads: leads missing V6"),
        (lambda h: edit(h, "0 V6", "0 V5"), "missing V6; given twice V5"),
        (lambda h: edit(h, "/mV", "/mmHg"), "signals in mmHg, expected mV"),
        (flip_a_bit, "checksum of aVF does not match the header"),
        (lambda h: edit(h, "12 500 5000", "12 500 0"), "E00001: its header announces no sample"),
        (lambda h: edit(h, "E00001.mat", "."), "expected a plain name"),
        (lambda h: edit(h, "12 500 5000", "12"), "gives no sampling rate and length"),
        (lambda h: edit(h, "12 500 5000", "12 500 999999999"), "expected 24 h at most"),
        (lambda h: edit(h, "# Dx: ", "# Dx: AF,"), "Dx AF, expected SNOMED CT codes"),
        (lambda h: h.write_text(""), "is empty, expected a WFDB header"),
    ],
)  # fmt: skip
def test_damaged_records_are_refused(georgia: Path, damage, message: str):
    damage(header_of(georgia))
    with pytest.raises(EcgInputError, match=re.escape(message)) as caught:
        read_first(georgia)
    assert "\n" not in str(caught.value)
