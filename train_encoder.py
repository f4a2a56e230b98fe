"""Teach an ECG encoder the cardiologists' statements before it meets a language model (MEIT, appendix A.6).

    python train_encoder.py recipes/ptbxl-small-encoder.yaml data=FOLDER

Multi-label classification of the SCP-ECG statements of each record. The folder written holds the encoder's
configuration and weights; `train_sft.py` starts from it when a recipe names it as `encoder_weights`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from torch import nn
from torch.nn import functional as F
from transformers import Trainer, TrainingArguments, set_seed

from dataset_scripts.record import EcgInputError
from meit_training.arguments import DataArguments, EcgArguments, training_rows
from meit_training.augmentation import EcgAugmentation
from meit_training.ecg_batches import EcgSource, EpochOfAugmentation
from meit_training.encoder_weights import save_encoder
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.settings import construct
from modeling_meit.configuration_meit import EcgEncoderConfig
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.modeling_meit import build_ecg_encoder


@dataclass
class StatementArguments:
    """Which statements are learnt.

    Attributes:
        min_records: a statement needs so many training records.
    """

    min_records: int = 25


class StatementClassifier(nn.Module):
    """An ECG encoder and one linear layer: a logit for each statement."""

    def __init__(self, config: EcgEncoderConfig, num_statements: int):
        super().__init__()
        self.ecg_encoder = build_ecg_encoder(config)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.ecg_encoder.hidden_size, num_statements)

    def forward(
        self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """[B, 12, T] -> logits [B, statements] and, with labels of that shape, the binary cross-entropy."""
        logits = self.head(self.dropout(self.ecg_encoder(ecg_values, ecg_mask).mean(1))).float()
        if labels is None:
            return {"logits": logits}
        return {"loss": F.binary_cross_entropy_with_logits(logits, labels), "logits": logits}


def statements_of(rows: Any) -> list[set[str]]:
    """The SCP statements of each row, whatever their likelihood (Strodthoff et al., 2021, task "all").

    Raises:
        EcgInputError: for a data set without the column.
    """
    if "scp_codes" not in rows.column_names:
        raise EcgInputError(f"the data set has no column scp_codes, only {', '.join(rows.column_names)}; use PTB-XL")
    return [{code["code"] for code in codes} for codes in rows["scp_codes"]]


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve of one statement, by its identity with the Mann-Whitney statistic."""
    positive, negative = scores[labels > 0], scores[labels == 0]
    return float(mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))


def macro_auroc(prediction: Any) -> dict[str, float]:
    """Mean over the statements that occur and are absent at least once among the rows scored; nothing without any."""
    scores, labels = prediction.predictions, prediction.label_ids
    both = [place for place in range(labels.shape[1]) if 0 < labels[:, place].sum() < len(labels)]
    if not both:
        return {}
    return {"macro_auroc": float(np.mean([auroc(labels[:, place], scores[:, place]) for place in both]))}


def main(argv: Sequence[str] | None = None) -> Path:
    """Train by a recipe; returns the folder with the encoder."""
    data, ecg, statement_arguments, training = parse(
        sys.argv[1:] if argv is None else argv, DataArguments, EcgArguments, StatementArguments, TrainingArguments
    )
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir)
    set_seed(training.seed)
    rows, held_out = training_rows(data, watched=True)
    found = statements_of(rows)
    counts = Counter(code for codes, out in zip(found, held_out, strict=True) if not out for code in codes)
    names = sorted(code for code, count in counts.items() if count >= statement_arguments.min_records)
    if not names:
        raise EcgInputError(f"no statement has min_records={statement_arguments.min_records} records; lower it")
    labels = np.array([[name in codes for name in names] for codes in found], dtype=np.float32)
    print(f"{len(names)} statements, {int((~held_out).sum())} records to learn from, {int(held_out.sum())} held out")

    config = construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    extractor = MeitFeatureExtractor(config.sampling_rate, config.duration, config.leads)
    augmentation = None if data.augmentation is None else construct(EcgAugmentation, "augmentation", data.augmentation)
    source = EcgSource(rows, extractor, augmentation, training.seed)

    def collate(examples: list[tuple[int, bool]]) -> dict[str, torch.Tensor]:
        places = [row for row, _ in examples]
        return {**source(places, [augment for _, augment in examples]), "labels": torch.from_numpy(labels[places])}

    model = StatementClassifier(config, len(names))
    training.remove_unused_columns = False
    training.label_names = ["labels"]
    trainer = Trainer(
        model=model,
        args=training,
        data_collator=collate,
        train_dataset=[(int(row), True) for row in np.flatnonzero(~held_out)],
        eval_dataset=[(int(row), False) for row in np.flatnonzero(held_out)],
        compute_metrics=macro_auroc,
        callbacks=[EpochOfAugmentation(source)],
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    out = Path(training.output_dir) / "encoder"
    scores = trainer.evaluate()
    if trainer.is_world_process_zero():
        save_encoder(model.ecg_encoder, config, out, {"statements": names, **scores})
        print(json.dumps({"encoder": str(out), **scores}))
    return out


if __name__ == "__main__":
    try:
        main()
    except EcgInputError as error:
        print(f"train_encoder: error: {error}", file=sys.stderr)
        sys.exit(2)
