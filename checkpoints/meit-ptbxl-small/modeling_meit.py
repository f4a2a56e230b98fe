"""MEIT: any causal language model reads a 12-lead ECG (arXiv 2403.04945).

`MeitModel` encodes the ECG, adds its slots to the text and runs the decoder; `MeitForCausalLM` adds the decoder's own
head, the loss and generation. The fusion itself is in `prefix_fusion`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.generation import GenerationMode
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_meit import EcgEncoderConfig, MeitConfig
from .ecg_encoder_temporal_conv import TemporalConvEncoder
from .prefix_fusion import (
    Prefix,
    active,
    attach,
    carrying_prefix,
    check_text_mask,
    refuse_foreign_checkpointing,
    slot_layout,
    warn_of_short_window,
)

ECG_ENCODERS: dict[str, Callable[[EcgEncoderConfig], nn.Module]] = {"temporal_conv": TemporalConvEncoder}


def build_ecg_encoder(config: EcgEncoderConfig) -> nn.Module:
    """The encoder `config.kind` names: float [B, 12, T] -> [B, T', hidden_size].

    Raises:
        ValueError: for a kind that is not in `ECG_ENCODERS`.
    """
    if config.kind not in ECG_ENCODERS:
        raise ValueError(f"ECG encoder kind {config.kind!r} is unknown; choose one of {sorted(ECG_ENCODERS)}")
    return ECG_ENCODERS[config.kind](config)


class EcgProjector(nn.Module):
    """Linear, batch norm, ReLU, linear, batch norm (appendix A.3) from pooled features to the heads' dimension."""

    def __init__(self, channels: int, width: int, head_dim: int):
        super().__init__()
        self.hidden = nn.Linear(channels, width)
        self.hidden_norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, head_dim)
        self.out_norm = nn.BatchNorm1d(head_dim)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[B, P, channels] -> [B, P, head_dim]."""
        batch, tokens = features.shape[:2]
        x = self.out_norm(self.out(F.relu(self.hidden_norm(self.hidden(features.flatten(0, 1))))))
        return x.unflatten(0, (batch, tokens))


class MeitPreTrainedModel(PreTrainedModel):
    """What `MeitModel` and `MeitForCausalLM` share: loading, saving, precision and gradient checkpointing."""

    config_class = MeitConfig
    # Not "model": AutoModel on a checkpoint with a head would then read LLaMA's and OPT's own "model." as ours.
    base_model_prefix = "meit"
    supports_gradient_checkpointing = True
    _no_split_modules = ["TemporalConvEncoder", "EcgProjector"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    # Batch statistics and millivolts do not survive 8 bits of mantissa; quantizers read the second of the two names.
    _keep_in_fp32_modules_strict = ["ecg_encoder", "projector"]
    _keep_in_fp32_modules = ["ecg_encoder", "projector"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            super()._init_weights(module)

    def _set_gradient_checkpointing(
        self, enable: bool = True, gradient_checkpointing_func: Callable = checkpoint, **kwargs: Any
    ) -> None:
        super()._set_gradient_checkpointing(
            enable=enable, gradient_checkpointing_func=carrying_prefix(gradient_checkpointing_func), **kwargs
        )


@dataclass
class FusedInputs:
    """Inputs of the decoder with the ECG's slots among them.

    Attributes:
        decoder: keyword arguments of the decoder's forward.
        prefix: what the attention hooks write, None where there is nothing to write.
        text_index: long [B, L], places of the text in the decoder's output; None where it is all text.
    """

    decoder: dict[str, Any]
    prefix: Prefix | None
    text_index: torch.Tensor | None

    def text_only(self, states: torch.Tensor) -> torch.Tensor:
        """[B, P + L, N] -> [B, L, N]."""
        if self.text_index is None:
            return states
        return states.gather(1, self.text_index.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


class MeitModel(MeitPreTrainedModel):
    """The ECG encoder, its projector and the decoder, giving hidden states of the text.

    Args:
        config: of the whole.
        backbone: a causal language model to wrap as it is; None builds one with random weights from
            `config.text_config`.

    Raises:
        ValueError: for a decoder without exactly one self-attention in each layer.
    """

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        if backbone is None:
            self.backbone = AutoModelForCausalLM.from_config(config.text_config)
        else:
            self.backbone = backbone
            for part in (*backbone.modules(), *backbone.parameters(), *backbone.buffers()):
                part._is_hf_initialized = True  # `post_init` draws new weights for whatever lacks this mark
        # First of all, as a decoder without attention has no head dimension to build the projector for.
        attach(self.backbone.base_model, config.text_config.num_hidden_layers)
        self.ecg_encoder = build_ecg_encoder(config.ecg_config)
        self.dropout = nn.Dropout(config.ecg_config.dropout)
        self.projector = EcgProjector(
            self.ecg_encoder.hidden_size, config.ecg_config.projector_width, config.ecg_head_dim
        )
        self._decoder_arguments = frozenset(inspect.signature(self.backbone.base_model.forward).parameters)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The decoder's token embedding."""
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the decoder's token embedding."""
        self.backbone.set_input_embeddings(value)

    def encode_ecg(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor | None = None) -> torch.Tensor:
        """H_e of eq. 3.

        Args:
            ecg_values: float [B, 12, T], millivolts; T as `config.ecg_config` says.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.

        Returns:
            [B, num_ecg_tokens, ecg_head_dim].

        Raises:
            ValueError: for another shape.
        """
        ecg = self.config.ecg_config
        if ecg_values.dim() != 3 or ecg_values.shape[1:] != (len(ecg.leads), ecg.num_samples):
            expected = f"(batch, {len(ecg.leads)}, {ecg.num_samples})"
            raise ValueError(
                f"ecg_values has shape {tuple(ecg_values.shape)}, expected {expected}: "
                f"{ecg.duration:g} s at {ecg.sampling_rate} Hz in millivolts; MeitFeatureExtractor makes it from any "
                "recording"
            )
        weight = self.projector.out.weight
        if ecg_mask is not None:
            if ecg_mask.shape != ecg_values.shape:
                raise ValueError(
                    f"ecg_mask has shape {tuple(ecg_mask.shape)}, expected {tuple(ecg_values.shape)} as ecg_values"
                )
            ecg_mask = ecg_mask.to(device=weight.device, dtype=torch.bool)
        features = self.ecg_encoder(ecg_values.to(device=weight.device, dtype=weight.dtype), ecg_mask)
        pooled = F.adaptive_avg_pool1d(features.transpose(1, 2), self.config.num_ecg_tokens).transpose(1, 2)
        embeds = self.projector(self.dropout(pooled)).float()
        if self.config.ecg_norm != "none":
            embeds = F.normalize(embeds, dim=-1)
        if self.config.ecg_norm == "rms":
            embeds = embeds * self.config.ecg_head_dim**0.5
        return embeds

    def fuse(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        position_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        ecg_embeds: torch.Tensor,
        ecg_in_cache: bool,
    ) -> FusedInputs:
        """Give the slots their places among the text.

        Args:
            input_ids: long [B, L]; or `inputs_embeds`, [B, L, embedding].
            attention_mask: [B, L], in cached steps [B, past text + L]; None means no padding.
            position_ids: [B or 1, L], of the text counted from 0; None leaves them to the decoder.
            inputs_embeds: see `input_ids`.
            ecg_embeds: [B, P, ecg_head_dim].
            ecg_in_cache: the slots' keys and values already stand in the cache, so only mask and positions grow.

        Raises:
            ValueError: for another number of ECGs than of texts.
        """
        slots = ecg_embeds.shape[1]
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        batch, length = inputs_embeds.shape[:2]
        if ecg_embeds.shape[0] != batch:
            raise ValueError(f"{ecg_embeds.shape[0]} ECGs were given for {batch} texts; expected one for each")
        if ecg_in_cache:
            if attention_mask is not None:
                attention_mask = slot_layout(attention_mask, slots)[0]
            if position_ids is not None:
                position_ids = position_ids + slots
            return FusedInputs(self._for_decoder(inputs_embeds, attention_mask, position_ids), None, None)

        text_mask = attention_mask if attention_mask is not None else inputs_embeds.new_ones(batch, length).long()
        full_mask, is_slot, text_index = slot_layout(text_mask, slots)

        def spread(text: torch.Tensor) -> torch.Tensor:
            out = text.new_zeros(batch, slots + length, text.shape[-1])
            return out.scatter(1, text_index.unsqueeze(-1).expand(-1, -1, text.shape[-1]), text)

        if position_ids is not None:
            order = is_slot.long().cumsum(1) - 1
            text_places = spread((position_ids.expand(batch, -1) + slots).unsqueeze(-1)).squeeze(-1)
            position_ids = torch.where(is_slot, order, text_places)
        hidden = self.config.text_config.hidden_size
        states = ecg_embeds.repeat(1, 1, self.config.text_config.num_attention_heads)[..., :hidden]
        slot_order = (is_slot.long().cumsum(1) - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, hidden)
        states = states.to(inputs_embeds.dtype).gather(1, slot_order)
        return FusedInputs(
            self._for_decoder(spread(inputs_embeds), None if attention_mask is None else full_mask, position_ids),
            Prefix(states, is_slot.unsqueeze(-1)),
            text_index,
        )

    def _for_decoder(
        self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor | None, position_ids: torch.Tensor | None
    ) -> dict[str, Any]:
        given = {"inputs_embeds": inputs_embeds, "attention_mask": attention_mask, "position_ids": position_ids}
        return {name: value for name, value in given.items() if name in self._decoder_arguments}

    def run(
        self,
        decoder: Callable,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: Any = None,
        ecg_values: torch.Tensor | None = None,
        ecg_mask: torch.Tensor | None = None,
        ecg_embeds: torch.Tensor | None = None,
        ecg_in_cache: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, FusedInputs]:
        """Call `decoder` (the backbone, or its part below the head) with the ECG among its inputs."""
        text = input_ids if inputs_embeds is None else inputs_embeds
        if text is None:
            raise ValueError("neither input_ids nor inputs_embeds was given; pass one of them")
        if ecg_embeds is None and ecg_values is not None:
            ecg_embeds = self.encode_ecg(ecg_values, ecg_mask)
        # Without an ECG the decoder may take masks of other kinds.
        if isinstance(attention_mask, torch.Tensor) and (ecg_embeds is not None or attention_mask.dim() == 2):
            slots = 0 if ecg_embeds is None else ecg_embeds.shape[1]
            check_text_mask(attention_mask, text.shape[1], past_key_values, slots)
        if ecg_embeds is None:
            own = {"attention_mask": attention_mask, "position_ids": position_ids}
            own = {name: value for name, value in own.items() if name in self._decoder_arguments}
            fused = FusedInputs({"input_ids": input_ids, "inputs_embeds": inputs_embeds, **own}, None, None)
        else:
            if torch.is_grad_enabled():
                refuse_foreign_checkpointing(self.backbone)
            if ecg_in_cache is None:
                ecg_in_cache = past_key_values is not None and past_key_values.get_seq_length() > 0
            fused = self.fuse(input_ids, attention_mask, position_ids, inputs_embeds, ecg_embeds, ecg_in_cache)
            whole = fused.decoder["inputs_embeds"] if attention_mask is None else fused.decoder["attention_mask"]
            warn_of_short_window(self.config.text_config, whole.shape[1])
        own_masks = getattr(self.backbone, "create_masks_for_generate", None)
        if own_masks is not None and getattr(past_key_values, "is_compileable", False):
            # BLOOM wants its mask as long as a static cache; here, as `generate` would make it without the slots.
            embeds = fused.decoder.get("inputs_embeds")
            embeds = self.get_input_embeddings()(input_ids) if embeds is None else embeds
            fused.decoder["attention_mask"] = own_masks(
                config=self.config.text_config,
                inputs_embeds=embeds,
                attention_mask=fused.decoder["attention_mask"],
                past_key_values=past_key_values,
                position_ids=fused.decoder.get("position_ids"),
            )
        with active(fused.prefix):
            outputs = decoder(**fused.decoder, past_key_values=past_key_values, **{**kwargs, "return_dict": True})
        return outputs, fused

    def forward(self, **inputs: Any) -> BaseModelOutputWithPast:
        """Hidden states of the text, [B, L, hidden], the slots cut off; arguments as `MeitForCausalLM.forward`."""
        return_dict = inputs.pop("return_dict", None)
        outputs, fused = self.run(self.backbone.base_model, **inputs)
        hidden_states = outputs.get("hidden_states")
        result = BaseModelOutputWithPast(
            last_hidden_state=fused.text_only(outputs.last_hidden_state),
            past_key_values=outputs.get("past_key_values"),
            hidden_states=hidden_states and tuple(fused.text_only(states) for states in hidden_states),
            attentions=outputs.get("attentions"),
        )
        # PEFT passes None, which means the default.
        return result if return_dict is not False else result.to_tuple()


class MeitForCausalLM(MeitPreTrainedModel, GenerationMixin):
    """A causal language model that reads a 12-lead ECG beside its text. See `MeitModel` for the arguments."""

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        self.meit = MeitModel(config, backbone)
        self.post_init()

    @classmethod
    def from_backbone(
        cls,
        backbone: PreTrainedModel | str | Path,
        ecg_config: EcgEncoderConfig | dict | None = None,
        backbone_kwargs: dict[str, Any] | None = None,
        **config: Any,
    ) -> MeitForCausalLM:
        """Join an ECG encoder with random weights to a language model.

        Args:
            backbone: a causal language model, or the folder or Hub id of one.
            ecg_config: of the encoder; None is the paper's.
            backbone_kwargs: of `AutoModelForCausalLM.from_pretrained`, where `backbone` is a folder or an id.
            **config: further fields of `MeitConfig`.
        """
        if not isinstance(backbone, PreTrainedModel):
            backbone = AutoModelForCausalLM.from_pretrained(backbone, **(backbone_kwargs or {}))
        # A config's attention kind is handed down to its parts when it is made; unsaid, it would unset the backbone's.
        config.setdefault("attn_implementation", backbone.config._attn_implementation)
        model = cls(MeitConfig(text_config=backbone.config, ecg_config=ecg_config, **config), backbone)
        if backbone.generation_config is not None:
            model.generation_config = backbone.generation_config
        return model.train(backbone.training)

    def get_input_embeddings(self) -> nn.Module:
        """The decoder's token embedding."""
        return self.meit.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the decoder's token embedding."""
        self.meit.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The decoder's own head."""
        return self.meit.backbone.get_output_embeddings()

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the decoder's head."""
        self.meit.backbone.set_output_embeddings(value)

    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        ecg_values: torch.Tensor | None = None,
        ecg_mask: torch.Tensor | None = None,
        ecg_embeds: torch.Tensor | None = None,
        ecg_in_cache: bool | None = None,
        labels: torch.LongTensor | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast | tuple:
        """Logits of the text.

        Args:
            input_ids: long [B, L].
            attention_mask: [B, L], 0 for padding; in cached steps [B, past text + L].
            position_ids: [B or 1, L], counted from the first token of the text.
            past_key_values: a cache; it holds the ECG's keys and values too.
            inputs_embeds: [B, L, embedding] in place of `input_ids`.
            ecg_values: float [B, 12, T], millivolts. None is the plain language model.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.
            ecg_embeds: [B, P, ecg_head_dim] in place of `ecg_values`, as `MeitModel.encode_ecg` gives it.
            ecg_in_cache: whether the cache holds the ECG; None means that it does unless it is empty.
            labels: long [B, L], -100 where there is no loss.
            logits_to_keep: how many last positions to score, 0 for all.
            return_dict: False returns a tuple.
            **kwargs: passed to the decoder.

        Returns:
            `CausalLMOutputWithPast` with logits [B, L, vocabulary].
        """
        loss_kwargs = {name: kwargs.pop(name) for name in ("num_items_in_batch",) if name in kwargs}
        # The last position is text in every layout; of several, padding may put slots among them.
        if logits_to_keep == 1:
            kwargs["logits_to_keep"] = 1
        outputs, fused = self.meit.run(
            self.meit.backbone,
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            past_key_values=past_key_values,
            ecg_values=ecg_values,
            ecg_mask=ecg_mask,
            ecg_embeds=ecg_embeds,
            ecg_in_cache=ecg_in_cache,
            **kwargs,
        )
        logits = outputs.logits if logits_to_keep == 1 else fused.text_only(outputs.logits)[:, -logits_to_keep:]
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.text_config.vocab_size, **loss_kwargs
            )
        hidden_states = outputs.get("hidden_states")
        result = CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.get("past_key_values"),
            hidden_states=hidden_states and tuple(fused.text_only(states) for states in hidden_states),
            attentions=outputs.get("attentions"),
        )
        return result if return_dict is not False else result.to_tuple()

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.LongTensor,
        next_sequence_length: int | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As any decoder's; says beside it whether the ECG stands in the cache.

        "The cache is not empty" and not "this is the first step": a chunked prefill has several first steps.
        """
        ecg_embeds = kwargs.get("ecg_embeds")
        if ecg_embeds is not None:
            in_cache = past_key_values is not None and int(past_key_values.get_seq_length()) > 0
            kwargs["ecg_in_cache"] = in_cache
            if in_cache and kwargs.get("is_first_iteration") and next_sequence_length is not None:
                # Going on from an earlier call's cache: `generate` took its slots for text that it holds.
                next_sequence_length += ecg_embeds.shape[1]
        return super().prepare_inputs_for_generation(
            input_ids,
            next_sequence_length=next_sequence_length,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )

    @staticmethod
    def create_masks_for_generate(attention_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor | None:
        """The mask as it is: the decoder makes its own 4-D mask of it once the slots are in."""
        return attention_mask

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict, generation_mode: Any, batch_size: int, max_cache_length: int
    ) -> Any:
        if model_kwargs.get("ecg_embeds") is not None:
            if generation_mode == GenerationMode.ASSISTED_GENERATION:
                raise ValueError("assisted and prompt-lookup decoding are not supported with an ECG; leave them out")
            if generation_config.prefill_chunk_size is not None:
                self._check_chunked_prefill(generation_config.prefill_chunk_size, model_kwargs)
            max_cache_length += self.config.num_ecg_tokens
        return super()._prepare_cache_for_generation(
            generation_config, model_kwargs, generation_mode, batch_size, max_cache_length
        )

    @staticmethod
    def _check_chunked_prefill(chunk_size: int, model_kwargs: dict) -> None:
        past_key_values = model_kwargs.get("past_key_values")
        if past_key_values is not None and int(past_key_values.get_seq_length()) > 0:
            raise ValueError("prefill_chunk_size is not supported with an ECG on a cache in use; leave it out")
        mask = model_kwargs.get("attention_mask")
        padding = 0 if mask is None else int((mask.cumsum(1) == 0).sum(1).max())
        if padding >= chunk_size:
            # The ECG enters with the first chunk, and its place is after the padding.
            raise ValueError(
                f"prefill_chunk_size is {chunk_size} and a text has {padding} places of left padding; with an ECG the "
                "first chunk must reach every text: choose a larger one, or texts of similar lengths"
            )

    @torch.no_grad()
    def generate(
        self,
        inputs: torch.Tensor | None = None,
        ecg_values: torch.Tensor | None = None,
        ecg_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """`GenerationMixin.generate` with an ECG, which is encoded once.

        Args:
            inputs: long [B, L], or `input_ids` among the further arguments.
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured.
            **kwargs: of `GenerationMixin.generate`.

        Raises:
            ValueError: for assisted or prompt-lookup decoding with an ECG, whose caches are cut by the text's length,
                and for a chunked prefill whose first chunk is all padding in a row, or that goes on from a cache.
        """
        if ecg_values is not None:
            kwargs["ecg_embeds"] = self.meit.encode_ecg(ecg_values, ecg_mask)
        return super().generate(inputs, **kwargs)


MeitModel.register_for_auto_class("AutoModel")
MeitForCausalLM.register_for_auto_class("AutoModelForCausalLM")
