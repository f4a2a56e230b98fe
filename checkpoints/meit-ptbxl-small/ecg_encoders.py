"""The ECG encoders by name, and how to add one."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .configuration_ecg_encoder import EcgEncoderConfig
from .ecg_encoder_temporal_conv import TemporalConvEncoder
from .ecg_encoder_vision_mamba import VisionMambaEncoder
from .ecg_encoder_vit import VitEncoder

EcgEncoderFactory = Callable[[EcgEncoderConfig], nn.Module]

ECG_ENCODERS: dict[str, EcgEncoderFactory] = {
    "temporal_conv": TemporalConvEncoder,
    "vit": VitEncoder,
    "vision_mamba": VisionMambaEncoder,
}
_OWN = frozenset(ECG_ENCODERS)


def register_ecg_encoder(kind: str, factory: EcgEncoderFactory) -> None:
    """Make `EcgEncoderConfig(kind=kind)` mean an encoder of your own.

    Register in every process that builds or loads such a model, before it does. Registering a kind again replaces it.

    Args:
        kind: its name in the configuration.
        factory: called with the configuration, of which `extra` is yours to fill, returns an `nn.Module`:
            an attribute `hidden_size` (int), and `forward(ecg_values, ecg_mask)` with float [B, 12, T] in millivolts
            and bool [B, 12, T] (True where measured) or None -> [B, T', hidden_size], the T' features in the order of
            time, each of an equal share of the T samples, or of `samples_per_feature` samples where it has that
            attribute. What follows the last sample measured in any lead must not change the features before it. A
            submodule that holds weights itself may have `init_own_weights()`, called where a model has none for it.

    Raises:
        ValueError: for the name of an encoder of this package, a name that is no text, or what cannot be called.
    """
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"an ECG encoder cannot be registered as {kind!r}; give it a name")
    if kind in _OWN:
        raise ValueError(f"ECG encoder kind {kind!r} is this package's own; register yours under another name")
    if not callable(factory):
        raise ValueError(
            f"the factory of ECG encoder {kind!r} is a {type(factory).__name__}, expected a function of the "
            "configuration that returns an nn.Module"
        )
    ECG_ENCODERS[kind] = factory


def build_ecg_encoder(config: EcgEncoderConfig) -> nn.Module:
    """The encoder `config.kind` names: float [B, 12, T] -> [B, T', hidden_size].

    Raises:
        ValueError: for a kind that is neither of this package nor registered, or whose factory returns something else.
    """
    if config.kind not in ECG_ENCODERS:
        raise ValueError(
            f"ECG encoder kind {config.kind!r} is unknown; choose one of {sorted(ECG_ENCODERS)}, or call "
            f"register_ecg_encoder({config.kind!r}, factory) of {__name__} first, in every process that builds or "
            "loads such a model"
        )
    encoder = ECG_ENCODERS[config.kind](config)
    if not isinstance(encoder, nn.Module):
        raise ValueError(
            f"the factory of ECG encoder {config.kind!r} returned a {type(encoder).__name__}, expected an nn.Module"
        )
    width = getattr(encoder, "hidden_size", None)
    if not isinstance(width, int) or width < 1:
        raise ValueError(
            f"ECG encoder {config.kind!r} has hidden_size {width!r}, expected the number of its features' channels"
        )
    return encoder
