"""`meit publish space`: the demo as a Space, whose repository holds the page's code with the packages it needs."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from checkpoints import DEFAULT, shipped, shipped_names
from dataset_scripts.errors import EcgInputError
from meit_hub.publish import Published
from meit_hub.upload import check_target, push
from spaces_demo.engine.models import ModelEntry, read_models

CARD = "README.md"
MODELS = "models.json"
ROOT_FILES = ("app.py", CARD, "requirements.txt")
"""Files of the package `spaces_demo` that stand at the root of the Space."""
PACKAGES: dict[str, Sequence[str]] = {
    "checkpoints": (),
    "dataset_scripts": ("**/*.csv", "**/*.tsv", "**/*.txt"),
    "ecg_files": (),
    "ecg_image": (),
    "ecg_measurements": (),
    "eval_suite": ("findings/lexicon/*.txt", "page/templates/*"),
    "modeling_meit": ("*.jinja",),
    "spaces_demo": ("page/assets/*",),
}
"""Package that the page needs -> its files besides Python's, as setup.py has them."""
_MODEL_FILES = ("*.json", "*.py", "*.jinja", "*.safetensors", "*.model", "*.txt", "README.md")
"""Of a shipped model: what opening it takes, and its card, which says where it is from."""
MODULES = ("meit_report",)


def publish_space(
    repo_id: str, *, private: bool = False, revision: str | None = None, models: str | Path | None = None
) -> Published:
    """Publish the demo as a Space, in one commit.

    Args:
        repo_id: "user/name", made if it is not there.
        private: a new Space is private.
        revision: branch to write; None is main, which the Space runs.
        models: JSON list of the models that it offers, as `meit demo --models` reads; None: the one that comes with
            meit-ecg. Of the shipped models those go up that are offered.

    Raises:
        EcgInputError: a model that lies on this machine only, or `models` is no such list.
        HubError: the Hub refuses, is not reached, or holds other content than was sent.
    """
    check_target(repo_id)
    entries = read_models(models)
    listed = _listed(entries)
    hub_ids = [entry.source for entry in entries if entry.from_hub]
    files: dict[str, Path | bytes] = {**space_files({entry.source for entry in entries if not entry.from_hub})}
    if models is not None:
        files[MODELS] = listed
    card = files[CARD]
    assert isinstance(card, Path)
    files[CARD] = _card(card.read_text(encoding="utf-8"), hub_ids).encode()
    pushed = push(
        files,
        repo_id,
        "space",
        message="Publish the demo with meit-ecg",
        private=private,
        revision=revision,
        replaces=lambda path: path.split("/")[0].removesuffix(".py") in (*PACKAGES, *MODULES) or path == MODELS,
    )
    notes = [] if pushed.new else ["the branch held just these before: no new commit"]
    if pushed.removed:
        notes.append(f"removed from the branch, as the page no longer needs them: {len(pushed.removed)} files")
    return Published(pushed.url, pushed.commit, tuple(sorted(files)), (), tuple(notes))


def space_files(shipped_models: Iterable[str] = (DEFAULT,)) -> dict[str, Path]:
    """Path in the Space's repository -> file of this installation.

    Args:
        shipped_models: names of those that the Space offers; no other folder beside them is read.
    """
    demo = _folder("spaces_demo")
    files = {name: demo / name for name in ROOT_FILES}
    for module in MODULES:
        files[f"{module}.py"] = _source(module)
    for package, patterns in PACKAGES.items():
        folder = _folder(package)
        # The folders of checkpoints hold models, and not only the shipped ones.
        for path in _files(folder, ["*.py" if package == "checkpoints" else "**/*.py", *patterns]):
            files[f"{package}/{path.relative_to(folder).as_posix()}"] = path
    for name in shipped_models:
        for path in _files(shipped(name), _MODEL_FILES):
            files[f"checkpoints/{name}/{path.name}"] = path
    missing = sorted(name for name, path in files.items() if not path.is_file())
    if missing:
        raise EcgInputError(f"this installation of meit-ecg is not whole, it has no {', '.join(missing)}; reinstall it")
    return files


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(
        path
        for path in found
        if not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _folder(package: str) -> Path:
    return _source(package).parent


def _source(module: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise EcgInputError(f"this installation of meit-ecg has no {module}; reinstall it")
    return Path(found.origin)


def _listed(entries: Sequence[ModelEntry]) -> bytes:
    """The list as the Space reads it.

    Raises:
        EcgInputError: an entry names a folder of this machine.
    """
    listed = []
    for entry in entries:
        if not entry.from_hub and entry.source not in shipped_names():
            raise EcgInputError(
                f"the model {entry.name!r} is the folder {entry.source}, which a Space does not have; publish it with "
                "`meit publish model` and list its Hub id and commit"
            )
        fields = {"name": entry.name, "source": entry.source, "revision": entry.revision}
        listed.append({**fields, "description": entry.description})
    return (json.dumps(listed, ensure_ascii=False, indent=1) + "\n").encode()


def _card(card: str, hub_ids: Sequence[str]) -> str:
    """The README with the Hub ids of its models in its header, by which the Hub links the two."""
    if not hub_ids:
        return card
    _, header, text = card.split("---\n", 2)
    fields: dict[str, Any] = {**yaml.safe_load(header), "models": sorted(set(hub_ids))}
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---\n{text}"
