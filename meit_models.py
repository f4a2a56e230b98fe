"""What `meit models` prints: the language models, ECG encoders and fusions that are tested, and the models shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Backbone:
    """A kind of language model that the tests wrap.

    Attributes:
        name: in the tests.
        model_type: transformers' name, as in `config.json`.
        attention: key heads ("equal": as many as query heads; "grouped": fewer; "single") and kind of position.
        note: what is particular about it.
    """

    name: str
    model_type: str
    attention: str
    note: str = ""


DECODERS = (
    Backbone("gpt2", "gpt2", "equal, learnt", "fused projections"),
    Backbone("gpt2-medium-heads", "gpt2", "equal, learnt", "the 64 numbers a head of GPT-2 Medium and Large"),
    Backbone("gpt-neo", "gpt_neo", "equal, learnt", "every second layer local"),
    Backbone("gpt-neox", "gpt_neox", "equal, rotary", "fused projections; Pythia too"),
    Backbone("gpt-j", "gptj", "equal, rotary"),
    Backbone("bloom", "bloom", "equal, ALiBi", "fused projections"),
    Backbone("opt", "opt", "equal, learnt"),
    Backbone("opt-350m", "opt", "equal, learnt", "embedding narrower than the layers, norm after them"),
    Backbone("llama", "llama", "grouped, rotary", "LLaMA-3, LLaMA-2 70B; TinyLlama, SmolLM and SmolLM2"),
    Backbone("llama-equal-heads", "llama", "equal, rotary", "LLaMA-1, LLaMA-2 7B and 13B; Vicuna"),
    Backbone("llama-tied", "llama", "grouped, rotary", "head tied to the embedding, as in LLaMA-3.2 1B"),
    Backbone("mistral", "mistral", "grouped, rotary", "sliding window"),
    Backbone("qwen2", "qwen2", "grouped, rotary", "biased projections; Qwen2.5 too"),
    Backbone("qwen3", "qwen3", "grouped, rotary", "normed queries and keys"),
    Backbone("gemma2", "gemma2", "grouped, rotary", "soft caps; every second layer a sliding window"),
    Backbone("gemma3", "gemma3_text", "grouped, rotary", "text model; five of six layers a sliding window"),
    Backbone("phi", "phi", "equal, rotary", "attention beside the MLP; Phi-1.5, Phi-2"),
    Backbone("phi3", "phi3", "grouped, rotary", "fused projections"),
    Backbone("smollm3", "smollm3", "grouped, rotary", "some layers without positions"),
    Backbone("olmo2", "olmo2", "grouped, rotary", "norms after the layers"),
    Backbone(
        "falcon", "falcon", "single, rotary", "not quantised by bitsandbytes: its linear layers are a class of its own"
    ),
    Backbone("falcon-alibi", "falcon", "single, ALiBi", "Falcon-RW"),
    Backbone("mpt", "mpt", "equal, ALiBi", "fused projections"),
    Backbone("granite", "granite", "grouped, rotary", "scaled residuals and logits"),
    Backbone("starcoder2", "starcoder2", "grouped, rotary", "biased projections"),
    Backbone("cohere", "cohere", "grouped, rotary", "attention beside the MLP, normed queries and keys"),
)
ENCODER_DECODERS = (
    Backbone("bart", "bart", "equal, learnt"),
    Backbone("bart-uneven", "bart", "equal, learnt", "other heads and depth in the decoder"),
    Backbone("mbart", "mbart", "equal, learnt"),
    Backbone("t5", "t5", "equal, relative"),
    Backbone("t5-gated", "t5", "equal, relative", "gated MLP and a head of its own: T5 1.1, Flan-T5"),
    Backbone("mt5", "mt5", "equal, relative", "multilingual"),
    Backbone("umt5", "umt5", "equal, relative", "multilingual, positions in every layer"),
    Backbone("pegasus", "pegasus", "equal, sinusoidal"),
    Backbone("blenderbot", "blenderbot", "equal, learnt"),
    Backbone("blenderbot-small", "blenderbot-small", "equal, learnt"),
    Backbone("marian", "marian", "equal, sinusoidal", "OPUS-MT"),
    Backbone("m2m-100", "m2m_100", "equal, sinusoidal", "NLLB too"),
    Backbone("plbart", "plbart", "equal, learnt"),
    Backbone("mvp", "mvp", "equal, learnt"),
)
_COLUMNS = ("name", "model_type", "attention", "note")


def listing() -> dict[str, Any]:
    """The list as plain objects: decoders, encoder-decoders, ECG encoders with presets, fusions, shipped models."""
    from checkpoints import shipped_names
    from modeling_meit.configuration_ecg_encoder import PRESETS
    from modeling_meit.configuration_meit import FUSIONS

    return {
        "decoders": [asdict(entry) for entry in DECODERS],
        "encoder_decoders": [asdict(entry) for entry in ENCODER_DECODERS],
        "ecg_encoders": {kind: list(presets) for kind, presets in PRESETS.items()},
        "fusions": list(FUSIONS),
        "shipped": shipped_names(),
    }


def terminal(models: dict[str, Any]) -> str:
    """The list as text, from what `listing` returns."""
    return "\n".join(
        [
            "Decoders (MeitForCausalLM); any other with one self-attention a layer is accepted, and untested:",
            *_columns(models["decoders"]),
            "",
            "Encoder-decoders (MeitForConditionalGeneration):",
            *_columns(models["encoder_decoders"]),
            "",
            "ECG encoders (ecg_config.kind: presets):",
            *(f"  {kind}: {', '.join(presets)}" for kind, presets in models["ecg_encoders"].items()),
            "",
            f"Fusions (fusion): {', '.join(models['fusions'])}",
            f"Models that come with meit-ecg: {', '.join(models['shipped']) or 'none in this installation'}",
        ]
    )


def _columns(entries: Sequence[dict[str, str]]) -> list[str]:
    lines = [_COLUMNS, *(tuple(entry[column] for column in _COLUMNS) for entry in entries)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
    return [
        ("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))).rstrip()
        for line in lines
    ]
