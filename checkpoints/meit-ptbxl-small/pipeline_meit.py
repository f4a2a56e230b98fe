"""`pipeline("ecg-to-text")`: from a recording to its report in one call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, Pipeline

TASK = "ecg-to-text"
_KEYS = ("ecg", "sampling_rate", "lead_names", "prompt")
_TO_MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}
_EXPECTED = (
    "an array [12, T], a dict with ecg, sampling_rate and, if need be, lead_names and prompt, the path of a WFDB "
    "record, or a list of such"
)


class EcgToTextPipeline(Pipeline):
    """Writes the reports of 12-lead ECGs: `pipeline("ecg-to-text", model=..., trust_remote_code=True)`.

    Args:
        model: a MEIT model.
        processor: its `MeitProcessor`.
        **kwargs: of `transformers.Pipeline`, among them `device` and `batch_size`; and defaults for the arguments of a
            call.

    Raises:
        ValueError: without the processor of a MEIT model.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_feature_extractor = False
    _load_image_processor = False
    _load_video_processor = False
    _pipeline_calls_generate = True
    # For a model that states no limit of its own; the library's would cut a report after 20 tokens.
    _default_generation_config = GenerationConfig(max_new_tokens=256)

    def __init__(self, model: Any, processor: Any = None, **kwargs: Any) -> None:
        if not hasattr(processor, "post_process_reports"):
            raise ValueError(
                f"processor is {type(processor).__name__}, expected the model's MeitProcessor; load it with "
                "AutoProcessor.from_pretrained(..., trust_remote_code=True)"
            )
        # It pads a batch, and `generate` takes the padding token from it.
        kwargs["tokenizer"] = processor.tokenizer
        super().__init__(model=model, processor=processor, **kwargs)
        # `transformers.pipeline` has put classes where config.json has their names, which could not be saved again.
        for info in (getattr(model.config, "custom_pipelines", None) or {}).values():
            info["pt"] = [part if isinstance(part, str) else part.__name__ for part in info["pt"]]

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Write the report of one ECG, or of each of several.

        Args:
            inputs: one recording or a list of them. A recording is an array or tensor [12, T] as
                `MeitFeatureExtractor` takes it (floats in millivolts or int16 in microvolts), the path of a WFDB record
                (which needs the package wfdb), or a dict with `ecg` and, as they are known, `sampling_rate`,
                `lead_names` and `prompt`. A batch [B, 12, T] is a list; a generator gives a generator.
            **kwargs: `sampling_rate` (Hz), `lead_names` and `prompt` (an instruction or a conversation) for the
                recordings that do not bring their own; `batch_size`; and any argument of `generate`.

        Returns:
            `[{"report": text}]`, with `num_return_sequences` as many as asked for; of a list, a list of those.

        Raises:
            ValueError: a recording cannot be used.
            ImportError: a path is given and wfdb is not installed.
        """
        return super().__call__(_one_or_list(inputs), **kwargs)

    def _sanitize_parameters(
        self, sampling_rate: float | None = None, lead_names: Any = None, prompt: Any = None, **generate_kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        given = {"sampling_rate": sampling_rate, "lead_names": lead_names, "prompt": prompt}
        return {name: value for name, value in given.items() if value is not None}, generate_kwargs, {}

    def preprocess(self, input_: Any, **defaults: Any) -> dict[str, Any]:
        """One recording -> the model's inputs, a batch of one."""
        record = {**defaults, **_as_record(input_)}
        inputs = self.processor(
            ecg=record["ecg"],
            text=record.get("prompt"),
            sampling_rate=record.get("sampling_rate"),
            lead_names=record.get("lead_names"),
        )
        if len(inputs["ecg_values"]) != 1:
            raise ValueError(f"one recording holds {len(inputs['ecg_values'])} ECGs; give a list of recordings")
        return dict(inputs)

    def _forward(self, model_inputs: dict[str, Any], **generate_kwargs: Any) -> dict[str, torch.Tensor]:
        output = self.model.generate(**model_inputs, **self._prepare_generate_kwargs(generate_kwargs))
        sequences = output if isinstance(output, torch.Tensor) else output.sequences
        batch, length = model_inputs["input_ids"].shape
        if not self.model.config.is_encoder_decoder:
            sequences = sequences[:, length:]
        return {"completions": sequences.unflatten(0, (batch, -1))}

    def postprocess(self, model_outputs: dict[str, torch.Tensor]) -> list[dict[str, str]]:
        """Completions [1, N, L] -> N reports."""
        return [{"report": text} for text in self.processor.post_process_reports(model_outputs["completions"][0])]

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Write model, processor and code into a folder that opens as this pipeline again.

        Args:
            save_directory: is made.
            **kwargs: of the model's `save_pretrained`.
        """
        self.model.save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory)


def _one_or_list(inputs: Any) -> Any:
    """A batch as a list of recordings, a nested list of numbers as one recording, anything else as it is."""
    if isinstance(inputs, (np.ndarray, torch.Tensor)):
        return list(inputs) if inputs.ndim == 3 else inputs
    if not isinstance(inputs, (list, tuple)):
        return inputs
    if len(inputs) == 0:
        raise ValueError("the list of recordings is empty, expected at least one")
    first = inputs[0]
    is_lead = isinstance(first, (list, tuple, np.ndarray, torch.Tensor)) and len(first) > 0 and np.ndim(first[0]) == 0
    return {"ecg": np.array(inputs)} if is_lead else list(inputs)


def _as_record(given: Any) -> dict[str, Any]:
    """A recording in any form as a dict of `_KEYS`.

    Raises:
        ValueError: it has none of the forms, or cannot be read.
    """
    if isinstance(given, (str, os.PathLike)):
        return _read_wfdb(Path(given))
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(_KEYS))
        if unknown or "ecg" not in given:
            raise ValueError(
                f"a recording has the keys {', '.join(map(str, given))}; expected ecg and, if need be, "
                f"{', '.join(_KEYS[1:])}"
            )
        return {name: value for name, value in given.items() if value is not None}
    if isinstance(given, (np.ndarray, torch.Tensor, list, tuple)):
        return {"ecg": given}
    raise ValueError(f"a recording is a {type(given).__name__}, expected {_EXPECTED}")


def _read_wfdb(path: Path) -> dict[str, Any]:
    """Signal in millivolts, sampling rate and lead names of a WFDB record, with or without an ending.

    Raises:
        ValueError: there is no such record, or it cannot be read.
        ImportError: wfdb is not installed.
    """
    record = path.with_suffix("") if path.suffix in (".hea", ".dat") else path
    if not record.with_name(record.name + ".hea").is_file():
        raise ValueError(f"there is no WFDB record {record}: no file {record.name}.hea; expected {_EXPECTED}")
    try:
        import wfdb
    except ImportError as error:
        raise ImportError("a path needs the package wfdb: pip install wfdb, or pass the signal as an array") from error
    try:
        read = wfdb.rdrecord(str(record))
    except (ValueError, LookupError, OSError) as error:
        raise ValueError(f"{record} cannot be read as a WFDB record: {error}") from error
    unknown = sorted({unit for unit in read.units if unit not in _TO_MILLIVOLTS})
    if unknown:
        raise ValueError(f"{record} has leads in {', '.join(unknown)}, expected one of {', '.join(_TO_MILLIVOLTS)}")
    signal = read.p_signal * np.array([_TO_MILLIVOLTS[unit] for unit in read.units])
    return {"ecg": signal.T, "sampling_rate": read.fs, "lead_names": read.sig_name}


def custom_pipelines(auto_class: str) -> dict[str, dict[str, Any]]:
    """What config.json says of this pipeline to `transformers.pipeline`.

    Args:
        auto_class: that opens the model, such as "AutoModelForCausalLM".
    """
    return {TASK: {"impl": f"{Path(__file__).stem}.{EcgToTextPipeline.__name__}", "pt": [auto_class]}}
