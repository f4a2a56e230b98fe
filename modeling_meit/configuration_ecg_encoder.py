"""`EcgEncoderConfig`: the shape of an ECG encoder and of the recordings it reads."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from .feature_extraction_meit import STANDARD_LEADS

# What holds for every kind: "paper" is MEIT's input, 10 s at 500 Hz (arXiv 2403.04945); "small" is for 100 Hz on a CPU.
COMMON: dict[str, dict[str, Any]] = {
    "paper": {"sampling_rate": 500, "projector_width": 2048, "dropout": 0.0, "drop_path": 0.0},
    "small": {"sampling_rate": 100, "projector_width": 512, "dropout": 0.2, "drop_path": 0.1},
}

# kind -> preset -> its fields beside those of COMMON
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "temporal_conv": {
        # MEIT's encoder (appendix A.3): a 1-D ResNet-50 without max-pooling.
        "paper": {
            "stem_width": 64,
            "stem_kernel": 7,
            "stem_stride": 2,
            "depths": [3, 4, 6, 3],
            "widths": [64, 128, 256, 512],
            "strides": [1, 2, 2, 2],
            "expansion": 4,
            "kernel_size": 3,
        },
        # Halves the time axis at every stage, so that most work is done on short sequences.
        "small": {
            "stem_width": 64,
            "stem_kernel": 7,
            "stem_stride": 2,
            "depths": [2, 3, 4, 3],
            "widths": [64, 96, 160, 256],
            "strides": [2, 2, 2, 2],
            "expansion": 2,
            "kernel_size": 7,
        },
    },
    "vit": {
        # ViT-B (Dosovitskiy et al., 2021) on patches of 75 samples, as ST-MEM's: the 86M of appendix A.3.
        "paper": {"patch_size": 75, "hidden_size": 768, "num_layers": 12, "num_heads": 12, "mlp_ratio": 4},
        "small": {"patch_size": 20, "hidden_size": 192, "num_layers": 8, "num_heads": 3, "mlp_ratio": 4},
    },
    "vision_mamba": {
        # Vim-B (Zhu et al., 2024), which has 98M with ImageNet's head and positions: the 98M of appendix A.3.
        "paper": {
            "patch_size": 75,
            "hidden_size": 768,
            "num_layers": 24,
            "expansion": 2,
            "state_size": 16,
            "kernel_size": 4,
        },
        "small": {
            "patch_size": 20,
            "hidden_size": 192,
            "num_layers": 4,
            "expansion": 2,
            "state_size": 4,
            "kernel_size": 4,
        },
    },
}


class EcgEncoderConfig(PreTrainedConfig):
    """Shape of the ECG encoder and of the recordings it reads.

    Every field left at None takes the value `preset` has for `kind`, where it has one; the resolved values are what is
    saved. A field that the kind does not use stays None.

    Args:
        kind: the encoder: "temporal_conv" (the paper's), "vit", "vision_mamba", or one that was registered.
        preset: "paper" or "small".
        sampling_rate: of the recordings, in Hz.
        duration: of the recordings, in seconds.
        leads: names of the leads, in the order of the rows.
        stem_width, stem_kernel, stem_stride: temporal_conv: the first convolution.
        depths, widths, strides: temporal_conv: residual blocks, bottleneck width and stride of each stage.
        expansion: temporal_conv: output channels of a block over its bottleneck width; vision_mamba: channels that are
            scanned over `hidden_size`.
        kernel_size: temporal_conv: of the convolution inside each bottleneck; vision_mamba: of the causal convolution
            before each scan.
        patch_size: vit, vision_mamba: samples of all leads that make one token.
        hidden_size: vit, vision_mamba: numbers in a token.
        num_layers: vit, vision_mamba: blocks.
        num_heads: vit: attention heads.
        mlp_ratio: vit: hidden width of a block's perceptron over `hidden_size`.
        state_size: vision_mamba: state variables of each scanned channel.
        extra: settings of a registered encoder, whatever it needs that JSON can hold.
        projector_width: hidden width of the projector.
        dropout: on the pooled features, in training.
        drop_path: probability of skipping the last residual block (earlier ones less, linearly), in training.
    """

    model_type: ClassVar[str] = "meit_ecg_encoder"
    base_config_key: ClassVar[str] = "ecg_config"

    kind: str = "temporal_conv"
    preset: str = "paper"
    duration: float = 10.0
    leads: Any = None
    # None until `__post_init__`, which no annotation can say.
    sampling_rate: Any = None
    stem_width: Any = None
    stem_kernel: Any = None
    stem_stride: Any = None
    depths: Any = None
    widths: Any = None
    strides: Any = None
    expansion: Any = None
    kernel_size: Any = None
    patch_size: Any = None
    hidden_size: Any = None
    num_layers: Any = None
    num_heads: Any = None
    mlp_ratio: Any = None
    state_size: Any = None
    extra: Any = None
    projector_width: Any = None
    dropout: Any = None
    drop_path: Any = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.preset not in COMMON:
            raise ValueError(f"preset {self.preset!r} of the ECG encoder is unknown; choose one of {sorted(COMMON)}")
        # A kind without presets is one that was registered, or nothing: `build_ecg_encoder` finds out.
        for name, value in {**COMMON[self.preset], **PRESETS.get(self.kind, {}).get(self.preset, {})}.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        if self.leads is None:
            self.leads = list(STANDARD_LEADS)
        super().__post_init__(**kwargs)

    @property
    def num_samples(self) -> int:
        """Samples a lead of one recording: `sampling_rate` times `duration`."""
        return round(self.sampling_rate * self.duration)
