"""An ECG encoder that training leaves as it is."""

from __future__ import annotations

from typing import Any

from torch import nn

from dataset_scripts.record import EcgInputError

from .arguments import EcgArguments


def check_frozen(ecg: EcgArguments) -> None:
    """Refuse to freeze what has not learnt anything.

    Raises:
        EcgInputError: for `freeze_encoder` without weights, or with a learning rate for them.
    """
    if not ecg.freeze_encoder:
        return
    if ecg.encoder_weights is None:
        raise EcgInputError("freeze_encoder keeps the encoder's weights, which are random; set encoder_weights")
    if ecg.encoder_learning_rate is not None:
        raise EcgInputError("freeze_encoder and encoder_learning_rate exclude each other; leave one of them out")


def freeze_encoder(model: nn.Module) -> None:
    """Take the encoder's weights out of training, and keep it in evaluation mode whatever mode the model is in.

    Without a gradient its batch norms would still follow the batches, and the rest of the model would learn to read
    another encoder than the one that is kept. Its dropout is off too.

    Args:
        model: a MEIT model, under PEFT or not.
    """
    for name, part in model.named_modules():
        if name.split(".")[-1] == "ecg_encoder":  # under PEFT, the wrapper around the first and the adapter's
            part.requires_grad_(False)
            part.register_forward_pre_hook(_to_eval)


def _to_eval(encoder: nn.Module, args: tuple[Any, ...]) -> None:
    encoder.eval()
