"""The decoder's inputs with the ECG brought to them, before the decoder runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from .fusion_state import EcgState, Fusion
from .slot_layout import SlotLayout, with_slots


@dataclass
class FusedInputs:
    """Inputs of the decoder with the ECG brought to them.

    Attributes:
        decoder: keyword arguments of the decoder's forward.
        ecg: what the fusion's hooks read, None where there is nothing for them.
        layout: where slots and text stand in the decoder's output; None where it is all text.
    """

    decoder: dict[str, Any]
    ecg: EcgState | None = None
    layout: SlotLayout | None = None

    def text_only(self, states: torch.Tensor) -> torch.Tensor:
        """[B, P + L, N] -> [B, L, N]."""
        return states if self.layout is None else self.layout.text_only(states)


def fuse(
    fusion: Fusion,
    embed: Callable,
    input_ids: Any,
    inputs_embeds: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor | None,
    ecg_embeds: torch.Tensor,
    ecg_places: torch.Tensor | None,
    slots: int,
    past: Any,
) -> FusedInputs:
    """Bring the ECG to a text.

    Args:
        fusion: of the model.
        embed: the decoder's token embedding.
        input_ids: long [B, L]; or `inputs_embeds`, [B, L, embedding].
        inputs_embeds: see `input_ids`.
        attention_mask: [B, L], with a cache [B, past text + L]; None means no padding.
        position_ids: [B or 1, L], of the text counted from 0; None leaves them to the decoder.
        ecg_embeds: [B, P, D].
        ecg_places: bool, places of the text's beginning that hold the ECG.
        slots: new places for it in front of the text; 0 where the text has its own or the fusion needs none.
        past: length of a cache that holds the ECG, None before.
    """
    in_cache = past is not None
    if ecg_places is not None:
        length = (input_ids if inputs_embeds is None else inputs_embeds).shape[1] + (int(past) if in_cache else 0)
        ecg_places = F.pad(ecg_places, (0, length - ecg_places.shape[1]))  # what was written since holds none
    if inputs_embeds is None:
        if ecg_places is not None and not in_cache:
            input_ids = input_ids.masked_fill(ecg_places, 0)  # a placeholder need not be in the vocabulary
        inputs_embeds = embed(input_ids)
    layout, is_slot = None, ecg_places
    if slots:
        text_mask = attention_mask
        if text_mask is None:
            text_mask = torch.ones(
                (inputs_embeds.shape[0], inputs_embeds.shape[1] + (int(past) - slots if in_cache else 0)),
                dtype=torch.long,
                device=inputs_embeds.device,
            )
        mask, is_slot = with_slots(text_mask, slots)
        attention_mask = None if attention_mask is None else mask
        if in_cache:
            position_ids = None if position_ids is None else position_ids + slots
        else:
            layout = SlotLayout.of(text_mask, slots, is_slot)
            inputs_embeds = layout.spread(inputs_embeds)
            position_ids = None if position_ids is None else layout.positions(position_ids)
    if in_cache:
        ecg = fusion.in_cache(ecg_embeds, is_slot)
    else:
        inputs_embeds, ecg = fusion.enter(inputs_embeds, ecg_embeds, is_slot)
    given = {"inputs_embeds": inputs_embeds, "attention_mask": attention_mask, "position_ids": position_ids}
    return FusedInputs(given, ecg, layout)
