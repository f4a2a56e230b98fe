"""ECGs as a model's own encoder sees them, one vector a record, kept in a Parquet file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from dataset_scripts.record import EcgInputError
from eval_suite.predictions import read_settings, write_with_settings
from eval_suite.report_model import ReportModel

_BATCH = 128


class NoEcgEncoderError(EcgInputError):
    """The model offers no embedding of an ECG."""


def ecg_embeddings(
    model: ReportModel,
    rows: datasets.Dataset,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    name: str = "ECGs",
) -> np.ndarray:
    """The model's embedding of every record's ECG; those that `out` has under the same settings are taken as they are.

    An embedding is all that the model's `encode_ecg` gives for a recording, its ECG tokens one after the other.

    Args:
        model: whose encoder is asked.
        rows: with `ecg_id`, `signal` and `sampling_rate`.
        out: the Parquet file to write: `ecg_id`, `embedding`; None keeps nothing.
        limit: only the first rows.
        name: of the records, for the progress bar.

    Returns:
        float32 [rows, D].

    Raises:
        NoEcgEncoderError: the model has no `encode_ecg`.
        EcgInputError: the model's processor refuses an ECG.
    """
    kept_settings = None if out is None else read_settings(Path(out))
    if (kept_settings or {}).get("model") != model.fingerprint:  # it has not embedded anything yet
        _encoder(model)  # refuses before every signal is read
    rows = rows.select_columns(["ecg_id", "signal", "sampling_rate"])
    chosen = rows if limit is None else rows.select(range(min(limit, len(rows))))
    settings = {"model": model.fingerprint, "dtype": model.dtype, "signals": _digest(chosen)}
    if out is not None and kept_settings == settings:
        kept = pq.read_table(out)["embedding"].combine_chunks()
        return kept.flatten().to_numpy(zero_copy_only=False).reshape(len(chosen), -1)
    encoder = _encoder(model)
    found = []
    with tqdm(total=len(chosen), desc=f"embeddings, {name}", unit="row") as progress:
        for _, signals, rates in _batches(chosen):
            found.append(_embed(model, encoder, signals, rates))
            progress.update(len(signals))
    embeddings = np.concatenate(found)
    if out is not None:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embeddings.shape[1])
        table = pa.table({"ecg_id": [str(ecg_id) for ecg_id in chosen["ecg_id"]], "embedding": vectors})
        write_with_settings(Path(out), table, settings)
    return embeddings


def _encoder(model: ReportModel) -> torch.nn.Module:
    # A model with a head holds the encoder in what transformers calls its base model.
    encoder: torch.nn.Module = model.model.base_model
    if not hasattr(encoder, "encode_ecg"):
        raise NoEcgEncoderError(
            f"{model.folder.name} has no method encode_ecg that embeds an ECG, so the report of the nearest ECG is "
            "left out"
        )
    return encoder


@torch.inference_mode()
def _embed(model: ReportModel, encoder: torch.nn.Module, signals: Sequence[np.ndarray], rates: list[int]) -> np.ndarray:
    """float32 [recordings, D]."""
    try:
        inputs = model.processor.feature_extractor(signals, sampling_rate=rates, return_tensors="pt")
    except ValueError as cause:
        raise EcgInputError(f"the model's processor refuses the batch: {cause}") from cause
    tokens = encoder.encode_ecg(inputs["ecg_values"].to(model.device), inputs["ecg_mask"].to(model.device))
    return tokens.float().flatten(1).cpu().numpy()


def _digest(rows: datasets.Dataset) -> str:
    """SHA-256 of the rows' ids, rates and signals, in their order."""
    digest = hashlib.sha256()
    for ids, signals, rates in _batches(rows):
        for ecg_id, signal, rate in zip(ids, signals, rates, strict=True):
            digest.update(f"{ecg_id} {rate} {signal.shape[1]}\0".encode() + signal.tobytes())
    return digest.hexdigest()


def _batches(rows: datasets.Dataset) -> Iterator[tuple[list[str], list[np.ndarray], list[int]]]:
    """Ids, signals (int16 [12, T], as stored) and sampling rates, some rows at a time."""
    tables = rows.with_format("arrow")
    for start in range(0, len(rows), _BATCH):
        table = tables[start : start + _BATCH]
        leads = table["signal"].combine_chunks().flatten()
        lengths = pc.list_value_length(leads).to_numpy(zero_copy_only=False).reshape(len(table), -1)
        samples = leads.flatten().to_numpy(zero_copy_only=False).astype(np.int16, copy=False)
        ends = np.cumsum(lengths.sum(axis=1))[:-1]
        signals = [row.reshape(lengths.shape[1], -1) for row in np.split(samples, ends)]
        yield [str(value) for value in table["ecg_id"].to_pylist()], signals, table["sampling_rate"].to_pylist()
