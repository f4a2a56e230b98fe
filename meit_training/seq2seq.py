"""Prompts, reports and ECGs as an encoder-decoder is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, PreTrainedModel, PreTrainedTokenizerBase

from .ecg_batches import EcgSource
from .ecg_stream import place_of


@dataclass
class LengthArguments:
    """How much of a text is kept.

    Attributes:
        max_prompt_length: tokens of a prompt, special ones included; None keeps all.
        max_report_length: tokens of a report, special ones included; None keeps all.
    """

    max_prompt_length: int | None = None
    max_report_length: int | None = None


def seq2seq_tokens(
    tokenizer: PreTrainedTokenizerBase, lengths: LengthArguments
) -> Callable[[str, str], dict[str, list[int]]]:
    """Returns what makes `input_ids` of a prompt and `labels` of a report, each in the tokenizer's form for its side.

    A report ends with the end token, which is added where the tokenizer does not; one that is cut has none, as it did
    not end there.
    """
    longest = lengths.max_prompt_length

    def tokens(prompt: str, completion: str) -> dict[str, list[int]]:
        ids = tokenizer(prompt, truncation=longest is not None, max_length=longest)["input_ids"]
        report = tokenizer(text_target=completion)["input_ids"]
        if tokenizer.eos_token_id not in report:
            report = [*report, tokenizer.eos_token_id]
        return {"input_ids": ids, "labels": report[: lengths.max_report_length]}

    return tokens


def tokenised(dialogues: Dataset, tokenizer: PreTrainedTokenizerBase, lengths: LengthArguments) -> Dataset:
    """Prompts and reports as `seq2seq_tokens` makes them; how many reports are cut is printed.

    Args:
        dialogues: with columns prompt and completion, as `conversations` makes them.
        tokenizer: the backbone's.
        lengths: where to cut.

    Returns:
        input_ids and labels in place of prompt and completion.
    """
    tokens = seq2seq_tokens(tokenizer, lengths)

    def convert(example: dict) -> dict:
        made = tokens(*(example[name][0]["content"] for name in ("prompt", "completion")))
        return {**made, "cut": tokenizer.eos_token_id not in made["labels"]}

    made = dialogues.map(convert, remove_columns=["prompt", "completion"], load_from_cache_file=False, desc="Tokens")
    cut = int(np.sum(made["cut"]))
    if cut:
        print(f"max_report_length={lengths.max_report_length}: {cut} of {len(made)} reports are cut")
    return made.remove_columns("cut")


class EcgSeq2SeqCollator:
    """transformers' collator for prompt and report, and the ECG it would drop.

    The examples are what `EcgSource.of_examples` reads. The place of the last in its stream goes with the batch.

    Args:
        tokenizer: pads the prompts.
        model: makes the decoder's input of the labels.
        source: of the signals.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, source: EcgSource):
        self.pad = DataCollatorForSeq2Seq(tokenizer, model=model)
        self.source = source

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The text padded, with `decoder_input_ids`, `ecg_values`, `ecg_mask` and, of a stream, `stream_place`."""
        ecg = self.source.of_examples(examples)
        text = self.pad([{name: example[name] for name in ("input_ids", "labels")} for example in examples])
        return {**text, **ecg, **place_of(examples)}
