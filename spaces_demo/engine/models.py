"""The models that a server may open: a list of the operator's, since opening a model runs the code it comes with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from checkpoints import DEFAULT, shipped_names
from dataset_scripts.errors import EcgInputError
from eval_suite.adapters import is_adapter

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FIELDS = ("name", "source", "revision", "description")
_LONGEST = 80


@dataclass(frozen=True)
class ModelEntry:
    """A model that visitors may choose.

    Attributes:
        name: what they choose it by.
        source: a model folder or adapter folder of the operator's, the name of a shipped model, or a Hub id.
        revision: the commit of a Hub id, 40 hexadecimal digits; None for the others.
        description: a sentence for the visitor.
    """

    name: str
    source: str
    revision: str | None = None
    description: str = ""

    @property
    def from_hub(self) -> bool:
        """Whether it is fetched from the Hub."""
        return self.revision is not None

    def checked(self, where: str = "the model") -> ModelEntry:
        """The same entry.

        Args:
            where: begins the message.

        Raises:
            EcgInputError: a name that cannot be shown, a source that is nothing known, or a Hub id without its commit.
        """
        where = f"{where} {self.name!r}"
        if not (self.name.strip() == self.name and self.name.isprintable() and 0 < len(self.name) <= _LONGEST):
            raise EcgInputError(f"{where}: expected a name of 1 to {_LONGEST} printable characters, no space around it")
        folder = Path(self.source)
        if folder.is_dir() or self.source in shipped_names():
            if self.revision is not None:
                raise EcgInputError(f"{where}: {self.source} lies on this machine and has no revision; leave it out")
            if folder.is_dir() and not ((folder / "config.json").is_file() or is_adapter(folder)):
                raise EcgInputError(f"{where}: the folder {self.source} has no config.json and no adapter_config.json")
            return self
        if not _is_hub_id(self.source):
            known = ", ".join(shipped_names()) or "none in this installation"
            raise EcgInputError(
                f"{where}: there is no model folder {self.source}, and it is neither the name of a shipped model "
                f"({known}) nor a Hub id (owner/name)"
            )
        if self.revision is None or not _COMMIT.fullmatch(self.revision):
            raise EcgInputError(
                f"{where}: the revision of the Hub id {self.source} is {self.revision!r}, expected the 40 hexadecimal "
                "digits of a commit, since its code is run here: a branch or tag may change"
            )
        return self


def read_models(path: str | Path | None) -> tuple[ModelEntry, ...]:
    """The models that the operator's file lists; the first is the one offered first.

    Args:
        path: JSON, a list of objects with `name`, `source` and, where they apply, `revision` and `description`.
            Relative folders are looked for beside the file. None: the shipped checkpoint.

    Raises:
        EcgInputError: not such a file; the message names the file and the entry.
    """
    if path is None:
        return (ModelEntry(DEFAULT, DEFAULT, description="The model that comes with meit-ecg.").checked(),)
    path = Path(path)
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EcgInputError(f"the list of models {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EcgInputError(f"the list of models {path} is no JSON file: {error}") from error
    if not isinstance(listed, list) or not listed:
        raise EcgInputError(
            f'{path}: expected a list of at least one model, such as [{{"name": "small", "source": "runs/small"}}]'
        )
    entries = tuple(_entry(fields, path, number) for number, fields in enumerate(listed, 1))
    return unique(entries, str(path))


def unique(entries: tuple[ModelEntry, ...], where: str) -> tuple[ModelEntry, ...]:
    """The same entries.

    Raises:
        EcgInputError: two have the same name.
    """
    names = [entry.name for entry in entries]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            raise EcgInputError(f"{where}: entry {number} is called {name!r} like entry {names.index(name) + 1}")
    return entries


def _is_hub_id(source: str) -> bool:
    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return source.count("/") == 1


def _entry(fields: Any, path: Path, number: int) -> ModelEntry:
    where = f"{path}, entry {number}"
    if not isinstance(fields, Mapping):
        raise EcgInputError(f"{where}: expected an object with name and source, not {json.dumps(fields)[:60]}")
    for name, value in fields.items():
        if name not in _FIELDS:
            raise EcgInputError(f"{where}: unknown field {name!r}, expected {', '.join(_FIELDS)}")
        if not (isinstance(value, str) or (name == "revision" and value is None)):
            raise EcgInputError(f"{where}: {name} is {json.dumps(value)[:60]}, expected a text")
    for name in ("name", "source"):
        if not fields.get(name):
            raise EcgInputError(f"{where}: the field {name} is missing")
    entry = ModelEntry(**fields)
    beside = path.parent / entry.source
    if beside.is_dir() and not entry.from_hub:
        entry = replace(entry, source=str(beside))
    return entry.checked(f"{where}:")
