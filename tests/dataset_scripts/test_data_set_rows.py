from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataset_scripts.build_options import BuildOptions
from dataset_scripts.record import EcgInputError, EcgRecord, Label
from dataset_scripts.reports.translation import RuleTranslator
from dataset_scripts.rows import to_microvolts, to_rows, why_dropped
from dataset_scripts.simulation.recording import draw_recording, play


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    return play(draw_recording(0, 3, 10.0), 100).astype(np.float32)


def record(signal: np.ndarray, **fields: Any) -> EcgRecord:
    common = {"ecg_id": "7", "patient_id": "1", "sampling_rate": 100, "report": "sinusrhythmus.", "language": "de"}
    return EcgRecord(signal=signal, **{**common, "source": "made-up", **fields})


def only_row(record: EcgRecord, options: BuildOptions) -> tuple[np.ndarray, dict[str, Any]]:
    [row] = to_rows([record], options, RuleTranslator())
    return row


def test_records_of_another_length_are_refused(signal):
    with pytest.raises(EcgInputError, match="record 8: 500 samples at 100 Hz, the records before it have 1000 at 100"):
        to_rows([record(signal), record(signal[:, :500], ecg_id="8")], BuildOptions(), RuleTranslator())


def test_microvolts():
    signal = np.array([[0.0015, -0.0015, np.nan, 33.0, -40.0, 32.767]], np.float32)
    assert to_microvolts(signal).tolist() == [[2, -2, -32768, 32767, -32767, 32767]]


def test_the_text_is_learnt_where_the_report_is_not(signal):
    _, row = only_row(record(signal), BuildOptions())
    assert (row["report_raw"], row["report"], row["completion"]) == ("sinusrhythmus.",) * 3
    statements = record(signal, report="Sinus rhythm\nNormal ECG", text="Sinus rhythm. Normal ECG.", language="en")
    _, row = only_row(statements, BuildOptions())
    assert row["report_raw"] == "Sinus rhythm\nNormal ECG"
    assert row["report"] == row["completion"] == row["report_en"] == "Sinus rhythm. Normal ECG."
    coded = record(signal, report="", text="Sinus rhythm.", labels=(Label("snomed-ct", "426783006", "sinus_rhythm"),))
    _, row = only_row(coded, BuildOptions())
    assert (row["report_raw"], row["completion"]) == ("", "Sinus rhythm.")
    assert row["labels"] == [{"system": "snomed-ct", "code": "426783006", "name": "sinus_rhythm"}]
    assert why_dropped(coded, BuildOptions()) is None
    assert why_dropped(record(signal, report=""), BuildOptions()) == "empty"


def test_english_may_be_learnt(signal):
    _, row = only_row(record(signal), BuildOptions(completion="report_en"))
    assert row["report"] == "sinusrhythmus."
    assert row["completion"] == row["report_en"] == "sinus rhythm."
    assert row["prompt"].endswith("Write the report in English.")
    _, row = only_row(record(signal), BuildOptions())
    assert row["prompt"].endswith("Write the report in German.")


def test_what_no_model_can_read_is_dropped(signal):
    for bad in (np.full_like(signal, np.nan), np.zeros_like(signal), signal * 1000):
        made = to_rows([record(signal), record(bad), record(signal)], BuildOptions(), RuleTranslator())
        assert [row is None for row in made] == [False, True, False]
    one_flat = signal.copy()
    one_flat[7] = 0
    _, row = only_row(record(one_flat), BuildOptions())
    assert row["signal_quality"]["flat_leads"] == ["V2"]


def test_limb_leads_are_mended_on_request(signal):
    exchanged = signal.copy()
    exchanged[[4, 5]] = exchanged[[5, 4]]
    stored, row = only_row(record(exchanged), BuildOptions())
    assert np.array_equal(stored, to_microvolts(exchanged))
    assert row["signal_quality"]["lead_verdict"] == "swapped"
    stored, row = only_row(record(exchanged), BuildOptions(mend_leads=True))
    assert np.array_equal(stored, to_microvolts(signal))
    assert row["signal_quality"]["lead_verdict"] == "consistent"


def test_a_filter_is_applied_on_request(signal):
    wandering = signal + np.float32(0.5) * np.sin(2 * np.pi * 0.15 * np.arange(1000) / 100, dtype=np.float32)
    plain, _ = only_row(record(wandering), BuildOptions())
    filtered, _ = only_row(record(wandering), BuildOptions(filter="baseline-0.5hz"))
    assert np.abs(np.median(plain, axis=1)).max() >= 0
    slow = np.fft.rfft(filtered[1])[1:4], np.fft.rfft(plain[1])[1:4]
    assert np.abs(slow[0]).sum() < 0.3 * np.abs(slow[1]).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cleaning": "papers"}, "unknown cleaning"),
        ({"completion": "prompt"}, "completion 'prompt'; choose one of report, report_en"),
        ({"on_damaged": "ignore"}, "on_damaged 'ignore'; choose one of stop, drop"),
        ({"splits": "thirds"}, "unknown splits"),
        ({"filter": "magic"}, "magic"),
        ({"tasks": ("poetry",)}, "poetry"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(EcgInputError, match=message):
        BuildOptions(**options)


def test_options_survive_json():
    options = BuildOptions(tasks=("rhythm", "rate"), splits="70-10-20", source_options={"num_records": 3})
    assert BuildOptions.from_json(options.as_json()) == options
