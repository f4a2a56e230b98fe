"""One ECG file -> its report: opens a model folder through the Auto classes, generates, and formats what it wrote."""

from __future__ import annotations

import os
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints import shipped, shipped_names
from ecg_image.page import RESEARCH_USE_NOTICE

if TYPE_CHECKING:  # both bring in packages that are slow to import
    from dataset_scripts.sources.files import EcgFile

PLOT_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".pdf": "PDF"}
_PLOT_WIDTH_PX = 1600
# For a model that states no limit of its own: the library's would cut a report after 20 tokens.
_MAX_NEW_TOKENS = 256


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
    """

    text: str
    confidence: float
    model: str
    prompt: str
    record: EcgFile
    warnings: tuple[str, ...]
    abstention: Mapping[str, Any] | None = None

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
            "abstains": self.abstains,
            "abstention": None if self.abstention is None else dict(self.abstention),
            "model": self.model,
            "prompt": self.prompt,
            "record": self.record.name,
            "sampling_rate": self.record.sampling_rate,
            "duration_s": self.record.duration,
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
        EcgInputError: a folder that holds no model, or a Hub id without `trust_remote_code`.
        FileNotFoundError: None was given and no model is shipped.
    """
    from dataset_scripts.record import EcgInputError

    if model is None:
        return str(shipped())
    if Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
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
    """Let a model write the report of one ECG.

    Args:
        record: the ECG.
        model: folder or Hub id, as `resolve_model` gives it; its own Python code is run.
        prompt: the instruction.

    Raises:
        EcgInputError: the folder's processor is not a MEIT model's, or refuses the ECG.
    """
    import torch
    from transformers import AutoProcessor
    from transformers.utils import logging

    from dataset_scripts.record import EcgInputError
    from eval_suite.auto_model import load_report_model
    from eval_suite.calibration.asked import unlike_calibrated
    from eval_suite.confidence import CONFIDENCE

    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    no_processor = f"{model} has no processor that reads ECGs, expected a model as `meit train` saves it"
    try:
        processor = AutoProcessor.from_pretrained(model, trust_remote_code=True)
    except ValueError as error:
        raise EcgInputError(f"{no_processor} ({error})") from error
    extractor = getattr(processor, "feature_extractor", None)
    if extractor is None or not hasattr(processor, "post_process_reports"):
        raise EcgInputError(no_processor)
    try:
        with python_warnings.catch_warnings(record=True) as caught:
            python_warnings.simplefilter("always")
            inputs = processor(
                ecg=record.signal, sampling_rate=record.sampling_rate, lead_names=record.lead_names, text=prompt
            )
    except ValueError as error:
        raise EcgInputError(f"{record.name}: {error}") from error
    found = [str(warning.message) for warning in caught if warning.category is UserWarning]
    if record.sampling_rate != extractor.sampling_rate:
        found.append(f"resampled from {record.sampling_rate:g} Hz to the model's {extractor.sampling_rate:g} Hz")

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    network = load_report_model(model, dtype).to(device)
    text, confidence = _generate(network, processor, inputs.to(device))
    if not text:
        found.append("the model wrote an empty report")
    name = Path(model).resolve().name if Path(model).is_dir() else model
    abstention = getattr(network.config, "abstention", None)
    if abstention is not None and abstention["confidence"] != CONFIDENCE:
        found.append(
            f"the model's threshold is of the confidence {abstention['confidence']}, this is {CONFIDENCE}: not applied"
        )
        abstention = None
    if abstention is not None and (unlike := unlike_calibrated(abstention, prompt, str(dtype).removeprefix("torch."))):
        found.append(unlike)
    return EcgReport(text, confidence, name, prompt, record, tuple(found), abstention)


def _generate(network: Any, processor: Any, inputs: Any) -> tuple[str, float]:
    """Return the report of a batch of one, and its confidence."""
    import torch

    from eval_suite.auto_model import prompt_length
    from eval_suite.confidence import end_tokens, sequence_confidence

    limits = network.generation_config
    limited = limits.max_new_tokens or limits.max_length
    with torch.inference_mode():
        output = network.generate(
            **inputs,
            **({} if limited else {"max_new_tokens": _MAX_NEW_TOKENS}),
            return_dict_in_generate=True,
            output_scores=True,
        )
    completion = output.sequences[:, prompt_length(network, inputs) :]
    confidence = sequence_confidence(completion, output, end_tokens(limits))
    return processor.post_process_reports(completion)[0], confidence[0]


def check_plot(path: str | Path) -> Path:
    """Return the path of a plot that can be written.

    Raises:
        EcgInputError: an ending that stands for no known kind of image, or a folder that does not exist.
    """
    from dataset_scripts.record import EcgInputError

    path = Path(path)
    if path.suffix.lower() not in PLOT_KINDS:
        raise EcgInputError(f"--plot {path}: unknown ending {path.suffix!r}, expected one of {', '.join(PLOT_KINDS)}")
    if not path.parent.is_dir():
        raise EcgInputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    return path


def plot_report(report: EcgReport, path: Path) -> None:
    """Draw the ECG with its report above it; the file appears under its name only when it is whole.

    Args:
        report: to draw.
        path: of a kind in `PLOT_KINDS`.
    """
    from ecg_image.draw import draw_ecg
    from ecg_image.page import Page

    page = draw_ecg(
        report.record.signal,
        report.record.sampling_rate,
        _PLOT_WIDTH_PX,
        title=f"{report.record.name}\n{'THE MODEL ABSTAINS. ' if report.abstains else ''}{report.text}",
        footer=f"Report written by the model {report.model}.",
    )
    dots_per_inch = _PLOT_WIDTH_PX / Page.width * 25.4
    size = {"resolution": dots_per_inch} if path.suffix.lower() == ".pdf" else {"dpi": (dots_per_inch,) * 2}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        page.save(part, format=PLOT_KINDS[path.suffix.lower()], **size)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
