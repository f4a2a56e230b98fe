"""Teach an ECG encoder the shape of ECGs before anybody names anything: masked autoencoding over leads and time.

    python pretrain_encoder.py recipes/encoders/ptbxl-vit-masked.yaml data=FOLDER

No report and no code is read. `meit_training/masked_ecg.py` says what is masked and how it is scored. The folder it
writes is of the kind that `train_encoder.py` writes; that script and `train_sft.py` go on from it when a recipe names
it as `encoder_weights`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainingArguments, set_seed

from dataset_scripts.record import EcgInputError
from meit_training.arguments import DataArguments, EcgArguments
from meit_training.cpu_clock import CpuClock
from meit_training.ecg_batches import EcgSource, EpochOfAugmentation, make_source
from meit_training.encoder_run import make_encoder, run_notes
from meit_training.encoder_weights import save_encoder
from meit_training.masked_ecg import MaskArguments, MaskedEcgModel
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.script import run_script
from meit_training.train_split import training_rows
from modeling_meit.ecg_encoder_vit import VitEncoder


def collator(source: EcgSource, steps: int, leads: int) -> Callable[[list[tuple[int, bool]]], dict[str, torch.Tensor]]:
    """(row, whether it is for training) -> a batch with the noise that chooses what is masked.

    As the augmentation, the noise depends on seed, epoch and row alone; held-out rows are masked alike in every epoch.
    """

    def collate(examples: list[tuple[int, bool]]) -> dict[str, torch.Tensor]:
        batch = source([row for row, _ in examples], [training for _, training in examples])
        noise: np.ndarray = np.empty((len(examples), steps, 1 + leads), dtype=np.float32)
        for place, (row, training) in enumerate(examples):
            epoch = 1 + source.epoch if training else 0
            noise[place] = np.random.default_rng((source.seed, epoch, row, 1)).random(noise.shape[1:], np.float32)
        drawn = torch.from_numpy(noise)
        return {**batch, "time_noise": drawn[..., 0], "lead_noise": drawn[..., 1:]}

    return collate


def mean_unexplained(prediction: Any) -> dict[str, float]:
    """Share of the masked samples' variance that the drawing leaves unexplained, mean over the recordings."""
    return {"unexplained": float(np.mean(prediction.predictions))}


def main(argv: Sequence[str] | None = None) -> Path:
    """Train by a recipe; returns the folder with the encoder."""
    data, ecg, masks, training = parse(
        sys.argv[1:] if argv is None else argv, DataArguments, EcgArguments, MaskArguments, TrainingArguments
    )
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir)
    clock = CpuClock(checkpoint)
    set_seed(training.seed)
    rows, held_out = training_rows(data, watched=True)
    encoder, config = make_encoder(ecg)
    if not isinstance(encoder, VitEncoder):
        raise EcgInputError(
            f"ecg_config.kind is {config.kind!r}; masked autoencoding leaves tokens out, which of the encoders here "
            "only 'vit' can do"
        )
    source = make_source(rows, config, data, training.seed)
    training.remove_unused_columns = False
    # Nothing here is a label; the recording stands in, so that the trainer computes a loss on held-out rows.
    training.label_names = ["ecg_values"]
    leads = len(config.leads)
    trainer = Trainer(
        model=MaskedEcgModel(encoder, leads, masks),
        args=training,
        data_collator=collator(source, -(-config.num_samples // config.patch_size), leads),
        train_dataset=[(int(row), True) for row in np.flatnonzero(~held_out)],
        eval_dataset=[(int(row), False) for row in np.flatnonzero(held_out)],
        compute_metrics=mean_unexplained,
        callbacks=[EpochOfAugmentation(source), clock],
    )
    print(f"{int((~held_out).sum())} records to learn from, {int(held_out.sum())} held out")
    trainer.train(resume_from_checkpoint=checkpoint)
    notes = {"labels": "none: masked autoencoding", **run_notes(trainer, encoder, clock), **trainer.evaluate()}
    out = Path(training.output_dir) / "encoder"
    if trainer.is_world_process_zero():
        save_encoder(encoder, config, out, notes)
        print(json.dumps({"encoder": str(out), **notes}))
    return out


if __name__ == "__main__":
    run_script("pretrain_encoder", main)
