"""Parts of a recipe that become objects: their names and values checked before anything is loaded."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from huggingface_hub.errors import StrictDataclassError

from dataset_scripts.record import EcgInputError

T = TypeVar("T")


def check_names(part: str, settings: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse what transformers' configurations would keep without using it, such as a misspelt field.

    Args:
        part: the recipe's key that holds the settings.
        settings: what it sets.
        allowed: every name it may set.

    Raises:
        EcgInputError: for any other name.
    """
    unknown = sorted(set(settings) - set(allowed))
    if unknown:
        near = [match for name in unknown for match in difflib.get_close_matches(name, allowed, n=1)]
        hint = f"did you mean {', '.join(near)}?" if near else f"choose from {', '.join(sorted(allowed))}"
        raise EcgInputError(f"{part} sets {', '.join(unknown)}, which it does not have; {hint}")


def construct(kind: Callable[..., T], part: str, settings: Mapping[str, Any], aliases: Collection[str] = ()) -> T:
    """`kind(**settings)`, for a dataclass that may know further names for its fields.

    Raises:
        EcgInputError: for a name it does not have or a value it refuses.
    """
    check_names(part, settings, {*kind.__dataclass_fields__, *aliases})  # type: ignore[attr-defined]
    try:
        return kind(**settings)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise EcgInputError(f"{part} cannot be used: {' '.join(str(error).split())}") from error
