"""Recipes: one YAML file a run, which may extend another."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from trl import TrlParser

from dataset_scripts.record import EcgInputError

from .hardware import fit_to_machine


def load_recipe(path: str | Path, _above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The recipe with what it extends filled in.

    `extends: other.yaml`, relative to the recipe, names the recipe whose values hold where this one is silent. Mappings
    are merged key by key, anything else is replaced.

    Raises:
        EcgInputError: for a file that is missing, is not a YAML mapping, or extends itself.
    """
    path = Path(path).resolve()
    if path in _above:
        raise EcgInputError(f"recipe {path} extends itself; remove the `extends` that closes the circle")
    if not path.is_file():
        raise EcgInputError(f"there is no recipe {path}; give the path of a YAML file, such as those in recipes/")
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise EcgInputError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(recipe, dict):
        raise EcgInputError(f"recipe {path} holds {type(recipe).__name__}, expected `key: value` lines")
    base = recipe.pop("extends", None)
    if base is not None and not isinstance(base, str):
        raise EcgInputError(f"recipe {path} extends {base!r}, expected the path of one recipe")
    return recipe if base is None else merge(load_recipe(path.parent / base, (*_above, path)), recipe)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mapping by mapping."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def overrides(arguments: Sequence[str]) -> dict[str, Any]:
    """`key=value` and `part.key=value` arguments as a recipe; values are YAML.

    Raises:
        EcgInputError: for an argument without "=", or with a value that is not YAML.
    """
    result: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise EcgInputError(f"{argument!r} is no setting; write key=value, as in num_train_epochs=3")
        try:
            setting: Any = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise EcgInputError(f"the value of {argument!r} is not YAML: {' '.join(str(error).split())}") from error
        for part in reversed(key.split(".")):
            setting = {part: setting}
        result = merge(result, setting)
    return result


class _Parser(TrlParser):
    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print below a usage of several hundred lines."""
        raise ValueError(message)


def read(argv: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """`[RECIPE.yaml, key=value, --flag …]` as the recipe with its settings, and the flags.

    Raises:
        EcgInputError: for a recipe or setting that cannot be read.
    """
    if not argv or argv[0].startswith("--"):
        raise EcgInputError("no recipe was given; the first argument is the path of a YAML file, as in recipes/")
    first_flag = next((place for place, word in enumerate(argv) if word.startswith("--")), len(argv))
    recipe = merge(load_recipe(argv[0]), overrides(argv[1:first_flag]))
    # `eval_strategy: no` is what one writes, and YAML reads it as False.
    recipe |= {key: "no" for key, value in recipe.items() if key.endswith("_strategy") and value is False}
    return recipe, list(argv[first_flag:])


def parse(argv: Sequence[str], *classes: type) -> tuple[Any, ...]:
    """`[RECIPE.yaml, key=value, --flag …]` as one object of each dataclass.

    Settings beat the recipe and what starts with "--" goes to `TrlParser` as it is.

    Raises:
        EcgInputError: for a recipe or setting that cannot be read, or a key that no class has.
    """
    recipe, flags = read(argv)
    recipe = fit_to_machine(recipe)
    known = {name for kind in classes for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
    unknown = sorted(set(recipe) - known)
    if unknown:
        raise EcgInputError(
            f"recipe {argv[0]} sets {', '.join(unknown)}, which no argument is named; remove or mend it"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(recipe, file)
        file.flush()
        try:
            parsed = _Parser(classes).parse_args_and_config(["--config", file.name, *flags])
        except ValueError as error:
            raise EcgInputError(f"recipe {argv[0]} cannot be used: {' '.join(str(error).split())}") from error
    return tuple(parsed)
