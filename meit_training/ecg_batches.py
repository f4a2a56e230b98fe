"""Batches with an ECG in each row, drawn so that a resumed run sees what an uncut one would."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import signal_batch
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor

from .arguments import DataArguments
from .augmentation import EcgAugmentation
from .conversations import id_digest
from .ecg_stream import place_of
from .settings import construct


class EcgSource:
    """Signals of a data set's rows or of streamed examples, extracted and, in training, augmented.

    Args:
        dataset: rows with `ecg_id`, `signal` (int16 [12, T] in microvolts) and `sampling_rate`; None where all examples
            are streamed.
        feature_extractor: a `MeitFeatureExtractor`.
        augmentation: None leaves every recording as it is.
        seed: of the augmentation. Each draw depends on seed, epoch and record alone, not on how many came before, so
            that a run resumed in the middle of an epoch goes on as if it had not been cut.
    """

    def __init__(
        self, dataset: Dataset | None, feature_extractor: Any, augmentation: EcgAugmentation | None, seed: int
    ):
        self.dataset = dataset
        if dataset is not None:
            self._told = dataset.select_columns(["ecg_id", "sampling_rate"]).with_format("numpy")
        self.feature_extractor = feature_extractor
        self.augmentation = augmentation
        self.seed = seed
        # In shared memory, so that worker processes which outlive an epoch learn of the next.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """Passes over the data completed; the augmentation of rows is drawn for this one."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch.fill_(value)

    def __call__(self, rows: Sequence[int], augment: Sequence[bool]) -> dict[str, torch.Tensor]:
        """Float32 `ecg_values` [B, 12, T] in millivolts and bool `ecg_mask` [B, 12, T] of these rows.

        Raises:
            EcgInputError: a recording cannot be used; names the record.
        """
        told = self._told[list(rows)]
        epochs = [self.epoch if wanted else None for wanted in augment]
        return self._batch(signal_batch(self.dataset, rows), told["sampling_rate"].tolist(), told["ecg_id"], epochs)

    def of_examples(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """The same of the trainer's examples, which name their `row` or, streamed, bring their `signal`."""
        if "signal" not in examples[0]:
            return self([example["row"] for example in examples], [example["augment"] for example in examples])
        signals, rates, ids, epochs = (
            [example[name] for example in examples] for name in ("signal", "sampling_rate", "ecg_id", "epoch")
        )
        return self._batch(signals, rates, ids, epochs)

    def _batch(
        self, signals: Any, rates: Sequence[int], ids: Sequence[str], epochs: Sequence[int | None]
    ) -> dict[str, torch.Tensor]:
        try:
            inputs = self.feature_extractor(signals, sampling_rate=list(rates), return_tensors="np")
        except ValueError as error:
            raise self._refused(signals, rates, ids, error) from error
        values, mask = np.array(inputs["ecg_values"]), np.array(inputs["ecg_mask"])
        if self.augmentation is not None:
            rate = self.feature_extractor.sampling_rate
            for place, (ecg_id, epoch) in enumerate(zip(ids, epochs, strict=True)):
                if epoch is not None:
                    rng = np.random.default_rng((self.seed, epoch, id_digest(str(ecg_id))))
                    values[place], mask[place] = self.augmentation(values[place], mask[place], rate, rng)
        return {"ecg_values": torch.from_numpy(values), "ecg_mask": torch.from_numpy(mask)}

    def _refused(self, signals: Any, rates: Sequence[int], ids: Sequence[str], error: ValueError) -> EcgInputError:
        """The error with the record in place of its row in the batch."""
        for signal, rate, ecg_id in zip(signals, rates, ids, strict=True):
            try:
                self.feature_extractor(signal, sampling_rate=rate, return_tensors="np")
            except ValueError as own:
                return EcgInputError(f"record {ecg_id}: {own}; take it out of the data set, or build the set again")
        return EcgInputError(f"records {', '.join(map(str, ids))}: {error}")


def check_batch_norm(batch_size: int, num_ecg_tokens: int) -> None:
    """Refuse batches of a single ECG token, which the projector's batch norms could not normalise.

    Raises:
        EcgInputError: for batches of one record with one ECG token.
    """
    if num_ecg_tokens == 1 and batch_size == 1:
        raise EcgInputError(
            "batches of one record with one ECG token cannot be normalised; take batches of two or more"
        )


def fit_to_batch_norm(rows: Dataset, batch_size: int, num_ecg_tokens: int) -> Dataset:
    """See to it that no batch holds a single ECG token, the last one neither.

    Args:
        rows: to learn from.
        batch_size: of one device.
        num_ecg_tokens: of the model.

    Returns:
        `rows`, without the last where it would be alone.

    Raises:
        EcgInputError: as `check_batch_norm`.
    """
    check_batch_norm(batch_size, num_ecg_tokens)
    if num_ecg_tokens == 1 and len(rows) % batch_size == 1:
        print("one training record is left out: alone in the last batch, its one ECG token could not be normalised")
        return rows.select(range(len(rows) - 1))
    return rows


def make_source(rows: Dataset | None, config: EcgEncoderConfig, data: DataArguments, seed: int) -> EcgSource:
    """Signals of `rows` as the encoder `config` describes reads them, augmented as the recipe says."""
    extractor = MeitFeatureExtractor(config.sampling_rate, config.duration, config.leads)
    augmentation = None if data.augmentation is None else construct(EcgAugmentation, "augmentation", data.augmentation)
    return EcgSource(rows, extractor, augmentation, seed)


class EpochOfAugmentation(TrainerCallback):
    """Tells the source which epoch it draws for."""

    def __init__(self, source: EcgSource):
        self.source = source

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer, after a resume too."""
        self.source.epoch = math.floor((state.epoch or 0.0) + 1e-6)


@dataclass
class EcgTextCollator(DataCollatorForLanguageModeling):
    """TRL's collator for prompt and completion, and the ECG it would drop.

    The examples are what `EcgSource.of_examples` reads. The place of the last in its stream goes with the batch.

    Attributes:
        source: of the signals.
        eos_token_id: ends a report; what a chat template writes after it (ChatML: a line break) is not learnt.
    """

    source: EcgSource = field(kw_only=True)
    eos_token_id: int = field(kw_only=True)

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Text as TRL pads it, with `ecg_values`, `ecg_mask` and, of a stream, `stream_place`."""
        ecg = self.source.of_examples(examples)
        text = super().torch_call(examples)
        ends = (text["labels"] == self.eos_token_id).flip(1).cumsum(1).flip(1)  # end tokens from here on
        after = (ends == 0) & (ends[:, :1] > 0)
        return {**text, "labels": text["labels"].masked_fill(after, -100), **ecg, **place_of(examples)}
