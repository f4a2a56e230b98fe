"""MEIT: any causal language model reads a 12-lead ECG (arXiv 2403.04945).

`MeitModel` encodes the ECG, brings it to the text and runs the decoder; `MeitForCausalLM` adds the decoder's own head
and the loss. How the ECG reaches the decoder is in `prefix_fusion` and `alternative_fusions`, generation in
`generation_meit`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .alternative_fusions import CrossAttentionFusion, InputTokenFusion
from .configuration_meit import MeitConfig
from .fused_inputs import FusedInputs, fuse
from .fusion_state import Fusion, active, refuse_foreign_checkpointing
from .generation_meit import EcgGenerationMixin
from .prefix_fusion import PrefixFusion
from .slot_layout import check_text_mask, warn_of_short_window
from .wrapped_backbone import MeitBody, MeitWithHead

FUSION_KINDS: dict[str, Callable[[MeitConfig, PreTrainedModel], Fusion]] = {
    "prefix": PrefixFusion,
    "input_tokens": InputTokenFusion,
    "cross_attention": CrossAttentionFusion,
}


class MeitModel(MeitBody):
    """The ECG encoder, its projector and the decoder, giving hidden states of the text.

    Args:
        config: of the whole.
        backbone: a causal language model to wrap as it is; None builds one with random weights from
            `config.text_config`.

    Raises:
        ValueError: for an encoder-decoder, or a decoder without exactly one self-attention in each layer.
    """

    backbone_class = AutoModelForCausalLM

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        if config.text_config.is_encoder_decoder:
            raise ValueError(
                f"{config.text_config.model_type} is an encoder-decoder, which neither MeitForCausalLM nor "
                "AutoModelForCausalLM opens; take MeitForConditionalGeneration or AutoModelForSeq2SeqLM"
            )
        self._wrap(backbone)
        self.fusion = FUSION_KINDS[config.fusion](config, self.backbone)
        self._add_ecg_parts(self.fusion.width)
        self.cross_attention = self.fusion.make_blocks()
        self._decoder_arguments = frozenset(inspect.signature(self.backbone.base_model.forward).parameters)
        self.post_init()

    def placeholders(
        self, input_ids: torch.Tensor | None, ecg_embeds: torch.Tensor | None, several: bool = False
    ) -> torch.Tensor | None:
        """Which places of a text are placeholders of ECGs.

        Args:
            input_ids: long [B, L].
            ecg_embeds: [B, P, D] of all ECGs of each text.
            several: there are several ECGs to each text, so that placeholders are needed.

        Returns:
            bool [B, L]; None for texts without any.

        Raises:
            ValueError: their number in a row is not that of the ECGs' tokens.
        """
        places = None if input_ids is None else input_ids == self.config.ecg_token_id
        if self.config.ecg_token_id is None or places is None or not places.any():
            if several:
                raise ValueError(
                    "several ECGs were given for a text without placeholders; let MeitProcessor write them where each "
                    "ECG belongs, and set config.ecg_token_id to its ecg_token_id"
                )
            return None
        counts, tokens = places.sum(1).tolist(), 0 if ecg_embeds is None else ecg_embeds.shape[1]
        if any(count != tokens for count in counts):
            raise ValueError(
                f"the texts hold {counts} ECG placeholders, expected {tokens} in each, {self.config.num_ecg_tokens} "
                "for each ECG of ecg_values [batch, ECGs, leads, samples]; MeitProcessor writes them"
            )
        return places

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
        ecg_places: torch.Tensor | None = None,
        ecg_in_cache: bool | None = None,
        logits_to_keep: int | None = None,
        **kwargs: Any,
    ) -> tuple[Any, FusedInputs]:
        """Call `decoder` (the backbone, or its part below the head) with the ECG brought to its inputs.

        The arguments are those of `MeitForCausalLM.forward`; `logits_to_keep` is for a decoder with a head.
        """
        text = input_ids if inputs_embeds is None else inputs_embeds
        if text is None:
            raise ValueError("neither input_ids nor inputs_embeds was given; pass one of them")
        if ecg_embeds is None and ecg_values is not None:
            ecg_embeds = self.encode_ecg(ecg_values, ecg_mask)
        if ecg_in_cache is None:
            ecg_in_cache = past_key_values is not None and past_key_values.get_seq_length() > 0
        if ecg_places is None and not ecg_in_cache:
            several = ecg_values is not None and ecg_values.dim() == 4
            ecg_places = self.placeholders(input_ids, ecg_embeds, several)
        slots = 0
        if ecg_embeds is not None and ecg_places is None and self.fusion.in_sequence:
            slots = ecg_embeds.shape[1]
        # Without an ECG the decoder may take masks of other kinds.
        if isinstance(attention_mask, torch.Tensor) and (ecg_embeds is not None or attention_mask.dim() == 2):
            check_text_mask(attention_mask, text.shape[1], past_key_values, slots)
        if ecg_embeds is None:
            given = {"attention_mask": attention_mask, "position_ids": position_ids}
            fused = FusedInputs({"input_ids": input_ids, "inputs_embeds": inputs_embeds, **self._known(given)})
        else:
            if ecg_embeds.shape[0] != text.shape[0]:
                raise ValueError(
                    f"{ecg_embeds.shape[0]} ECGs were given for {text.shape[0]} texts; expected one for each"
                )
            self.fusion.check(self.backbone)
            if torch.is_grad_enabled():
                refuse_foreign_checkpointing(self.backbone)
            past = past_key_values.get_seq_length() if ecg_in_cache else None
            fused = fuse(
                self.fusion,
                self.get_input_embeddings(),
                input_ids,
                inputs_embeds,
                attention_mask,
                position_ids,
                ecg_embeds,
                ecg_places,
                slots,
                past,
            )
            fused.decoder = self._known(fused.decoder)
            if fused.ecg is not None:
                fused.ecg = replace(fused.ecg, blocks=self.cross_attention)
            whole = fused.decoder.get("attention_mask")
            whole = fused.decoder["inputs_embeds"] if whole is None else whole
            if self.fusion.in_sequence:
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
        if logits_to_keep is not None:
            # Where the slots lead every row, the head need not read them, nor its logits be copied without them.
            leading = fused.layout is not None and fused.layout.text_index is None
            kwargs["logits_to_keep"] = text.shape[1] if leading and logits_to_keep == 0 else logits_to_keep
        with active(fused.ecg):
            outputs = decoder(**fused.decoder, past_key_values=past_key_values, **{**kwargs, "return_dict": True})
        return outputs, fused

    def _known(self, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in self._decoder_arguments}

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


class MeitForCausalLM(MeitWithHead, EcgGenerationMixin):
    """A causal language model that reads a 12-lead ECG beside its text. See `MeitModel` for the arguments."""

    body_class = MeitModel

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config, backbone)
        self._head_takes_last = "logits_to_keep" in inspect.signature(self.meit.backbone.forward).parameters

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
        ecg_places: torch.Tensor | None = None,
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
            ecg_values: float [B, 12, T], millivolts. None is the plain language model. [B, N, 12, T] for texts that
                each hold N ECGs, whose places are named by placeholders (`config.ecg_token_id`).
            ecg_mask: bool, as `ecg_values`, True where measured; None means all of it.
            ecg_embeds: [B, N P, D] in place of `ecg_values`, as `MeitModel.encode_ecg` gives it.
            ecg_places: bool, which places of the text, in cached steps of the whole text's beginning, are placeholders;
                None finds them in `input_ids`.
            ecg_in_cache: whether the cache holds the ECG; None means that it does unless it is empty.
            labels: long [B, L], -100 where there is no loss.
            logits_to_keep: how many last positions to score, 0 for all.
            return_dict: False returns a tuple.
            **kwargs: passed to the decoder.

        Returns:
            `CausalLMOutputWithPast` with logits [B, L, vocabulary].

        Raises:
            ValueError: for shapes that do not fit, or placeholders without an ECG or of another number.
        """
        loss_kwargs = {name: kwargs.pop(name) for name in ("num_items_in_batch",) if name in kwargs}
        # The last position is text in every layout; of several, padding may put slots among them.
        only_last = logits_to_keep == 1
        if self._head_takes_last:
            kwargs["logits_to_keep"] = 1 if only_last else 0
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
            ecg_places=ecg_places,
            ecg_in_cache=ecg_in_cache,
            **kwargs,
        )
        logits = outputs.logits
        if fused.layout is not None and logits.shape[1] == fused.layout.is_slot.shape[1]:
            logits = fused.text_only(logits)
        logits = logits[:, -logits_to_keep:]
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


MeitModel.register_for_auto_class("AutoModel")
MeitForCausalLM.register_for_auto_class("AutoModelForCausalLM")
