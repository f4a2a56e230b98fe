"""Masked autoencoding of ECGs over leads and time: what an encoder can learn without a report or a label.

After ST-MEM (Na et al., 2024, arXiv 2402.09450), with the tokens of our ViT, each a patch of time of all 12 leads:

- time: a random share of the patches is left out before the encoder (He et al., 2022, masked autoencoders);
- leads: in each patch that stays, every lead is set to zero with a fixed chance, as a missing lead is;
- a small transformer gets the encoder's tokens, one learnt token in place of each patch left out, and every patch's
  place in time, and draws all leads of all patches;
- the loss is the mean squared error of the masked samples alone, those of patches left out and of leads set to zero,
  and among these of the measured ones alone. Each lead of a recording is first brought to mean 0 and standard deviation
  1, so that the loss is the share of variance left unexplained: 1 is the mean, 0 is the recording.

ST-MEM's tokens are patches of single leads, twelve times as many; it masks 75 % of them at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from modeling_meit.ecg_encoder_parts import time_positions
from modeling_meit.ecg_encoder_vit import VitBlock, VitEncoder

LEAST_SPREAD = 0.02  # mV: a flat lead is not blown up to the size of the others


@dataclass
class MaskArguments:
    """How much is masked, and the decoder that draws it.

    Attributes:
        mask_time: share of the patches left out.
        mask_leads: chance of each lead to be set to zero in a patch that stays.
        decoder_width, decoder_layers, decoder_heads: of the decoder, which is thrown away afterwards.
    """

    mask_time: float = 0.6
    mask_leads: float = 0.3
    decoder_width: int = 128
    decoder_layers: int = 2
    decoder_heads: int = 4

    def __post_init__(self) -> None:
        for name in ("mask_time", "mask_leads"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a share from 0 to below 1")
        if self.mask_time == self.mask_leads == 0:
            raise ValueError("mask_time and mask_leads are both 0: nothing is masked, so nothing can be learnt")
        if self.decoder_width % self.decoder_heads:
            raise ValueError(
                f"decoder_width {self.decoder_width} does not divide by decoder_heads {self.decoder_heads}"
            )


class MaskedEcgModel(nn.Module):
    """An encoder that sees a part of an ECG, and a decoder that draws the rest."""

    def __init__(self, encoder: VitEncoder, leads: int, arguments: MaskArguments):
        super().__init__()
        self.ecg_encoder = encoder
        self.mask_time, self.mask_leads = arguments.mask_time, arguments.mask_leads
        width = arguments.decoder_width
        self.bridge = nn.Linear(encoder.hidden_size, width)
        self.missing = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(
            VitBlock(width, arguments.decoder_heads, 4 * width) for _ in range(arguments.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.draw = nn.Linear(width, leads * encoder.patches.patch_size)

    def forward(
        self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor, time_noise: torch.Tensor, lead_noise: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Hide, draw and compare.

        Args:
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured.
            time_noise: float [B, T'], uniform from 0 to 1; the patches with the highest stay.
            lead_noise: float [B, T', 12], uniform; a lead stays where it is at least `mask_leads`.

        Returns:
            "loss", the mean over the batch, and "unexplained", it again for each recording, [B].
        """
        patches = self.ecg_encoder.patches
        values = patches.cut(ecg_values.masked_fill(~ecg_mask, 0))  # [B, T', 12, patch]
        measured = patches.cut(ecg_mask.to(values.dtype)) > 0
        steps = values.shape[1]
        real = measured.flatten(2).any(2)
        # A patch without a measured sample, such as padding, is the last to stay, and not attended to if it does.
        order = (time_noise + real).argsort(1, descending=True)
        kept = order[:, : max(1, round(steps * (1 - self.mask_time)))]
        stays = torch.zeros_like(real).scatter(1, kept, True)
        shown = stays[..., None] & (lead_noise >= self.mask_leads)

        tokens = patches.tokens(values * shown[..., None])
        index = kept[..., None].expand(-1, -1, tokens.shape[2])
        inside = real.gather(1, kept)
        inside = inside | ~inside.any(1, keepdim=True)
        seen = self.bridge(self.ecg_encoder.encode_tokens(tokens.gather(1, index), inside))

        index = kept[..., None].expand(-1, -1, seen.shape[2])
        x = self.missing.to(seen.dtype).expand(len(values), steps, -1).scatter(1, index, seen)
        x = x.to(values.dtype) + time_positions(steps, x.shape[2], values)
        for block in self.blocks:
            x = block(x)
        drawn = self.draw(self.norm(x)).unflatten(2, values.shape[2:]).float()
        squared = (drawn - self._standardised(values, measured)).square()
        counted = measured & ~shown[..., None]
        each = (squared * counted).sum((1, 2, 3)) / counted.sum((1, 2, 3)).clamp(min=1)
        return {"loss": each.mean(), "unexplained": each}

    @staticmethod
    def _standardised(values: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
        """Each lead of each recording at mean 0 and standard deviation 1 over its measured samples."""
        count = measured.sum((1, 3), keepdim=True).clamp(min=1)
        centred = values - (values * measured).sum((1, 3), keepdim=True) / count
        spread = ((centred * measured).square().sum((1, 3), keepdim=True) / count).sqrt()
        return centred / spread.clamp(min=LEAST_SPREAD)
