"""From a recording to the ECG's tokens: what every MEIT model shares below its language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers import initialization as init

from .configuration_meit import MeitConfig
from .ecg_encoder_parts import measured_lengths
from .ecg_encoders import build_ecg_encoder
from .fusion_state import carrying_ecg


class EcgProjector(nn.Module):
    """Linear, batch norm, ReLU, linear, batch norm (appendix A.3) from pooled features to the width of an ECG token."""

    def __init__(self, channels: int, hidden_width: int, width: int):
        super().__init__()
        self.hidden = nn.Linear(channels, hidden_width)
        self.hidden_norm = nn.BatchNorm1d(hidden_width)
        self.out = nn.Linear(hidden_width, width)
        self.out_norm = nn.BatchNorm1d(width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[B, P, channels] -> [B, P, width]."""
        batch, tokens = features.shape[:2]
        x = self.out_norm(self.out(F.relu(self.hidden_norm(self.hidden(features.flatten(0, 1))))))
        return x.unflatten(0, (batch, tokens))


def pool_over_time(
    features: torch.Tensor, tokens: int, ecg_mask: torch.Tensor | None, samples_per_feature: int | None = None
) -> torch.Tensor:
    """Mean of each of `tokens` equal stretches of a recording, without the padding after its end.

    Args:
        features: [B, T', channels], each of an equal share of the samples.
        tokens: P. Where the features do not divide by P, stretches overlap as in `adaptive_avg_pool1d`.
        ecg_mask: bool [B, 12, T], True where measured; None means that every recording fills its row.
        samples_per_feature: where the encoder says so, samples from one feature to the next; T / T' otherwise.

    Returns:
        [B, P, channels].
    """
    if ecg_mask is None:
        return F.adaptive_avg_pool1d(features.transpose(1, 2), tokens).transpose(1, 2)
    steps = features.shape[1]
    # Of a recording with nothing measured the whole row counts: its average is that of zeros, and not 0 / 0.
    samples = measured_lengths(ecg_mask)
    if samples_per_feature is None:
        filled = -(-samples * steps // ecg_mask.shape[-1])
    else:
        filled = -(-samples // samples_per_feature)
    lengths = torch.where(samples > 0, filled, steps)[:, None, None]
    token = torch.arange(tokens, device=features.device)[None, :, None]
    place = torch.arange(steps, device=features.device)[None, None, :]
    inside = (place >= token * lengths // tokens) & (place < -(-(token + 1) * lengths // tokens))
    weights = inside.to(features.dtype)
    return (weights / weights.sum(-1, keepdim=True)) @ features


class MeitPreTrainedModel(PreTrainedModel):
    """What all MEIT models share: the ECG's part, loading, saving, precision and gradient checkpointing."""

    config_class = MeitConfig
    # Not "model": AutoModel on a checkpoint with a head would then read LLaMA's and OPT's own "model." as ours.
    base_model_prefix = "meit"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    # Batch statistics and millivolts do not survive 8 bits of mantissa. Quantizers read the second of the two names and
    # match it from the start of a module's whole name; what they would round could not be trained whole under LoRA.
    _keep_in_fp32_modules_strict = ["ecg_encoder", "projector"]
    _keep_in_fp32_modules = ["ecg_encoder", "projector", "meit.ecg_encoder", "meit.projector", "meit.cross_attention"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            super()._init_weights(module)
        if hasattr(module, "init_own_weights"):  # a part of an ECG encoder; those within it have been started
            module.init_own_weights()

    def _set_gradient_checkpointing(
        self, enable: bool = True, gradient_checkpointing_func: Callable = checkpoint, **kwargs: Any
    ) -> None:
        super()._set_gradient_checkpointing(
            enable=enable, gradient_checkpointing_func=carrying_ecg(gradient_checkpointing_func), **kwargs
        )

    def _add_ecg_parts(self, width: int) -> None:
        """Make encoder and projector for ECG tokens of `width` numbers."""
        ecg = self.config.ecg_config
        self.ecg_encoder = build_ecg_encoder(ecg)
        self.dropout = nn.Dropout(ecg.dropout)
        self.projector = EcgProjector(self.ecg_encoder.hidden_size, ecg.projector_width, width)
        # A part of a residual block on another device than the rest would leave its shortcut behind.
        self._no_split_modules = [type(self.ecg_encoder).__name__, "EcgProjector"]

    def encode_ecg(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None = None) -> torch.Tensor:
        """H_e of eq. 3.

        Args:
            ecg_values: float [B, 12, T], millivolts; T as `config.ecg_config` says. Or [B, N, 12, T], N ECGs a text.
            ecg_mask: bool, as `ecg_values`, True where measured; None means all of it. What follows the last sample
                measured in any lead is padding and changes nothing.

        Returns:
            [B, P, D], P = num_ecg_tokens (times N), D as the fusion needs it: the dimension of a head for "prefix".

        Raises:
            ValueError: for another shape.
        """
        if ecg_values.dim() == 4:
            mask = None if ecg_mask is None else ecg_mask.flatten(0, 1)
            embeds = self.encode_ecg(ecg_values.flatten(0, 1), mask)
            return embeds.reshape(len(ecg_values), -1, embeds.shape[-1])
        ecg = self.config.ecg_config
        if ecg_values.dim() != 3 or ecg_values.shape[1:] != (len(ecg.leads), ecg.num_samples):
            expected = f"(batch, {len(ecg.leads)}, {ecg.num_samples})"
            raise ValueError(
                f"ecg_values has shape {tuple(ecg_values.shape)}, expected {expected}: "
                f"{ecg.duration:g} s at {ecg.sampling_rate} Hz in millivolts; MeitFeatureExtractor makes it from any "
                "recording"
            )
        weight = self.projector.out.weight
        # Weights offloaded to disk stand on "meta" until their module is called, which then fetches its inputs too.
        device = ecg_values.device if weight.device.type == "meta" else weight.device
        if ecg_mask is not None:
            if ecg_mask.shape != ecg_values.shape:
                raise ValueError(
                    f"ecg_mask has shape {tuple(ecg_mask.shape)}, expected {tuple(ecg_values.shape)} as ecg_values"
                )
            ecg_mask = ecg_mask.to(device=device, dtype=torch.bool)
        features = self.ecg_encoder(ecg_values.to(device=device, dtype=weight.dtype), ecg_mask)
        samples_per_feature = getattr(self.ecg_encoder, "samples_per_feature", None)
        pooled = pool_over_time(features, self.config.num_ecg_tokens, ecg_mask, samples_per_feature)
        embeds = self.projector(self.dropout(pooled)).float()
        if self.config.ecg_norm != "none":
            embeds = F.normalize(embeds, dim=-1)
        if self.config.ecg_norm == "rms":
            embeds = embeds * embeds.shape[-1] ** 0.5
        return embeds
