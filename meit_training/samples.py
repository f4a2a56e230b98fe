"""A few reports written while training goes on, to look at."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback

from .ecg_batches import EcgSource


class SampleReports(TrainerCallback):
    """Prints, at each evaluation, what the model writes for the same few held-out records.

    Args:
        processor: makes the prompts' tokens.
        source: of the signals.
        dialogues: the records; columns prompt, completion, row.
    """

    def __init__(self, processor: Any, source: EcgSource, dialogues: Dataset):
        self.processor = processor
        self.source = source
        self.dialogues = list(dialogues)

    @torch.no_grad()
    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Called by the trainer after each evaluation."""
        if not self.dialogues or not state.is_world_process_zero:
            return
        training = model.training
        model.eval()
        device = next(model.parameters()).device
        ecg = self.source([row["row"] for row in self.dialogues], [False] * len(self.dialogues))
        inputs = self.processor(text=[row["prompt"] for row in self.dialogues], return_tensors="pt", padding=True)
        inputs = {name: value.to(device) for name, value in {**inputs, **ecg}.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=args.bf16):
            ids = model.generate(**inputs, max_new_tokens=64)
        # An encoder-decoder's tokens begin with its start token, a decoder's with the prompt.
        begin = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
        written = self.processor.batch_decode(ids[:, begin:], skip_special_tokens=True)
        for row, text in zip(self.dialogues, written, strict=True):
            print(f"  reference: {row['completion'][0]['content']}\n  written:   {text.strip()}", flush=True)
        model.train(training)
