"""TRL's and transformers' trainers with a learning rate of its own for the ECG encoder, or none, and streamed rows."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import Seq2SeqTrainer, Trainer
from trl import SFTTrainer

from .ecg_stream import PLACE, EcgStream
from .frozen_encoder import freeze_encoder
from .lora import restore_ecg_precision
from .stream_position import StreamPosition


class _EcgTrainer(Trainer):
    """A trainer that can train the ECG encoder at another rate than the language model.

    A pre-trained encoder beside a decoder with random weights: a rate that suits the one spoils the other.

    Args:
        encoder_learning_rate: peak rate of the encoder; None is the rate of everything else. The schedule is the same.
        encoder_frozen: the encoder stays as it is.
        stream_position: where the rows are streamed, keeps how far the run has read.
    """

    def __init__(
        self,
        *args: Any,
        encoder_learning_rate: float | None = None,
        encoder_frozen: bool = False,
        stream_position: StreamPosition | None = None,
        **kwargs: Any,
    ):
        self.encoder_learning_rate = encoder_learning_rate
        super().__init__(*args, **kwargs)
        self.stream_position = stream_position
        if stream_position is not None:
            self.add_callback(stream_position)
        if isinstance(self.model, PeftModel):
            restore_ecg_precision(self.model)
        if encoder_frozen:
            freeze_encoder(self.model)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """As the parent makes it, with the encoder's parameters in groups of their own."""
        optimizer = super().create_optimizer(*args, **kwargs)
        if self.encoder_learning_rate is None:
            return optimizer
        encoder = {id(value) for name, value in self.model.named_parameters() if ".ecg_encoder." in name}
        for group in list(optimizer.param_groups):
            own = [value for value in group["params"] if id(value) in encoder]
            if own:
                group["params"] = [value for value in group["params"] if id(value) not in encoder]
                optimizer.add_param_group({**group, "params": own, "lr": self.encoder_learning_rate})
        return optimizer

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:
        """As the parent, from the checkpoint's place in the stream where there is one."""
        if self.stream_position is not None and resume_from_checkpoint:
            self.train_dataset.start = self.stream_position.read(resume_from_checkpoint)
        try:
            return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)
        finally:
            if isinstance(self.train_dataset, EcgStream):
                self.train_dataset.close()

    def get_train_dataloader(self) -> DataLoader:
        """As the parent makes it; a stream's draws nothing from torch's generator."""
        if not isinstance(self.train_dataset, EcgStream):
            return super().get_train_dataloader()
        workers = self.args.dataloader_num_workers
        loader = DataLoader(
            self.train_dataset,
            batch_size=self._train_batch_size,
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            prefetch_factor=self.args.dataloader_prefetch_factor if workers else None,
            # A loader draws a seed when it begins: of torch's own, it would shift all draws of a resumed run.
            generator=torch.Generator(),
        )
        return self.accelerator.prepare(loader)

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
        """As the parent reads them; how far a stream was read is taken from its batches, whoever read ahead."""
        batches, items = super().get_batch_samples(*args, **kwargs)
        if self.stream_position is not None:
            for batch in batches:
                self.stream_position.place = batch.pop(PLACE)
        return batches, items


class EcgSFTTrainer(_EcgTrainer, SFTTrainer):
    """`SFTTrainer`, for decoders, with the arguments of `_EcgTrainer`."""

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Any, Any, Any]:
        """As the parent, whose loss is made without logits; those of a second pass where metrics need them.

        The parent's own second pass warns of its removal.
        """
        if prediction_loss_only:
            return super().prediction_step(model, inputs, True, ignore_keys)
        inputs = self._prepare_inputs(inputs)
        loss, _, _ = super().prediction_step(model, inputs, True, ignore_keys)
        with torch.no_grad(), self.compute_loss_context_manager():
            logits = model(**{name: value for name, value in inputs.items() if name != "labels"}).logits
        return loss, logits, inputs.get("labels")


class EcgSeq2SeqTrainer(_EcgTrainer, Seq2SeqTrainer):
    """`Seq2SeqTrainer`, for encoder-decoders, with the arguments of `_EcgTrainer`."""
