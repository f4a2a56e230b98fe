"""A PEFT adapter in the place of a model: the model that it belongs to, and both merged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError

_CONFIG = "adapter_config.json"
_BESIDE_MERGED = "adapter"  # what `meit train` calls the folder whose adapter is merged in the folder around it


def is_adapter(model: str | Path) -> bool:
    """Whether it is a folder that PEFT saved an adapter in, and not a whole model."""
    return (Path(model) / _CONFIG).is_file() and not (Path(model) / "config.json").is_file()


def adapter_base(model: str | Path) -> str | None:
    """The model that an adapter belongs to.

    An adapter trained on a saved ECG model names that in its configuration. One that was trained with a new ECG part on
    a plain backbone needs what only the merged model has, which `meit train` saves in the folder around it.

    Args:
        model: folder.

    Returns:
        Folder or Hub id; None for a folder that is no adapter's.

    Raises:
        EcgInputError: the adapter's model is not there.
    """
    if not is_adapter(model):
        return None
    base = named_base(model)
    if base and _reads_ecgs(Path(base)):
        return base
    around = _merged_model(model)
    if around is not None:
        return str(around)
    if base.count("/") == 1 and not Path(base).exists():
        return base
    raise EcgInputError(
        f"{model} is an adapter of {base or 'a model without a name'}, which is no saved ECG model, and it is not "
        "the adapter beside a merged model; evaluate the folder that `meit train` wrote, with config.json"
    )


def named_base(adapter: str | Path) -> str:
    """The model that an adapter's configuration names; empty where it names none."""
    return json.loads((Path(adapter) / _CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path") or ""


def named_revision(adapter: str | Path) -> str | None:
    """The commit of that model, where the configuration names one and not a branch or tag, which may change."""
    revision = json.loads((Path(adapter) / _CONFIG).read_text(encoding="utf-8")).get("revision") or ""
    return revision if re.fullmatch(r"[0-9a-f]{40}", revision) else None


def _merged_model(adapter: str | Path) -> Path | None:
    """The folder around an adapter, where `meit train` saves it merged; None where that holds no such model.

    An adapter of another name, such as that of a checkpoint in the middle of the training, is not in that model.
    """
    folder = Path(adapter).resolve()
    return folder.parent if folder.name == _BESIDE_MERGED and _reads_ecgs(folder.parent) else None


def with_adapter(model: Any, adapter: str | Path) -> Any:
    """The model with the adapter merged in, in evaluation mode.

    Args:
        model: is changed.
        adapter: folder.

    Raises:
        EcgInputError: the package peft is missing.
    """
    try:
        from peft import PeftModel
    except ImportError as cause:
        raise EcgInputError("an adapter needs the package peft; pip install 'meit-ecg[train]'") from cause
    return PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()


def _reads_ecgs(folder: Path) -> bool:
    config = folder / "config.json"
    return config.is_file() and "ecg_config" in json.loads(config.read_text(encoding="utf-8"))
