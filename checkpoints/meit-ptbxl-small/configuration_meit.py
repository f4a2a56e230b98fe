"""`MeitConfig`: a language model's configuration joined to an ECG encoder's."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .configuration_ecg_encoder import EcgEncoderConfig
from .pipeline_meit import custom_pipelines

FUSIONS = ("prefix", "input_tokens", "cross_attention")
ECG_NORMS = ("none", "l2", "rms")
_DECODER_CLASSES = {
    "AutoModel": "modeling_meit.MeitModel",
    "AutoModelForCausalLM": "modeling_meit.MeitForCausalLM",
}
_ENCODER_DECODER_CLASSES = {"AutoModelForSeq2SeqLM": "modeling_meit_seq2seq.MeitForConditionalGeneration"}

_TEXT = "a text"
_SHARE = "a number from 0 to 1"
_INTERVAL = "a dict of value, low and high, numbers from 0 to 1"
_COUNT = "a positive whole number"
_FLAG = "true or false"
_SHARES = "a dict of name and share, numbers from 0 to 1 that add up to 1"
#: What `MeitConfig.abstention` holds, and of which kind it is.
ABSTENTION_FIELDS = {
    "confidence": _TEXT,  # which confidence the threshold is of
    "threshold": _SHARE,  # the model abstains from a report of less confidence
    "error": _TEXT,  # whose mean among the answered is held down
    "target": _SHARE,  # to at most this
    "chance": _SHARE,  # that the mean lies above the target nevertheless
    "share_answered": _INTERVAL,  # measured on patients it was not chosen on, as are all below
    "error_answered": _INTERVAL,
    "data": _TEXT,
    "split": _TEXT,
    "text_column": _TEXT,  # the reference
    "language_told": _FLAG,  # whether the prompts named the language of the row's own report
    "languages": _SHARES,  # of the rows' reports, of those it was chosen on, too
    "dtype": _TEXT,  # of the weights while generating
    "rows": _COUNT,
    "patients": _COUNT,
}


class MeitConfig(PreTrainedConfig):
    """Configuration of `MeitForCausalLM`, and of `MeitForConditionalGeneration` where the text's is encoder-decoder.

    Args:
        text_config: of the decoder, any architecture `AutoModelForCausalLM` knows; or of an encoder-decoder.
        ecg_config: of the ECG encoder.
        num_ecg_tokens: keys and values the ECG adds to each layer. 1 is the paper's; more keep the order of time.
        fusion: how the ECG reaches the decoder. "prefix": as keys and values of the attention layers (MEIT, eq. 3-5);
            "input_tokens": as tokens before the text (LLaVA); "cross_attention": through gated cross-attention before
            the layers (Flamingo). The latter two are the rivals of the paper's table 5.
        ecg_layers: the decoder layers the ECG reaches, counted from 0; None is each. Not for "input_tokens".
        ecg_norm: scale of the ECG embedding: "none"; "l2", unit length as in the released code; "rms", unit root
            mean square, the scale of a decoder's normalised hidden states.
        ecg_token_id: the placeholder that stands, `num_ecg_tokens` times for each ECG, where a text holds several;
            None for models of one ECG a text. `MeitProcessor.ecg_token_id` gives it; it needs no embedding.
        abstention: the confidence below which the model had better not answer, and how it was chosen; None where none
            was. The fields are in `ABSTENTION_FIELDS`; `meit eval calibration --store` writes them.
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
    ecg_layers: Any = None
    ecg_norm: str = "none"
    ecg_token_id: Any = None
    abstention: Any = None
    tie_word_embeddings: bool = False  # the decoder ties its own; tying again from outside would look for other names

    def __post_init__(self, **kwargs: Any) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion {self.fusion!r} is unknown; choose one of {list(FUSIONS)}")
        if self.ecg_norm not in ECG_NORMS:
            raise ValueError(f"ecg_norm {self.ecg_norm!r} is unknown; choose one of {list(ECG_NORMS)}")
        if self.num_ecg_tokens < 1:
            raise ValueError(f"num_ecg_tokens is {self.num_ecg_tokens}; the ECG needs at least 1")
        if self.ecg_layers is not None:
            self._check_ecg_layers()
        if self.abstention is not None:
            _check_abstention(self.abstention)
        super().__post_init__(**kwargs)
        self.is_encoder_decoder = self.text_config.is_encoder_decoder
        # Saving a model adds only its own class; the folder is to open through every Auto class that fits it.
        models = _ENCODER_DECODER_CLASSES if self.is_encoder_decoder else _DECODER_CLASSES
        self.auto_map = {
            "AutoConfig": "configuration_meit.MeitConfig",
            **models,
            **(getattr(self, "auto_map", None) or {}),
        }
        head = next(name for name in models if name != "AutoModel")
        self.custom_pipelines = {**custom_pipelines(head), **(getattr(self, "custom_pipelines", None) or {})}

    def _check_ecg_layers(self) -> None:
        layers = self.ecg_layers
        if self.fusion == "input_tokens":
            raise ValueError("ecg_layers is not for fusion input_tokens, whose ECG passes through every layer")
        if (
            not isinstance(layers, (list, tuple))
            or not layers
            or not all(isinstance(x, int) and x >= 0 for x in layers)
        ):
            raise ValueError(f"ecg_layers is {layers!r}, expected a list of layers counted from 0, or None for each")
        self.ecg_layers = sorted(set(layers))

    @property
    def ecg_head_dim(self) -> int:
        """D_h: numbers in one ECG token, the decoder's hidden size over its attention heads, rounded up."""
        text = self.text_config
        return -(-text.hidden_size // text.num_attention_heads)


def _check_abstention(abstention: Any) -> None:
    if not isinstance(abstention, dict) or set(abstention) != set(ABSTENTION_FIELDS):
        given = list(abstention) if isinstance(abstention, dict) else abstention
        raise ValueError(f"abstention is {given!r}, expected None or a dict of {list(ABSTENTION_FIELDS)}")
    for name, kind in ABSTENTION_FIELDS.items():
        if not _KINDS[kind](abstention[name]):
            raise ValueError(f"abstention[{name!r}] is {abstention[name]!r}, expected {kind}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_interval(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"value", "low", "high"} and all(map(_is_share, value.values()))


_KINDS = {
    _TEXT: lambda value: isinstance(value, str) and value != "",
    _SHARE: _is_share,
    _INTERVAL: _is_interval,
    _FLAG: lambda value: isinstance(value, bool),
    _SHARES: lambda value: (
        isinstance(value, dict) and all(map(_is_share, value.values())) and abs(sum(value.values()) - 1) < 1e-6
    ),
    _COUNT: lambda value: _is_number(value) and value > 0 and float(value).is_integer(),
}


MeitConfig.register_for_auto_class()
