"""TRL's trainer with a learning rate of its own for the ECG encoder."""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer


class EcgSFTTrainer(SFTTrainer):
    """`SFTTrainer` that can train the ECG encoder at another rate than the language model.

    A pre-trained encoder beside a decoder with random weights: a rate that suits the one spoils the other.

    Args:
        encoder_learning_rate: peak rate of the encoder; None is the rate of everything else. The schedule is the same.
    """

    def __init__(self, *args: Any, encoder_learning_rate: float | None = None, **kwargs: Any):
        self.encoder_learning_rate = encoder_learning_rate
        super().__init__(*args, **kwargs)

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
