"""What the page and the API share while the demo runs: engine, reader of files, log and a private folder."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_scripts.errors import EcgInputError
from spaces_demo.engine.models import ModelEntry
from spaces_demo.service.logs import ServiceLog
from spaces_demo.service.private_folder import close_private_folder, open_private_folder
from spaces_demo.service.settings import Settings

if TYPE_CHECKING:
    from ecg_files.isolated import IsolatedReader
    from spaces_demo.engine.engine import ReportEngine


@dataclass(frozen=True)
class Demo:
    """A demo that runs.

    Attributes:
        settings: of the operator.
        engine: writes reports and attributions, one batch at a time.
        reader: parses uploads in processes of its own.
        log: one JSON line an event, without content.
        folder: private temporary folder of this server; everything a visitor sends or is sent lies below it.
        started: time.monotonic() when it was opened.
    """

    settings: Settings
    engine: ReportEngine
    reader: IsolatedReader
    log: ServiceLog
    folder: Path
    started: float

    @classmethod
    def open(cls, settings: Settings) -> Demo:
        """Load the first model and start the reader.

        Raises:
            EcgInputError: the settings may not be used, or the first model cannot be opened.
        """
        from ecg_files.isolated import IsolatedReader
        from spaces_demo.engine.engine import ReportEngine

        settings = settings.checked()
        began = time.monotonic()
        folder = open_private_folder()
        with ExitStack() as opened:
            opened.callback(close_private_folder)
            reader = IsolatedReader(settings.limits)
            opened.callback(reader.close)
            engine = ReportEngine(settings.models, max_batch=settings.max_batch, max_waiting=settings.max_waiting)
            opened.callback(engine.close)
            engine.warm_up()
            opened.pop_all()
        demo = cls(settings, engine, reader, ServiceLog(models=engine.names), folder, began)
        demo.log.write("opened", seconds=time.monotonic() - began, models=len(settings.models))
        return demo

    def chosen_model(self, name: str) -> str:
        """The name under which the engine knows the model that a visitor named.

        Args:
            name: of a configured model; empty: the first. Where the operator allowed any, also a folder or a Hub id
                with its commit, "owner/name@40 hexadecimal digits".

        Raises:
            EcgInputError: there is none of that name.
        """
        if not name:
            return self.engine.names[0]
        if name in self.engine.names:
            return name
        if not self.settings.allow_any_model:
            raise EcgInputError(f"there is no model {name[:80]!r} here, expected one of {', '.join(self.engine.names)}")
        source, _, revision = name.partition("@")
        self.engine.add_model(ModelEntry(name, source, revision or None))
        return name

    def close(self) -> None:
        """Stop engine and reader, and remove the folder with all that visitors left."""
        self.engine.close()
        self.reader.close()
        close_private_folder()
        self.log.write("closed", seconds=time.monotonic() - self.started)
