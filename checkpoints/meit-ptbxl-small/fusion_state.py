"""What the hooks of a fusion read while a forward pass runs, and how it survives gradient checkpointing."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class EcgState:
    """The ECG of one forward pass, as a fusion prepares it for its own hooks.

    Attributes:
        states: the only tensor of it that takes part in gradients; None where the cache holds them.
        places: which places of the sequence the states are for, or which states they may see.
        keys: bool [B, keys], the slots among all keys, where some layers are not to see them.
        blocks: modules of the fusion's own.
    """

    states: Any
    places: Any
    keys: Any = None
    blocks: Any = None


class Fusion(ABC):
    """How the ECG's tokens reach a decoder. One is made for a decoder, and registers its hooks there.

    Attributes:
        in_sequence: whether the ECG's tokens take places in the sequence.
        width: numbers in an ECG token.
    """

    in_sequence: bool
    width: int

    def check(self, backbone: PreTrainedModel) -> None:  # noqa: B027 (most fusions take any)
        """Refuse a backbone that runs in a way this fusion cannot work with."""

    def make_blocks(self) -> nn.Module | None:
        """Modules of the fusion's own, for the model to hold as `cross_attention`."""
        return None

    @abstractmethod
    def enter(
        self, inputs_embeds: torch.Tensor, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None
    ) -> tuple[torch.Tensor, EcgState | None]:
        """Bring the ECG to a text.

        Args:
            inputs_embeds: [B, S, embedding], the text with room for the slots.
            ecg_embeds: [B, P, width].
            is_slot: bool [B, S]; None where the fusion takes no places and the text names none.

        Returns:
            what the decoder reads, and what the hooks do.
        """

    def in_cache(self, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None) -> EcgState | None:
        """What the hooks read once the text's beginning is in a cache, among whose keys `is_slot` names the slots."""
        return None


class _Active(threading.local):
    """The ECG of the forward pass that this thread runs; one attribute for all would mix patients among threads."""

    ecg: EcgState | None = None


_active = _Active()


def current_ecg() -> EcgState | None:
    """The ECG of the forward pass that this thread runs, None where there is none."""
    return _active.ecg


@contextmanager
def active(ecg: EcgState | None) -> Iterator[None]:
    """The hooks of this thread see `ecg` while the block runs; None leaves the decoder as it is."""
    before = _active.ecg
    _active.ecg = ecg
    try:
        yield
    finally:
        _active.ecg = before


def carrying_ecg(checkpoint: Callable) -> Callable:
    """Wrap a gradient-checkpointing function so that the replay in the backward pass sees the ECG again.

    Without it the layers are replayed after `forward` has put the ECG away: the loss is right and the gradients are
    not. The states are an explicit argument, as the reentrant kind gives no gradient to what a closure holds.
    """

    def checkpoint_with_ecg(function: Callable, *args: Any, **kwargs: Any) -> Any:
        ecg = _active.ecg
        if ecg is None:
            return checkpoint(function, *args, **kwargs)

        def replay(states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            with active(replace(ecg, states=states)):
                return function(*args, **kwargs)

        return checkpoint(replay, ecg.states, *args, **kwargs)

    checkpoint_with_ecg.carries_ecg = True  # type: ignore[attr-defined]
    return checkpoint_with_ecg


def refuse_foreign_checkpointing(decoder: nn.Module) -> None:
    """Raise where layers are checkpointed by something that would lose the ECG's gradients without a word.

    Raises:
        RuntimeError: naming how to switch checkpointing on instead.
    """
    for module in decoder.modules():
        own = getattr(module, "_gradient_checkpointing_func", None)
        on = module.training and getattr(module, "gradient_checkpointing", False)
        if (on and not getattr(own, "carries_ecg", False)) or type(module).__name__ == "CheckpointWrapper":
            raise RuntimeError(
                f"{type(module).__name__} is checkpointed from outside, which would lose the ECG's gradients; "
                "call gradient_checkpointing_enable() on the MEIT model itself instead"
            )
