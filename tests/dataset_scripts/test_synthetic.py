"""The synthetic source keeps the protocol of every source, and its promises of reproducibility and truth."""

from __future__ import annotations

import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.simulation.examples import EXAMPLES, write_examples
from dataset_scripts.simulation.report_text import draw_language
from dataset_scripts.simulation.wfdb_io import write_wfdb
from dataset_scripts.sources.synthetic import SyntheticSource, findings_of
from modeling_meit.ecg_signal import STANDARD_LEADS

BUNDLED = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def records() -> list[EcgRecord]:
    source = SyntheticSource(num_records=120)
    return [source.read(row) for row in source.index()]


def test_records_are_finite_in_range_and_on_whole_microvolts(records: list[EcgRecord]) -> None:
    for record in records:
        assert record.signal.shape == (12, 1000)
        assert record.signal.dtype == np.float32
        assert np.isfinite(record.signal).all()
        assert np.abs(record.signal).max() < 8.0
        microvolts = record.signal.astype(np.float64) * 1000
        np.testing.assert_allclose(microvolts, np.rint(microvolts), atol=1e-3)
        one, two, three, avr, avl, avf = np.rint(microvolts)[:6]
        assert np.array_equal(two, one + three)
        assert np.abs(avr + avl + avf).max() <= 1.0


def test_a_record_depends_on_seed_and_index_only() -> None:
    few, many = SyntheticSource(num_records=5), pickle.loads(pickle.dumps(SyntheticSource(num_records=50)))
    again = many.read(many.index()[3])
    first = few.read(few.index()[3])
    assert np.array_equal(first.signal, again.signal)
    assert (first.report, first.patient_id, first.measurements) == (again.report, again.patient_id, again.measurements)
    other = SyntheticSource(num_records=5, seed=1)
    assert not np.array_equal(other.read(other.index()[3]).signal, first.signal)


@pytest.mark.parametrize("sampling_rate", [100, 250, 500, 360])
def test_every_sampling_rate_shows_the_same_heart(sampling_rate: int) -> None:
    source = SyntheticSource(sampling_rate=sampling_rate, num_records=1)
    record = source.read(source.index()[0])
    reference = SyntheticSource(num_records=1)
    known = reference.read(reference.index()[0])
    assert record.signal.shape == (12, 10 * sampling_rate)
    assert record.report == known.report
    assert record.measurements == known.measurements
    at = np.rint(np.arange(0, 1000) * sampling_rate / 100).astype(int)
    agreement = [np.corrcoef(record.signal[row, at], known.signal[row])[0, 1] for row in (1, 7, 9, 10)]
    assert min(agreement) > 0.85


def test_patients_share_fold_body_and_findings() -> None:
    source = SyntheticSource(num_records=400)
    rows = source.index()
    assert len({row["ecg_id"] for row in rows}) == 400
    by_patient: dict[str, list[dict]] = {}
    for row in rows:
        by_patient.setdefault(row["patient_id"], []).append(row)
    assert 250 < len(by_patient) < 390
    assert max(len(own) for own in by_patient.values()) == 3
    assert {row["fold"] for row in rows} == set(range(1, 11))
    shared = [own for own in by_patient.values() if len(own) > 1]
    assert all(len({row["fold"] for row in own}) == 1 for own in shared)
    for own in shared[:5]:
        read = [source.read(row) for row in own]
        assert len({(record.age, record.sex) for record in read}) == 1
        assert all(record.scp_codes == read[0].scp_codes for record in read)
        assert findings_of(own[0]["index"]) == findings_of(own[1]["index"])
        assert not np.array_equal(read[0].signal, read[1].signal)


def test_findings_codes_and_measurements_agree(records: list[EcgRecord]) -> None:
    for index, record in enumerate(records):
        found = findings_of(index)
        assert set(found.values()) == {"present"}
        values = record.measurements
        assert ("NORM" in record.scp_codes) == ("normal_ecg" in found)
        assert ("AFIB" in record.scp_codes) == ("atrial_fibrillation" in found) == ("pr_interval_ms" not in values)
        assert ("long_qt" in found) == (values["qtc_bazett_ms"] >= 480)
        assert ("left_axis_deviation" in found) == (-90 <= values["qrs_axis_deg"] < -30)
        assert ("first_degree_av_block" in found) == (values.get("pr_interval_ms", 0) > 200)
        blocked = {"right_bundle_branch_block", "left_bundle_branch_block"} & set(found)
        assert bool(blocked) == (values["qrs_duration_ms"] >= 120)
        if "sinus_rhythm" in found:
            assert ("sinus_bradycardia" in found) == (values["heart_rate_bpm"] < 60), values
            assert ("sinus_tachycardia" in found) == (values["heart_rate_bpm"] > 100)
        expected = values["qt_interval_ms"] / np.sqrt(values["rr_interval_ms"] / 1000)
        assert values["qtc_bazett_ms"] == pytest.approx(expected, abs=0.2)
        assert all(re.search(r"\d mV", text) for text in record.quality.values())
        assert all(percent == 100.0 for percent in record.scp_codes.values())


def test_languages_are_mixed_as_asked(records: list[EcgRecord]) -> None:
    assert 0.45 < np.mean([record.language == "en" for record in records]) < 0.75
    german = SyntheticSource(num_records=8, languages=("de",))
    assert {german.read(row).language for row in german.index()} == {"de"}
    drawn = [draw_language(0, index, ("en", "de"), (1, 9)) for index in range(400)]
    assert 0.85 < np.mean([language == "de" for language in drawn]) < 0.95


def test_a_record_is_made_in_milliseconds() -> None:
    source = SyntheticSource(num_records=60)
    start = time.process_time()
    for row in source.index():
        source.read(row)
    assert (time.process_time() - start) / 60 < 0.1  # s; some 5 ms measured, and a busy machine may take longer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"src": "somewhere"}, "leave --src out"),
        ({"sampling_rate": 0}, "positive integer"),
        ({"sampling_rate": 99.5}, "positive integer"),
        ({"num_records": -1}, "from 0 up"),
        ({"seed": -1}, "from 0 up"),
        ({"duration": 2.0}, "5 s or more"),
        ({"duration": float("nan")}, "5 s or more"),
        ({"languages": ("fr",)}, "expected some of"),
        ({"languages": ()}, "expected some of"),
        ({"language_weights": (1.0,)}, "one positive number each"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        SyntheticSource(**arguments)


def test_wfdb_round_trip_keeps_every_microvolt_and_the_gaps(tmp_path: Path, records: list[EcgRecord]) -> None:
    record = records[0]
    signal = record.signal.copy()
    signal[3, 10:20] = np.nan
    damaged = EcgRecord("1", "1", signal, 100, "a", "en", "elsewhere-1")
    path = write_wfdb(damaged, tmp_path / "out", "record-1")
    read = wfdb.rdrecord(str(path))
    assert tuple(read.sig_name) == STANDARD_LEADS
    assert set(read.units) == {"mV"}
    assert np.array_equal(read.p_signal.T.astype(np.float32), signal, equal_nan=True)
    assert not any("synthetic" in comment for comment in read.comments)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["record-1.dat", "record-1.hea"]
    with pytest.raises(EcgInputError, match="record name"):
        write_wfdb(damaged, tmp_path, "a/b")
    with pytest.raises(EcgInputError, match="millivolts"):
        write_wfdb(EcgRecord("1", "1", signal * 1e6, 100, "a", "en", "elsewhere-1"), tmp_path, "big")


def test_bundled_examples_are_what_the_command_writes(tmp_path: Path) -> None:
    for path in write_examples(tmp_path):
        made, bundled = wfdb.rdrecord(str(path)), wfdb.rdrecord(str(BUNDLED / path.name))
        # A unit in the last place may differ between builds of numpy.
        assert np.abs(made.p_signal - bundled.p_signal).max() < 0.0025
        assert (bundled.fs, bundled.sig_len, tuple(bundled.sig_name)) == (500, 5000, STANDARD_LEADS)
        assert made.comments == bundled.comments
        assert "synthetic" in bundled.comments[0]
    assert "normal_ecg" in findings_of(EXAMPLES["normal"])
    assert "atrial_fibrillation" in findings_of(EXAMPLES["atrial_fibrillation"])
    assert "inferior_myocardial_infarction" in findings_of(EXAMPLES["inferior_infarction"])
