"""How the demo is run, decided by its operator before it starts; nothing here can be changed by a visitor."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dataset_scripts.errors import EcgInputError
from ecg_files.limits import Limits
from spaces_demo.engine.models import ModelEntry, read_models

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Settings:
    """What the operator chose.

    Attributes:
        host: address to listen at; the default answers this machine only.
        port: 0 takes a free one.
        models: which can be asked, the first by default.
        allow_any_model: a visitor may name a folder or Hub id, whose code then runs here; on a loopback address only.
        max_batch: rows written at a time: reports, times the beams of each; so many beams are the most.
        max_waiting: requests that may wait; more are refused with a sentence.
        limits: of one upload.
        mcp: serve the API's functions as tools of the Model Context Protocol as well.
        root_path: path under which a proxy shows the page, as "/ecg".
        embedded: the page is shown in a frame of huggingface.co, as a Space is.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    models: tuple[ModelEntry, ...] = field(default_factory=lambda: read_models(None))
    allow_any_model: bool = False
    max_batch: int = 8
    max_waiting: int = 64
    limits: Limits = field(default_factory=Limits)
    mcp: bool = True
    root_path: str = ""
    embedded: bool = False

    @property
    def local(self) -> bool:
        """Whether only browsers of this machine are answered, and no proxy stands before it."""
        return is_loopback(self.host) and not self.root_path

    def checked(self) -> Self:
        """The settings themselves, if they may be used.

        Raises:
            EcgInputError: `allow_any_model` where others can reach it, no model, or a number out of range.
        """
        if self.allow_any_model and not is_loopback(self.host):
            raise EcgInputError(
                f"--allow-any-model on the host {self.host}: who names a model runs its code on this machine, so it is "
                "allowed on 127.0.0.1, ::1 or localhost only; list the models in a file and give it with --models"
            )
        if self.allow_any_model and self.root_path:
            raise EcgInputError(
                f"--allow-any-model behind a proxy (at {self.root_path}): who names a model runs its code on this "
                "machine, and a proxy lets others in; list the models in a file and give it with --models"
            )
        if not self.models:
            raise EcgInputError(
                "no model is configured, expected at least one; list them in a file given with --models"
            )
        if not 0 <= self.port <= 65535:
            raise EcgInputError(f"port {self.port}, expected 0 (any that is free) to 65535")
        for name in ("max_batch", "max_waiting"):
            if getattr(self, name) < 1:
                raise EcgInputError(f"{name} is {getattr(self, name)}, expected 1 or more")
        return replace(self)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens at `host`; a name other than localhost is not trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
