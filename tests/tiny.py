"""Tiny models with random weights, for every test that needs a model and not its reports.

Weights are drawn larger than a network's usual start, biases and batch statistics away from 0 and 1, so that whatever
is left out of a computation moves the logits by far more than rounding does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.modeling_meit import MeitForCausalLM
from modeling_meit.processing_meit import MeitProcessor

TINY_TOKENIZER = Path(__file__).parent / "assets" / "tiny_tokenizer"
TOKENS: dict[str, int] = {"vocab_size": 320, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}

_NEW = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 128}
_GATED = {**_NEW, "intermediate_size": 48}
_GROUPED = {**_GATED, "num_key_value_heads": 2}
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
_OPT = {**_NEW, "ffn_dim": 48, "word_embed_proj_dim": 32}
_TWO_KINDS = {**_GROUPED, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 64}
_FALCON = {**_NEW, "new_decoder_architecture": False}

# kind -> model type and fields of its configuration
BACKBONES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", _GROUPED),
    "llama-equal-heads": ("llama", _GATED),
    "llama-tied": ("llama", {**_GROUPED, "tie_word_embeddings": True}),
    "gpt2": ("gpt2", _GPT),
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "gemma2": ("gemma2", {**_TWO_KINDS, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0}),
    "qwen3": ("qwen3", {**_GROUPED, "head_dim": 16}),
    "gpt2-medium-heads": ("gpt2", {**_GPT, "n_embd": 128, "n_head": 2}),
    "gpt-neo": (
        "gpt_neo",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 64,
            "max_position_embeddings": 128,
        },
    ),
    "gpt-neox": ("gpt_neox", _GATED),
    "gpt-j": ("gptj", {**_GPT, "rotary_dim": 4}),
    "opt": ("opt", _OPT),
    "opt-350m": ("opt", {**_OPT, "word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    "mistral": ("mistral", {**_GROUPED, "head_dim": 8, "sliding_window": 64}),
    "qwen2": ("qwen2", _GROUPED),
    "gemma3": ("gemma3_text", _TWO_KINDS),
    "phi": ("phi", _GATED),
    "phi3": ("phi3", _GROUPED),
    "smollm3": ("smollm3", _GROUPED),
    "olmo2": ("olmo2", _GROUPED),
    "falcon": ("falcon", {**_FALCON, "alibi": False}),
    "falcon-alibi": ("falcon", {**_FALCON, "alibi": True}),
    "mpt": ("mpt", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128}),
    "granite": ("granite", {**_GROUPED, "logits_scaling": 2.0, "residual_multiplier": 0.5}),
    "starcoder2": ("starcoder2", {**_GROUPED, "sliding_window": 64}),
    "cohere": ("cohere", {**_GROUPED, "use_qk_norm": True, "logit_scale": 1.0}),
}


def _redraw(module: nn.Module, seed: int, spread: float = 0.2) -> None:
    """Draw every weight again, matrices with standard deviation `spread`, and batch statistics that are not 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(spread * noise if parameter.dim() > 1 else parameter + 0.1 * noise)
        for part in module.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.running_mean.copy_(0.1 * torch.randn(part.running_mean.shape, generator=generator))
                part.running_var.copy_(0.5 + torch.rand(part.running_var.shape, generator=generator))


def tiny_backbone(kind: str = "llama", seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A decoder of 2 layers, mostly of hidden size 32, with the vocabulary of the tiny tokenizer, in evaluation mode.

    Args:
        kind: a key of `BACKBONES`.
        seed: of its weights.
        **changes: further fields of its configuration, `attn_implementation`, or `dtype` of its weights.
    """
    model_type, fields = BACKBONES[kind]
    how = {name: changes.pop(name) for name in ("attn_implementation", "dtype") if name in changes}
    # GPT-2, GPT-J and OPT have dropout by default; a test that trains compares the gradients of two runs.
    off = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop", "dropout"), 0.0)
    config = AutoConfig.for_model(model_type, **{**TOKENS, **off, **fields, **changes})
    backbone = AutoModelForCausalLM.from_config(config, **how)
    # Wider layers add up more terms; what comes out is to be as large as of 32.
    _redraw(backbone, seed, spread=0.2 * (32 / config.hidden_size) ** 0.5)
    return backbone.eval()


def tiny_ecg_config(**changes: Any) -> EcgEncoderConfig:
    """The small preset's 10 s at 100 Hz, read by two blocks of width 8."""
    fields: dict[str, Any] = {"stem_width": 8, "depths": [1, 1], "widths": [8, 8], "strides": [2, 2]}
    fields |= {"dropout": 0.0, "drop_path": 0.0}  # tests compare one pass with another
    return EcgEncoderConfig(**{"preset": "small", **fields, "projector_width": 16, **changes})


def tiny_model(
    kind: str = "llama",
    seed: int = 0,
    *,
    backbone: PreTrainedModel | None = None,
    ecg_config: EcgEncoderConfig | None = None,
    **config: Any,
) -> MeitForCausalLM:
    """A `MeitForCausalLM` around a tiny decoder, in evaluation mode.

    Args:
        kind: of the decoder, a key of `BACKBONES`.
        seed: of all weights.
        backbone: in place of `kind`.
        ecg_config: in place of `tiny_ecg_config()`.
        **config: further fields of `MeitConfig`, such as num_ecg_tokens.
    """
    backbone = tiny_backbone(kind, seed) if backbone is None else backbone
    model = MeitForCausalLM.from_backbone(backbone, tiny_ecg_config() if ecg_config is None else ecg_config, **config)
    _redraw(model.meit.ecg_encoder, seed + 1)
    _redraw(model.meit.projector, seed + 2, spread=1.0)
    if model.meit.cross_attention is not None:
        _redraw(model.meit.cross_attention, seed + 3)
        for block in model.meit.cross_attention.blocks:
            block.attention_gate.data += 1.0  # closed gates would hide the ECG
            block.feed_forward_gate.data += 1.0
    return model.eval()


def tiny_ecg(batch: int, seed: int = 0, samples: int = 1000) -> torch.Tensor:
    """`ecg_values` float32 [batch, 12, samples]: noise on another level in each lead, different in each row."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 12, 1, generator=generator) + torch.randn(batch, 12, samples, generator=generator)


def tiny_ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    """`input_ids` [batch, length] without a special token among them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, TOKENS["vocab_size"], (batch, length), generator=generator)


def tiny_processor() -> MeitProcessor:
    """A processor for the tiny models: 10 s at 100 Hz, the tiny tokenizer."""
    extractor = MeitFeatureExtractor(sampling_rate=100, duration=10.0)
    return MeitProcessor(extractor, AutoTokenizer.from_pretrained(TINY_TOKENIZER))


def save_tiny_model_folder(path: Path | str, kind: str = "llama", seed: int = 0, **config: Any) -> Path:
    """Write a whole model folder as a trained one looks: weights, remote code, generation settings and processor.

    Args:
        path: is made; 100 Hz, 10 s, the tiny tokenizer.
        kind: of the decoder.
        seed: of all weights.
        **config: further fields of `MeitConfig`.

    Returns:
        The folder.
    """
    model = tiny_model(kind, seed, **config)
    model.generation_config.max_new_tokens = 12
    model.save_pretrained(path)
    tiny_processor().save_pretrained(path)
    return Path(path)
