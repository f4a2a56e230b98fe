"""`MeitProcessor`: an ECG and a conversation become the model's inputs, and its output becomes reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import ProcessorMixin
from transformers.utils import TensorType

from .chat_template import ensure_chat_template, ensure_padding, report_of
from .feature_extraction_meit import MeitFeatureExtractor

DEFAULT_PROMPT = "Interpret this 12-lead ECG and write its report."


class MeitProcessor(ProcessorMixin):
    """Joins a `MeitFeatureExtractor` and a tokenizer.

    The tokenizer is changed so that it can serve the model, and is saved so: it pads on the left, has a padding token,
    and gets the paper's template (`PAPER_CHAT_TEMPLATE`) if it has none of its own.

    Args:
        feature_extractor: for the recordings.
        tokenizer: the backbone's.
        chat_template: replaces the tokenizer's template; None keeps it.
        default_prompt: what the user is taken to ask where only an ECG is given; None: `DEFAULT_PROMPT`.

    Raises:
        ValueError: the tokenizer has no `eos_token`.
    """

    def __init__(
        self,
        feature_extractor: MeitFeatureExtractor,
        tokenizer: PreTrainedTokenizerBase,
        chat_template: str | None = None,
        default_prompt: str | None = None,
    ) -> None:
        if chat_template is not None:
            tokenizer.chat_template = chat_template
        ensure_padding(ensure_chat_template(tokenizer))
        super().__init__(feature_extractor, tokenizer, chat_template=tokenizer.chat_template)
        self.default_prompt = default_prompt or DEFAULT_PROMPT

    def __call__(
        self,
        ecg: Any = None,
        text: str | Sequence[Any] | None = None,
        sampling_rate: float | Sequence[float] | None = None,
        lead_names: Sequence[str] | Sequence[Sequence[str]] | None = None,
        padding: bool | str = True,
        return_tensors: str | TensorType | None = "pt",
        add_generation_prompt: bool = True,
        **tokenizer_kwargs: Any,
    ) -> BatchFeature:
        """Turn ECGs, texts or both into the model's inputs.

        Args:
            ecg: one recording, or several, as `MeitFeatureExtractor` takes them; None: a text without an ECG.
            text: an instruction (str), a conversation (a list of {"role", "content"}), or a list of either; one for
                each ECG, or a single one for all. None: `default_prompt`.
            sampling_rate: of the recordings in Hz, one for all or one each; needed with `ecg`.
            lead_names: names of the recordings' rows; None: the model's own order.
            padding: as the tokenizer takes it; on the left.
            return_tensors: "pt", "np" or None.
            add_generation_prompt: end each text where the report begins; False for a conversation that holds it.
            tokenizer_kwargs: for the tokenizer's call.

        Returns:
            `input_ids` and `attention_mask` int64 [B, L]; with an ECG also `ecg_values` float32 [B, 12, T] in
            millivolts and `ecg_mask` bool [B, 12, T].

        Raises:
            ValueError: neither ECG nor text, numbers that do not match, or input that cannot be used.
        """
        if ecg is None and text is None:
            raise ValueError("neither ecg nor text was given; pass at least one of them")
        conversations = _as_conversations(self.default_prompt if text is None else text)
        ecg_inputs: dict[str, Any] = {}
        if ecg is not None:
            ecg_inputs = dict(self.feature_extractor(ecg, sampling_rate, lead_names, return_tensors=return_tensors))
            count = len(ecg_inputs["ecg_values"])
            if len(conversations) == 1:
                conversations = conversations * count
            elif len(conversations) != count:
                raise ValueError(f"{count} ECGs but {len(conversations)} texts; give one text, or one for each ECG")
        rendered = self.tokenizer.apply_chat_template(
            conversations, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        # The template has written every special token that belongs in the text.
        text_inputs = self.tokenizer(
            rendered, add_special_tokens=False, padding=padding, return_tensors=return_tensors, **tokenizer_kwargs
        )
        names = ("input_ids", "attention_mask")
        return BatchFeature({**{name: text_inputs[name] for name in names}, **ecg_inputs})

    def apply_chat_template(self, conversation: Sequence[Any], **kwargs: Any) -> Any:
        """Render or tokenise conversations exactly as the tokenizer does; takes and returns what its method does."""
        return self.tokenizer.apply_chat_template(conversation, **kwargs)

    def post_process_reports(self, outputs: Any) -> list[str]:
        """Return the bare reports in a model's outputs: no special tokens, no tags, single spaces.

        Args:
            outputs: token ids [L] or [B, L] (a tensor, an array or lists), or a text or a list of them. Give the
                completions, `output[:, prompt_length:]`; of a whole conversation in the paper's template the last
                answer is taken.

        Returns:
            One report for each output.
        """
        if isinstance(outputs, str):
            outputs = [outputs]
        if not (isinstance(outputs, (list, tuple)) and all(isinstance(output, str) for output in outputs)):
            nested = len(outputs) > 0 and np.ndim(outputs[0]) > 0
            outputs = self.tokenizer.batch_decode(outputs if nested else [outputs], skip_special_tokens=False)
        special = {token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special}
        special.update(self.tokenizer.all_special_tokens)
        return [report_of(output, special) for output in outputs]


def _as_conversations(text: str | Sequence[Any]) -> list[list[dict[str, str]]]:
    """Return a list of conversations for any form of `text` that the processor takes.

    Raises:
        ValueError: it has none of these forms.
    """
    if isinstance(text, str):
        text = [text]
    if not isinstance(text, (list, tuple)) or len(text) == 0:
        raise ValueError(f"text is {text!r}, expected a str, a conversation or a list of either")
    if isinstance(text[0], dict):
        text = [text]
    return [_as_conversation(item) for item in text]


def _as_conversation(item: Any) -> list[dict[str, str]]:
    """Return one conversation; a str is what the user says."""
    if isinstance(item, str):
        item = [{"role": "user", "content": item}]
    turns = list(item) if isinstance(item, (list, tuple)) else []
    sound = [isinstance(turn, dict) and isinstance(turn.get("content"), str) and "role" in turn for turn in turns]
    if not turns or not all(sound):
        raise ValueError(f"a text is {item!r}, expected a str or a list of {{'role': ..., 'content': str}}")
    if not all(turn["content"].strip() for turn in turns):
        raise ValueError(f"a turn of the conversation {item!r} is empty; leave it out or write it")
    return turns


MeitProcessor.register_for_auto_class("AutoProcessor")
