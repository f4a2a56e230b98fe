"""Opens a model that writes reports by the Auto class that fits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM


def load_report_model(model: str | Path, dtype: Any) -> Any:
    """The model in evaluation mode, on the CPU.

    Args:
        model: folder or Hub id; its own Python code is run.
        dtype: of the weights.
    """
    config = AutoConfig.from_pretrained(model, trust_remote_code=True)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    return kind.from_pretrained(model, trust_remote_code=True, dtype=dtype).eval()


def prompt_length(model: Any, inputs: Any) -> int:
    """Tokens in front of the report in what `generate` returns.

    Args:
        model: that generated.
        inputs: of the processor; `input_ids` is [B, L].

    Returns:
        L of a decoder, which returns the prompt too; 1 of an encoder-decoder, the decoder's start token.
    """
    return 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
