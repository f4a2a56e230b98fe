"""A vision transformer on 1-D patches of an ECG (Dosovitskiy et al., 2021; MEIT, arXiv 2403.04945, appendix A.3)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .configuration_ecg_encoder import EcgEncoderConfig
from .ecg_encoder_parts import TimePatches, XavierLinear, drop_path, without_autocast


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Attention; on a CPU in float32, as torch 2.13's backward pass in bf16 takes six times as long there."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    with without_autocast(q.device):
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask).to(q.dtype)


class VitBlock(nn.Module):
    """Self-attention and a perceptron, each normalised before and added to what it read."""

    def __init__(self, width: int, heads: int, mlp_width: int, drop_path: float = 0.0):
        super().__init__()
        self.heads = heads
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width)
        self.qkv = XavierLinear(width, 3 * width)
        self.out = XavierLinear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(XavierLinear(width, mlp_width), nn.GELU(), XavierLinear(mlp_width, width))
        for layer in (self.qkv, self.out, self.mlp[0], self.mlp[2]):
            layer.init_own_weights()

    def forward(self, x: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """[B, T', width] -> the same shape; tokens outside `inside` (bool [B, T']) are not attended to."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if inside is None else inside[:, None, None]
        mixed = _attend(q, k, v, mask).transpose(1, 2).flatten(2)
        x = x + drop_path(self.out(mixed), self.drop_path, self.training)
        return x + drop_path(self.mlp(self.norm2(x)), self.drop_path, self.training)


class VitEncoder(nn.Module):
    """12 leads in millivolts -> one feature for each patch of time.

    Attributes:
        hidden_size: numbers in a feature.
        samples_per_feature: samples each of them covers.
    """

    def __init__(self, config: EcgEncoderConfig):
        super().__init__()
        if config.hidden_size % config.num_heads:
            raise ValueError(
                f"hidden_size {config.hidden_size} of the ECG encoder does not divide by its num_heads "
                f"{config.num_heads}; change one of them"
            )
        self.hidden_size: int = config.hidden_size
        self.samples_per_feature: int = config.patch_size
        self.patches = TimePatches(config)
        mlp_width = round(config.hidden_size * config.mlp_ratio)
        self.blocks = nn.ModuleList(
            VitBlock(
                config.hidden_size, config.num_heads, mlp_width, config.drop_path * (index + 1) / config.num_layers
            )
            for index in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.patches.embed.init_own_weights()

    def encode_tokens(self, tokens: torch.Tensor, inside: torch.Tensor | None) -> torch.Tensor:
        """[B, N, hidden_size] -> the same shape; N may be a part of the recording's patches, in any order."""
        for block in self.blocks:
            tokens = block(tokens, inside)
        return self.norm(tokens)

    def forward(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Encode recordings.

        Args:
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.

        Returns:
            [B, T / patch_size rounded up, hidden_size], in the order of time.
        """
        return self.encode_tokens(*self.patches(ecg_values, ecg_mask))
