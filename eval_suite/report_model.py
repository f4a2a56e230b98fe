"""A saved model as the evaluation sees it: ECGs and prompts in, reports and confidences out.

The model is a folder or Hub id reached through the Auto classes with `trust_remote_code=True`: this runs the code in
that folder, so evaluate only models whose code you trust.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from transformers import AutoProcessor

from dataset_scripts.record import EcgInputError
from eval_suite.adapters import adapter_base, named_base, named_revision, with_adapter
from eval_suite.auto_model import load_report_model, prompt_length
from eval_suite.confidence import end_tokens, sequence_confidence
from eval_suite.model_folder import folder_fingerprint

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class ReportModel:
    """A model folder, opened when its first report is asked for.

    Args:
        model: folder or Hub id of a saved model with its processor, or of a PEFT adapter, which is merged into the
            model that its adapter_config.json names; code that is run, and the processor, are that model's.
        device: "cpu", "cuda", …; None takes CUDA where there is one.
        dtype: "float32", "bfloat16" or "float16"; None is float32 on a CPU and bfloat16 elsewhere.
        revision: commit of a Hub id, whose files of that commit are fetched, code among them. An adapter's model is
            then fetched at the commit that its adapter_config.json names as `revision`.

    Raises:
        EcgInputError: no such model, or another dtype; with a revision also an adapter that names no commit of its
            model.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str | None = None,
        dtype: str | None = None,
        revision: str | None = None,
    ) -> None:
        self.name = str(model)
        self.folder = _local_folder(self.name, revision)
        base = adapter_base(self.folder)
        base_revision = None if base is None else named_revision(self.folder)
        if revision is not None and base is not None and not Path(base).is_dir() and base_revision is None:
            raise EcgInputError(
                f"the adapter {model} belongs to {base}, of which it names no commit; expected the 40 digits of one as "
                "revision in its adapter_config.json"
            )
        self._model_folder = self.folder if base is None else _local_folder(base, base_revision)
        if not (self._model_folder / "config.json").is_file():
            what = self.name if base is None else f"{base}, which the adapter {self.name} belongs to,"
            raise EcgInputError(f"{what} has no config.json, expected a folder that save_pretrained wrote")
        # A base that the adapter does not name is the merged model around it, which has the adapter in it.
        self._adapter = self.folder if base is not None and base == named_base(self.folder) else None
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = dtype or ("float32" if self.device.type == "cpu" else "bfloat16")
        if self.dtype not in _DTYPES:
            raise EcgInputError(f"dtype {self.dtype!r}, expected one of {', '.join(_DTYPES)}")

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where its files lie: of the model, whose code is run, and of the adapter where it has one."""
        return (self._model_folder,) if self._adapter is None else (self._model_folder, self._adapter)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the folder's files; of an adapter's and its model's together."""
        model = folder_fingerprint(self._model_folder)
        if self._adapter is None:
            return model
        return hashlib.sha256(f"{model}\0{folder_fingerprint(self._adapter)}".encode()).hexdigest()

    @property
    def described(self) -> str:
        """Which model exactly, for a table."""
        name = self.folder.name
        if self.folder != self._model_folder:
            name += f" {'on' if self._adapter else 'merged in'} {self._model_folder.name}"
        return f"{name}, sha256 of its files {self.fingerprint[:16]}, {self.dtype}"

    @functools.cached_property
    def model(self) -> Any:
        """The loaded model, in evaluation mode on its device."""
        model = load_report_model(self._model_folder, _DTYPES[self.dtype])
        return (model if self._adapter is None else with_adapter(model, self._adapter)).to(self.device)

    @functools.cached_property
    def processor(self) -> Any:
        """The model's processor."""
        return AutoProcessor.from_pretrained(self._model_folder, trust_remote_code=True)

    def refusals(self, signals: Sequence[np.ndarray], sampling_rates: Sequence[float]) -> list[str]:
        """Why the processor refuses each ECG; an empty text where it reads it.

        Args:
            signals: as `reports` takes them, one a row.
            sampling_rates: in Hz, one a row.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what is only remarkable is said when the reports are made
            if not self._refusal(list(signals), list(sampling_rates)):
                return [""] * len(signals)
            return [self._refusal([signal], [rate]) for signal, rate in zip(signals, sampling_rates, strict=True)]

    def _refusal(self, signals: list[np.ndarray], sampling_rates: list[float]) -> str:
        try:
            self.processor.feature_extractor(ecg=signals, sampling_rate=sampling_rates)
        except ValueError as refusal:
            return str(refusal)
        return ""

    @torch.inference_mode()
    def reports(
        self,
        signals: Sequence[np.ndarray],
        sampling_rates: Sequence[float],
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
        confidence = sequence_confidence(completion, output, end_tokens(self.model.generation_config, generation))
        return [text.strip() for text in texts], confidence


def _local_folder(model: str, revision: str | None = None) -> Path:
    """The folder itself, or where a Hub id's files lie once they are downloaded."""
    if Path(model).is_dir():
        return Path(model)
    try:
        return Path(snapshot_download(model, revision=revision))
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError) as cause:
        raise EcgInputError(f"{model} is neither a folder nor a model on the Hub that can be reached") from cause
