"""The trained models that come with the project, each a folder as it would lie on the Hub."""

from __future__ import annotations

from pathlib import Path

DEFAULT = "meit-ptbxl-small"


def shipped_names() -> list[str]:
    """Return the names of the models that lie here, in a checkout as in an installed package."""
    return sorted(config.parent.name for config in Path(__file__).parent.glob("*/config.json"))


def shipped(name: str = DEFAULT) -> Path:
    """Return the folder of a shipped model.

    Raises:
        FileNotFoundError: there is none of this name; the message lists those that are there.
    """
    names = shipped_names()
    if name not in names:
        there = f"there are {', '.join(names)}" if names else "none is in this installation"
        raise FileNotFoundError(f"no shipped model is called {name!r} ({there}); name one, or give a model's folder")
    return Path(__file__).parent / name
