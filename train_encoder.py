"""Teach an ECG encoder the cardiologists' statements before it meets a language model (MEIT, appendix A.6).

    python train_encoder.py recipes/ptbxl-small-encoder.yaml data=FOLDER

Multi-label classification of each record's SCP-ECG statements, or of PTB-XL's five diagnostic superclasses. The folder
written holds the encoder's configuration and weights; `train_sft.py` starts from it when a recipe names it as
`encoder_weights`, and so does this script, which may begin with what `pretrain_encoder.py` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from transformers import Trainer, TrainingArguments, set_seed

from dataset_scripts.record import EcgInputError
from meit_training.arguments import DataArguments, EcgArguments
from meit_training.auroc import auroc_by_label, macro_auroc_interval
from meit_training.cpu_clock import CpuClock
from meit_training.ecg_batches import EcgSource, EpochOfAugmentation, make_source
from meit_training.encoder_labels import LabelArguments, label_matrix, label_names, statements_of
from meit_training.encoder_run import make_encoder, run_notes
from meit_training.encoder_weights import save_encoder
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.script import run_script
from meit_training.train_split import open_recipe_split, training_rows
from modeling_meit.ecg_embedding import pool_over_time

SCORED = ("ecg_id", "patient_id", "signal", "sampling_rate", "scp_codes")


class StatementClassifier(nn.Module):
    """An ECG encoder and one linear layer: a logit for each label."""

    def __init__(self, encoder: nn.Module, dropout: float, num_labels: int):
        super().__init__()
        self.ecg_encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.hidden_size, num_labels)

    def forward(
        self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """[B, 12, T] -> logits [B, labels] and, with labels of that shape, the binary cross-entropy."""
        features = self.ecg_encoder(ecg_values, ecg_mask)
        share = getattr(self.ecg_encoder, "samples_per_feature", None)
        pooled = pool_over_time(features, 1, ecg_mask, share).squeeze(1)
        logits = self.head(self.dropout(pooled)).float()
        if labels is None:
            return {"logits": logits}
        return {"loss": F.binary_cross_entropy_with_logits(logits, labels), "logits": logits}


def macro_auroc(prediction: Any) -> dict[str, float]:
    """Mean over the labels that occur and are absent at least once among the rows scored; nothing without any."""
    found = auroc_by_label(prediction.label_ids, prediction.predictions)[0]
    return {} if np.isnan(found).all() else {"macro_auroc": float(np.nanmean(found))}


def collator(source: EcgSource, labels: np.ndarray) -> Callable[[list[tuple[int, bool]]], dict[str, torch.Tensor]]:
    """(row, whether to augment) of each example -> a batch."""

    def collate(examples: list[tuple[int, bool]]) -> dict[str, torch.Tensor]:
        places = [row for row, _ in examples]
        return {**source(places, [augment for _, augment in examples]), "labels": torch.from_numpy(labels[places])}

    return collate


def score_split(
    trainer: Trainer, rows: Dataset, arguments: LabelArguments, names: list[str], extractor: Any
) -> dict[str, Any]:
    """AUROC of each label on the split `arguments.evaluate_split`, which has been neither learnt nor watched."""
    labels, counted = label_matrix(arguments, names, statements_of(rows))
    trainer.data_collator = collator(EcgSource(rows, extractor, None, 0), labels)
    scores = trainer.predict([(int(row), False) for row in np.flatnonzero(counted)]).predictions
    labels, patients = labels[counted], np.asarray(rows["patient_id"])[counted]
    found = auroc_by_label(labels, scores)[0]
    return {
        "split": arguments.evaluate_split,
        "records": int(counted.sum()),
        "records_left_out": int((~counted).sum()),
        "patients": len(set(patients)),
        "macro_auroc": float(np.nanmean(found)),
        "macro_auroc_95": macro_auroc_interval(labels, scores, patients),
        "auroc": {name: float(value) for name, value in zip(names, found, strict=True) if not np.isnan(value)},
    }


def main(argv: Sequence[str] | None = None) -> Path:
    """Train by a recipe; returns the folder with the encoder."""
    data, ecg, arguments, training = parse(
        sys.argv[1:] if argv is None else argv, DataArguments, EcgArguments, LabelArguments, TrainingArguments
    )
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir)
    clock = CpuClock(checkpoint)
    set_seed(training.seed)
    rows, held_out = training_rows(data, watched=True)
    if arguments.evaluate_split == "train":
        raise EcgInputError("evaluate_split=train would score what was learnt; name validation or test")
    scored = None if arguments.evaluate_split is None else open_recipe_split(data, arguments.evaluate_split, SCORED)
    found = statements_of(rows)
    names = label_names(arguments, found, held_out)
    labels, counted = label_matrix(arguments, names, found)
    learnt, watched = np.flatnonzero(counted & ~held_out), np.flatnonzero(counted & held_out)
    print(f"{len(names)} {arguments.labels}, {len(learnt)} records to learn from, {len(watched)} held out")

    encoder, config = make_encoder(ecg)
    source = make_source(rows, config, data, training.seed)
    training.remove_unused_columns = False
    training.label_names = ["labels"]
    trainer = Trainer(
        model=StatementClassifier(encoder, config.dropout, len(names)),
        args=training,
        data_collator=collator(source, labels),
        train_dataset=[(int(row), True) for row in learnt],
        eval_dataset=[(int(row), False) for row in watched],
        compute_metrics=macro_auroc,
        callbacks=[EpochOfAugmentation(source), clock],
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    notes = {"labels": arguments.labels, arguments.labels: names, **run_notes(trainer, encoder, clock)}
    notes |= trainer.evaluate()
    if scored is not None:
        notes["evaluation"] = score_split(trainer, scored, arguments, names, source.feature_extractor)
    out = Path(training.output_dir) / "encoder"
    if trainer.is_world_process_zero():
        save_encoder(encoder, config, out, notes)
        print(json.dumps({"encoder": str(out), **notes}))
    return out


if __name__ == "__main__":
    run_script("train_encoder", main)
