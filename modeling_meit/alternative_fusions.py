"""The rivals of prefix fusion in the paper's table 5: tokens in the input (LLaVA) and gated cross-attention (Flamingo).

They read the same encoder and projector and answer to the same calls, so that a comparison changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init

from .configuration_meit import MeitConfig
from .fusion_state import EcgState, Fusion, current_ecg
from .prefix_fusion import attention_modules, chosen_layers, hidden_states, with_hidden_states
from .slot_layout import at_slots


class InputTokenFusion(Fusion):
    """ECG tokens in the decoder's embedding space, before the text (Liu et al., 2023, arXiv 2304.08485)."""

    in_sequence = True

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel):
        # No hook is needed, but a decoder that one fusion refuses is refused by all.
        attention_modules(backbone.base_model, config.text_config.num_hidden_layers)
        self.width = backbone.get_input_embeddings().weight.shape[1]

    def enter(
        self, inputs_embeds: torch.Tensor, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None
    ) -> tuple[torch.Tensor, EcgState | None]:
        """As `Fusion.enter`: the slots hold the ECG's tokens, and no hook is needed."""
        assert is_slot is not None
        tokens = at_slots(ecg_embeds.to(inputs_embeds), is_slot)
        return torch.where(is_slot.unsqueeze(-1), tokens, inputs_embeds), None


class GatedCrossAttention(nn.Module):
    """Cross-attention to the ECG and a feed-forward network, both behind a gate that starts closed.

    The "gated xattn-dense" layer of Flamingo (Alayrac et al., 2022, arXiv 2204.14198, figure 4).

    Args:
        hidden_size: of the decoder.
        heads: of the cross-attention.
        width: numbers in an ECG token.
    """

    def __init__(self, hidden_size: int, heads: int, width: int):
        super().__init__()
        self.heads = heads
        inner = heads * -(-hidden_size // heads)
        self.norm = nn.LayerNorm(hidden_size)
        self.query = nn.Linear(hidden_size, inner, bias=False)
        self.key = nn.Linear(width, inner, bias=False)
        self.value = nn.Linear(width, inner, bias=False)
        self.out = nn.Linear(inner, hidden_size, bias=False)
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, 4 * hidden_size, bias=False),
            nn.GELU(),
            nn.Linear(4 * hidden_size, hidden_size, bias=False),
        )
        self.feed_forward_gate = nn.Parameter(torch.zeros(1))

    @torch.no_grad()
    def init_own_weights(self) -> None:
        """Begin as the backbone without an ECG."""
        init.zeros_(self.attention_gate)
        init.zeros_(self.feed_forward_gate)

    def forward(self, hidden: torch.Tensor, ecg: torch.Tensor, visible: torch.Tensor | None) -> torch.Tensor:
        """The decoder's hidden states with the ECG's part added.

        Args:
            hidden: [B, L, hidden_size].
            ecg: [B, P, width].
            visible: bool [B, L, P], which ECG tokens each place may see; None is all. A place that sees none stays as
                it is.
        """

        def split(x: torch.Tensor) -> torch.Tensor:
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        # Trained whole, these weights are float32 beside a decoder in 16 bits.
        given, own = hidden.dtype, self.attention_gate.dtype
        hidden, ecg = hidden.to(own), ecg.to(own)
        query, key, value = split(self.query(self.norm(hidden))), split(self.key(ecg)), split(self.value(ecg))
        if visible is None:
            seen = F.scaled_dot_product_attention(query, key, value)
            open_to: torch.Tensor | float = 1.0
        else:
            sighted = visible.any(-1, keepdim=True)
            # A blind place looks everywhere and its result is thrown away, as a softmax over nothing is no number.
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=(visible | ~sighted)[:, None])
            open_to = sighted.to(hidden.dtype)
        seen = self.out(seen.transpose(1, 2).flatten(2))
        hidden = hidden + open_to * torch.tanh(self.attention_gate) * seen
        return (hidden + open_to * torch.tanh(self.feed_forward_gate) * self.feed_forward(hidden)).to(given)


class GatedCrossAttentions(nn.Module):
    """The cross-attentions of all layers, called by their number: what the model holds, and PEFT may wrap."""

    def __init__(self, count: int, hidden_size: int, heads: int, width: int):
        super().__init__()
        self.blocks = nn.ModuleList(GatedCrossAttention(hidden_size, heads, width) for _ in range(count))

    def forward(
        self, hidden: torch.Tensor, ecg: torch.Tensor, visible: torch.Tensor | None, number: int
    ) -> torch.Tensor:
        """As `GatedCrossAttention.forward`, of block `number`."""
        return self.blocks[number](hidden, ecg, visible)


class CrossAttentionFusion(Fusion):
    """A gated cross-attention to the ECG before each layer that `ecg_layers` names."""

    in_sequence = False

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel):
        text = config.text_config
        names = [name for name, _ in attention_modules(backbone.base_model, text.num_hidden_layers)]
        self.width, self.heads = text.hidden_size, text.num_attention_heads
        self.layers = sorted(chosen_layers(config))
        for number, layer in enumerate(self.layers):
            module = _layer_around(backbone.base_model, names[layer])
            module.register_forward_pre_hook(_look_with(number), with_kwargs=True)

    def make_blocks(self) -> nn.Module | None:
        """One block for each layer."""
        return GatedCrossAttentions(len(self.layers), self.width, self.heads, self.width)

    def enter(
        self, inputs_embeds: torch.Tensor, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None
    ) -> tuple[torch.Tensor, EcgState | None]:
        """As `Fusion.enter`: the text as it is, and the ECG's tokens.

        Where the text names its ECGs by placeholders, a place sees those that stand before it and its own.
        """
        visible = None
        if is_slot is not None:
            token = torch.arange(ecg_embeds.shape[1], device=is_slot.device)
            visible = is_slot.long().cumsum(1).unsqueeze(-1) > token
        return inputs_embeds, EcgState(ecg_embeds.to(inputs_embeds.dtype), visible)

    def in_cache(self, ecg_embeds: torch.Tensor, is_slot: torch.Tensor | None) -> EcgState | None:
        """As `Fusion.in_cache`: later text sees every ECG."""
        return EcgState(ecg_embeds, None)


def _layer_around(decoder: nn.Module, attention: str) -> nn.Module:
    parts = attention.split(".")
    number = next(place for place, part in enumerate(parts) if part.isdigit())
    return decoder.get_submodule(".".join(parts[: number + 1]))


def _look_with(number: int) -> Callable:
    # The block comes with the ECG and not with the hook: PEFT trains a copy of it and puts that in its place.
    def look(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
        ecg = current_ecg()
        if ecg is None:
            return None
        hidden = hidden_states(args, kwargs)
        # A block may stand on another device than its layer (`device_map`).
        changed = ecg.blocks(hidden, ecg.states.to(hidden), ecg.places, number)
        return with_hidden_states(args, kwargs, changed.to(hidden.device))

    return look
