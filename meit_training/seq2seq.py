"""Prompts, reports and ECGs as an encoder-decoder is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, PreTrainedModel, PreTrainedTokenizerBase

from .ecg_batches import EcgSource


@dataclass
class LengthArguments:
    """How much of a text is kept.

    Attributes:
        max_prompt_length: tokens of a prompt, special ones included; None keeps all.
        max_report_length: tokens of a report, special ones included; None keeps all.
    """

    max_prompt_length: int | None = None
    max_report_length: int | None = None


def tokenised(dialogues: Dataset, tokenizer: PreTrainedTokenizerBase, lengths: LengthArguments) -> Dataset:
    """Prompts and reports as tokens, each in the tokenizer's own form for its side.

    A report ends with the end token, which is added where the tokenizer does not; one that is cut has none, as it did
    not end there. How many are cut is printed.

    Args:
        dialogues: columns prompt, completion, row, as `conversations` makes them.
        tokenizer: the backbone's.
        lengths: where to cut.

    Returns:
        columns input_ids, labels, row.
    """

    def convert(example: dict) -> dict:
        prompt = tokenizer(
            example["prompt"][0]["content"],
            truncation=lengths.max_prompt_length is not None,
            max_length=lengths.max_prompt_length,
        )["input_ids"]
        report = tokenizer(text_target=example["completion"][0]["content"])["input_ids"]
        if tokenizer.eos_token_id not in report:
            report = [*report, tokenizer.eos_token_id]
        kept = report[: lengths.max_report_length]
        return {"input_ids": prompt, "labels": kept, "row": example["row"], "cut": len(kept) < len(report)}

    made = dialogues.map(convert, remove_columns=["prompt", "completion"], load_from_cache_file=False, desc="Tokens")
    cut = int(np.sum(made["cut"]))
    if cut:
        print(f"max_report_length={lengths.max_report_length}: {cut} of {len(made)} reports are cut")
    return made.remove_columns("cut")


class EcgSeq2SeqCollator:
    """transformers' collator for prompt and report, and the ECG it would drop.

    Each example names its row in the source by `row` and says by `augment` whether it is for training.

    Args:
        tokenizer: pads the prompts.
        model: makes the decoder's input of the labels.
        source: of the signals.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, source: EcgSource):
        self.pad = DataCollatorForSeq2Seq(tokenizer, model=model)
        self.source = source

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """`input_ids`, `attention_mask`, `labels`, `decoder_input_ids`, `ecg_values` and `ecg_mask`."""
        ecg = self.source([example["row"] for example in examples], [example["augment"] for example in examples])
        text = self.pad([{name: example[name] for name in ("input_ids", "labels")} for example in examples])
        return {**text, **ecg}
