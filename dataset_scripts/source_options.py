"""Options of a source, checked and read from text by the types that its class gives them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from dataset_scripts.record import EcgInputError
from dataset_scripts.sources import source_class

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def check_options(source: str, options: Mapping[str, Any]) -> None:
    """Refuses an option that the source does not have.

    Raises:
        EcgInputError: names it, and those that there are.
    """
    known = list(_types(source))
    unknown = [name for name in options if name not in known]
    if unknown:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise EcgInputError(f"the source {source} has no option {', '.join(unknown)}; {there}")


def read_options(source: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Returns options as a command line gives them, each as the type that the source's class says.

    Args:
        source: its name.
        texts: option -> its value in words; several values are joined by commas.

    Raises:
        EcgInputError: the source has no such option, or the value is not of its type.
    """
    check_options(source, texts)
    types_ = _types(source)
    return {name: _read(name, text, types_[name]) for name, text in texts.items()}


def _types(source: str) -> dict[str, Any]:
    made = source_class(source).__init__
    hints = get_type_hints(made)
    return {name: hints[name] for name in list(inspect.signature(made).parameters)[3:]}  # after self, folder and rate


def _read(name: str, text: str, kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
    if get_origin(kind) is tuple:
        return tuple(_read(name, part.strip(), get_args(kind)[0]) for part in text.split(","))
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise EcgInputError(f"option {name} is {text!r}, expected {wanted}") from error
