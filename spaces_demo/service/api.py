"""The HTTP API: named, typed endpoints of Gradio's, and two of them as tools of the Model Context Protocol.

Every function here takes plain JSON values, so that Gradio neither fetches nor opens anything for it; which files may
be read is decided in `uploads`. A function's docstring is what the API's page and a tool's caller are told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio import FileData
from gradio.context import get_blocks_context

from dataset_scripts.errors import EcgInputError
from spaces_demo.engine.states import ReportOptions
from spaces_demo.service import asked
from spaces_demo.service.answering import answered
from spaces_demo.service.uploads import inline_file, uploaded

if TYPE_CHECKING:
    from spaces_demo.service.demo import Demo

MCP_ENDPOINTS = ("/read_inline", "/models_inline")
"""Those without a file object, which a tool's caller could only give as a URL for this server to fetch."""


def add_api(demo: Demo) -> None:
    """Add the endpoints to the Blocks that are being built.

    Args:
        demo: whose engine and reader answer.
    """
    api = Api(demo)
    queued = {"read": api.read, "draw": api.draw, "occlude": api.occlude}
    # These wait in the engine's own queue, so that a tool's call needs no connection of the server to itself.
    direct = {"read_inline": api.read_ecg, "models_inline": api.list_models, "models": api.models}
    for handler in get_blocks_context().fns.values():
        # Gradio names a handler of the page after its function, and would give ours the name "read_1".
        if handler.api_visibility == "private" and handler.api_name in (*queued, *direct):
            handler.api_name = f"page_{handler.api_name}"
    for name, function in queued.items():
        gr.api(function, api_name=name)
    for name, function in direct.items():
        gr.api(function, api_name=name, queue=False)


class Api:
    """The endpoints of one demo."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        # As many as Gradio's queue lets run, see launch.py; the others' threads stay free for the page.
        self._inline_places = threading.BoundedSemaphore(2 * demo.settings.max_batch)

    def read(
        self,
        files: list[FileData],
        model: str = "",
        language: str = "en",
        prompt: str = "",
        fs: float | None = None,
        unit: str = "",
        leads: str = "",
        record: str = "",
        start_s: float = 0.0,
        temperature: float = 0.0,
        num_beams: int = 1,
        max_new_tokens: int | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Write the report of one 12-lead ECG, with what was measured of it. For research use only.

        Args:
            files: the uploaded file, the files that belong together, or a zip of them; deleted once they are read.
            model: a name that /models lists; empty for the first.
            language: of the report: en, de or sv.
            prompt: what to ask in place of the usual instruction.
            fs: sampling rate in Hz, for a file that does not say it.
            unit: of the samples (mV, uV, nV or V), for a file that does not say it.
            leads: names of the leads in the file's order, with commas, for a file that does not say them.
            record: name of one ECG, for an upload that holds several.
            start_s: where the 10 s that are read begin in a longer recording.
            temperature: 0 for the likeliest report, up to 2.
            num_beams: 1 to 8; above 1 the temperature must be 0.
            max_new_tokens: after which the report is cut; empty for the model's own limit.
            seed: of the draws at a temperature above 0.

        Returns:
            The reading as JSON.
        """
        with answered(self.demo.log, "read") as request, uploaded(files, self.demo.folder) as paths:
            options = ReportOptions(temperature, num_beams, max_new_tokens, seed)
            recording = _recording(paths, fs, unit, leads, record, start_s)
            return asked.read(
                self.demo, recording, request, model=model, language=language, prompt=prompt, options=options
            )

    def draw(
        self,
        files: list[FileData],
        kind: str = "png",
        paper_speed: float = 25.0,
        gain: float = 10.0,
        fs: float | None = None,
        unit: str = "",
        leads: str = "",
        record: str = "",
        start_s: float = 0.0,
    ) -> FileData:
        """Draw one 12-lead ECG as on paper. For research use only.

        Args:
            files: as for /read.
            kind: png, svg or pdf.
            paper_speed: 25 or 50 mm/s.
            gain: 5, 10 or 20 mm/mV.
            fs: as for /read.
            unit: as for /read.
            leads: as for /read.
            record: as for /read.
            start_s: as for /read.

        Returns:
            The picture; it is deleted from the server after an hour.
        """
        with answered(self.demo.log, "draw") as request, uploaded(files, self.demo.folder) as paths:
            recording = _recording(paths, fs, unit, leads, record, start_s)
            return asked.draw_to_file(self.demo, recording, request, kind=kind, paper_speed=paper_speed, gain=gain)

    def occlude(
        self,
        files: list[FileData],
        text: str,
        model: str = "",
        language: str = "en",
        prompt: str = "",
        fs: float | None = None,
        unit: str = "",
        leads: str = "",
        record: str = "",
        start_s: float = 0.0,
    ) -> dict[str, Any]:
        """Say which part of an ECG supports a text, by hiding one second of one lead after the other.

        Args:
            files: as for /read.
            text: a report, or one sentence of it.
            model: as for /read.
            language: as for /read.
            prompt: as for /read.
            fs: as for /read.
            unit: as for /read.
            leads: as for /read.
            record: as for /read.
            start_s: as for /read.

        Returns:
            JSON with importance, a number for each lead and window: how much less likely the model finds the text
            without that stretch.
        """
        with answered(self.demo.log, "occlude") as request, uploaded(files, self.demo.folder) as paths:
            recording = _recording(paths, fs, unit, leads, record, start_s)
            return asked.occlude(
                self.demo, recording, request, text=text, model=model, language=language, prompt=prompt
            )

    def read_ecg(
        self,
        file_base64: str,
        model: str = "",
        language: str = "en",
        prompt: str = "",
        fs: float | None = None,
        unit: str = "",
        leads: str = "",
        record: str = "",
        start_s: float = 0.0,
    ) -> str:
        """Write the report of one 12-lead ECG whose file is sent as text. For research use only, not for diagnosis.

        Args:
            file_base64: the bytes of the file in base64; of a zip, where the ECG is several files.
            model: a name that list_models gives; empty for the first.
            language: of the report: en, de or sv.
            prompt: what to ask in place of the usual instruction.
            fs: sampling rate in Hz, for a file that does not say it.
            unit: of the samples (mV, uV, nV or V), for a file that does not say it.
            leads: names of the leads in the file's order, with commas, for a file that does not say them.
            record: name of one ECG, for a zip that holds several.
            start_s: where the 10 s that are read begin in a longer recording.

        Returns:
            The reading as JSON, in one text: a tool's answer is text.
        """
        largest = self.demo.settings.limits.bytes
        with (
            answered(self.demo.log, "read_inline") as request,
            self._inline_place(),
            inline_file(file_base64, self.demo.folder, largest) as path,
        ):
            recording = _recording([path], fs, unit, leads, record, start_s)
            options = ReportOptions()
            reading = asked.read(
                self.demo, recording, request, model=model, language=language, prompt=prompt, options=options
            )
        return json.dumps(reading, ensure_ascii=False)

    def list_models(self) -> str:
        """List the models that read_ecg can ask; the first is asked where none is named.

        Returns:
            Name and description of each, as JSON in one text.
        """
        return json.dumps(self.models(), ensure_ascii=False)

    def models(self) -> list[dict[str, str]]:
        """List the models that can be asked; the first is asked where none is named.

        Returns:
            Name and description of each.
        """
        return [{"name": entry.name, "description": entry.description} for entry in self.demo.settings.models]

    @contextmanager
    def _inline_place(self) -> Iterator[None]:
        """One of the places for files that are sent as text, which do not wait in Gradio's queue."""
        if not self._inline_places.acquire(blocking=False):
            raise EcgInputError("the server is busy with other files; try again in a moment")
        try:
            yield
        finally:
            self._inline_places.release()


def _recording(
    paths: Sequence[Path], fs: float | None, unit: str, leads: str, record: str, start_s: float
) -> asked.Recording:
    asked.check_types({"unit": unit, "leads": leads, "record": record}, {"fs": fs, "start_s": start_s})
    names = [name.strip() for name in leads.split(",")] if leads and leads.strip() else None
    return asked.Recording(paths, fs, unit or None, names, record or None, 0.0 if start_s is None else start_s)
