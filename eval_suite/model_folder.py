"""What identifies a saved model: the digest of its folder, and its config.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_scripts.json_object import read_object


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of a model folder's files: its weights, configs, processor and code.

    An abstention threshold stored in config.json is left out, as it changes no report.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".md"):
        if file.name == "config.json":
            content = _without_abstention(file).encode()
            digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
            continue
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _without_abstention(config: Path) -> str:
    """What config.json holds without the threshold, in the form that `save_pretrained` writes."""
    return config_text({name: value for name, value in read_config(config).items() if name != "abstention"})


def read_config(config: Path) -> dict[str, Any]:
    """The fields of a config.json.

    Raises:
        EcgInputError: it holds something else.
    """
    return read_object(config, "save the model again")


def config_text(fields: Mapping[str, Any]) -> str:
    """A config.json of these fields, as `save_pretrained` writes it."""
    return json.dumps(fields, indent=2, sort_keys=True) + "\n"
