"""How a report is written for a reader, by `meit report` and the demo alike: text, confidences, and what to beware of.

The evaluation's own batches (`ReportModel.reports`) need no warnings and no sentences; the confidence is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import StoppingCriteriaList
from transformers.feature_extraction_utils import BatchFeature

from dataset_scripts.errors import EcgInputError
from eval_suite.auto_model import prompt_length
from eval_suite.calibration.asked import unlike_calibrated
from eval_suite.confidence import (
    CONFIDENCE,
    Sentence,
    end_tokens,
    mean_confidence,
    sentence_confidences,
    token_log_probabilities,
)
from eval_suite.heard_warnings import heard_warnings
from eval_suite.report_model import ReportModel
from eval_suite.report_stream import GrowingText, Listener, RowWatch

# For a model that states no limit of its own: the library's would cut a report after 20 tokens.
_MAX_NEW_TOKENS = 256
# The extractor's warnings begin so; others may come from another thread meanwhile.
_ECG_WARNING = "ECG: "


@dataclass(frozen=True)
class WrittenReport:
    """What a model wrote of one ECG.

    Attributes:
        text: the report, or as far as it was written when it was stopped.
        confidence: exponential of the mean log-probability of its tokens and its end token; None if it was stopped.
        sentences: of the text, end to end.
        stopped: whether a listener ended it.
        warnings: what a reader should know of the text.
    """

    text: str
    confidence: float | None
    sentences: tuple[Sentence, ...]
    stopped: bool
    warnings: tuple[str, ...]


def report_processor(model: ReportModel) -> Any:
    """The model's processor.

    Raises:
        EcgInputError: it has none that reads ECGs and writes reports.
    """
    refusal = f"{model.name} has no processor that reads ECGs, expected a model as `meit train` saves it"
    try:
        processor = model.processor
    except ValueError as error:
        raise EcgInputError(f"{refusal} ({error})") from error
    if getattr(processor, "feature_extractor", None) is None or not hasattr(processor, "post_process_reports"):
        raise EcgInputError(refusal)
    return processor


def read_ecg(
    processor: Any, signal: np.ndarray, sampling_rate: float, lead_names: Sequence[str], prompt: str
) -> tuple[BatchFeature, tuple[str, ...]]:
    """The model's inputs of one ECG, and what was done to it.

    Args:
        processor: as `report_processor` gives it.
        signal: float [12, T], mV; NaN where not measured.
        sampling_rate: Hz.
        lead_names: of the signal's rows.
        prompt: the instruction.

    Returns:
        A batch of one, and sentences for the reader.

    Raises:
        EcgInputError: the processor refuses the ECG or the prompt.
    """
    try:
        with heard_warnings() as heard:
            inputs = processor(ecg=signal, sampling_rate=sampling_rate, lead_names=lead_names, text=prompt)
    except ValueError as error:
        raise EcgInputError(str(error)) from error
    said = [str(warning.message) for warning in heard if warning.category is UserWarning]
    found = [text for text in said if text.startswith(_ECG_WARNING)]
    if sampling_rate != processor.feature_extractor.sampling_rate:
        own = processor.feature_extractor.sampling_rate
        found.append(f"resampled from {sampling_rate:g} Hz to the model's {own:g} Hz")
    return inputs, tuple(found)


def as_batch(processor: Any, rows: Sequence[BatchFeature]) -> BatchFeature:
    """One batch of several batches of one, the texts padded as the model's tokenizer pads.

    Args:
        processor: of the model.
        rows: as `read_ecg` gives them.
    """
    if len(rows) == 1:
        return rows[0]
    text = ("input_ids", "attention_mask")
    unpadded = {name: [row[name][0].tolist() for row in rows] for name in text}
    padded = processor.tokenizer.pad(unpadded, return_tensors="pt")
    others = {name: torch.cat([row[name] for row in rows]) for name in rows[0] if name not in text}
    return BatchFeature({**{name: padded[name] for name in text}, **others})


def most_new_tokens(network: Any, generation: Mapping[str, Any]) -> int:
    """After how many tokens a report is cut; 0 where only the whole length is limited, by the model's own settings.

    Args:
        network: the model.
        generation: arguments for `generate`, which come first.
    """
    limits = network.generation_config
    given = generation.get("max_new_tokens") or limits.max_new_tokens
    return given or (0 if limits.max_length else _MAX_NEW_TOKENS)


def check_length(network: Any, inputs: BatchFeature, generation: Mapping[str, Any]) -> None:
    """Refuse an instruction that leaves no room for a report.

    Raises:
        EcgInputError: instruction, ECG and report are longer than the model has positions.
    """
    if network.config.is_encoder_decoder:
        return
    text_config = network.config.get_text_config()
    places = getattr(text_config, "max_position_embeddings", None)
    asked, new = inputs["input_ids"].shape[1], most_new_tokens(network, generation)
    room = None if places is None else places - getattr(network.config, "num_ecg_tokens", 0) - new
    if room is not None and asked > room:
        raise EcgInputError(
            f"the instruction is {asked} tokens long; beside a report of up to {new} tokens the model takes at most "
            f"{max(room, 0)}: shorten the instruction or lower the limit of the report"
        )


def write_reports(
    model: ReportModel,
    inputs: BatchFeature,
    generation: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] | None = None,
) -> list[WrittenReport]:
    """Let a model write the reports of a batch.

    Args:
        model: that the inputs were made for.
        inputs: as `as_batch` gives them; B rows.
        generation: arguments for `generate`; what they leave out is the model's own.
        listeners: one a row, who take the text as it is written and may stop it; None: nobody does.

    Returns:
        One report a row.
    """
    generation = dict(generation or {})
    network, processor = model.model, report_processor(model)
    inputs = inputs.to(model.device)
    ends = end_tokens(network.generation_config, generation)
    limit = most_new_tokens(network, generation)
    first = prompt_length(network, inputs)
    beams = generation.get("num_beams") or network.generation_config.num_beams or 1
    watch = None if listeners is None else RowWatch(processor, first, ends, listeners, beams)
    with torch.inference_mode():
        output = network.generate(
            **inputs,
            **generation | ({"max_new_tokens": limit} if limit else {}),
            stopping_criteria=None if watch is None else StoppingCriteriaList([watch]),
            return_dict_in_generate=True,
            output_scores=True,
        )
    completion = output.sequences[:, first:]
    chosen, written = token_log_probabilities(completion, output, ends)
    confidences = mean_confidence(chosen, written)
    reports = []
    for row, confidence in enumerate(confidences):
        stopped = watch is not None and watch.stopped[row]
        if watch is not None and watch.streams:
            text = watch.texts[row]
        else:
            text = GrowingText(processor)
            for token in completion[row][written[row]].tolist():
                text.add(token)
        reports.append(_written(text, chosen[row].tolist(), None if stopped else confidence, ends))
    return reports


def _written(
    text: GrowingText, log_probabilities: Sequence[float], confidence: float | None, ends: Sequence[int]
) -> WrittenReport:
    stopped = confidence is None
    # Of a stopped report what the reader saw; the rest of half a character never came.
    report = text.text if stopped else text.report()
    token_ends = [min(end, len(report)) for end in text.ends]
    if token_ends:
        token_ends[-1] = len(report)
    said = []
    if not stopped and not report:
        said.append("the model wrote an empty report")
    if not stopped and ends and text.tokens and text.tokens[-1] not in ends:
        said.append(f"the report was cut at the limit of {len(text.tokens)} tokens")
    sentences = sentence_confidences(report, token_ends, log_probabilities[: len(token_ends)])
    return WrittenReport(report, confidence, sentences, stopped, tuple(said))


def usable_abstention(
    model: ReportModel, prompt: str, generation: Mapping[str, Any] | None = None
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The threshold that is stored with the model, if it is of this confidence, and what keeps it from its promise.

    Args:
        model: that writes the report.
        prompt: what it is asked.
        generation: arguments for `generate`. A stored threshold is of reports by the model's own settings.

    Returns:
        As `MeitConfig.abstention`, None where there is none to apply; and sentences for the reader.
    """
    abstention = getattr(model.model.config, "abstention", None)
    if abstention is None:
        return None, ()
    if abstention["confidence"] != CONFIDENCE:
        other = abstention["confidence"]
        return None, (f"the model's threshold is of the confidence {other}, this is {CONFIDENCE}: not applied",)
    said = [unlike_calibrated(abstention, prompt, model.dtype)]
    if others := _unlike_own(model.model.generation_config, generation or {}):
        said.append(
            f"the model's threshold was chosen on reports written with its own settings, this one with {others}: "
            "what the threshold promises need not hold here"
        )
    return abstention, tuple(text for text in said if text)


def _unlike_own(own: Any, generation: Mapping[str, Any]) -> str:
    """In which settings a generation differs from the model's own, and how."""
    usual = {"num_beams": 1, "do_sample": False, "temperature": 1.0}
    others = []
    for name, value in generation.items():
        default = getattr(own, name, None)
        default = usual.get(name) if default is None else default
        if value != default and not (name == "temperature" and not generation.get("do_sample")):
            others.append(f"{name} {value} in place of {default}")
    return ", ".join(others)
