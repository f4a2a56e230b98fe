"""Prefix fusion for the text encoder of an encoder-decoder: which modules read the ECG among their keys and values."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from .prefix_fusion import write_slots

# Settings of encoders whose layers see only a part of the text: LED, LongT5, BigBird-Pegasus.
_WINDOWS = ("attention_window", "local_radius", "block_size")


def self_attentions(encoder: nn.Module, config: Any) -> list[nn.Module]:
    """The encoder's self-attention modules, one a layer, each holding its key and value projections itself.

    Innermost, as T5 puts a layer norm and the residual around them in a module that is called attention too.

    Raises:
        ValueError: for an encoder without exactly one in each layer, or whose attention sees only a part of the text.
    """
    named = [(name, module) for name, module in encoder.named_modules() if "Attention" in type(module).__name__]
    inner = [module for name, module in named if not any(other.startswith(name + ".") for other, _ in named)]
    layers = getattr(config, "num_hidden_layers", None)
    if layers is None or len(inner) != layers:
        raise ValueError(
            f"{type(encoder).__name__} has {len(inner)} self-attention modules for {layers} layers; the ECG needs "
            "exactly one a layer, as in BART and T5"
        )
    local = [name for name in _WINDOWS if getattr(config, name, None) is not None]
    if local or not all("hidden_states" in inspect.signature(module.forward).parameters for module in inner):
        why = f"local ({', '.join(local)})" if local else "of a form of its own"
        raise ValueError(
            f"the attention of {type(encoder).__name__} is {why}; the ECG needs layers that see the whole prompt, as "
            "in BART and T5"
        )
    return inner


def attach(encoder: nn.Module, config: Any) -> None:
    """Register the hooks of `prefix_fusion` on every self-attention module of `encoder`."""
    for module in self_attentions(encoder, config):
        module.register_forward_pre_hook(write_slots, with_kwargs=True)
