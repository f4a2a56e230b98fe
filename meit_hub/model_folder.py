"""What of a model's folder is published, and what a folder must hold to be a model that strangers can open."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from dataset_scripts.json_object import read_object
from dataset_scripts.record import EcgInputError

CONFIG, CARD = "config.json", "README.md"
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PROCESSOR = ("processor_config.json", "tokenizer_config.json")
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
# Nothing else is published but the Python files that the configuration files name, and what these import.
_ALLOWED = (
    CONFIG,
    "generation_config.json",
    "preprocessor_config.json",
    *_PROCESSOR,
    *_VOCABULARIES,
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "LICENSE*",
    "NOTICE*",
)
_WEIGHT_NAMES = (_WEIGHTS, "model-*-of-*.safetensors", _INDEX)
_ECG_WEIGHTS = "meit.ecg_encoder."
_AGAIN = "save the model again"


def is_ours(path: str) -> bool:
    """Whether an earlier publication of a model may have put this file in its repository, the card left out."""
    return "/" not in path and (
        path.endswith(".py") or any(fnmatch(path, name) for name in (*_ALLOWED, *_WEIGHT_NAMES))
    )


def model_files(folder: Path) -> dict[str, Path]:
    """Check a model's folder, and list what of it is published, the card left out.

    Args:
        folder: as `save_pretrained` of model and processor, or `meit train`, writes it.

    Returns:
        Name in the repository -> file.

    Raises:
        EcgInputError: the folder is no whole MEIT model; the message names everything that is missing.
    """
    if not folder.is_dir():
        raise EcgInputError(f"there is no folder {folder}; give one that `meit train` or save_pretrained wrote")
    if not (folder / CONFIG).is_file():
        raise EcgInputError(f"{folder} has no {CONFIG}, expected a model as `meit train` or save_pretrained writes it")
    configs = {name: read_object(folder / name, _AGAIN) for name in (CONFIG, *_PROCESSOR) if (folder / name).is_file()}
    weights, problems = _weights(folder)
    problems += [f"no {name}" for name in _PROCESSOR if name not in configs]
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        problems.append("no vocabulary (tokenizer.json)")
    code, missing = _code(folder, configs)
    problems += missing
    if problems:
        advice = "save model and processor into it with save_pretrained"
        raise EcgInputError(f"{folder} is no whole MEIT model: {'; '.join(problems)}; {advice}")
    names = [path.name for path in folder.iterdir() if any(fnmatch(path.name, pattern) for pattern in _ALLOWED)]
    return {name: folder / name for name in sorted({*names, *weights, *code}) if (folder / name).is_file()}


def left_out(folder: Path, published: Iterable[str]) -> list[str]:
    """What of a folder stays here, folders with a slash; the card and hidden files left out."""
    known = {*published, CARD}
    names = [path.name + "/" * path.is_dir() for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(name for name in names if name not in known)


def count_parameters(files: dict[str, Path]) -> int:
    """Parameters in the weights; running statistics of batch norms are none."""
    total = 0
    for name in files:
        if name.endswith(".safetensors"):
            with safe_open(files[name], framework="numpy") as stored:
                for key in stored.keys():  # noqa: SIM118 (not a mapping)
                    if not key.endswith(("running_mean", "running_var", "num_batches_tracked")):
                        total += math.prod(stored.get_slice(key).get_shape())
    return total


def _weights(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the files of weights, and what is wrong with them."""
    if (folder / _WEIGHTS).is_file():
        names = [_WEIGHTS]
    elif (folder / _INDEX).is_file():
        names = sorted({str(name) for name in read_object(folder / _INDEX, _AGAIN).get("weight_map", {}).values()})
    else:
        return [], [f"no weights ({_WEIGHTS}; pickled weights are not published)"]
    keys: set[str] = set()
    problems = []
    for name in names:
        if not fnmatch(name, "*.safetensors") or "/" in name or not (folder / name).is_file():
            problems.append(f"no {name}, which {_INDEX} names")
            continue
        try:
            with safe_open(folder / name, framework="numpy") as stored:
                keys.update(stored.keys())
        except SafetensorError as error:
            problems.append(f"{name} is damaged ({error})")
    if not problems and not any(key.startswith(_ECG_WEIGHTS) for key in keys):
        problems.append(f"the weights hold no ECG encoder ({_ECG_WEIGHTS}*)")
    if any(".lora_" in key for key in keys):
        problems.append("the weights hold an unmerged LoRA")
    return (names if names == [_WEIGHTS] else [*names, _INDEX]), problems


def _code(folder: Path, configs: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Names of the Python files that opening the model runs, and what is wrong with them."""
    auto_map = configs[CONFIG].get("auto_map") or {}
    problems = [f"{CONFIG} has no auto_map to remote code"] if "AutoConfig" not in auto_map else []
    names: list[str] = []
    todo = []
    for reference in dict.fromkeys(reference for config in configs.values() for reference in _references(config)):
        if "--" in reference:
            problems.append(f"its code lies in another repository ({reference})")
        else:
            todo.append(reference.split(".")[0] + ".py")
    while todo:
        name = todo.pop()
        if name in names:
            continue
        if not (folder / name).is_file():
            problems.append(f"no {name}, which its remote code needs")
            continue
        names.append(name)
        todo += _relative_imports(folder / name)
    return sorted(names), sorted(set(problems))


def _references(config: Any) -> Iterator[str]:
    """Every "module.Class" that an `auto_map` or `custom_pipelines` in a configuration file names."""
    for name, value in config.items() if isinstance(config, dict) else ():
        if name == "auto_map" and isinstance(value, dict):
            for entry in value.values():
                yield from (part for part in (entry if isinstance(entry, list) else [entry]) if isinstance(part, str))
        elif name == "custom_pipelines" and isinstance(value, dict):
            yield from (info["impl"] for info in value.values() if isinstance(info, dict) and "impl" in info)
        else:
            yield from _references(value)


def _relative_imports(file: Path) -> list[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise EcgInputError(f"{file} is no Python ({error}); save the model again") from error
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return [f"{node.module}.py" for node in imports if node.module]
