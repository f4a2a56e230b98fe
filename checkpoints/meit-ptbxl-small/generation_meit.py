"""Generation with an ECG: it is encoded once, and its slots stay out of everything that counts the text."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationMixin


class EcgGenerationMixin(GenerationMixin):
    """`GenerationMixin` for a model whose `meit` is a `MeitModel`."""

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.LongTensor,
        next_sequence_length: int | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        assistant_ecg: dict[str, torch.Tensor] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As any decoder's; says beside it whether the ECG stands in the cache.

        "The cache is not empty" and not "this is the first step": a chunked prefill has several first steps.
        `assistant_ecg` is for `_get_candidate_generator` and goes no further.
        """
        ecg_embeds = kwargs.get("ecg_embeds")
        if ecg_embeds is not None:
            in_cache = past_key_values is not None and int(past_key_values.get_seq_length()) > 0
            kwargs["ecg_in_cache"] = in_cache
            if in_cache and kwargs.get("is_first_iteration") and next_sequence_length is not None:
                # Going on from an earlier call's cache: `generate` took its slots for text that it holds.
                next_sequence_length += self._slots(kwargs)
        return super().prepare_inputs_for_generation(
            input_ids,
            next_sequence_length=next_sequence_length,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )

    def _slots(self, model_kwargs: dict[str, Any]) -> int:
        """How many places the ECG takes in the cache that the text does not count."""
        ecg_embeds: Any = model_kwargs.get("ecg_embeds")
        in_text = ecg_embeds is None or model_kwargs.get("ecg_places") is not None
        return 0 if in_text or not self.meit.fusion.in_sequence else ecg_embeds.shape[1]

    @staticmethod
    def create_masks_for_generate(attention_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor | None:
        """The mask as it is: the decoder makes its own 4-D mask of it once the slots are in."""
        return attention_mask

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict, generation_mode: Any, batch_size: int, max_cache_length: int
    ) -> Any:
        if model_kwargs.get("ecg_embeds") is not None and generation_config.prefill_chunk_size is not None:
            self._check_chunked_prefill(generation_config.prefill_chunk_size, model_kwargs)
        return super()._prepare_cache_for_generation(
            generation_config, model_kwargs, generation_mode, batch_size, max_cache_length + self._slots(model_kwargs)
        )

    @staticmethod
    def _check_chunked_prefill(chunk_size: int, model_kwargs: dict) -> None:
        past_key_values = model_kwargs.get("past_key_values")
        if past_key_values is not None and int(past_key_values.get_seq_length()) > 0:
            raise ValueError("prefill_chunk_size is not supported with an ECG on a cache in use; leave it out")
        if model_kwargs.get("ecg_places") is not None:
            raise ValueError("prefill_chunk_size is not supported with several ECGs in a text; leave it out")
        mask = model_kwargs.get("attention_mask")
        padding = 0 if mask is None else int((mask.cumsum(1) == 0).sum(1).max())
        if padding >= chunk_size:
            # The ECG enters with the first chunk, and its place is after the padding.
            raise ValueError(
                f"prefill_chunk_size is {chunk_size} and a text has {padding} places of left padding; with an ECG the "
                "first chunk must reach every text: choose a larger one, or texts of similar lengths"
            )

    def _get_candidate_generator(self, *, model_kwargs: dict[str, Any], **kwargs: Any) -> Any:
        """An assistant reads the ECG through its own encoder, and a plain language model not at all."""
        if model_kwargs.get("ecg_embeds") is not None and kwargs["generation_config"].assistant_early_exit is not None:
            raise ValueError("assistant_early_exit is not supported with an ECG; use an assistant_model")
        own = ("ecg_embeds", "ecg_places", "assistant_ecg")
        drafting = {name: value for name, value in model_kwargs.items() if name not in own}
        if model_kwargs.get("assistant_ecg") is not None:
            drafting |= model_kwargs["assistant_ecg"]
        return super()._get_candidate_generator(model_kwargs=drafting, **kwargs)

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
            ecg_values: float [B, 12, T], millivolts; or [B, N, 12, T] for texts with placeholders.
            ecg_mask: bool, as `ecg_values`, True where measured.
            **kwargs: of `GenerationMixin.generate`.

        Raises:
            ValueError: for a chunked prefill whose first chunk is all padding in a row, or that goes on from a cache;
                and for an early exit's draft, which would leave the ECG's part of later layers out of the cache.
        """
        if ecg_values is not None:
            kwargs["ecg_embeds"] = self.meit.encode_ecg(ecg_values, ecg_mask)
            assistant: Any = kwargs.get("assistant_model")
            if hasattr(assistant, "meit"):
                kwargs["assistant_ecg"] = {"ecg_embeds": assistant.meit.encode_ecg(ecg_values, ecg_mask)}
        text: Any = inputs if inputs is not None else kwargs.get("input_ids")
        several = ecg_values is not None and ecg_values.dim() == 4
        places = self.meit.placeholders(text, kwargs.get("ecg_embeds"), several)
        token = self.config.ecg_token_id
        if token is not None and token < self.config.text_config.vocab_size:
            given = kwargs.get("generation_config") or self.generation_config
            banned = kwargs.get("suppress_tokens") or given.suppress_tokens or []
            kwargs["suppress_tokens"] = [*banned, token]
        if places is None:
            return super().generate(inputs, **kwargs)
        kwargs["ecg_places"] = places
        if "assistant_ecg" in kwargs:
            if kwargs["assistant_model"].config.num_ecg_tokens != self.config.num_ecg_tokens:
                raise ValueError("an assistant for texts with several ECGs needs the same num_ecg_tokens as the model")
            kwargs["assistant_ecg"]["ecg_places"] = places
        kwargs.pop("input_ids", None)
        output = super().generate(_without_placeholders(text, places), **kwargs)
        sequences = output if isinstance(output, torch.Tensor) else output.sequences
        sequences[:, : text.shape[1]] = text.repeat_interleave(len(sequences) // len(text), 0)
        return output


def _without_placeholders(text: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The text with a word of its own at each placeholder, whose id the vocabulary need not hold.

    Logits processors look up every id of the text; one that stands there anyway changes nothing for them.
    """
    order = torch.arange(1, text.shape[1] + 1, device=text.device)
    last = (order * ~places).argmax(1, keepdim=True)
    return torch.where(places, text.gather(1, last), text)
