"""One record -> one row of the data set, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dataset_scripts.build_options import BuildOptions
from dataset_scripts.instructions.prompts import draw_prompt
from dataset_scripts.instructions.questions import questions
from dataset_scripts.record import EcgInputError, EcgRecord
from dataset_scripts.reports.cleaning import clean, drop_reason
from dataset_scripts.reports.translation import Translator
from dataset_scripts.signals import filters
from dataset_scripts.signals.extremes import Extremes
from dataset_scripts.signals.lead_check import check_leads, check_many, mend_leads
from dataset_scripts.signals.quality import SignalQuality, assess_many
from modeling_meit.ecg_signal import LARGEST_MV, MISSING_INT16, signal_problems

UNREADABLE = "no readable ecg"
LARGEST_UV = 32_767


def why_dropped(record: EcgRecord, options: BuildOptions) -> str | None:
    """Says why a record's report has nothing to learn from; None where it has, see `reports.cleaning`."""
    return drop_reason(_text(record), options.cleaning)


def to_rows(
    records: Sequence[EcgRecord], options: BuildOptions, translator: Translator
) -> list[tuple[np.ndarray, dict[str, Any]] | None]:
    """Returns each record's signal in int16 microvolts [12, T] and the other columns of its row.

    None for a record that the model's processor refuses: more than half of the leads flat or missing, or values that
    are no ECG's. The signal's quality is that of the record as it is kept: after mending, and before the filter.
    Records are taken together because their signals are checked several times as fast so.

    Raises:
        EcgInputError: the records differ in length or rate.
    """
    if not records:
        return []
    rate, shape = records[0].sampling_rate, records[0].signal.shape
    for record in records:
        if record.signal.shape != shape or record.sampling_rate != rate:
            raise EcgInputError(
                f"record {record.ecg_id}: {record.signal.shape[1]} samples at {record.sampling_rate} Hz, the records "
                f"before it have {shape[1]} at {rate} Hz; one data set holds records of one length"
            )
    signals = np.stack([record.signal for record in records])
    extremes = Extremes.of(signals)
    readable = _readable(signals, rate, extremes)
    if not readable.all():
        kept = [record for record, good in zip(records, readable.tolist(), strict=True) if good]
        made = iter(to_rows(kept, options, translator))
        return [next(made) if good else None for good in readable.tolist()]
    checks = check_many(signals, rate, extremes)
    if options.mend_leads:
        for place, (signal, check) in enumerate(zip(signals, list(checks), strict=True)):
            mended = mend_leads(signal, check)
            if mended is not signal:
                signals[place] = mended
                checks[place] = check_leads(mended, rate)
        extremes = Extremes.of(signals)
    qualities = assess_many(signals, rate, checks, extremes)
    if options.filter != "none":
        signals = np.stack([filters.apply(signal, rate, options.filter) for signal in signals])
    reports = [clean(_text(record), options.cleaning) for record in records]
    translated = translator.translate_many(reports, [record.language for record in records])
    return [
        (microvolts, _columns(record, report, english.text, quality, options))
        for microvolts, record, report, english, quality in zip(
            to_microvolts(signals), records, reports, translated, qualities, strict=True
        )
    ]


def _readable(signals: np.ndarray, sampling_rate: float, extremes: Extremes) -> np.ndarray:
    """Returns which recordings [B] of [B, 12, T] a model can read, as `signal_problems` says."""
    small = (extremes.high <= LARGEST_MV) & (extremes.low >= -LARGEST_MV)
    plain: np.ndarray = (extremes.alive() & small).all(axis=1)
    for place in np.flatnonzero(~plain).tolist():
        refusals, _ = signal_problems(signals[place], sampling_rate)
        plain[place] = not refusals
    return plain


def _columns(
    record: EcgRecord, report: str, translated: str, quality: SignalQuality, options: BuildOptions
) -> dict[str, Any]:
    english = options.completion == "report_en"
    told = ("en" if english else record.language) if options.name_language else None
    return {
        "ecg_id": record.ecg_id,
        "patient_id": record.patient_id,
        "sampling_rate": record.sampling_rate,
        "report_raw": record.report,
        "report": report,
        "report_en": translated,
        "language": record.language,
        "prompt": draw_prompt(record.ecg_id, told, options.seed, options.prompt_set),
        "completion": translated if english else report,
        "questions": questions(record, options.tasks, options.seed) if options.tasks else [],
        "age": record.age,
        "sex": record.sex,
        "scp_codes": [{"code": code, "likelihood": percent} for code, percent in record.scp_codes.items()],
        "labels": [{"system": x.system, "code": x.code, "name": x.name} for x in record.labels],
        "measurements": [{"name": name, "value": value} for name, value in record.measurements.items()],
        "quality": [{"name": name, "text": text} for name, text in record.quality.items()],
        "signal_quality": quality.as_row(),
        "source": record.source,
    }


def to_microvolts(signal: np.ndarray) -> np.ndarray:
    """Rounds millivolts [..., T] to int16 microvolts; a missing sample becomes WFDB's -32768.

    What lies beyond 32.767 mV stays at that limit: no ECG reaches it, and `signal_quality` names such a lead saturated.
    """
    microvolts = signal * np.float32(1000)
    np.rint(microvolts, out=microvolts)
    if not (microvolts.min() >= -LARGEST_UV and microvolts.max() <= LARGEST_UV):  # nor are they where one is missing
        np.clip(microvolts, -LARGEST_UV, LARGEST_UV, out=microvolts)  # leaves NaN as it is
        microvolts[np.isnan(microvolts)] = MISSING_INT16
    return microvolts.astype(np.int16)


def _text(record: EcgRecord) -> str:
    return record.report if record.text is None else record.text
