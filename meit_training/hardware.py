"""What the machine can do."""

from __future__ import annotations

import platform
from typing import Any

import torch
from transformers.utils import logging

logger = logging.get_logger(__name__)


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bf16.

    On x86 torch's own answer is also yes where oneDNN takes bf16 and multiplies in float32 (AVX-512 without its bf16
    instructions), which is slower than float32 from the start.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return not x86 or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def fit_to_machine(recipe: dict[str, Any]) -> dict[str, Any]:
    """The trainer's arguments a machine without an accelerator needs.

    `use_cpu` unless the recipe says otherwise, as the trainer refuses bf16 without it; and no bf16 on a CPU that would
    only emulate it, which is said.
    """
    if torch.accelerator.is_available():
        return recipe
    fitted = {"use_cpu": True, **recipe}
    if not cpu_has_bf16():
        if recipe.get("bf16"):
            logger.warning("this CPU has no bf16 arithmetic: training in float32")
        fitted["bf16"] = False
    return fitted
