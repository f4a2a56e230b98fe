"""Reports of a model for the rows of a split, in batches, into `predictions.parquet`."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from dataset_scripts.instructions.prompts import without_language
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.language import LANGUAGES
from eval_suite.controls.ecgs import EcgControl, check_control, shuffled_partners
from eval_suite.corruptions.corruption import Corruption
from eval_suite.corruptions.stored import corrupted_digest, corrupted_ecgs, microvolts, stored_ecgs
from eval_suite.predictions import read_predictions, read_settings, write_predictions
from eval_suite.report_model import ReportModel
from eval_suite.rows import check_limit, report_rows


def generate_predictions(
    model: ReportModel | str | Path,
    rows: datasets.Dataset,
    out: str | Path,
    *,
    ecg: EcgControl = "true",
    corrupt: Corruption | None = None,
    text_column: str = "report",
    language_told: bool = True,
    batch_size: int = 64,
    generation: Mapping[str, Any] | None = None,
    seed: int = 0,
    limit: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    alike: Sequence[str] | None = None,
    progress: tqdm | None = None,
) -> list[str]:
    """Write one report a row to `out`; predictions already there under the same settings are taken as they are.

    Args:
        model: folder, Hub id or an opened `ReportModel` (then `device` and `dtype` are its own).
        rows: a whole split with the columns of the data set row that are needed: `ecg_id`, `patient_id`, `language`,
            `signal`, `sampling_rate`, `prompt` and the text column.
        out: the Parquet file to write: `ecg_id`, `patient_id`, `prompt`, `reference`, `prediction`, `confidence`.
        ecg: "true", "blank" (zeros after the extractor) or "shuffled" (another patient's record of `rows`).
        corrupt: what is done to each ECG before the processor sees it. A row whose ECG the processor then refuses has
            an empty prediction with confidence 0 (`refused_rows` counts them), and a warning says why.
        text_column: the reference.
        language_told: False draws each row's prompt again without the language.
        batch_size: rows at a time.
        generation: arguments for `generate`; what it leaves out is the model's own generation_config's.
        seed: of the shuffling and of sampling, if `generation` samples.
        limit: only the first rows; shuffled ECGs still come from all of `rows`.
        device: see `ReportModel`.
        dtype: see `ReportModel`.
        alike: a text for each row that is likely as long as its report, such as that of the clean ECG: rows of like
            length share a batch, which takes as many steps as its longest report. As `batch_size` it is no setting by
            which older predictions are recognised: in float32 it changes no prediction, unless `generation` samples.
            In bfloat16 and float16 rounding depends on what shares a batch, and a few reports change with it.
        progress: a bar to move on by every row; None shows one of its own.

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
    if corrupt is not None:  # without one nothing is added: older predictions are recognised
        digest = corrupted_digest(signals, shown.tolist(), text.ecg_ids, corrupt)
        settings["corruption"] = {**corrupt.settings, "signals": digest}
    if read_settings(out) == settings:
        if progress is not None:
            pass_over(progress, len(chosen))
        return list(read_predictions(out).values())

    _check_new_tokens(model.model.generation_config, generation)
    predictions, confidences = [""] * len(chosen), [0.0] * len(chosen)
    refused: list[str] = []
    # Rows of like length share a batch, so that little of it is padding.
    order = sorted(range(len(chosen)), key=lambda row: (len(alike[row]) if alike else 0, len(prompts[row]), row))
    bar = tqdm(total=len(order), desc=f"reports, {ecg} ECG", unit="row") if progress is None else progress
    with (
        torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []),
        contextlib.nullcontext() if bar is progress else contextlib.closing(bar),
    ):
        torch.manual_seed(seed)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            ecgs, reasons = _read(signals, shown[batch].tolist(), text.ecg_ids, corrupt, model)
            refused += reasons.values()
            readable = [place for place in range(len(batch)) if place not in reasons]
            if readable:
                texts, confidence = model.reports(
                    [ecgs[place][0] for place in readable],
                    [ecgs[place][1] for place in readable],
                    [prompts[batch[place]] for place in readable],
                    blank=ecg == "blank",
                    generation=generation,
                )
                for place, predicted, sure in zip(readable, texts, confidence, strict=True):
                    predictions[batch[place]], confidences[batch[place]] = predicted, sure
            bar.update(len(batch))
    if refused:
        reason, times = Counter(refused).most_common(1)[0]
        warnings.warn(
            f"the model's processor refuses {len(refused)} of the {len(chosen)} corrupted ECGs, which count as empty "
            f"reports; {times} because: {reason}",
            stacklevel=2,
        )
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


def refused_rows(path: Path) -> int:
    """How many rows of a predictions file are empty because the processor refused their corrupted ECG.

    A model that writes nothing is sure of it by more than 0.
    """
    table = pq.read_table(path, columns=["prediction", "confidence"]).to_pydict()
    return sum(not text and sure == 0 for text, sure in zip(table["prediction"], table["confidence"], strict=True))


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


def pass_over(progress: tqdm, rows: int) -> None:
    """Move a bar on by rows that took no time: they must not enter its estimate of what is left."""
    progress.initial += rows
    progress.n += rows
    progress.refresh()


def _read(
    signals: datasets.Dataset,
    places: Sequence[int],
    ecg_ids: Sequence[str],
    corrupt: Corruption | None,
    model: ReportModel,
) -> tuple[list[tuple[np.ndarray, float]], dict[int, str]]:
    """The ECGs of a batch with their sampling rates, and why the processor refuses which of the corrupted ones."""
    if corrupt is None:
        return stored_ecgs(signals, places), {}
    ecgs = corrupted_ecgs(signals, places, ecg_ids, corrupt)
    reasons = model.refusals([signal for signal, _ in ecgs], [rate for _, rate in ecgs])
    return ecgs, {place: reason for place, reason in enumerate(reasons) if reason}


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
            digest.update(f"{len(signal[0])} {rate}\0".encode() + microvolts(signal).tobytes())
    return digest.hexdigest()


def _digest(rows: Any) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\0".join(row).encode() + b"\1")
    return digest.hexdigest()
