"""What the ECG encoders share: where a recording ends, patches of time, stochastic depth."""

from __future__ import annotations

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init

from .configuration_ecg_encoder import EcgEncoderConfig


def measured_lengths(ecg_mask: torch.Tensor) -> torch.Tensor:
    """Samples up to the last one measured in any lead, [B, 12, T] -> long [B]; what follows is padding."""
    samples = torch.arange(1, ecg_mask.shape[-1] + 1, device=ecg_mask.device)
    return (ecg_mask.any(1) * samples).amax(1)


def padded_lengths(ecg_mask: torch.Tensor | None) -> torch.Tensor | None:
    """`measured_lengths`, or None where no recording of the batch is followed by padding and none need be masked.

    A recording with nothing measured counts as long as its row: zeros.
    """
    if ecg_mask is None:
        return None
    lengths, samples = measured_lengths(ecg_mask), ecg_mask.shape[-1]
    lengths = torch.where(lengths > 0, lengths, samples)
    # A compiled graph cannot look at the values; it masks always, which changes no bit.
    if not torch.compiler.is_compiling() and bool((lengths == samples).all()):
        return None
    return lengths


def steps_inside(lengths: torch.Tensor, samples_per_step: int, steps: int) -> torch.Tensor:
    """Which steps begin before their recording ends: long [B] -> bool [B, steps]."""
    return torch.arange(steps, device=lengths.device) * samples_per_step < lengths[:, None]


def drop_path(branch: torch.Tensor, probability: float, training: bool) -> torch.Tensor:
    """Stochastic depth (Huang et al., 2016): in training whole branches are left out, record by record."""
    if not training or probability <= 0:
        return branch
    keep = torch.rand(branch.shape[0], *[1] * (branch.dim() - 1), device=branch.device) >= probability
    return branch * (keep / (1 - probability)).to(branch.dtype)


def time_positions(steps: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Sines and cosines of the step (Vaswani et al., 2017), [steps, width]; computed, so that any duration has them."""
    half = -(-width // 2)
    rates = torch.exp(torch.arange(half, device=like.device) * (-math.log(10000.0) / half))
    angles = torch.arange(steps, device=like.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)[:, :width].to(like.dtype)


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """Arithmetic in the tensors' own precision, on a device that has autocast or none."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


class XavierLinear(nn.Linear):
    """Starts with Xavier's uniform weights (Glorot and Bengio, 2010) and no bias, as masked autoencoders do."""

    @torch.no_grad()
    def init_own_weights(self) -> None:
        """Draw the weights; those that were loaded stay as they are."""
        init.xavier_uniform_(self.weight)
        init.zeros_(self.bias)


class TimePatches(nn.Module):
    """Stretches of `patch_size` samples of all leads, each made one token, with its place in time.

    A last patch that the recording does not fill is filled with zeros.
    """

    def __init__(self, config: EcgEncoderConfig):
        super().__init__()
        self.patch_size = config.patch_size
        self.embed = XavierLinear(len(config.leads) * config.patch_size, config.hidden_size)

    def cut(self, ecg_values: torch.Tensor) -> torch.Tensor:
        """[B, 12, T] -> [B, T / patch_size rounded up, 12, patch_size]."""
        padded = F.pad(ecg_values, (0, -ecg_values.shape[-1] % self.patch_size))
        return padded.unflatten(2, (-1, self.patch_size)).transpose(1, 2)

    def tokens(self, patches: torch.Tensor) -> torch.Tensor:
        """[B, T', 12, patch_size] -> [B, T', hidden_size]."""
        embedded = self.embed(patches.flatten(2)).to(patches.dtype)  # what blocks add to stays float32 under autocast
        return embedded + time_positions(embedded.shape[1], embedded.shape[2], embedded)

    def forward(
        self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Tokens [B, T', hidden_size], and which are not padding: bool [B, T'], or None where all are."""
        if ecg_mask is not None:
            # Not a product: what was not measured may be NaN.
            ecg_values = ecg_values.masked_fill(~ecg_mask, 0)
        tokens = self.tokens(self.cut(ecg_values))
        lengths = padded_lengths(ecg_mask)
        return tokens, None if lengths is None else steps_inside(lengths, self.patch_size, tokens.shape[1])
