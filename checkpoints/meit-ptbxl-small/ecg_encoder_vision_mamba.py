"""Vision Mamba, a state-space encoder that reads both ways (Zhu et al., 2024, arXiv 2401.09417), on 1-D patches."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init

from .configuration_ecg_encoder import EcgEncoderConfig
from .ecg_encoder_parts import TimePatches, drop_path
from .ecg_encoder_scan import selective_scan


class ScaledLinear(nn.Linear):
    """No bias; starts as torch's own, uniform within the inputs' number to the power -1/2, times `scale`."""

    def __init__(self, width_in: int, width_out: int, scale: float = 1.0):
        super().__init__(width_in, width_out, bias=False)
        self.scale = scale

    @torch.no_grad()
    def init_own_weights(self) -> None:
        """Draw the weights; those that were loaded stay as they are."""
        bound = self.scale * self.in_features**-0.5
        init.uniform_(self.weight, -bound, bound)


class StateSpace(nn.Module):
    """One direction of a block: causal convolution, then selective scan (Gu and Dao, 2023)."""

    def __init__(self, channels: int, state_size: int, kernel: int, rank: int):
        super().__init__()
        self.rank, self.state_size = rank, state_size
        self.conv = nn.Conv2d(channels, channels, (1, kernel), groups=channels, padding=(0, kernel - 1))
        self.selection = nn.Linear(channels, rank + 2 * state_size, bias=False)
        self.step = nn.Linear(rank, channels)
        self.decay_log = nn.Parameter(torch.empty(state_size, channels))
        self.skip = nn.Parameter(torch.empty(channels))
        self.init_own_weights()

    @torch.no_grad()
    def init_own_weights(self) -> None:
        """As Mamba starts: decays -1 to -N, step sizes .001 to .1 evenly on a logarithmic scale."""
        device = self.skip.device
        init.kaiming_uniform_(self.conv.weight, a=math.sqrt(5))
        init.zeros_(self.conv.bias)
        init.kaiming_uniform_(self.selection.weight, a=math.sqrt(5))
        init.uniform_(self.step.weight, -(self.rank**-0.5), self.rank**-0.5)
        sizes = torch.exp(torch.empty(self.skip.shape, device=device).uniform_(math.log(1e-3), math.log(1e-1)))
        init.copy_(self.step.bias, sizes + torch.log(-torch.expm1(-sizes)))  # softplus of it is `sizes`
        states = torch.arange(1, self.state_size + 1, device=device, dtype=self.decay_log.dtype)
        init.copy_(self.decay_log, states.log()[:, None].expand_as(self.decay_log))
        init.ones_(self.skip)

    def forward(self, x: torch.Tensor, outside: torch.Tensor | None) -> torch.Tensor:
        """[B, L, channels] -> the same shape; `outside` (bool [B, L, 1]) marks padding."""
        # Of height 1, as in the temporal convolution: channels last, [B, L, channels] needs no copy.
        mixed = F.silu(self.conv(x.transpose(1, 2).unsqueeze(2)).squeeze(2)[..., : x.shape[1]].transpose(1, 2))
        if outside is not None:
            # Read from the end, padding comes first: without input the state is still zero where the record begins.
            mixed = mixed.masked_fill(outside, 0)
        rank, b, c = self.selection(mixed).split([self.rank, self.state_size, self.state_size], -1)
        dt = F.softplus(self.step(rank).float())
        scanned = selective_scan(mixed, dt, -self.decay_log.float().exp(), b, c)
        return scanned.to(x.dtype) + mixed * self.skip.to(x.dtype)


class MambaBlock(nn.Module):
    """Both directions, gated, added to what was read."""

    def __init__(self, config: EcgEncoderConfig, drop_path: float):
        super().__init__()
        width, channels = config.hidden_size, round(config.hidden_size * config.expansion)
        self.drop_path = drop_path
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.read = ScaledLinear(width, 2 * channels)
        rank = -(-width // 16)
        self.forwards = StateSpace(channels, config.state_size, config.kernel_size, rank)
        self.backwards = StateSpace(channels, config.state_size, config.kernel_size, rank)
        # What all blocks add up starts no larger than what one would add (as in GPT-2).
        self.out = ScaledLinear(channels, width, scale=(2 * config.num_layers) ** -0.5)
        self.read.init_own_weights()
        self.out.init_own_weights()

    def forward(self, x: torch.Tensor, outside: torch.Tensor | None) -> torch.Tensor:
        """[B, L, width] -> the same shape."""
        channels, gate = self.read(self.norm(x)).chunk(2, -1)
        flipped = None
        if outside is not None:
            channels = channels.masked_fill(outside, 0)
            flipped = outside.flip(1)
        both = self.forwards(channels, outside) + self.backwards(channels.flip(1), flipped).flip(1)
        return x + drop_path(self.out(both * F.silu(gate)), self.drop_path, self.training)


class VisionMambaEncoder(nn.Module):
    """12 leads in millivolts -> one feature for each patch of time.

    Attributes:
        hidden_size: numbers in a feature.
        samples_per_feature: samples each of them covers.
    """

    def __init__(self, config: EcgEncoderConfig):
        super().__init__()
        self.hidden_size: int = config.hidden_size
        self.samples_per_feature: int = config.patch_size
        self.patches = TimePatches(config)
        self.blocks = nn.ModuleList(
            MambaBlock(config, config.drop_path * (index + 1) / config.num_layers) for index in range(config.num_layers)
        )
        self.norm = nn.RMSNorm(config.hidden_size, eps=1e-5)
        self.patches.embed.init_own_weights()

    def forward(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Encode recordings.

        Args:
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.

        Returns:
            [B, T / patch_size rounded up, hidden_size], in the order of time.
        """
        x, inside = self.patches(ecg_values, ecg_mask)
        outside = None if inside is None else ~inside[..., None]
        for block in self.blocks:
            x = block(x, outside)
        return self.norm(x)
