"""A tiny encoder of each kind, 10 s at 100 Hz."""

from __future__ import annotations

from typing import Any

from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from tests.tiny import tiny_ecg_config

_TOKENS = {"patch_size": 25, "hidden_size": 16, "num_layers": 2}
TINY_ENCODERS: dict[str, dict[str, Any]] = {
    "temporal_conv": {},
    "vit": {**_TOKENS, "num_heads": 2, "mlp_ratio": 2},
    "vision_mamba": {**_TOKENS, "expansion": 2, "state_size": 3, "kernel_size": 4},
}


def tiny_encoder_config(kind: str, **changes: Any) -> EcgEncoderConfig:
    """The configuration of a tiny encoder of this kind, without dropout.

    Args:
        kind: a key of `TINY_ENCODERS`.
        **changes: further fields.
    """
    return tiny_ecg_config(kind=kind, **{**TINY_ENCODERS[kind], **changes})
