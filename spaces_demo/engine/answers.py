"""What the worker does on the device: reports of a batch, and the attribution of one. The only calls of a model here.

Both functions are module-level, with arguments and results that can be pickled, since a ZeroGPU Space runs them in
another process; what is called back meanwhile stays behind there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from eval_suite.occlusion import Occlusion, occlusion
from eval_suite.report_stream import Listener
from eval_suite.report_writing import (
    WrittenReport,
    as_batch,
    check_length,
    read_ecg,
    report_processor,
    usable_abstention,
    write_reports,
)
from modeling_meit.ecg_signal import STANDARD_LEADS
from spaces_demo.engine.models import ModelEntry
from spaces_demo.engine.resident_models import ResidentModels
from spaces_demo.engine.states import ReportOptions
from spaces_demo.engine.zero_gpu import with_zero_gpu


@dataclass(frozen=True)
class Asked:
    """One ECG and the instruction.

    Attributes:
        signal: float [12, T], mV, standard lead order; NaN where not measured.
        sampling_rate: Hz.
        prompt: the instruction.
    """

    signal: np.ndarray
    sampling_rate: float
    prompt: str


@dataclass(frozen=True)
class Answer:
    """One report.

    Attributes:
        written: by the model.
        warnings: for the reader.
        abstention: the model's threshold, as `ReportState.abstention`.
    """

    written: WrittenReport
    warnings: tuple[str, ...]
    abstention: Mapping[str, Any] | None


@with_zero_gpu
def write_answers(
    residents: ResidentModels,
    entry: ModelEntry,
    batch: Sequence[Asked],
    options: ReportOptions,
    listeners: Sequence[Listener] | None = None,
) -> list[Answer | Exception]:
    """Reports of several ECGs by one model.

    Args:
        residents: where the model is kept.
        entry: the model.
        batch: of one row if tokens are drawn.
        options: of all rows.
        listeners: one a row; None: nobody listens.

    Returns:
        One a row: its report, an `EcgInputError` that says why its ECG or prompt is refused, or what failed on it.

    Raises:
        EcgInputError: the model cannot be opened.
    """
    model = residents.get(entry)
    processor, generation = report_processor(model), options.generation()
    answers: dict[int, Answer | Exception] = {}
    rows, done = {}, {}
    for place, asked in enumerate(batch):
        try:
            rows[place], done[place] = read_ecg(
                processor, asked.signal, asked.sampling_rate, STANDARD_LEADS, asked.prompt
            )
            check_length(model.model, rows[place], generation)
        except Exception as error:  # this row's alone: the others are other visitors'
            answers[place] = error
            rows.pop(place, None)
    if rows:
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(options.seed)
            heard = None if listeners is None else [listeners[place] for place in rows]
            reports = write_reports(model, as_batch(processor, list(rows.values())), generation, heard)
        for place, written in zip(rows, reports, strict=True):
            abstention, beware = usable_abstention(model, batch[place].prompt, generation)
            answers[place] = Answer(written, (*done[place], *written.warnings, *beware), abstention)
    return [answers[place] for place in range(len(batch))]


@with_zero_gpu
def attribute(
    residents: ResidentModels,
    entry: ModelEntry,
    asked: Asked,
    text: str,
    what: Literal["report"] | tuple[int, int],
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Occlusion:
    """How much each stretch of each lead matters for a text, as `eval_suite.occlusion.occlusion` says it.

    Raises:
        EcgInputError: the model cannot be opened, or the ECG or the text not be used.
        OcclusionCancelled: `should_stop` said so.
    """
    model = residents.get(entry)
    processor = report_processor(model)
    inputs, _ = read_ecg(processor, asked.signal, asked.sampling_rate, STANDARD_LEADS, asked.prompt)
    tokens = len(processor.tokenizer(text)["input_ids"]) + 1
    check_length(model.model, inputs, {"max_new_tokens": tokens})
    return occlusion(
        model.model,
        processor,
        asked.signal,
        asked.sampling_rate,
        asked.prompt,
        text,
        what=what,
        progress=progress,
        should_stop=should_stop,
    )
