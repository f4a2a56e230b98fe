"""Instruction-tune a language model to write the report of a 12-lead ECG.

    python train_sft.py recipes/ptbxl-small.yaml data=FOLDER output_dir=FOLDER

The recipe fills `DataArguments`, `EcgArguments`, `TextArguments` and TRL's `SFTConfig`; `key=value` changes one.
The loss covers the report and its end token and nothing else. What is written to `output_dir` opens with
`AutoModelForCausalLM.from_pretrained(output_dir, trust_remote_code=True)`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
from transformers import set_seed
from trl import SFTConfig, SFTTrainer

from meit_training.arguments import DataArguments, EcgArguments, TextArguments, check_model
from meit_training.ecg_batches import (
    EcgTextCollator,
    EpochOfAugmentation,
    check_batch_norm,
    fit_to_batch_norm,
    make_source,
)
from meit_training.lora import lora_config
from meit_training.new_model import make_model
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.samples import SampleReports
from meit_training.script import run_script, save_model_folder
from meit_training.sft_tokens import sft_tokens
from meit_training.streamed_data import streamed_data
from meit_training.text_metrics import text_metrics_arguments
from meit_training.trainer import EcgSFTTrainer
from meit_training.training_data import loaded_data
from modeling_meit.chat_template import paper_conversation
from modeling_meit.processing_meit import MeitProcessor


def fit_to_batches(trainer: SFTTrainer, given: int, num_ecg_tokens: int) -> None:
    """Say what `max_length` cut, and see to it that no batch holds a single ECG token.

    Args:
        trainer: with its rows prepared.
        given: rows before that.
        num_ecg_tokens: of the model; the projector's batch norms need two in a batch.

    Raises:
        EcgInputError: for batches of one record with one ECG token.
    """
    rows, longest = trainer.train_dataset, trainer.args.max_length
    if longest is not None:
        lengths = pc.list_value_length(rows.with_format("arrow")[:]["input_ids"]).to_numpy()
        if (lengths == longest).any() or len(rows) < given:
            print(
                f"max_length={longest}: {int((lengths == longest).sum())} of {given} conversations fill it, and their "
                f"reports may be cut; {given - len(rows)} with no room for a report are left out"
            )
    trainer.train_dataset = fit_to_batch_norm(rows, trainer.args.per_device_train_batch_size, num_ecg_tokens)


def make_trainer(
    data: DataArguments, ecg: EcgArguments, text: TextArguments, training: SFTConfig
) -> tuple[EcgSFTTrainer, MeitProcessor]:
    """The trainer with model and data, ready to train, and the processor that belongs to the model.

    Raises:
        EcgInputError: for settings that cannot be used.
    """
    check_model(text, "causal")
    set_seed(training.seed)
    given = (streamed_data if data.streaming else loaded_data)(data, text, training)
    model, tokenizer = make_model(text, ecg, training, (paper_conversation(*pair) for pair in given.texts))

    source = make_source(given.rows, model.config.ecg_config, data, training.seed)
    processor = MeitProcessor(source.feature_extractor, tokenizer)
    # Without these the trainer would drop the row numbers the collator needs.
    training.remove_unused_columns = False
    training.completion_only_loss = True
    trainer = EcgSFTTrainer(
        model=model,
        encoder_learning_rate=ecg.encoder_learning_rate,
        encoder_frozen=ecg.freeze_encoder,
        stream_position=given.position,
        args=training,
        data_collator=EcgTextCollator(
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, source=source
        ),
        train_dataset=given.learnt,
        eval_dataset=given.watched,
        processing_class=tokenizer,
        peft_config=lora_config(text.lora),
        **text_metrics_arguments(text.eval_text_metrics, tokenizer),
        callbacks=[
            EpochOfAugmentation(source),
            SampleReports(processor, source, given.samples(text.sample_reports)),
        ],
    )
    num_ecg_tokens = model.config.num_ecg_tokens
    if given.stream is None:
        fit_to_batches(trainer, len(given.learnt), num_ecg_tokens)
    else:
        check_batch_norm(training.per_device_train_batch_size, num_ecg_tokens)
        trainer.train_dataset = given.stream(sft_tokens(tokenizer, training))
    return trainer, processor


def main(argv: Sequence[str] | None = None) -> Path:
    """Train by a recipe; returns the folder with the model."""
    data, ecg, text, training = parse(
        sys.argv[1:] if argv is None else argv, DataArguments, EcgArguments, TextArguments, SFTConfig
    )
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir, data.streaming)
    trainer, processor = make_trainer(data, ecg, text, training)
    trainer.train(resume_from_checkpoint=checkpoint)
    return save_model_folder(trainer, processor, text.lora is not None)


if __name__ == "__main__":
    run_script("train_sft", main)
