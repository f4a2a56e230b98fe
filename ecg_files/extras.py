"""Libraries that only some formats need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from dataset_scripts.errors import EcgInputError


def needed(module: str) -> ModuleType:
    """Return a module of the extra `formats`.

    Raises:
        EcgInputError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise EcgInputError(
            f'this format needs the package {module.partition(".")[0]}; run: pip install "meit-ecg[formats]"'
        ) from error
