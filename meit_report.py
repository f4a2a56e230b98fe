"""One ECG file -> its report: opens a model folder through the Auto classes, generates, and formats what it wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints import shipped, shipped_names
from ecg_image.page import RESEARCH_USE_NOTICE

if TYPE_CHECKING:  # both bring in packages that are slow to import
    from ecg_files.ecg_file import EcgFile
    from ecg_measurements.quality_remarks import QualityRemark
    from eval_suite.confidence import Sentence

PLOT_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".svg": "SVG", ".pdf": "PDF"}
_PLOT_WIDTH_PX = 1600


@dataclass(frozen=True)
class EcgReport:
    """What a model wrote of one ECG.

    Attributes:
        text: the report.
        confidence: exponential of the mean log-probability of the report's tokens and its end token, 0 to 1.
        model: name of the model's folder, or its Hub id.
        prompt: what the model was asked.
        record: the ECG, as it was read.
        warnings: what was done to the ECG before the model read it, and what else a reader should know.
        abstention: the threshold that is stored with the model, as `MeitConfig.abstention`; None where none is.
        sentences: of the text, end to end, each with the model's confidence in it.
        quality: what is wrong with the stretch of the recording that the model read.
    """

    text: str
    confidence: float
    model: str
    prompt: str
    record: EcgFile
    warnings: tuple[str, ...]
    abstention: Mapping[str, Any] | None = None
    sentences: tuple[Sentence, ...] = ()
    quality: tuple[QualityRemark, ...] = ()

    @property
    def abstains(self) -> bool | None:
        """Whether the confidence lies below the model's threshold; None without one."""
        return None if self.abstention is None else self.confidence < self.abstention["threshold"]

    def abstention_line(self) -> str:
        """That the model had better not answer, and by what measure; empty where it may, or has no threshold."""
        if self.abstention is None or not self.abstains:
            return ""
        from eval_suite.calibration.abstention import ERRORS

        found = self.abstention
        error = found["error"]
        meaning = f" ({ERRORS[error].partition(';')[0]})" if error in ERRORS else ""
        return (
            f"THE MODEL ABSTAINS: its confidence {self.confidence:.4f} is below {found['threshold']:.4f}, set so "
            f"that among the reports it answers the mean of the error {error}{meaning} is at most {found['target']:g} "
            f"(measured {found['error_answered']['value']:.3f} on {found['data']}, split {found['split']}, with "
            f"{found['share_answered']['value']:.0%} answered). Do not rely on the text below."
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the signal, as plain JSON values."""
        return {
            "report": self.text,
            "confidence": self.confidence,
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "abstains": self.abstains,
            "abstention": None if self.abstention is None else dict(self.abstention),
            "model": self.model,
            "prompt": self.prompt,
            "record": self.record.name,
            "sampling_rate": self.record.sampling_rate,
            "duration_s": self.record.duration,
            "quality": [asdict(remark) for remark in self.quality],
            "warnings": list(self.warnings),
            "notice": RESEARCH_USE_NOTICE,
        }

    def terminal(self) -> str:
        """Report, model and research-use notice as lines of text; before them that the model abstains, if it does."""
        threshold = "" if self.abstention is None else f", answers from {self.abstention['threshold']:.4f}"
        model = f"model {self.model}, confidence {self.confidence:.4f}{threshold}"
        before = f"{self.abstention_line()}\n\n" if self.abstains else ""
        return f"{before}{self.text}\n\n{model}\n{RESEARCH_USE_NOTICE}"


def resolve_model(model: str | None, trust_remote_code: bool = False) -> str:
    """Return the folder or Hub id that a user's `--model` means.

    Args:
        model: a folder, the name of a shipped model, or a Hub id; None: the default shipped model.
        trust_remote_code: whether a Hub id may run its own Python code on this machine.

    Raises:
        EcgInputError: a folder that holds no model and no adapter, or a Hub id without `trust_remote_code`.
        FileNotFoundError: None was given and no model is shipped.
    """
    from dataset_scripts.errors import EcgInputError
    from eval_suite.adapters import adapter_base, is_adapter

    if model is None:
        return str(shipped())
    if Path(model).is_dir():
        if is_adapter(model):  # the model under it is as trusted as one that is named itself
            resolve_model(adapter_base(model), trust_remote_code)
        elif not (Path(model) / "config.json").is_file():
            raise EcgInputError(f"the folder {model} has no config.json, expected a model as `meit train` saves it")
        return model
    if model in shipped_names():
        return str(shipped(model))
    looks_like_an_id = model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if looks_like_an_id and trust_remote_code:
        return model
    hint = "; a Hub id runs that repository's code here, allow it with --trust-remote-code" if looks_like_an_id else ""
    known = ", ".join(shipped_names()) or "none in this installation"
    raise EcgInputError(f"there is no model folder {model} (shipped models: {known}){hint}")


def write_report(record: EcgFile, model: str, prompt: str) -> EcgReport:
    """Let a model write the report of one ECG, with the model's own settings.

    Args:
        record: the ECG.
        model: folder, adapter folder or Hub id, as `resolve_model` gives it; its own Python code is run.
        prompt: the instruction.

    Raises:
        EcgInputError: the folder's processor is not a MEIT model's, or refuses the ECG or the prompt.
    """
    from transformers.utils import logging

    from dataset_scripts.errors import EcgInputError
    from ecg_measurements.quality_remarks import quality_remarks
    from eval_suite.report_model import ReportModel
    from eval_suite.report_writing import check_length, read_ecg, report_processor, usable_abstention, write_reports

    logging.disable_progress_bar()
    opened = ReportModel(model)
    processor = report_processor(opened)
    try:
        inputs, done = read_ecg(processor, record.signal, record.sampling_rate, record.lead_names, prompt)
    except EcgInputError as error:
        raise EcgInputError(f"{record.name}: {error}") from error
    read = _stretch(record, processor.feature_extractor)
    quality = quality_remarks(read.signal, read.sampling_rate)
    check_length(opened.model, inputs, {})
    (written,) = write_reports(opened, inputs)
    assert written.confidence is not None  # nobody was there to stop it
    abstention, beware = usable_abstention(opened, prompt)
    name = Path(model).resolve().name if Path(model).is_dir() else model
    return EcgReport(
        written.text,
        written.confidence,
        name,
        prompt,
        record,
        (*done, *written.warnings, *beware),
        abstention,
        written.sentences,
        tuple(quality),
    )


def _stretch(record: EcgFile, extractor: Any) -> EcgFile:
    """What the extractor reads of a recording."""
    surplus = record.duration - extractor.duration
    if surplus <= 0:
        return record
    return record.window(surplus / 2 if extractor.crop == "center" else 0.0, extractor.duration)


def check_plot(path: str | Path) -> Path:
    """Return the path of a plot that can be written.

    Raises:
        EcgInputError: an ending that stands for no known kind of image, or a folder that does not exist.
    """
    from dataset_scripts.errors import EcgInputError

    path = Path(path)
    if path.suffix.lower() not in PLOT_KINDS:
        raise EcgInputError(f"--plot {path}: unknown ending {path.suffix!r}, expected one of {', '.join(PLOT_KINDS)}")
    if not path.parent.is_dir():
        raise EcgInputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    return path


def plot_report(report: EcgReport, path: Path) -> None:
    """Draw the ECG with its report above it; the file appears under its name only when it is whole.

    SVG and PDF are vectors on a sheet of A4, and a PDF has the whole report on the pages that follow.

    Args:
        report: to draw.
        path: of a kind in `PLOT_KINDS`.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _draw_report(report, PLOT_KINDS[path.suffix.lower()], part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _draw_report(report: EcgReport, kind: str, path: Path) -> None:
    name, ecg = report.record.name, (report.record.signal, report.record.sampling_rate)
    title = f"{name}\n{'THE MODEL ABSTAINS. ' if report.abstains else ''}{report.text}"
    footer = f"Report written by the model {report.model}."
    if kind == "SVG":
        from ecg_image.svg import svg_file

        path.write_text(svg_file(*ecg, name, title, footer), encoding="utf-8")
    elif kind == "PDF":
        from ecg_image.pdf import draw_ecg_pdf

        text = [line for line in (report.abstention_line(), report.text, footer) if line]
        path.write_bytes(draw_ecg_pdf(*ecg, title, footer, text=text))
    else:
        from ecg_image.draw import draw_ecg

        page = draw_ecg(*ecg, _PLOT_WIDTH_PX, title, footer)
        page.save(path, format=kind, dpi=page.info["dpi"])
