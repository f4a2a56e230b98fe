"""Tiny encoder-decoders with random weights, drawn as those of `tests.tiny`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel

from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.modeling_meit_seq2seq import MeitForConditionalGeneration
from modeling_meit.processing_meit import MeitProcessor
from tests.tiny import TINY_TOKENIZER, TOKENS, _redraw, tiny_ecg_config

_BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 128,
    "dropout": 0.0,
}
_T5 = {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48, "dropout_rate": 0.0}
_GATED_T5 = {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}

# kind -> model type and fields of its configuration
ENCODER_DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bart": ("bart", _BART),
    # Heads of another number in the decoder, and fewer layers.
    "bart-uneven": ("bart", {**_BART, "decoder_attention_heads": 2, "decoder_layers": 1, "scale_embedding": True}),
    "t5": ("t5", _T5),
    # T5 1.1 and Flan-T5: gated, another head, and heads that do not add up to the hidden size.
    "t5-gated": ("t5", {**_GATED_T5, "d_kv": 6}),
    "mt5": ("mt5", {**_GATED_T5, "d_kv": 16}),
    "umt5": ("umt5", _GATED_T5),
    "mbart": ("mbart", {**_BART, "scale_embedding": True}),
    "pegasus": ("pegasus", {**_BART, "scale_embedding": True}),
    "blenderbot": ("blenderbot", _BART),
    "blenderbot-small": ("blenderbot-small", _BART),
    "marian": ("marian", {**_BART, "decoder_vocab_size": 320}),
    "m2m-100": ("m2m_100", {**_BART, "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0}),
    "plbart": ("plbart", _BART),
    "mvp": ("mvp", _BART),
}


def tiny_encoder_decoder(kind: str = "bart", seed: int = 0, **changes: Any) -> PreTrainedModel:
    """An encoder-decoder of 2 layers and hidden size 32, with the vocabulary of the tiny tokenizer, in evaluation mode.

    Args:
        kind: a key of `ENCODER_DECODERS`.
        seed: of its weights.
        **changes: further fields of its configuration, or `attn_implementation`.
    """
    model_type, fields = ENCODER_DECODERS[kind]
    attention = {"attn_implementation": changes.pop("attn_implementation")} if "attn_implementation" in changes else {}
    start = {"decoder_start_token_id": TOKENS["bos_token_id"], "forced_eos_token_id": None}
    config = AutoConfig.for_model(model_type, **{**TOKENS, **start, **fields, **changes})
    backbone = AutoModelForSeq2SeqLM.from_config(config, **attention)
    # Tables of sines and cosines are not learnt, so not saved by all.
    fixed = {name: value.clone() for name, value in backbone.named_parameters() if not value.requires_grad}
    _redraw(backbone, seed)
    backbone.load_state_dict(fixed, strict=False)
    if fields.get("feed_forward_proj") == "gated-gelu":
        # These do not scale their logits, which are then so large that rounding alone moves them by 1e-5.
        with torch.no_grad():
            backbone.decoder.final_layer_norm.weight.mul_(0.2)
    return backbone.eval()


def tiny_seq2seq(
    kind: str = "bart",
    seed: int = 0,
    *,
    backbone: PreTrainedModel | None = None,
    ecg_config: EcgEncoderConfig | None = None,
    **config: Any,
) -> MeitForConditionalGeneration:
    """A `MeitForConditionalGeneration` around a tiny encoder-decoder, in evaluation mode.

    Args:
        kind: of the backbone, a key of `ENCODER_DECODERS`.
        seed: of all weights.
        backbone: in place of `kind`.
        ecg_config: in place of `tiny_ecg_config()`.
        **config: further fields of `MeitConfig`, such as num_ecg_tokens.
    """
    backbone = tiny_encoder_decoder(kind, seed) if backbone is None else backbone
    ecg_config = tiny_ecg_config() if ecg_config is None else ecg_config
    model = MeitForConditionalGeneration.from_backbone(backbone, ecg_config, **config)
    _redraw(model.meit.ecg_encoder, seed + 1)
    _redraw(model.meit.projector, seed + 2, spread=1.0)
    return model.eval()


def tiny_seq2seq_processor() -> MeitProcessor:
    """A processor for them: 10 s at 100 Hz, the tiny tokenizer, the plain prompt."""
    extractor = MeitFeatureExtractor(sampling_rate=100, duration=10.0)
    return MeitProcessor(extractor, AutoTokenizer.from_pretrained(TINY_TOKENIZER), plain_prompt=True)


def save_tiny_seq2seq_folder(path: Path | str, kind: str = "bart", seed: int = 0, **config: Any) -> Path:
    """Write a whole model folder as a trained one looks: weights, remote code, generation settings and processor."""
    model = tiny_seq2seq(kind, seed, **config)
    model.generation_config.max_new_tokens = 12
    model.save_pretrained(path)
    tiny_seq2seq_processor().save_pretrained(path)
    return Path(path)
