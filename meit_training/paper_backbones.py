"""The language models of the MEIT paper (arXiv 2403.04945) as architectures: facts of their published configurations.

Tables 1 and 10 and figure 5 name the families; the paper gives no Hub ids, and of GPT-Neo no size: both sizes with the
head dimension of its table 8 (128) are listed. Vocabulary, width and depth determine every count of the dry run.
"""

from __future__ import annotations

from typing import Any

_LLAMA_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
_LLAMA_13B = {
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "vocab_size": 32000,
}
_LLAMA_70B = {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
}
_GROUPED_8B = {**_LLAMA_7B, "intermediate_size": 14336, "num_key_value_heads": 8}
_GPT2 = {"vocab_size": 50257, "n_positions": 1024}
_GPT_NEO = {"vocab_size": 50257, "max_position_embeddings": 2048, "window_size": 256}

# name -> Hub id, model type, fields of its configuration
PAPER_BACKBONES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "GPT-2 Medium": ("openai-community/gpt2-medium", "gpt2", {**_GPT2, "n_embd": 1024, "n_layer": 24, "n_head": 16}),
    "GPT-2 Large": ("openai-community/gpt2-large", "gpt2", {**_GPT2, "n_embd": 1280, "n_layer": 36, "n_head": 20}),
    "GPT-Neo 1.3B": (
        "EleutherAI/gpt-neo-1.3B",
        "gpt_neo",
        {
            **_GPT_NEO,
            "hidden_size": 2048,
            "num_layers": 24,
            "num_heads": 16,
            "attention_types": [[["global", "local"], 12]],
        },
    ),
    "GPT-Neo 2.7B": (
        "EleutherAI/gpt-neo-2.7B",
        "gpt_neo",
        {
            **_GPT_NEO,
            "hidden_size": 2560,
            "num_layers": 32,
            "num_heads": 20,
            "attention_types": [[["global", "local"], 16]],
        },
    ),
    "GPT-NeoX 20B": (
        "EleutherAI/gpt-neox-20b",
        "gpt_neox",
        {
            "hidden_size": 6144,
            "intermediate_size": 24576,
            "num_hidden_layers": 44,
            "num_attention_heads": 64,
            "vocab_size": 50432,
            "max_position_embeddings": 2048,
        },
    ),
    "GPT-J 6B": (
        "EleutherAI/gpt-j-6b",
        "gptj",
        {"n_embd": 4096, "n_layer": 28, "n_head": 16, "rotary_dim": 64, "vocab_size": 50400, "n_positions": 2048},
    ),
    "BLOOM 7B1": (
        "bigscience/bloom-7b1",
        "bloom",
        {"hidden_size": 4096, "n_layer": 30, "n_head": 32, "vocab_size": 250880},
    ),
    "OPT 6.7B": (
        "facebook/opt-6.7b",
        "opt",
        {
            "hidden_size": 4096,
            "word_embed_proj_dim": 4096,
            "ffn_dim": 16384,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 50272,
            "max_position_embeddings": 2048,
        },
    ),
    "LLaMA-1 7B": ("huggyllama/llama-7b", "llama", _LLAMA_7B),
    "LLaMA-2 7B": ("meta-llama/Llama-2-7b-hf", "llama", _LLAMA_7B),
    "LLaMA-2 13B": ("meta-llama/Llama-2-13b-hf", "llama", _LLAMA_13B),
    "LLaMA-2 70B": ("meta-llama/Llama-2-70b-hf", "llama", _LLAMA_70B),
    "Mistral 7B": ("mistralai/Mistral-7B-v0.1", "mistral", _GROUPED_8B),
    "LLaMA-3 8B": ("meta-llama/Meta-Llama-3-8B", "llama", {**_GROUPED_8B, "vocab_size": 128256}),
    "LLaMA-3 70B": ("meta-llama/Meta-Llama-3-70B", "llama", {**_LLAMA_70B, "vocab_size": 128256}),
}
