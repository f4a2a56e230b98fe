"""Which part of an ECG a text rests on: stretches of leads are taken away, and what the text loses is its importance.

Occlusion (Zeiler & Fergus, ECCV 2014, section 2.3; for time series Tonekaboni et al., NeurIPS 2020) looks at nothing
inside the model, so it is the same for every fusion, encoder and language model. The text is not written anew: its
log-probability is read off one forward pass a stretch (teacher forcing).

A stretch is taken away through `ecg_mask`: its samples count as not measured, which every MEIT encoder defines and
treats as a silent baseline (0 mV). Filling in the lead's median instead would tell the model that a flat line had been
measured there.

Importances are no parts of a whole: two leads that say the same can be taken away one at a time without loss, so the
sum over all stretches is not what the loss of the whole ECG would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from dataset_scripts.errors import EcgInputError
from eval_suite.heard_warnings import heard_warnings
from modeling_meit.ecg_signal import STANDARD_LEADS


class OcclusionCancelled(Exception):
    """`should_stop` asked to end before all stretches were done."""


@dataclass(frozen=True)
class Occlusion:
    """What a text loses without each stretch of each lead.

    Attributes:
        importance: float64 [12, W], fall of the mean log-probability of a token of the text (nats); negative where the
            text becomes more likely without the stretch.
        start_s: where the first stretch begins in the signal that was given, in s.
        window_s: length of a stretch in s; the last one may be shorter.
        baseline: mean log-probability of a token of the text with the whole ECG, in nats.
        leads: names of the rows.
        windows: where each stretch begins in the signal that was given, in s [W].
    """

    importance: np.ndarray
    start_s: float
    window_s: float
    baseline: float
    leads: tuple[str, ...]
    windows: tuple[float, ...]

    def heat(self) -> np.ndarray:
        """Return the importance for drawing, [12, W] from 0 to 1: what is negative is 0, the largest value 1."""
        positive = np.maximum(self.importance, 0.0)
        top = float(positive.max(initial=0.0))
        return positive / top if top > 0 else positive


@dataclass(frozen=True)
class _TextInputs:
    """A text laid out for teacher forcing.

    Attributes:
        forward: inputs of the model beside the ECG, one row each.
        targets: [N] tokens of the asked characters.
        places: [N] where the logits that predict them stand.
    """

    forward: dict[str, torch.Tensor]
    targets: torch.Tensor
    places: torch.Tensor


def occlusion(
    model: Any,
    processor: Any,
    signal: np.ndarray,
    sampling_rate: float,
    prompt: str,
    text: str,
    *,
    window_s: float = 1.0,
    batch_size: int = 16,
    what: Literal["report"] | tuple[int, int] = "report",
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Occlusion:
    """Measure what each stretch of each lead adds to the probability of a text.

    Args:
        model: a MEIT model of `AutoModelForCausalLM` or `AutoModelForSeq2SeqLM`, in evaluation mode.
        processor: its processor.
        signal: float [12, T] in mV, standard lead order; NaN is a missing sample.
        sampling_rate: in Hz.
        prompt: the instruction under which the text was written.
        text: the report.
        window_s: length of a stretch in s.
        batch_size: how many stretches are read at once.
        what: "report" for the whole text, or the first and one past the last character of a part of it.
        progress: called with the share that is done, 0 to 1, after every batch.
        should_stop: asked before every batch.

    Raises:
        EcgInputError: an empty text or part, a window or batch that is not positive, or a refused recording.
        OcclusionCancelled: `should_stop` said so.
    """
    span = _checked_span(text, what)
    if not (math.isfinite(window_s) and window_s > 0) or batch_size < 1:
        raise EcgInputError(f"window of {window_s} s and batches of {batch_size}, expected positive numbers")
    values, measured = _ecg_inputs(processor, signal, sampling_rate, prompt)
    inputs = (_seq2seq_text if model.config.is_encoder_decoder else _decoder_text)(processor, prompt, text, span)
    rate = processor.feature_extractor.sampling_rate
    window = round(window_s * rate)
    if window < 1:
        raise EcgInputError(f"window of {window_s} s, expected at least one sample of {1000 / rate:g} ms")
    filled = int(np.flatnonzero(measured.any(dim=0).numpy())[-1]) + 1
    starts = range(0, filled, window)
    # The first row is the whole ECG; a stretch without a measured sample has nothing to take away.
    todo = [
        (lead, first)
        for lead in range(len(values))
        for first in starts
        if bool(measured[lead, first : first + window].any())
    ]
    rows: list[tuple[int, int] | None] = [None, *todo]
    scores: list[float] = []
    for begin in range(0, len(rows), batch_size):
        if should_stop is not None and should_stop():
            raise OcclusionCancelled(f"stopped after {begin} of {len(rows)} stretches")
        batch = rows[begin : begin + batch_size]
        masks = measured.repeat(len(batch), 1, 1)
        for row, stretch in enumerate(batch):
            if stretch is not None:
                lead, first = stretch
                masks[row, lead, first : first + window] = False
        scores += _log_probabilities(model, inputs, torch.where(masks, values, 0.0), masks)
        if progress is not None:
            progress(min(1.0, (begin + len(batch)) / len(rows)))
    drops = np.zeros((len(values), len(starts)))
    for (lead, first), score in zip(todo, scores[1:], strict=True):
        drops[lead, first // window] = scores[0] - score
    order = [list(processor.feature_extractor.leads).index(lead) for lead in STANDARD_LEADS]
    start_s = _crop_start(processor.feature_extractor, signal.shape[1], sampling_rate)
    return Occlusion(
        importance=drops[order],
        start_s=start_s,
        window_s=window / rate,
        baseline=scores[0],
        leads=STANDARD_LEADS,
        windows=tuple(start_s + first / rate for first in starts),
    )


def _checked_span(text: str, what: Literal["report"] | tuple[int, int]) -> tuple[int, int]:
    """Return the first and one past the last character of what is asked, without white space at its ends."""
    start, end = (0, len(text)) if what == "report" else what
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise EcgInputError(
            f"characters {start} to {end} of a text of {len(text)}, expected some that hold a word; "
            "give (start, end) inside the text"
        )
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def _ecg_inputs(
    processor: Any, signal: np.ndarray, sampling_rate: float, prompt: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the model's `ecg_values` and `ecg_mask`, both [12, T]."""
    with heard_warnings():  # and left unsaid, since they were said when the report was written
        try:
            inputs = processor(
                ecg=[signal],
                sampling_rate=sampling_rate,
                lead_names=list(STANDARD_LEADS),
                text=[prompt],
                return_tensors="pt",
            )
        except ValueError as refusal:
            raise EcgInputError(f"the model's processor refuses the recording: {refusal}") from refusal
    return inputs["ecg_values"][0], inputs["ecg_mask"][0]


def _crop_start(extractor: Any, samples: int, sampling_rate: float) -> float:
    """Return where in the recording the model begins to read, in s (see `MeitFeatureExtractor.crop`)."""
    surplus = samples - math.ceil(extractor.num_samples * sampling_rate / extractor.sampling_rate)
    return surplus // 2 / sampling_rate if extractor.crop == "center" and surplus > 0 else 0.0


def _decoder_text(processor: Any, prompt: str, text: str, span: tuple[int, int]) -> _TextInputs:
    """Lay out prompt and text as a conversation in the model's own template, as it was trained."""
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": text.strip()}]
    rendered = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
    before = rendered.rfind(text.strip())
    if before < 0:
        raise EcgInputError("the model's chat template changes the report's text; it must hold the answer as it is")
    shift = before - (len(text) - len(text.lstrip()))
    tokens = _with_offsets(processor, rendered, add_special_tokens=False)
    chosen = _overlapping(tokens["offset_mapping"][0], span[0] + shift, span[1] + shift)
    ids = tokens["input_ids"]
    forward = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return _TextInputs(forward, ids[0, chosen], chosen - 1)


def _seq2seq_text(processor: Any, prompt: str, text: str, span: tuple[int, int]) -> _TextInputs:
    """Lay out the prompt for the encoder and the text as the decoder's labels."""
    asked = processor(text=[prompt], return_tensors="pt")
    labels = _with_offsets(processor, text_target=text)
    chosen = _overlapping(labels["offset_mapping"][0], *span)
    forward = {
        "input_ids": asked["input_ids"],
        "attention_mask": asked["attention_mask"],
        "labels": labels["input_ids"],
    }
    return _TextInputs(forward, labels["input_ids"][0, chosen], chosen)


def _with_offsets(processor: Any, *texts: str, **options: Any) -> Any:
    """Return the tokens of a text with the characters each stands for."""
    if not processor.tokenizer.is_fast:
        raise EcgInputError(
            "the model's tokenizer cannot say which characters a token stands for; use the fast one (tokenizer.json)"
        )
    return processor.tokenizer(*texts, return_offsets_mapping=True, return_tensors="pt", **options)


def _overlapping(offsets: torch.Tensor, start: int, end: int) -> torch.Tensor:
    """Return the places of the tokens that hold one of the characters from `start` to before `end`."""
    return torch.nonzero((offsets[:, 0] < end) & (offsets[:, 1] > start)).flatten()


@torch.inference_mode()
def _log_probabilities(model: Any, inputs: _TextInputs, values: torch.Tensor, masks: torch.Tensor) -> list[float]:
    """Return the mean log-probability of the asked tokens under each ECG [B, 12, T]."""
    rows = len(values)
    forward = {name: tensor.repeat(rows, 1).to(model.device) for name, tensor in inputs.forward.items()}
    logits = model(**forward, ecg_values=values.to(model.device), ecg_mask=masks.to(model.device)).logits
    chosen = logits[:, inputs.places.to(logits.device)].float().log_softmax(dim=-1)
    targets = inputs.targets.to(logits.device).expand(rows, -1).unsqueeze(-1)
    return chosen.gather(-1, targets).squeeze(-1).mean(dim=1).tolist()
