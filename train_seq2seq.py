"""Train an encoder-decoder (BART, T5) to write the report of a 12-lead ECG (MEIT, appendix A.5).

    python train_seq2seq.py recipes/paper-bart-large.yaml data=FOLDER output_dir=FOLDER

The recipe says `model: seq2seq` and fills `DataArguments`, `EcgArguments`, `TextArguments`, `LengthArguments` and
transformers' `Seq2SeqTrainingArguments`; `key=value` changes one. The encoder reads the plain prompt, the decoder
learns the report and its end token. What is written to `output_dir` opens with
`AutoModelForSeq2SeqLM.from_pretrained(output_dir, trust_remote_code=True)`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from peft import get_peft_model
from transformers import Seq2SeqTrainingArguments, set_seed

from meit_training.arguments import DataArguments, EcgArguments, TextArguments, check_model, training_rows
from meit_training.conversations import conversations
from meit_training.ecg_batches import EpochOfAugmentation, fit_to_batch_norm, make_source
from meit_training.lora import lora_config
from meit_training.new_model import make_seq2seq
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.samples import SampleReports
from meit_training.script import run_script, save_model_folder
from meit_training.seq2seq import EcgSeq2SeqCollator, LengthArguments, tokenised
from meit_training.trainer import EcgSeq2SeqTrainer
from modeling_meit.processing_meit import MeitProcessor


def make_trainer(
    data: DataArguments,
    ecg: EcgArguments,
    text: TextArguments,
    lengths: LengthArguments,
    training: Seq2SeqTrainingArguments,
) -> tuple[EcgSeq2SeqTrainer, MeitProcessor]:
    """The trainer with model and data, ready to train, and the processor that belongs to the model.

    Raises:
        EcgInputError: for settings that cannot be used.
    """
    check_model(text, "seq2seq")
    set_seed(training.seed)
    rows, held_out = training_rows(data, watched=training.eval_strategy != "no")
    dialogues = conversations(rows, text.language_told, training.seed)
    learnt = np.flatnonzero(~held_out)
    texts = rows.select(learnt).select_columns(["prompt", "completion"])
    model, tokenizer = make_seq2seq(text, ecg, training, [*texts["prompt"], *texts["completion"]])

    source = make_source(rows, model.config.ecg_config, data, training.seed)
    processor = MeitProcessor(source.feature_extractor, tokenizer, plain_prompt=True)
    examples = tokenised(dialogues, tokenizer, lengths)
    train, watched = examples.select(learnt), np.flatnonzero(held_out)
    train = fit_to_batch_norm(train, training.per_device_train_batch_size, model.config.num_ecg_tokens)
    collator = EcgSeq2SeqCollator(tokenizer, model, source)
    lora = lora_config(None if text.lora is None else {"task_type": "SEQ_2_SEQ_LM", **text.lora})
    # Without this the trainer would drop the row numbers the collator needs.
    training.remove_unused_columns = False
    trainer = EcgSeq2SeqTrainer(
        model=model if lora is None else get_peft_model(model, lora),
        encoder_learning_rate=ecg.encoder_learning_rate,
        encoder_frozen=ecg.freeze_encoder,
        args=training,
        data_collator=collator,
        train_dataset=train.add_column("augment", [True] * len(train)),
        eval_dataset=examples.select(watched).add_column("augment", [False] * len(watched)) if len(watched) else None,
        processing_class=tokenizer,
        callbacks=[
            EpochOfAugmentation(source),
            SampleReports(processor, source, dialogues.select(watched[: text.sample_reports])),
        ],
    )
    return trainer, processor


def main(argv: Sequence[str] | None = None) -> Path:
    """Train by a recipe; returns the folder with the model."""
    data, ecg, text, lengths, training = parse(
        sys.argv[1:] if argv is None else argv,
        DataArguments,
        EcgArguments,
        TextArguments,
        LengthArguments,
        Seq2SeqTrainingArguments,
    )
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir)
    trainer, processor = make_trainer(data, ecg, text, lengths, training)
    trainer.train(resume_from_checkpoint=checkpoint)
    return save_model_folder(trainer, processor, text.lora is not None)


if __name__ == "__main__":
    run_script("train_seq2seq", main)
