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
from .ecg_placeholders import add_ecg_token, number_of_ecgs, with_placeholders
from .feature_extraction_meit import MeitFeatureExtractor

DEFAULT_PROMPT = "Interpret this 12-lead ECG and write its report."


class MeitProcessor(ProcessorMixin):
    """Joins a `MeitFeatureExtractor` and a tokenizer.

    The tokenizer is changed so that it can serve the model, and is saved so: it has a padding token, and for a decoder
    it pads on the left and gets the paper's template (`PAPER_CHAT_TEMPLATE`) if it has none of its own.

    Args:
        feature_extractor: for the recordings.
        tokenizer: the backbone's.
        chat_template: replaces the tokenizer's template; None keeps it.
        default_prompt: what the user is taken to ask where only an ECG is given; None: `DEFAULT_PROMPT`.
        plain_prompt: for an encoder-decoder, which reads the bare instruction, padded on the right, and no template.
        ecg_token: placeholder for models that read several ECGs in a text, such as `ECG_TOKEN`; the tokenizer gets it.
        num_ecg_tokens: the model's, as so many placeholders stand for one ECG.

    Attributes:
        ecg_token_id: of the placeholder, for `MeitConfig`; None without one.

    Raises:
        ValueError: the tokenizer has no `eos_token`.
    """

    def __init__(
        self,
        feature_extractor: MeitFeatureExtractor,
        tokenizer: PreTrainedTokenizerBase,
        chat_template: str | None = None,
        default_prompt: str | None = None,
        plain_prompt: bool = False,
        ecg_token: str | None = None,
        num_ecg_tokens: int = 1,
    ) -> None:
        if chat_template is not None:
            tokenizer.chat_template = chat_template
        if plain_prompt:
            if tokenizer.eos_token is None:
                raise ValueError("the tokenizer has no eos_token, which ends a report; set tokenizer.eos_token first")
            ensure_padding(tokenizer, side="right")
        else:
            ensure_padding(ensure_chat_template(tokenizer))
        super().__init__(feature_extractor, tokenizer, chat_template=tokenizer.chat_template)
        self.default_prompt = default_prompt or DEFAULT_PROMPT
        self.plain_prompt = plain_prompt
        self.ecg_token, self.num_ecg_tokens = ecg_token, num_ecg_tokens
        self.ecg_token_id = None if ecg_token is None else add_ecg_token(tokenizer, ecg_token)

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
            ecg: one recording, or several, as `MeitFeatureExtractor` takes them; None: a text without an ECG. For texts
                with parts {"type": "ecg"}: the recordings of each text in their order, a list of lists, or of one text
                its list.
            text: an instruction (str), a conversation (a list of {"role", "content"}), or a list of either; one for
                each ECG, or a single one for all. None: `default_prompt`. Content is a str, or a list of
                {"type": "text", "text"} and {"type": "ecg"} where a text names the places of its ECGs.
            sampling_rate: of the recordings in Hz, one for all or one each; needed with `ecg`.
            lead_names: names of the recordings' rows; None: the model's own order.
            padding: as the tokenizer takes it.
            return_tensors: "pt", "np" or None.
            add_generation_prompt: end each text where the report begins; False for a conversation that holds it.
            tokenizer_kwargs: for the tokenizer's call.

        Returns:
            `input_ids` and `attention_mask` int64 [B, L]; with an ECG also `ecg_values` float32 [B, 12, T] in
            millivolts and `ecg_mask` bool [B, 12, T]; both are [B, N, 12, T] for texts that place N ECGs.

        Raises:
            ValueError: neither ECG nor text, numbers that do not match, or input that cannot be used.
        """
        if ecg is None and text is None:
            raise ValueError("neither ecg nor text was given; pass at least one of them")
        conversations = _as_conversations(self.default_prompt if text is None else text)
        placed = [number_of_ecgs(conversation) for conversation in conversations]
        conversations = [with_placeholders(item, self.ecg_token, self.num_ecg_tokens) for item in conversations]
        ecg_inputs: dict[str, Any] = {}
        if any(placed):
            recordings = _recordings_of_texts(ecg, placed)
            ecg_inputs = dict(
                self.feature_extractor(recordings, sampling_rate, lead_names, return_tensors=return_tensors)
            )
            for name, values in ecg_inputs.items():
                ecg_inputs[name] = np.reshape(values, (len(placed), placed[0], *np.shape(values)[1:]))
        elif ecg is not None:
            ecg_inputs = dict(self.feature_extractor(ecg, sampling_rate, lead_names, return_tensors=return_tensors))
            count = len(ecg_inputs["ecg_values"])
            if len(conversations) == 1:
                conversations = conversations * count
            elif len(conversations) != count:
                raise ValueError(f"{count} ECGs but {len(conversations)} texts; give one text, or one for each ECG")
        if self.plain_prompt:
            rendered = [_instruction(conversation) for conversation in conversations]
        else:
            rendered = self.tokenizer.apply_chat_template(
                conversations, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        # A template has written every special token that belongs in the text.
        text_inputs = self.tokenizer(
            rendered,
            add_special_tokens=self.plain_prompt,
            padding=padding,
            return_tensors=return_tensors,
            **tokenizer_kwargs,
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


def _as_conversations(text: str | Sequence[Any]) -> list[list[dict[str, Any]]]:
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


def _as_conversation(item: Any) -> list[dict[str, Any]]:
    """Return one conversation; a str is what the user says."""
    if isinstance(item, str):
        item = [{"role": "user", "content": item}]
    turns = list(item) if isinstance(item, (list, tuple)) else []
    sound = [isinstance(turn, dict) and "role" in turn and _is_content(turn.get("content")) for turn in turns]
    if not turns or not all(sound):
        raise ValueError(
            f"a text is {item!r}, expected a str or a list of {{'role': ..., 'content': ...}} whose content is a str "
            "or a list of {'type': 'text', 'text': str} and {'type': 'ecg'}"
        )
    if not all(turn["content"].strip() if isinstance(turn["content"], str) else turn["content"] for turn in turns):
        raise ValueError(f"a turn of the conversation {item!r} is empty; leave it out or write it")
    return turns


def _is_content(content: Any) -> bool:
    if isinstance(content, str):
        return True
    parts = content if isinstance(content, list) else [None]
    return all(
        isinstance(part, dict)
        and (part.get("type") == "ecg" or (part.get("type") == "text" and isinstance(part.get("text"), str)))
        for part in parts
    )


def _recordings_of_texts(ecg: Any, placed: list[int]) -> list[Any]:
    """Return the recordings of all texts in one list.

    Args:
        ecg: as `MeitProcessor.__call__` takes it.
        placed: how many ECGs each text places.

    Raises:
        ValueError: the texts do not place as many each, or there are others than they place.
    """
    if len(set(placed)) > 1:
        raise ValueError(f"the texts place {placed} ECGs; in one batch each needs as many as the others")
    given = list(ecg) if isinstance(ecg, (list, tuple)) else [] if ecg is None else [ecg]
    if len(placed) == 1 and not (len(given) == 1 and isinstance(given[0], (list, tuple))):
        given = [given]
    counts = [len(item) if isinstance(item, (list, tuple)) else 1 for item in given]
    if counts != placed:
        raise ValueError(f"the texts place {placed} ECGs, but {counts} were given; give a list of recordings for each")
    return [recording for item in given for recording in item]


def _instruction(conversation: list[dict[str, str]]) -> str:
    """Return what the user says, for a model that reads nothing else.

    Raises:
        ValueError: the conversation has further turns.
    """
    if [turn["role"] for turn in conversation] != ["user"]:
        raise ValueError(f"the text is {conversation!r}; an encoder-decoder reads one instruction: give that alone")
    return conversation[0]["content"]


MeitProcessor.register_for_auto_class("AutoProcessor")
