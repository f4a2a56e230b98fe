"""How ECGs pass from a process that is not trusted: numbers in one file, JSON in another, and never a pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from ecg_files.ecg_file import EcgFile, one_line
from modeling_meit.ecg_signal import STANDARD_LEADS

_ANSWER, _SIGNALS = "answer.json", "signals.f32"
_LARGEST_ANSWER = 4 << 20
_LONGEST_MESSAGE = 600


def write_ecgs(folder: Path, ecgs: Sequence[EcgFile]) -> None:
    """Write ECGs for `read_answer`."""
    with (folder / _SIGNALS).open("wb") as file:
        for ecg in ecgs:
            file.write(np.ascontiguousarray(ecg.signal, dtype="<f4").data)
    described = [
        {
            "samples": ecg.signal.shape[1],
            "sampling_rate": ecg.sampling_rate,
            "name": ecg.name,
            "format": ecg.format,
            "notes": list(ecg.notes),
        }
        for ecg in ecgs
    ]
    (folder / _ANSWER).write_text(json.dumps({"ecgs": described}), encoding="utf-8")


def write_refusal(folder: Path, message: str) -> None:
    """Write why there are no ECGs."""
    (folder / _ANSWER).write_text(json.dumps({"refusal": message}), encoding="utf-8")


def read_answer(folder: Path) -> list[EcgFile]:
    """Return the ECGs, everything about them checked again.

    Raises:
        EcgInputError: what `write_refusal` was given.
        ValueError: the answer is not what the two functions above write.
    """
    answer = folder / _ANSWER
    if answer.stat().st_size > _LARGEST_ANSWER:
        raise ValueError("the answer is too long")
    found: dict[str, Any] = json.loads(answer.read_bytes())
    if "refusal" in found:
        raise EcgInputError(one_line(str(found["refusal"]), _LONGEST_MESSAGE))
    numbers = np.fromfile(folder / _SIGNALS, dtype="<f4").astype(np.float32, copy=False)
    ecgs, start = [], 0
    for each in found["ecgs"]:
        length = len(STANDARD_LEADS) * int(each["samples"])
        rate = each["sampling_rate"]
        if not (isinstance(rate, (int, float)) and 0 < rate < float("inf")) or not 0 < length <= len(numbers) - start:
            raise ValueError("the answer and its numbers do not fit")
        # Copied, so that one of many ECGs does not keep all of them in memory.
        signal = numbers[start : start + length].reshape(len(STANDARD_LEADS), -1).copy()
        notes = tuple(one_line(str(note), 300) for note in each["notes"])
        ecgs.append(
            EcgFile(signal, rate, STANDARD_LEADS, one_line(str(each["name"])), one_line(str(each["format"])), notes)
        )
        start += length
    return ecgs
