"""MEIT with an encoder-decoder: BART, T5 and their kin read a 12-lead ECG (arXiv 2403.04945, appendix A.5).

The ECG joins the keys and values of every self-attention layer of the text encoder and of every cross-attention layer
of the decoder. Its slots stand in front of the prompt. Hooks write H_e, repeated once per head, into the slots' hidden
states before each self-attention; after the last layer the slots of the encoder's output are H_e again, so that the
decoder's own key and value projections make K_e and V_e of them and its cache keeps them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSeq2SeqLM, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import ModelOutput, Seq2SeqLMOutput

from .configuration_meit import MeitConfig
from .encoder_prefix import attach
from .fusion_state import EcgState, active, refuse_foreign_checkpointing
from .slot_layout import SlotLayout, at_slots, with_slots
from .wrapped_backbone import MeitBody, MeitWithHead


class MeitSeq2SeqModel(MeitBody):
    """The ECG encoder, its projector and the encoder-decoder.

    Args:
        config: of the whole.
        backbone: an encoder-decoder to wrap as it is; None builds one with random weights from `config.text_config`.

    Raises:
        ValueError: for a decoder-only backbone, an encoder that cannot be used, or options that are not for these.
    """

    backbone_class = AutoModelForSeq2SeqLM

    def __init__(self, config: MeitConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        text = config.text_config
        if not text.is_encoder_decoder:
            raise ValueError(
                f"{text.model_type} is no encoder-decoder; MeitForConditionalGeneration needs one, such as BART or T5, "
                "and MeitForCausalLM takes decoders"
            )
        if config.fusion != "prefix" or config.ecg_layers is not None or config.ecg_token_id is not None:
            raise ValueError(
                f"fusion is {config.fusion!r}, ecg_layers {config.ecg_layers} and ecg_token_id {config.ecg_token_id}; "
                "an encoder-decoder has fusion 'prefix' in every layer and one ECG a text: leave them out"
            )
        self._wrap(backbone)
        # First of all, as an encoder of another kind may have no heads to build the projector for.
        attach(self.backbone.get_encoder(), text)
        self._add_ecg_parts(config.ecg_head_dim)
        self.post_init()

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        """The text encoder."""
        return self.backbone.get_encoder()

    def encode(
        self,
        ecg_embeds: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> tuple[ModelOutput, torch.Tensor]:
        """Run the text encoder with the ECG among its keys and values.

        Args:
            ecg_embeds: [B, P, ecg_head_dim].
            input_ids: long [B, L]; or `inputs_embeds`, [B, L, hidden].
            attention_mask: [B, L], 0 for padding on either side; None means no padding.
            inputs_embeds: see `input_ids`.
            **kwargs: of the text encoder.

        Returns:
            The encoder's output, its last hidden states [B, P + L, hidden] with H_e at the slots, and the mask
            [B, P + L]: what the decoder takes as `encoder_outputs` and `attention_mask`.

        Raises:
            ValueError: for inputs that do not match, or a text that leaves no positions for the slots.
        """
        text = input_ids if inputs_embeds is None else inputs_embeds
        if text is None or (input_ids is not None and inputs_embeds is not None):
            raise ValueError("an ECG needs the text it belongs to; pass either input_ids or inputs_embeds")
        (batch, length), slots = text.shape[:2], ecg_embeds.shape[1]
        if ecg_embeds.shape[:2] != (batch, self.config.num_ecg_tokens):
            raise ValueError(
                f"the ECG's embeddings have shape {tuple(ecg_embeds.shape)} for {batch} texts, expected "
                f"({batch}, {self.config.num_ecg_tokens}, {self.config.ecg_head_dim}): one ECG a text"
            )
        if attention_mask is None:
            attention_mask = torch.ones(batch, length, dtype=torch.long, device=text.device)
        if attention_mask.shape != (batch, length):
            raise ValueError(
                f"attention_mask has shape {tuple(attention_mask.shape)}, expected {(batch, length)}: the prompt's, "
                "without places for the ECG"
            )
        room = getattr(self.config.text_config, "max_position_embeddings", None)
        if room is not None and length + slots > room:
            raise ValueError(
                f"text and ECG take {length + slots} places, but this {self.config.text_config.model_type} has {room} "
                "positions; shorten the text"
            )
        if torch.is_grad_enabled():
            refuse_foreign_checkpointing(self.backbone.get_encoder())
        full_mask, is_slot = with_slots(attention_mask, slots)
        hidden = self.config.text_config.hidden_size
        states = ecg_embeds.repeat(1, 1, self.config.text_config.num_attention_heads)[..., :hidden]
        states = at_slots(states, is_slot)
        # Ids and not their embeddings, which some encoders scale first. What stands at the slots is never read.
        name = "input_ids" if inputs_embeds is None else "inputs_embeds"
        spread = SlotLayout.of(attention_mask, slots, is_slot).spread(text)
        with active(EcgState(states, is_slot)):
            outputs = self.get_encoder()(**{name: spread}, attention_mask=full_mask, **{**kwargs, "return_dict": True})
        last = outputs.last_hidden_state
        outputs["last_hidden_state"] = torch.where(is_slot.unsqueeze(-1).to(last.device), states.to(last), last)
        return outputs, full_mask


class MeitForConditionalGeneration(MeitWithHead, GenerationMixin):
    """An encoder-decoder that reads a 12-lead ECG beside its prompt. See `MeitSeq2SeqModel` for the arguments."""

    # The backbones average over a batch and know nothing of its share of an accumulated one: the trainer is to divide.
    accepts_loss_kwargs = False
    body_class = MeitSeq2SeqModel

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        """The text encoder."""
        return self.meit.get_encoder()

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> nn.Module:
        """As the backbone does it, which may have more to resize than its tables, as BART its bias of the logits."""
        table = self.meit.backbone.resize_token_embeddings(*args, **kwargs)
        self.config.text_config.vocab_size = self.meit.backbone.config.vocab_size
        return table

    def prepare_decoder_input_ids_from_labels(self, labels: torch.Tensor) -> torch.Tensor:
        """The decoder's input for `labels`, long [B, L], shifted as the backbone does it."""
        return self.meit.backbone.prepare_decoder_input_ids_from_labels(labels)

    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.LongTensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        decoder_inputs_embeds: torch.Tensor | None = None,
        labels: torch.LongTensor | None = None,
        ecg_values: torch.Tensor | None = None,
        ecg_mask: torch.Tensor | None = None,
        ecg_embeds: torch.Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> Seq2SeqLMOutput | tuple:
        """Logits of the report.

        Args:
            input_ids: long [B, L], the prompt.
            attention_mask: [B, L], 0 for padding; beside `encoder_outputs` as `MeitSeq2SeqModel.encode` gives it.
            decoder_input_ids: long [B, R]; None makes them of `labels`.
            decoder_attention_mask: [B, R], 0 for padding.
            encoder_outputs: of `MeitSeq2SeqModel.encode`, in place of prompt and ECG.
            past_key_values: a cache; it holds the ECG's keys and values too.
            inputs_embeds: [B, L, hidden] in place of `input_ids`.
            decoder_inputs_embeds: [B, R, hidden] in place of `decoder_input_ids`.
            labels: long [B, R], -100 where there is no loss.
            ecg_values: float [B, 12, T], millivolts. None is the plain backbone.
            ecg_mask: bool [B, 12, T], True where measured; None means all of it.
            ecg_embeds: [B, P, ecg_head_dim] in place of `ecg_values`, as `encode_ecg` gives it.
            return_dict: False returns a tuple.
            **kwargs: passed to the backbone.

        Returns:
            The backbone's output: its loss, logits [B, R, vocabulary], and the encoder's states with the slots.

        Raises:
            ValueError: for an ECG beside `encoder_outputs`, which hold theirs, or inputs that do not match.
        """
        if ecg_embeds is None and ecg_values is not None:
            ecg_embeds = self.meit.encode_ecg(ecg_values, ecg_mask)
        if ecg_embeds is not None:
            if encoder_outputs is not None:
                raise ValueError("encoder_outputs hold their ECG already; pass either them or the ECG and its prompt")
            wanted = {name: kwargs[name] for name in ("output_attentions", "output_hidden_states") if name in kwargs}
            encoder_outputs, attention_mask = self.meit.encode(
                ecg_embeds, input_ids, attention_mask, inputs_embeds, **wanted
            )
        if labels is not None:
            kwargs.setdefault("use_cache", False)  # a loss is of the whole report: nothing comes after it
        outputs = self.meit.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            decoder_inputs_embeds=decoder_inputs_embeds,
            labels=labels,
            **{**kwargs, "return_dict": True},
        )
        # PEFT passes None, which means the default.
        return outputs if return_dict is not False else outputs.to_tuple()

    @torch.no_grad()
    def generate(
        self,
        inputs: torch.Tensor | None = None,
        ecg_values: torch.Tensor | None = None,
        ecg_mask: torch.Tensor | None = None,
        ecg_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """`GenerationMixin.generate` with an ECG; it and the prompt are encoded once.

        Args:
            inputs: long [B, L], the prompt, or `input_ids` among the further arguments.
            ecg_values: float [B, 12, T], millivolts.
            ecg_mask: bool [B, 12, T], True where measured.
            ecg_embeds: [B, P, ecg_head_dim] in place of `ecg_values`.
            **kwargs: of `GenerationMixin.generate`.

        Returns:
            The decoder's tokens, its start token first; or what `return_dict_in_generate` asks for.

        Raises:
            ValueError: for an assistant model, which would have to read the ECG too, or inputs that do not match.
        """
        if ecg_embeds is None and ecg_values is not None:
            ecg_embeds = self.meit.encode_ecg(ecg_values, ecg_mask)
        if ecg_embeds is not None:
            if kwargs.get("assistant_model") is not None:
                raise ValueError("an assistant_model would not see the ECG; leave it out")
            if kwargs.get("encoder_outputs") is not None:
                raise ValueError("encoder_outputs hold their ECG already; pass either them or the ECG and its prompt")
            text = {"input_ids": kwargs.get("input_ids") if inputs is None else inputs}
            text["inputs_embeds"] = kwargs.pop("inputs_embeds", None)
            kwargs["encoder_outputs"], kwargs["attention_mask"] = self.meit.encode(
                ecg_embeds, attention_mask=kwargs.pop("attention_mask", None), **text
            )
        return super().generate(inputs, **kwargs)


MeitForConditionalGeneration.register_for_auto_class("AutoModelForSeq2SeqLM")
