"""Prefix fusion for any decoder: the ECG joins every attention layer's keys and values (MEIT, eq. 3-5).

Some places of the sequence are *slots*. A forward pre-hook on each attention module puts the ECG embedding, repeated
once per head, into the slots' hidden states, so the layer's own key and value projections (biases, LoRA, head grouping,
key norms and rotary code included) make K_e and V_e where eq. 4 concatenates them. What the slots themselves put out is
overwritten at the next layer and cut from the result.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from .configuration_meit import MeitConfig
from .fusion_state import EcgState, Fusion, current_ecg
from .slot_layout import at_slots


def attention_modules(decoder: nn.Module, num_layers: int) -> list[tuple[str, nn.Module]]:
    """The decoder's self-attention modules with their names, one a layer, in order.

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
            f"{type(decoder).__name__} has {len(found)} attention modules for {num_layers} layers; the ECG needs "
            "exactly one self-attention a layer, so state-space, hybrid and cross-attending decoders cannot be used"
        )
    return found


def chosen_layers(config: MeitConfig) -> set[int]:
    """The layers `ecg_layers` names.

    Raises:
        ValueError: for one the decoder does not have.
    """
    count = config.text_config.num_hidden_layers
    layers = set(range(count)) if config.ecg_layers is None else set(config.ecg_layers)
    if not layers <= set(range(count)):
        raise ValueError(f"ecg_layers is {config.ecg_layers}, but the decoder's {count} layers are 0 to {count - 1}")
    return layers


def hidden_states(args: tuple, kwargs: dict[str, Any]) -> torch.Tensor:
    """What a layer, or its attention, is called with."""
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]


def with_hidden_states(
    args: tuple, kwargs: dict[str, Any], hidden: torch.Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same call with other hidden states."""
    if "hidden_states" in kwargs:
        return args, {**kwargs, "hidden_states": hidden}
    return (hidden, *args[1:]), kwargs


def write_slots(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
    """Pre-hook of an attention module: the ECG's states stand in the slots of what it reads."""
    ecg = current_ecg()
    if ecg is None or ecg.states is None:
        return None
    hidden = hidden_states(args, kwargs)
    # A layer may stand on another device than the encoder (`device_map`).
    places = ecg.places.to(hidden.device).unsqueeze(-1)
    return with_hidden_states(args, kwargs, torch.where(places, ecg.states.to(hidden), hidden))


def _hide_slots(
    text_config: PreTrainedConfig, module: nn.Module, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]] | None:
    """In a layer without the ECG no text sees the slots; they see themselves, as a query must see something."""
    ecg = current_ecg()
    if ecg is None:
        return None
    hidden = hidden_states(args, kwargs)
    mask = kwargs.get("attention_mask")
    slots = ecg.keys.to(hidden.device)
    queries = hidden.shape[1]
    if mask is None:
        own = torch.arange(slots.shape[1] - queries, slots.shape[1], device=hidden.device)[:, None]
        cache: Any = kwargs.get("past_key_values")
        if getattr(cache, "is_compileable", False):  # gives as many keys as it has room for
            room, _ = cache.get_mask_sizes(queries, 0)
            slots = nn.functional.pad(slots, (0, room - slots.shape[1]))
        place = torch.arange(slots.shape[1], device=hidden.device)
        return args, {**kwargs, "attention_mask": ((place <= own) & ~(slots[:, None] & (place != own)))[:, None]}
    extra = mask.shape[-1] - slots.shape[1]
    # A static cache has room to spare after the last key; a sliding window has lost the first ones.
    slots = nn.functional.pad(slots, (0, extra)) if extra > 0 else slots[:, -mask.shape[-1] :]
    itself = torch.zeros_like(mask, dtype=torch.bool)
    if ecg.states is not None:
        place = torch.arange(mask.shape[-1], device=hidden.device)
        itself = place == torch.arange(queries, device=hidden.device)[:, None]
    hidden_keys = slots[:, None, None] & ~itself
    if mask.dtype == torch.bool:
        # What is seen; but an eager kernel that does not add its mask (MPT) is told what is not.
        hides: Any = text_config._attn_implementation == "eager"
    else:
        hides = torch.finfo(mask.dtype).min
    return args, {**kwargs, "attention_mask": mask.masked_fill(hidden_keys, hides)}


class PrefixFusion(Fusion):
    """The paper's own fusion: an ECG token has D_h numbers, those of a head.

    Args:
        config: of the whole model.
        backbone: whose attention modules get the hooks.

    Raises:
        ValueError: for a decoder without exactly one self-attention a layer.
    """

    in_sequence = True

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel):
        modules = attention_modules(backbone.base_model, config.text_config.num_hidden_layers)
        chosen = chosen_layers(config)
        self.partial = len(chosen) < len(modules)
        hide = partial(_hide_slots, backbone.config)
        for layer, (_, module) in enumerate(modules):
            module.register_forward_pre_hook(write_slots if layer in chosen else hide, with_kwargs=True)
        # After the modules: a decoder without attention has no heads.
        self.hidden_size = config.text_config.hidden_size
        self.heads = config.text_config.num_attention_heads
        self.width = config.ecg_head_dim

    def check(self, backbone: PreTrainedModel) -> None:
        """Refuse kernels that take no mask for one layer alone.

        Raises:
            ValueError: for `ecg_layers` with flash or flex attention.
        """
        kind = backbone.config._attn_implementation
        if self.partial and kind not in ("eager", "sdpa"):
            raise ValueError(f"ecg_layers needs attn_implementation eager or sdpa; this model runs with {kind}")

    def enter(
        self, inputs_embeds: torch.Tensor, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None
    ) -> tuple[torch.Tensor, EcgState | None]:
        """As `Fusion.enter`: the text as it is, and the hidden states of the slots."""
        assert is_slot is not None
        states = ecg_embeds.repeat(1, 1, self.heads)[..., : self.hidden_size]
        states = at_slots(states.to(inputs_embeds), is_slot)
        return inputs_embeds, EcgState(states, is_slot, keys=is_slot if self.partial else None)

    def in_cache(self, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None) -> EcgState | None:
        """As `Fusion.in_cache`: which keys some layers are not to see."""
        return EcgState(None, is_slot, keys=is_slot) if self.partial else None
