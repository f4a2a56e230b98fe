"""One request of the API, from its files to its answer."""

from __future__ import annotations

import json
import math
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError
from spaces_demo.downloads import as_json
from spaces_demo.engine.states import checked_text
from spaces_demo.reading import WINDOW_S, make_reading
from spaces_demo.service.uploads import GONE, discard

if TYPE_CHECKING:
    from ecg_files.ecg_file import EcgFile
    from spaces_demo.engine.states import ReportOptions
    from spaces_demo.service.answering import Request
    from spaces_demo.service.demo import Demo

PICTURES = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Recording:
    """Which ECG is meant, and what its file does not say of itself.

    Attributes:
        paths: of the upload.
        fs: sampling rate in Hz; None: as the file says.
        unit: of the samples; None: as the file says.
        leads: of a file that does not name them, in its order; None: as the file says.
        record: name of one of several ECGs; None: there is one.
        start_s: where the stretch of a longer recording begins, in seconds.
    """

    paths: Sequence[Path]
    fs: float | None = None
    unit: str | None = None
    leads: Sequence[str] | None = None
    record: str | None = None
    start_s: float = 0.0

    def open(self, demo: Demo, request: Request) -> EcgFile:
        """Read the stretch and delete the upload, whether it could be read or not.

        Raises:
            EcgInputError: the upload is no ECG, holds several and none is named, or does not reach `start_s`; or
                another request that names it was answered first, and so it is gone.
        """
        try:
            request.bytes = sum(path.stat().st_size for path in self.paths)
            found = demo.reader.read_stretch(
                self.paths,
                self.fs,
                self.leads,
                self.unit,
                record=self.record,
                start_s=self.start_s,
                length_s=WINDOW_S,
            )
        except (EcgInputError, FileNotFoundError) as error:
            if all(path.is_file() for path in self.paths):
                raise
            raise EcgInputError(GONE) from error
        finally:
            discard(self.paths, demo.folder)
        request.format = found.format
        return found


def check_types(texts: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """Hold a request's values to the types that the API states, which Gradio does not check.

    Raises:
        EcgInputError: a value is neither None nor of its type, or a number that is none.
    """
    for kind, types, values in (("a text", (str,), texts), ("a number", (int, float), numbers)):
        for name, value in values.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, types)):
                raise EcgInputError(f"{name} is {json.dumps(value)[:80]}, expected {kind}")
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise EcgInputError(f"{name} is {number}, expected a number")


def read(
    demo: Demo,
    recording: Recording,
    request: Request,
    *,
    model: str,
    language: str,
    prompt: str | None,
    options: ReportOptions,
) -> dict[str, Any]:
    """The reading of one ECG as JSON, with the seconds that its report took.

    Raises:
        EcgInputError: of the file, the options or the model; or too many requests wait.
    """
    check_types({"model": model, "language": language, "prompt": prompt}, {})
    options = options.checked()
    record = recording.open(demo, request)
    request.model = name = demo.chosen_model(model)
    asked = _prompt(prompt, language)
    *_, state = demo.engine.stream(name, record.signal, record.sampling_rate, asked, options)
    reading = make_reading(record, state, prompt=asked, options=options, start_s=recording.start_s)
    return {**as_json(reading), "seconds": {"first_token": state.first_token_s, "report": state.total_s}}


def occlude(
    demo: Demo,
    recording: Recording,
    request: Request,
    *,
    text: str,
    model: str,
    language: str,
    prompt: str | None,
) -> dict[str, Any]:
    """By how much each stretch of each lead supports a text, as JSON.

    Raises:
        EcgInputError: of the file, the text or the model; or too many requests wait.
    """
    check_types({"model": model, "language": language, "prompt": prompt, "text": text}, {})
    record = recording.open(demo, request)
    request.model = name = demo.chosen_model(model)
    if not text or not text.strip():
        raise EcgInputError("the text is empty, expected the report whose support in the ECG is asked for")
    asked = _prompt(prompt, language)
    found = demo.engine.occlude(
        name, record.signal, record.sampling_rate, asked, checked_text("the text", text), stop=threading.Event()
    )
    return {
        "model": name,
        "leads": list(found.leads),
        "start_s": float(found.start_s),
        "window_s": float(found.window_s),
        "importance": [[float(value) for value in lead] for lead in found.importance],
        "baseline": float(found.baseline),
    }


def draw_to_file(
    demo: Demo, recording: Recording, request: Request, *, kind: str, paper_speed: float, gain: float
) -> dict[str, Any]:
    """A picture of one ECG, as the file object that Gradio's clients download.

    Raises:
        EcgInputError: of the file, or a kind, speed or gain that there is none of.
    """
    from ecg_image.page import GAINS, PAPER_SPEEDS

    for what, value, known in (
        ("kind", kind, PICTURES),
        ("paper speed", paper_speed, PAPER_SPEEDS),
        ("gain", gain, GAINS),
    ):
        if value not in known:
            raise EcgInputError(f"the {what} is {value!r}, expected one of {', '.join(map(str, known))}")
    record = recording.open(demo, request)
    path = demo.folder / secrets.token_hex(16) / f"ecg.{kind}"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(_picture(record, kind, paper_speed, gain))
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def _picture(record: EcgFile, kind: str, paper_speed: float, gain: float) -> bytes:
    from io import BytesIO

    from ecg_image.draw import draw_ecg

    if kind == "png":
        picture = BytesIO()
        image = draw_ecg(record.signal, record.sampling_rate, title=record.name, paper_speed=paper_speed, gain=gain)
        image.save(picture, format="PNG")
        return picture.getvalue()
    if kind == "svg":
        from ecg_image.svg import svg_file

        return svg_file(record.signal, record.sampling_rate, record.name, paper_speed=paper_speed, gain=gain).encode()
    from ecg_image.pdf import draw_ecg_pdf

    return draw_ecg_pdf(record.signal, record.sampling_rate, title=record.name, paper_speed=paper_speed, gain=gain)


def _prompt(prompt: str | None, language: str) -> str:
    from dataset_scripts.instructions.prompts import draw_prompt
    from dataset_scripts.reports.language import LANGUAGES

    if prompt:
        return checked_text("the prompt", prompt)
    if language not in LANGUAGES:
        raise EcgInputError(f"the language is {language!r}, expected one of {', '.join(LANGUAGES)}")
    return draw_prompt("", language)
