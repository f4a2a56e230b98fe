"""`MeitConfig`: a language model's configuration joined to an ECG encoder's."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .feature_extraction_meit import STANDARD_LEADS

# "paper" is the encoder of MEIT (arXiv 2403.04945, appendix A.3): a 1-D ResNet-50 without max-pooling, 10 s at 500 Hz.
# "small" is for 100 Hz on a CPU: it halves the time axis at every stage, so that most work is done on short sequences.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "sampling_rate": 500,
        "stem_width": 64,
        "stem_kernel": 7,
        "stem_stride": 2,
        "depths": [3, 4, 6, 3],
        "widths": [64, 128, 256, 512],
        "strides": [1, 2, 2, 2],
        "expansion": 4,
        "kernel_size": 3,
        "projector_width": 2048,
        "dropout": 0.0,
        "drop_path": 0.0,
    },
    "small": {
        "sampling_rate": 100,
        "stem_width": 64,
        "stem_kernel": 7,
        "stem_stride": 2,
        "depths": [2, 3, 4, 3],
        "widths": [64, 96, 160, 256],
        "strides": [2, 2, 2, 2],
        "expansion": 2,
        "kernel_size": 7,
        "projector_width": 512,
        "dropout": 0.2,
        "drop_path": 0.1,
    },
}
FUSIONS = ("prefix",)
ECG_NORMS = ("none", "l2", "rms")


class EcgEncoderConfig(PreTrainedConfig):
    """Shape of the ECG encoder and of the recordings it reads.

    Every field left at None takes the value of `preset`; the resolved values are what is saved.

    Args:
        kind: the encoder; "temporal_conv" is the paper's.
        preset: "paper" or "small".
        sampling_rate: of the recordings, in Hz.
        duration: of the recordings, in seconds.
        leads: names of the leads, in the order of the rows.
        stem_width, stem_kernel, stem_stride: the first convolution.
        depths, widths, strides: residual blocks, bottleneck width and stride of each stage.
        expansion: output channels of a block over its bottleneck width.
        kernel_size: of the convolution inside each bottleneck.
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
    projector_width: Any = None
    dropout: Any = None
    drop_path: Any = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset {self.preset!r} of the ECG encoder is unknown; choose one of {sorted(PRESETS)}")
        for name, value in PRESETS[self.preset].items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        if self.leads is None:
            self.leads = list(STANDARD_LEADS)
        super().__post_init__(**kwargs)

    @property
    def num_samples(self) -> int:
        """Samples a lead of one recording: `sampling_rate` times `duration`."""
        return round(self.sampling_rate * self.duration)


class MeitConfig(PreTrainedConfig):
    """Configuration of `MeitForCausalLM`.

    Args:
        text_config: of the decoder, any architecture `AutoModelForCausalLM` knows.
        ecg_config: of the ECG encoder.
        num_ecg_tokens: keys and values the ECG adds to each layer. 1 is the paper's; more keep the order of time.
        fusion: how the ECG reaches the decoder; "prefix" is the paper's (eq. 3-5).
        ecg_norm: scale of the ECG embedding: "none"; "l2", unit length as in the released code; "rms", unit root
            mean square, the scale of a decoder's normalised hidden states.
    """

    model_type: ClassVar[str] = "meit"
    sub_configs_defaults: ClassVar[dict[str, SubConfigSpec]] = {
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama"),
        "ecg_config": SubConfigSpec(config_class=EcgEncoderConfig),
    }

    text_config: Any = None
    ecg_config: Any = None
    num_ecg_tokens: int = 1
    fusion: str = "prefix"
    ecg_norm: str = "none"
    tie_word_embeddings: bool = False  # the decoder ties its own; tying again from outside would look for other names

    def __post_init__(self, **kwargs: Any) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion {self.fusion!r} is unknown; choose one of {list(FUSIONS)}")
        if self.ecg_norm not in ECG_NORMS:
            raise ValueError(f"ecg_norm {self.ecg_norm!r} is unknown; choose one of {list(ECG_NORMS)}")
        if self.num_ecg_tokens < 1:
            raise ValueError(f"num_ecg_tokens is {self.num_ecg_tokens}; the ECG needs at least 1")
        super().__post_init__(**kwargs)
        # Saving a model adds only its own class; the folder is to open through every Auto class.
        self.auto_map = {
            "AutoConfig": "configuration_meit.MeitConfig",
            "AutoModel": "modeling_meit.MeitModel",
            "AutoModelForCausalLM": "modeling_meit.MeitForCausalLM",
            **(getattr(self, "auto_map", None) or {}),
        }

    @property
    def ecg_head_dim(self) -> int:
        """D_h: numbers in one ECG token, the decoder's hidden size over its attention heads, rounded up."""
        text = self.text_config
        return -(-text.hidden_size // text.num_attention_heads)


MeitConfig.register_for_auto_class()
