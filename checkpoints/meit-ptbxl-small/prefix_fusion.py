"""Prefix fusion for any decoder: the ECG joins every attention layer's keys and values (MEIT, eq. 3-5).

The first positions after the padding are *slots*. A forward pre-hook on each attention module puts the ECG embedding,
repeated once per head, into the slots' hidden states, so the layer's own key and value projections (biases, LoRA, head
grouping, key norms and rotary code included) make K_e and V_e where eq. 4 concatenates them. What the slots themselves
put out is overwritten at the next layer and cut from the result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.utils import logging

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Prefix:
    """What the hooks of one forward pass write.

    Attributes:
        states: [B, P + L, hidden], the ECG's hidden states in the slots and zeros elsewhere.
        is_slot: bool [B, P + L, 1].
    """

    states: torch.Tensor
    is_slot: torch.Tensor


class _Active(threading.local):
    """The prefix of the forward pass that this thread runs; one attribute for all would mix patients among threads."""

    prefix: Prefix | None = None


_active = _Active()


@contextmanager
def active(prefix: Prefix | None) -> Iterator[None]:
    """The hooks of this thread write `prefix` while the block runs; None leaves the decoder as it is."""
    before = _active.prefix
    _active.prefix = prefix
    try:
        yield
    finally:
        _active.prefix = before


def _write_slots(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
    prefix = _active.prefix
    if prefix is None:
        return None
    hidden = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
    # A layer may stand on another device than the encoder (`device_map`).
    hidden = torch.where(prefix.is_slot.to(hidden.device), prefix.states.to(hidden), hidden)
    if "hidden_states" in kwargs:
        return args, {**kwargs, "hidden_states": hidden}
    return (hidden, *args[1:]), kwargs


def attention_modules(decoder: nn.Module, num_layers: int) -> list[nn.Module]:
    """The decoder's self-attention modules, one a layer, in order.

    Raises:
        ValueError: when the decoder does not have exactly one for each of its layers.
    """
    found: list[tuple[str, nn.Module]] = []
    for name, module in decoder.named_modules():
        inside = any(name.startswith(outer + ".") for outer, _ in found)
        if "Attention" in type(module).__name__ and not inside:
            found.append((name, module))
    if len(found) != num_layers:
        raise ValueError(
            f"{type(decoder).__name__} has {len(found)} attention modules for {num_layers} layers; prefix fusion needs "
            "exactly one self-attention a layer, so state-space, hybrid and cross-attending decoders cannot be used"
        )
    return [module for _, module in found]


def attach(decoder: nn.Module, num_layers: int) -> None:
    """Register the hooks on every attention module of `decoder`."""
    for module in attention_modules(decoder, num_layers):
        module.register_forward_pre_hook(_write_slots, with_kwargs=True)


def slot_layout(text_mask: torch.Tensor, num_slots: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where slots and text stand when the slots follow the left padding.

    [pad][ECG][text] rather than [ECG][pad][text]: decoders whose position bias counts places (ALiBi) are exact only so.

    Args:
        text_mask: [B, L], 0 for padding on either side.
        num_slots: P.

    Returns:
        mask [B, P + L] in the type of `text_mask`; is_slot, bool [B, P + L]; and text_index, long [B, L], the place of
        each text position in the longer sequence.
    """
    batch, length = text_mask.shape
    padding = (text_mask.cumsum(1) == 0).sum(1, keepdim=True)
    padding = torch.where(padding == length, torch.zeros_like(padding), padding)
    place = torch.arange(num_slots + length, device=text_mask.device).expand(batch, -1)
    is_slot = (place >= padding) & (place < padding + num_slots)
    text_place = torch.arange(length, device=text_mask.device).expand(batch, -1)
    text_index = torch.where(text_place < padding, text_place, text_place + num_slots)
    mask = torch.ones_like(place, dtype=text_mask.dtype).scatter(1, text_index, text_mask)
    return mask, is_slot, text_index


def check_text_mask(text_mask: torch.Tensor, length: int, past_key_values: Any, slots_in_cache: int) -> None:
    """Refuse a mask that does not cover the text so far: it would hide the newest tokens, or be read past them.

    So a cache that holds an ECG is refused without the ECG, and one that holds none with it.

    Args:
        text_mask: [B, past text + L].
        length: L.
        past_key_values: a cache or None.
        slots_in_cache: how many of its places are slots.

    Raises:
        ValueError: for another shape.
    """
    past = 0 if past_key_values is None else past_key_values.get_seq_length()
    if not isinstance(past, int):
        return  # a static cache counts in a tensor, which to read would stall the device
    expected = past - (slots_in_cache if past else 0) + length
    if text_mask.dim() != 2 or text_mask.shape[1] != expected:
        raise ValueError(
            f"attention_mask has shape {tuple(text_mask.shape)}, expected (batch, {expected}): the text in the cache, "
            f"if any, and {length} new tokens, no places for the ECG; if the cache holds an ECG, give it with every "
            "call, and else with none"
        )


def warn_of_short_window(text_config: Any, length: int) -> None:
    """Say once that layers with a sliding window no longer see the ECG from the last of `length` places."""
    if torch.compiler.is_compiling():
        return  # a warning would break the graph
    windows = (getattr(text_config, name, None) for name in ("sliding_window", "attention_chunk_size", "window_size"))
    window = min((size for size in windows if isinstance(size, int)), default=length)
    if window < length:
        logger.warning_once(
            f"text and ECG take {length} places, but some layers of this {text_config.model_type} see only the last "
            f"{window} and lose the ECG; shorten the text"
        )


def carrying_prefix(checkpoint: Callable) -> Callable:
    """Wrap a gradient-checkpointing function so that the replay in the backward pass sees the prefix again.

    Without it the layers are replayed after `forward` has cleared the prefix: the loss is right and the gradients are
    not. The states are an explicit argument, as the reentrant kind gives no gradient to what a closure holds.
    """

    def checkpoint_with_prefix(function: Callable, *args: Any, **kwargs: Any) -> Any:
        prefix = _active.prefix
        if prefix is None:
            return checkpoint(function, *args, **kwargs)

        def replay(states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            with active(Prefix(states, prefix.is_slot)):
                return function(*args, **kwargs)

        return checkpoint(replay, prefix.states, *args, **kwargs)

    checkpoint_with_prefix.carries_prefix = True  # type: ignore[attr-defined]
    return checkpoint_with_prefix


def refuse_foreign_checkpointing(decoder: nn.Module) -> None:
    """Raise where layers are checkpointed by something that would lose the ECG's gradients without a word.

    Raises:
        RuntimeError: naming how to switch checkpointing on instead.
    """
    for module in decoder.modules():
        own = getattr(module, "_gradient_checkpointing_func", None)
        on = module.training and getattr(module, "gradient_checkpointing", False)
        if (on and not getattr(own, "carries_prefix", False)) or type(module).__name__ == "CheckpointWrapper":
            raise RuntimeError(
                f"{type(module).__name__} is checkpointed from outside, which would lose the ECG's gradients; "
                "call gradient_checkpointing_enable() on the MEIT model itself instead"
            )
