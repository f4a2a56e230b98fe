"""The temporal-convolution encoder of MEIT (arXiv 2403.04945, appendix A.3): a 1-D residual network."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from .configuration_ecg_encoder import EcgEncoderConfig
from .ecg_encoder_parts import drop_path, padded_lengths, steps_inside

TEMPORAL = 3  # place of the temporal convolution in a bottleneck's branch


def conv1d(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A 1-D convolution over the last axis of [B, C, 1, T].

    It is written as 2-D with height 1 because only 2-D convolutions have channels-last kernels in torch: on a CPU with
    bf16 they take two thirds of the time.
    """
    return nn.Conv2d(channels_in, channels_out, (1, kernel), stride=(1, stride), padding=(0, kernel // 2), bias=False)


class Bottleneck(nn.Module):
    """1x1, temporal, 1x1 convolution beside a shortcut (He et al., 2016), batch-normalised."""

    def __init__(self, channels_in: int, width: int, channels_out: int, kernel: int, stride: int, drop_path: float):
        super().__init__()
        self.branch = nn.Sequential(
            conv1d(channels_in, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            conv1d(width, width, kernel, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            conv1d(width, channels_out, 1),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(conv1d(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out))
        self.stride = stride
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """[B, C_in, 1, T] -> [B, C_out, 1, T / stride]; steps outside `inside` (bool [B, 1, 1, T]) are padding."""
        if inside is None:
            branch = self.branch(x)
        else:
            branch = x
            for place, part in enumerate(self.branch):
                # What the temporal convolution reads beyond a record's end is what it reads beyond a tensor's: zeros.
                branch = part(branch.masked_fill(~inside, 0) if place == TEMPORAL else branch)
        branch = drop_path(branch, self.drop_path, self.training)
        # Every stride-th sample, then a convolution of stride 1, is one with that stride; the channels-last backward
        # pass of the latter corrupts the heap in torch 2.13 (8 channels, two threads).
        return F.relu(branch + self.shortcut(x[..., :: self.stride]))


class TemporalConvEncoder(nn.Module):
    """12 leads in millivolts -> a sequence of features.

    Attributes:
        hidden_size: channels of the features.
        samples_per_feature: samples from one feature to the next.
    """

    def __init__(self, config: EcgEncoderConfig):
        super().__init__()
        self.stem = nn.Sequential(
            conv1d(len(config.leads), config.stem_width, config.stem_kernel, config.stem_stride),
            nn.BatchNorm2d(config.stem_width),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        channels = config.stem_width
        for depth, width, stride in zip(config.depths, config.widths, config.strides, strict=True):
            for index in range(depth):
                drop_path = config.drop_path * (len(blocks) + 1) / sum(config.depths)
                channels_out = width * config.expansion
                first = stride if index == 0 else 1
                blocks.append(Bottleneck(channels, width, channels_out, config.kernel_size, first, drop_path))
                channels = channels_out
        self.blocks = nn.Sequential(*blocks)
        self.hidden_size = channels
        self.stem_stride: int = config.stem_stride
        self.samples_per_feature: int = config.stem_stride * math.prod(config.strides)

    def forward(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Encode recordings.

        Args:
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.

        Returns:
            [B, T', hidden_size], in the order of time.
        """
        if ecg_mask is not None:
            # Not a product: what was not measured may be NaN.
            ecg_values = ecg_values.masked_fill(~ecg_mask, 0)
        x = self.stem(ecg_values.unsqueeze(2).contiguous(memory_format=torch.channels_last))
        lengths = padded_lengths(ecg_mask)
        if lengths is None:
            return self.blocks(x).squeeze(2).transpose(1, 2)
        samples = self.stem_stride
        for block in self.blocks:
            x = block(x, steps_inside(lengths, samples, x.shape[-1])[:, None, None])
            samples *= block.stride
        return x.squeeze(2).transpose(1, 2)
