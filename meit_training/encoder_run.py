"""What supervised and masked training of an encoder share: the encoder, its signals, and the notes of a run."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import Trainer

from dataset_scripts.record import EcgInputError
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder

from .arguments import EcgArguments
from .cpu_clock import CpuClock
from .encoder_weights import load_encoder
from .settings import construct


def make_encoder(ecg: EcgArguments) -> tuple[nn.Module, EcgEncoderConfig]:
    """The encoder a recipe describes, with `ecg.encoder_weights` where it names some.

    Raises:
        EcgInputError: for a configuration no encoder can be made of, or weights of another shape.
    """
    for name in ("encoder_learning_rate", "freeze_encoder"):
        if getattr(ecg, name):
            raise EcgInputError(f"{name} is for training a language model; leave it out where the encoder is trained")
    config = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    try:
        encoder = build_ecg_encoder(config)
    except ValueError as error:
        raise EcgInputError(f"ecg_config cannot be used: {error}") from error
    if ecg.encoder_weights is not None:
        load_encoder(encoder, config, ecg.encoder_weights)
    return encoder, config


def run_notes(trainer: Trainer, encoder: nn.Module, clock: CpuClock) -> dict[str, Any]:
    """What a table says of a run beside its scores; CPU minutes are those of training and of watching it."""
    arguments = trainer.args
    return {
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "steps": trainer.state.global_step,
        "batch_size": arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size,
        "seed": arguments.seed,
        "cpu_minutes": round(clock.minutes, 2),
        "watched": [
            {name: value for name, value in entry.items() if name in ("step", "eval_loss", "eval_macro_auroc")}
            for entry in trainer.state.log_history
            if "eval_loss" in entry
        ],
    }
