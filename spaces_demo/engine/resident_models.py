"""The models that are kept in memory: the most recently used ones."""

from __future__ import annotations

import gc
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from transformers.utils import logging as transformers_logging

from checkpoints import shipped
from dataset_scripts.errors import EcgInputError
from eval_suite.report_model import ReportModel
from eval_suite.report_writing import report_processor
from spaces_demo.engine.models import ModelEntry

_log = logging.getLogger(__name__)
_ALL: WeakValueDictionary[str, ResidentModels] = WeakValueDictionary()


class ResidentModels:
    """Opens models when they are first asked for; the least recently used one goes when there are too many.

    For the worker alone. Sent to another process it becomes that process's own copy, as it was when it was forked.

    Args:
        most: models that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[ModelEntry, ReportModel] = {}
        self._key = uuid.uuid4().hex
        _ALL[self._key] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_this_process, (self._key,)

    @property
    def names(self) -> list[str]:
        """Of the models in memory, the least recently used first."""
        return [entry.name for entry in list(self._open)]

    def get(self, entry: ModelEntry) -> ReportModel:
        """The model, loaded on a GPU where there is one.

        Args:
            entry: of the operator's list.

        Raises:
            EcgInputError: it cannot be opened; the cause is logged, since it may name what no visitor need know.
        """
        model = self._open.pop(entry, None)
        if model is None:
            self._make_room()
            try:
                model = _opened(entry)
            except Exception as error:
                cause = f"{type(error).__name__}: {error}"
                _log.error("a model cannot be opened: %s", cause, exc_info=True, extra={"model": entry.name})
                raise EcgInputError(
                    f"the model {entry.name} cannot be opened; choose another one, the server's log says why"
                ) from error
        self._open[entry] = model
        return model

    def clear(self) -> None:
        """Let go of all of them."""
        self._open.clear()
        gc.collect()

    def _make_room(self) -> None:
        while len(self._open) >= self._most:
            del self._open[next(iter(self._open))]
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _of_this_process(key: str) -> ResidentModels:
    return _ALL[key]


def _opened(entry: ModelEntry) -> ReportModel:
    transformers_logging.disable_progress_bar()
    shipped_model = not entry.from_hub and not Path(entry.source).is_dir()
    model = ReportModel(shipped(entry.source) if shipped_model else entry.source, revision=entry.revision)
    for folder in model.folders:
        refuse_foreign_code(folder)
    report_processor(model)
    model.model.requires_grad_(False)
    return model


def refuse_foreign_code(folder: Path) -> None:
    """Check that a model folder names no code but its own, which was looked at and cannot change behind our back.

    Transformers fetches "owner/name--module.Class" from that repository's newest commit, whatever commit the model's
    own files are of.

    Raises:
        EcgInputError: a JSON file of the folder names code of another repository.
    """
    for file in sorted(folder.glob("*.json")):
        if file.name == "tokenizer.json" or file.name.endswith(".index.json"):
            continue
        for reference in _code_references(json.loads(file.read_text(encoding="utf-8"))):
            if "--" in reference:
                raise EcgInputError(
                    f"{file} names the code {reference} of another repository, expected the model's own beside its "
                    "weights; save the model with its code"
                )


def _code_references(fields: Any) -> Iterator[str]:
    if isinstance(fields, dict):
        for name, value in fields.items():
            if name == "auto_map":
                yield from _texts(value)
            else:
                yield from _code_references(value)
    elif isinstance(fields, list):
        for value in fields:
            yield from _code_references(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
