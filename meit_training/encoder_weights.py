"""Saving an ECG encoder by itself, and starting a model from one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from dataset_scripts.record import EcgInputError
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig

WEIGHTS = "model.safetensors"


def save_encoder(encoder: nn.Module, config: EcgEncoderConfig, folder: Path, notes: dict[str, Any]) -> None:
    """Write config.json, the weights and notes.json (what it was trained on, and how well it did)."""
    # The weights go first and come last, whole: without them nothing opens the folder.
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).unlink(missing_ok=True)
    config.save_pretrained(folder)
    (folder / "notes.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")
    part = folder / (WEIGHTS + ".part")
    save_file({name: value.contiguous() for name, value in encoder.state_dict().items()}, part)
    part.replace(folder / WEIGHTS)


def load_encoder(encoder: nn.Module, config: EcgEncoderConfig, folder: str | Path) -> None:
    """Fill `encoder` with the weights in `folder`.

    Raises:
        EcgInputError: for a folder without an encoder, or with one of another shape.
    """
    folder = Path(folder)
    if not (folder / WEIGHTS).is_file():
        raise EcgInputError(
            f"{folder} holds no encoder ({WEIGHTS} is missing); make one with train_encoder.py or pretrain_encoder.py"
        )
    saved = EcgEncoderConfig.from_pretrained(folder)
    # Neither what regularises the training nor the projector, which is not saved here, changes the weights' meaning.
    free = {"dropout", "drop_path", "projector_width", "preset", "transformers_version"}
    ours, theirs = config.to_dict(), saved.to_dict()
    other = [name for name in ours if name not in free and ours[name] != theirs.get(name)]
    if other:
        raise EcgInputError(
            f"the encoder in {folder} differs in {', '.join(other)}; give the recipe the same "
            "ecg_config, or train another"
        )
    encoder.load_state_dict(load_file(folder / WEIGHTS))
