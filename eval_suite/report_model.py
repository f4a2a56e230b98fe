"""A saved model as the evaluation sees it: ECGs and prompts in, reports and confidences out.

The model is a folder or Hub id reached through the Auto classes with `trust_remote_code=True`: this runs the code in
that folder, so evaluate only models whose code you trust.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from transformers import AutoProcessor

from dataset_scripts.record import EcgInputError
from eval_suite.auto_model import load_report_model, prompt_length
from eval_suite.predictions import folder_fingerprint

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class ReportModel:
    """A model folder, opened when its first report is asked for.

    Args:
        model: folder or Hub id of a saved model with its processor.
        device: "cpu", "cuda", …; None takes CUDA where there is one.
        dtype: "float32", "bfloat16" or "float16"; None is float32 on a CPU and bfloat16 elsewhere.

    Raises:
        EcgInputError: no such model, or another dtype.
    """

    def __init__(self, model: str | Path, *, device: str | None = None, dtype: str | None = None) -> None:
        self.name = str(model)
        self.folder = _model_folder(self.name)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = dtype or ("float32" if self.device.type == "cpu" else "bfloat16")
        if self.dtype not in _DTYPES:
            raise EcgInputError(f"dtype {self.dtype!r}, expected one of {', '.join(_DTYPES)}")

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the folder's files."""
        return folder_fingerprint(self.folder)

    @property
    def described(self) -> str:
        """Which model exactly, for a table."""
        return f"{self.folder.name}, sha256 of its files {self.fingerprint[:16]}, {self.dtype}"

    @functools.cached_property
    def model(self) -> Any:
        """The loaded model, in evaluation mode on its device."""
        return load_report_model(self.folder, _DTYPES[self.dtype]).to(self.device)

    @functools.cached_property
    def processor(self) -> Any:
        """The model's processor."""
        return AutoProcessor.from_pretrained(self.folder, trust_remote_code=True)

    @torch.inference_mode()
    def reports(
        self,
        signals: Sequence[np.ndarray],
        sampling_rates: Sequence[int],
        prompts: Sequence[str],
        *,
        blank: bool = False,
        generation: Mapping[str, Any] | None = None,
    ) -> tuple[list[str], list[float]]:
        """Reports for one batch.

        Args:
            signals: int16 [12, T] in microvolts or float [12, T] in millivolts, one a row.
            sampling_rates: in Hz, one a row.
            prompts: one a row.
            blank: replace the extracted ECG by zeros, all of them marked as measured.
            generation: arguments for `generate`; what it leaves out is the model's own generation_config's.

        Returns:
            The texts, white space at their ends cut off, and their confidences: the exponential of the mean
            log-probability of the generated tokens, the end token included (0..1).

        Raises:
            EcgInputError: the processor refuses an ECG.
        """
        try:
            inputs = self.processor(
                ecg=list(signals),
                sampling_rate=list(sampling_rates),
                text=list(prompts),
                return_tensors="pt",
                padding=True,
            ).to(self.device)
        except ValueError as cause:
            raise EcgInputError(f"the model's processor refuses the batch: {cause}") from cause
        if blank:
            inputs["ecg_values"] = torch.zeros_like(inputs["ecg_values"])
            inputs["ecg_mask"] = torch.ones_like(inputs["ecg_mask"])
        output = self.model.generate(
            **inputs, **dict(generation or {}), return_dict_in_generate=True, output_scores=True
        )
        completion = output.sequences[:, prompt_length(self.model, inputs) :]
        texts = self.processor.batch_decode(completion, skip_special_tokens=True)
        confidence = _confidence(completion, output, _end_tokens(self.model, generation))
        return [text.strip() for text in texts], confidence


def _model_folder(model: str) -> Path:
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model))
        except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError) as cause:
            raise EcgInputError(f"{model} is neither a folder nor a model on the Hub that can be reached") from cause
    if not (folder / "config.json").is_file():
        raise EcgInputError(f"{model} has no config.json, expected a folder that save_pretrained wrote")
    return folder


def _end_tokens(model: Any, generation: Mapping[str, Any] | None) -> list[int]:
    end = dict(generation or {}).get("eos_token_id", model.generation_config.eos_token_id)
    return [] if end is None else end if isinstance(end, list) else [end]


def _confidence(completion: torch.Tensor, output: Any, end_tokens: list[int]) -> list[float]:
    """exp(mean log-probability) of each row's tokens up to and with its first end token, [B, L] -> B numbers.

    `output.scores` are unnormalised for greedy search and sampling, and log-probabilities of the beams, [B * beams,
    vocabulary], for beam search, where `beam_indices` says which beam each token came from.
    """
    beams = getattr(output, "beam_indices", None)
    total = torch.zeros(len(completion), device=completion.device)
    length = torch.zeros_like(total)
    open_rows = torch.ones_like(total, dtype=torch.bool)
    ends = torch.tensor(end_tokens, device=completion.device, dtype=completion.dtype)
    for step in range(completion.shape[1]):
        tokens = completion[:, step]
        scores = output.scores[step].float()
        # A finished beam's index is -1; its rows are closed, so what is read for them is not used.
        scores = scores.log_softmax(dim=-1) if beams is None else scores[beams[:, step].clamp(min=0)]
        chosen = scores.gather(1, tokens.unsqueeze(1)).squeeze(1)
        total = torch.where(open_rows, total + chosen, total)
        length = length + open_rows
        open_rows = open_rows & ~torch.isin(tokens, ends)
    return (total / length.clamp(min=1)).exp().tolist()
