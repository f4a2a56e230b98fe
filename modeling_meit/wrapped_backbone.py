"""A language model of transformers inside a MEIT model: the same for decoders and encoder-decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from torch import nn
from transformers import PreTrainedModel

from .configuration_ecg_encoder import EcgEncoderConfig
from .configuration_meit import MeitConfig
from .ecg_embedding import MeitPreTrainedModel

Whole = TypeVar("Whole", bound="MeitWithHead")


class MeitBody(MeitPreTrainedModel):
    """A MEIT model without a head of its own: `backbone` beside the ECG's parts.

    Attributes:
        backbone_class: the Auto class that makes and opens the backbone.
        backbone: a whole language model, its head included.
    """

    backbone_class: Any

    def _wrap(self, backbone: PreTrainedModel | None) -> None:
        """Hold `backbone` as it is; None makes one with random weights from `config.text_config`."""
        if backbone is None:
            self.backbone = self.backbone_class.from_config(self.config.text_config)
            return
        self.backbone = backbone
        for part in (*backbone.modules(), *backbone.parameters(), *backbone.buffers()):
            part._is_hf_initialized = True  # `post_init` draws new weights for whatever lacks this mark

    def get_input_embeddings(self) -> nn.Module:
        """The backbone's token embedding."""
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the backbone's token embedding."""
        self.backbone.set_input_embeddings(value)


class MeitWithHead(MeitPreTrainedModel):
    """A MEIT model that writes: `meit`, whose backbone's own head gives the logits.

    Attributes:
        body_class: of `meit`.
    """

    body_class: type[MeitBody]

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        self.meit = self.body_class(config, backbone)
        self.post_init()

    @classmethod
    def from_backbone(
        cls: type[Whole],
        backbone: PreTrainedModel | str | Path,
        ecg_config: EcgEncoderConfig | dict | None = None,
        backbone_kwargs: dict[str, Any] | None = None,
        **config: Any,
    ) -> Whole:
        """Join an ECG encoder with random weights to a language model.

        Args:
            backbone: a language model, or the folder or Hub id of one.
            ecg_config: of the encoder; None is the paper's.
            backbone_kwargs: of its Auto class's `from_pretrained`, where `backbone` is a folder or an id.
            **config: further fields of `MeitConfig`.

        Raises:
            ValueError: for a language model the ECG cannot be brought to.
        """
        if not isinstance(backbone, PreTrainedModel):
            backbone = cls.body_class.backbone_class.from_pretrained(backbone, **(backbone_kwargs or {}))
        # A config's attention kind is handed down to its parts when it is made; unsaid, it would unset the backbone's.
        config.setdefault("attn_implementation", backbone.config._attn_implementation)
        model = cls(MeitConfig(text_config=backbone.config, ecg_config=ecg_config, **config), backbone)
        model._join(backbone)
        if backbone.generation_config is not None:
            model.generation_config = backbone.generation_config
        return model.train(backbone.training)

    def _join(self, backbone: PreTrainedModel) -> None:
        """Stand where `backbone` stands, and be quantised as it is: PEFT, trainer and saving ask the whole model."""
        if Path(backbone.config._name_or_path).is_dir():
            backbone.config._name_or_path = ""  # config.json is published: no place on this machine's disk
        device = backbone.get_input_embeddings().weight.device
        if device.type != "meta":  # offloaded weights show no device
            for name, part in self.get_submodule(self.base_model_prefix).named_children():
                if name != "backbone":
                    part.to(device)
        quantizer = getattr(backbone, "hf_quantizer", None)
        if quantizer is not None:
            self.hf_quantizer = quantizer
            self.config.quantization_config = backbone.config.quantization_config
            del self.config.text_config.quantization_config
            for flag in ("is_quantized", "is_loaded_in_4bit", "is_loaded_in_8bit", "quantization_method"):
                if hasattr(backbone, flag):
                    setattr(self, flag, getattr(backbone, flag))

    def get_input_embeddings(self) -> nn.Module:
        """The backbone's token embedding."""
        return self.meit.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the backbone's token embedding."""
        self.meit.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The backbone's own head."""
        return self.meit.backbone.get_output_embeddings()

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the backbone's head."""
        self.meit.backbone.set_output_embeddings(value)
