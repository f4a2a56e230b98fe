"""A backbone in 4 or 8 bits, for LoRA beside it (QLoRA, arXiv 2305.14314)."""

from __future__ import annotations

import torch
from torch import nn
from transformers import BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available

from dataset_scripts.record import EcgInputError

from .arguments import TextArguments
from .settings import check_names


def quantization_config(text: TextArguments, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """How the backbone's weights are loaded; None for as they are.

    Args:
        text: its `quantization` holds fields of `BitsAndBytesConfig`.
        dtype: of the training, in which 4-bit layers compute unless `quantization` says otherwise.

    Raises:
        EcgInputError: for a field `BitsAndBytesConfig` does not have, no bitsandbytes, or nothing to quantise.
    """
    if text.quantization is None:
        return None
    if text.lora is None or text.backbone is None:
        raise EcgInputError("quantization is for a backbone under LoRA, as 4 or 8 bits cannot be trained; set lora")
    fields = {name for name in BitsAndBytesConfig().to_dict() if not name.startswith("_")} - {"quant_method"}
    check_names("quantization", text.quantization, fields)
    try:
        config = BitsAndBytesConfig(**{"bnb_4bit_compute_dtype": dtype, **text.quantization})
    except (TypeError, ValueError) as error:
        raise EcgInputError(f"quantization cannot be used: {error}") from error
    if not (config.load_in_4bit or config.load_in_8bit):
        raise EcgInputError("quantization sets neither load_in_4bit nor load_in_8bit; set one of them to true")
    if not is_bitsandbytes_available():
        raise EcgInputError('quantization needs bitsandbytes; install it with: pip install "meit-ecg[quantization]"')
    return config


def keep_unpacked(model: nn.Module) -> None:
    """Have 4-bit layers leave their weights as they are when they are evaluated on a CPU.

    bitsandbytes 0.50 packs them anew for its AVX512-BF16 kernel at the first evaluation and keeps them so. From then on
    no gradient passes through them, with no error, and what is saved is rounded once more.
    """
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
