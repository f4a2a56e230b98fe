"""LoRA on the language model, with the ECG's part trained whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.utils import ModulesToSaveWrapper
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from .settings import construct

# Trained whole and saved beside the adapter; a name that a model does not have is passed over.
ECG_PARTS = ("ecg_encoder", "projector", "cross_attention")
# "all-linear" would reach into them, and batch norms have no low-rank form.
ECG_MODULES = rf"(.*\.)?({'|'.join(ECG_PARTS)})(\..*)?"


def lora_config(settings: dict[str, Any] | None) -> LoraConfig | None:
    """PEFT's configuration: every linear layer of the decoder; the ECG's part is trained and saved whole.

    Args:
        settings: fields of `LoraConfig` that differ; None for no LoRA. `modules_to_save` and `exclude_modules` add to
            those of the ECG's part and do not replace them.

    Raises:
        EcgInputError: for a field that `LoraConfig` does not have, or a value it refuses.
    """
    if settings is None:
        return None
    defaults: dict[str, Any] = {"task_type": "CAUSAL_LM", "target_modules": "all-linear"}
    given = settings.get("exclude_modules") or []
    excluded = [given] if isinstance(given, str) else [rf"(.*\.)?{re.escape(name)}" for name in given]
    ecg_part = {
        "exclude_modules": "|".join(f"(?:{pattern})" for pattern in (ECG_MODULES, *excluded)),
        "modules_to_save": [*ECG_PARTS, *(settings.get("modules_to_save") or [])],
    }
    return construct(LoraConfig, "lora", {**defaults, **settings, **ecg_part})


def restore_ecg_precision(model: PeftModel) -> None:
    """Bring the ECG's part back to float32 where the trainer rounded it.

    TRL casts whatever is trained beside a quantised model to bf16 (for QLoRA, arXiv 2305.14314), in which the encoder's
    steps would be rounded away. PEFT holds the weights it started from.
    """
    for part in model.modules():
        if isinstance(part, ModulesToSaveWrapper):
            for copy in part.modules_to_save.values():
                for trained, start in zip(copy.parameters(), part.original_module.parameters(), strict=True):
                    if trained.dtype != start.dtype:
                        trained.data = start.detach().clone()


def save_merged(model: PeftModel, folder: Path) -> None:
    """Write the adapter to `folder`/adapter and the merged model, which needs no PEFT to open, to `folder`.

    A quantised decoder is dequantised first: merged into 4 or 8 bits, most of what LoRA learnt would be rounded away.
    The merged model is then in the precision of the training, and takes the memory of that.

    Args:
        model: with one adapter.
        folder: is made.
    """
    model.save_pretrained(folder / "adapter")
    if getattr(model.get_base_model(), "hf_quantizer", None) is not None:
        model = _dequantized(model, folder / "adapter")
    model.merge_and_unload().save_pretrained(folder)


def _dequantized(model: PeftModel, adapter: Path) -> PeftModel:
    """`model` on the full-precision weights that its quantised ones stand for; `model` itself is used up."""
    base: PreTrainedModel = model.unload()
    base.state_dict()  # on a CPU, bitsandbytes' layers undo with this what they packed anew for evaluation
    transposed = {name for name, part in base.named_modules() if getattr(part, "source_cls", None) is Conv1D}
    base.dequantize(dtype=base.dtype)
    for name in transposed:
        # GPT-2's own layer keeps its weight the other way round, and a saved model is read into that.
        base.set_submodule(name, _conv1d(base.get_submodule(name)))
    return PeftModel.from_pretrained(base, adapter)


def _conv1d(linear: nn.Linear) -> Conv1D:
    with torch.device("meta"):
        layer = Conv1D(linear.out_features, linear.in_features)
    layer.weight = nn.Parameter(linear.weight.detach().T.contiguous())
    layer.bias = linear.bias
    return layer
