"""Slots: places of a sequence that hold the ECG's tokens, put in front of the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F
from transformers.utils import logging

logger = logging.get_logger(__name__)


def at_slots(tokens: torch.Tensor, is_slot: torch.Tensor) -> torch.Tensor:
    """The ECG's tokens at their slots, and whatever elsewhere: [B, P, N], bool [B, S] -> [B, S, N]."""
    order = (is_slot.long().cumsum(1) - 1).clamp(min=0)
    return tokens.gather(1, order.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))


def _text_begins(text_mask: torch.Tensor) -> torch.Tensor:
    """How many places of left padding each row has, long [B, 1]; none where a row is nothing but padding."""
    padding = (text_mask.cumsum(1) == 0).sum(1, keepdim=True)
    return torch.where(padding == text_mask.shape[1], torch.zeros_like(padding), padding)


def with_slots(text_mask: torch.Tensor, num_slots: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The mask of text and slots, and which of its places are slots.

    The slots follow the left padding. [pad][ECG][text] rather than [ECG][pad][text]: decoders whose position bias
    counts places (ALiBi) are exact only so.

    Args:
        text_mask: [B, L], 0 for padding on either side.
        num_slots: P.

    Returns:
        mask [B, P + L] in the type of `text_mask`, and bool [B, P + L].
    """
    begin = _text_begins(text_mask)
    place = torch.arange(num_slots + text_mask.shape[1], device=text_mask.device)
    is_slot = (place >= begin) & (place < begin + num_slots)
    # Left of the slots all is padding, so the text's mask is the same there moved or not.
    moved = F.pad(text_mask, (num_slots, 0))
    return moved.masked_fill(place < begin, 0).masked_fill(is_slot, 1), is_slot


@dataclass(frozen=True)
class SlotLayout:
    """Where slots and text stand in the longer sequence.

    Attributes:
        num_slots: P.
        is_slot: bool [B, P + L].
        text_index: long [B, L], the place of each text position; None where the slots lead every row.
    """

    num_slots: int
    is_slot: torch.Tensor
    text_index: torch.Tensor | None

    @classmethod
    def of(cls, text_mask: torch.Tensor, num_slots: int, is_slot: torch.Tensor) -> SlotLayout:
        """The layout for a text's mask [B, L] and the slots `with_slots` gave it."""
        # To look at the mask would break a graph that is being compiled.
        if not torch.compiler.is_compiling() and bool(is_slot[:, 0].all()):
            return cls(num_slots, is_slot, None)
        place = torch.arange(text_mask.shape[1], device=text_mask.device)
        begin = _text_begins(text_mask)
        return cls(num_slots, is_slot, torch.where(place < begin, place, place + num_slots))

    def spread(self, text: torch.Tensor) -> torch.Tensor:
        """Zeros at the slots: [B, L, ...] -> [B, P + L, ...]."""
        batch, length, *rest = text.shape
        if self.text_index is None:
            return torch.cat([text.new_zeros(batch, self.num_slots, *rest), text], 1)
        index = self.text_index.reshape(batch, length, *[1] * len(rest)).expand_as(text)
        return text.new_zeros(batch, self.num_slots + length, *rest).scatter(1, index, text)

    def text_only(self, states: torch.Tensor) -> torch.Tensor:
        """[B, P + L, N] -> [B, L, N]."""
        if self.text_index is None:
            return states[:, self.num_slots :]
        return states.gather(1, self.text_index.unsqueeze(-1).expand(-1, -1, states.shape[-1]))

    def positions(self, text_positions: torch.Tensor) -> torch.Tensor:
        """Slots take 0 to P - 1 and the text goes on from there: [B or 1, L] -> [B, P + L]."""
        order = (self.is_slot.long().cumsum(1) - 1).clamp(min=0)
        text = self.spread(text_positions.expand(self.is_slot.shape[0], -1) + self.num_slots)
        return torch.where(self.is_slot, order, text)


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
