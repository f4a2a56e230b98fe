"""TRL's and transformers' trainers with a learning rate of its own for the ECG encoder, or none."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from transformers import Seq2SeqTrainer, Trainer
from trl import SFTTrainer

from .frozen_encoder import freeze_encoder
from .lora import restore_ecg_precision


class _EcgTrainer(Trainer):
    """A trainer that can train the ECG encoder at another rate than the language model.

    A pre-trained encoder beside a decoder with random weights: a rate that suits the one spoils the other.

    Args:
        encoder_learning_rate: peak rate of the encoder; None is the rate of everything else. The schedule is the same.
        encoder_frozen: the encoder stays as it is.
    """

    def __init__(
        self,
        *args: Any,
        encoder_learning_rate: float | None = None,
        encoder_frozen: bool = False,
        **kwargs: Any,
    ):
        self.encoder_learning_rate = encoder_learning_rate
        super().__init__(*args, **kwargs)
        if isinstance(self.model, PeftModel):
            restore_ecg_precision(self.model)
        if encoder_frozen:
            freeze_encoder(self.model)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """As the parent makes it, with the encoder's parameters in groups of their own."""
        optimizer = super().create_optimizer(*args, **kwargs)
        if self.encoder_learning_rate is None:
            return optimizer
        encoder = {id(value) for name, value in self.model.named_parameters() if ".ecg_encoder." in name}
        for group in list(optimizer.param_groups):
            own = [value for value in group["params"] if id(value) in encoder]
            if own:
                group["params"] = [value for value in group["params"] if id(value) not in encoder]
                optimizer.add_param_group({**group, "params": own, "lr": self.encoder_learning_rate})
        return optimizer


class EcgSFTTrainer(_EcgTrainer, SFTTrainer):
    """`SFTTrainer`, for decoders, with the arguments of `_EcgTrainer`."""


class EcgSeq2SeqTrainer(_EcgTrainer, Seq2SeqTrainer):
    """`Seq2SeqTrainer`, for encoder-decoders, with the arguments of `_EcgTrainer`."""
