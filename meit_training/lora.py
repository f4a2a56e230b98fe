"""LoRA on the language model, with the ECG's part trained whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel

from .settings import construct

# "all-linear" would reach the projector, and batch norms have no low-rank form; both are trained and saved whole.
ECG_MODULES = r"(.*\.)?(ecg_encoder|projector)(\..*)?"


def lora_config(settings: dict[str, Any] | None) -> LoraConfig | None:
    """PEFT's configuration: every linear layer of the decoder; the ECG's part is trained and saved whole.

    Args:
        settings: fields of `LoraConfig` that differ; None for no LoRA.

    Raises:
        EcgInputError: for a field that `LoraConfig` does not have, or a value it refuses.
    """
    if settings is None:
        return None
    defaults: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "target_modules": "all-linear",
        "exclude_modules": ECG_MODULES,
        "modules_to_save": ["ecg_encoder", "projector"],
    }
    return construct(LoraConfig, "lora", {**defaults, **settings})


def save_merged(model: PeftModel, folder: Path) -> None:
    """Write the adapter to `folder`/adapter and the merged model, which needs no PEFT to open, to `folder`."""
    model.save_pretrained(folder / "adapter")
    model.merge_and_unload().save_pretrained(folder)
