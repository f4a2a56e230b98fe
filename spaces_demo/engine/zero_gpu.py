"""A Space on ZeroGPU lends its GPU to functions that carry the decorator of Hugging Face's package `spaces`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def on_zero_gpu() -> bool:
    """Whether this is a Space with ZeroGPU, read as the package `spaces` reads it, and that package is there."""
    asked = os.environ.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"}
    return asked and importlib.util.find_spec("spaces") is not None


def with_zero_gpu(task: Callable[P, R]) -> Callable[P, R]:
    """The function, run in a process that has the GPU where this is a Space with ZeroGPU; else the function itself.

    Args:
        task: of a module, with arguments and a result that can be pickled.
    """
    if not on_zero_gpu():
        return task
    import spaces

    return spaces.GPU(task)
