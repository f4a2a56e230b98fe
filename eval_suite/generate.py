"""Reports of a model for the rows of a split, in batches, into `predictions.parquet`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from tqdm import tqdm

from dataset_scripts.instructions.prompts import without_language
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.language import LANGUAGES
from eval_suite.controls import EcgControl, check_control, shuffled_partners
from eval_suite.predictions import read_predictions, read_settings, write_predictions
from eval_suite.report_model import ReportModel
from eval_suite.rows import check_limit, report_rows


def generate_predictions(
    model: ReportModel | str | Path,
    rows: datasets.Dataset,
    out: str | Path,
    *,
    ecg: EcgControl = "true",
    text_column: str = "report",
    language_told: bool = True,
    batch_size: int = 64,
    generation: Mapping[str, Any] | None = None,
    seed: int = 0,
    limit: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> list[str]:
    """Write one report a row to `out`; predictions already there under the same settings are taken as they are.

    Args:
        model: folder, Hub id or an opened `ReportModel` (then `device` and `dtype` are its own).
        rows: a whole split with the columns of the data set row that are needed: `ecg_id`, `patient_id`, `language`,
            `signal`, `sampling_rate`, `prompt` and the text column.
        out: the Parquet file to write: `ecg_id`, `patient_id`, `prompt`, `reference`, `prediction`, `confidence`.
        ecg: "true", "blank" (zeros after the extractor) or "shuffled" (another patient's record of `rows`).
        text_column: the reference.
        language_told: False draws each row's prompt again without the language.
        batch_size: rows at a time.
        generation: arguments for `generate`; what it leaves out is the model's own generation_config's.
        seed: of the shuffling and of sampling, if `generation` samples.
        limit: only the first rows; shuffled ECGs still come from all of `rows`.
        device: see `ReportModel`.
        dtype: see `ReportModel`.

    Returns:
        The predictions, in the rows' order.

    Raises:
        EcgInputError: a setting that cannot be, prompts that do not tell (or hide) the language as asked, an ECG that
            the model's processor refuses, or generation without a limit on new tokens.
    """
    check_control(ecg)
    check_limit(limit)
    if batch_size < 1:
        raise EcgInputError(f"batch_size {batch_size}, expected a positive number")
    generation = dict(generation or {})
    if generation.get("num_return_sequences", 1) != 1:
        raise EcgInputError("num_return_sequences must be 1: every row has one prediction")
    out = Path(out)
    model = model if isinstance(model, ReportModel) else ReportModel(model, device=device, dtype=dtype)
    text = report_rows(rows, text_column)
    chosen = text.head(limit)
    prompts = prompts_to_use(list(rows["prompt"])[:limit], chosen.languages, language_told)
    partners = shuffled_partners(text.patient_ids, seed) if ecg == "shuffled" else np.arange(len(text))
    shown = partners[: len(chosen)]
    signals = rows.select_columns(["signal", "sampling_rate"]).with_format("numpy")
    settings = {
        "model": model.fingerprint,
        "dtype": model.dtype,
        "signals": _signals_digest(signals, shown),
        "texts": _digest(zip(chosen.ecg_ids, chosen.patient_ids, prompts, chosen.reports, strict=True)),
        "ecg": ecg,
        "generation": generation,
        "seed": seed,
    }
    if read_settings(out) == settings:
        return list(read_predictions(out).values())

    _check_new_tokens(model.model.generation_config, generation)
    predictions, confidences = [""] * len(chosen), [0.0] * len(chosen)
    # Rows of like length share a batch, so that little of it is padding.
    order = sorted(range(len(chosen)), key=lambda row: (len(prompts[row]), row))
    with (
        torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []),
        tqdm(total=len(order), desc=f"reports, {ecg} ECG", unit="row") as progress,
    ):
        torch.manual_seed(seed)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            read = signals[shown[batch]]
            texts, confidence = model.reports(
                [_microvolts(signal) for signal in read["signal"]],
                [int(rate) for rate in read["sampling_rate"]],
                [prompts[row] for row in batch],
                blank=ecg == "blank",
                generation=generation,
            )
            for row, predicted, sure in zip(batch, texts, confidence, strict=True):
                predictions[row], confidences[row] = predicted, sure
            progress.update(len(batch))
    columns: dict[str, Sequence[Any]] = {
        "ecg_id": chosen.ecg_ids,
        "patient_id": chosen.patient_ids,
        "prompt": prompts,
        "reference": chosen.reports,
        "prediction": predictions,
        "confidence": confidences,
    }
    write_predictions(out, columns, settings)
    return predictions


def prompts_to_use(prompts: list[str], languages: Sequence[str], language_told: bool) -> list[str]:
    """The prompts that a model is given: the data set's, or the same without their language.

    Raises:
        EcgInputError: the language is to be told, and the prompts do not name it.
    """
    bare = [without_language(prompt) for prompt in prompts]
    if language_told and bare == prompts and not LANGUAGES.keys().isdisjoint(languages):
        raise EcgInputError(
            "the data set's prompts name no language, but the language is to be told; build it with the language or "
            "evaluate without telling it"
        )
    return prompts if language_told else bare


def _check_new_tokens(defaults: Any, generation: Mapping[str, Any]) -> None:
    limits = ("max_new_tokens", "max_length")
    if not any(generation.get(name) or getattr(defaults, name, None) for name in limits):
        raise EcgInputError(
            "neither the model's generation_config nor the generation settings limit the length, and the library's "
            "own limit of 20 tokens would cut reports short; give max_new_tokens"
        )


def _signals_digest(signals: datasets.Dataset, shown: np.ndarray) -> str:
    """SHA-256 of the ECGs that will be shown, in their order."""
    digest = hashlib.sha256()
    for start in range(0, len(shown), 256):
        read = signals[shown[start : start + 256]]
        for signal, rate in zip(read["signal"], read["sampling_rate"], strict=True):
            digest.update(f"{len(signal[0])} {rate}\0".encode() + _microvolts(signal).tobytes())
    return digest.hexdigest()


def _microvolts(signal: np.ndarray) -> np.ndarray:
    """A stored ECG as int16 [12, T], whichever nested form the data set's reader gives it in."""
    return np.stack(list(signal)).astype(np.int16, copy=False)


def _digest(rows: Any) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\0".join(row).encode() + b"\1")
    return digest.hexdigest()
