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

from peft import get_peft_model
from transformers import Seq2SeqTrainingArguments, set_seed

from meit_training.arguments import DataArguments, EcgArguments, TextArguments, check_model
from meit_training.ecg_batches import EpochOfAugmentation, check_batch_norm, fit_to_batch_norm, make_source
from meit_training.lora import lora_config
from meit_training.new_model import make_seq2seq
from meit_training.recipe import parse
from meit_training.resume import checkpoint_to_resume
from meit_training.samples import SampleReports
from meit_training.script import run_script, save_model_folder
from meit_training.seq2seq import EcgSeq2SeqCollator, LengthArguments, seq2seq_tokens, tokenised
from meit_training.streamed_data import streamed_data
from meit_training.text_metrics import text_metrics_arguments
from meit_training.trainer import EcgSeq2SeqTrainer
from meit_training.training_data import loaded_data
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
    given = (streamed_data if data.streaming else loaded_data)(data, text, training)
    model, tokenizer = make_seq2seq(text, ecg, training, (part for pair in given.texts for part in pair))

    source = make_source(given.rows, model.config.ecg_config, data, training.seed)
    processor = MeitProcessor(source.feature_extractor, tokenizer, plain_prompt=True)
    batch_size, num_ecg_tokens = training.per_device_train_batch_size, model.config.num_ecg_tokens
    if given.stream is None:
        learnt = fit_to_batch_norm(tokenised(given.learnt, tokenizer, lengths), batch_size, num_ecg_tokens)
    else:
        check_batch_norm(batch_size, num_ecg_tokens)
        learnt = given.stream(seq2seq_tokens(tokenizer, lengths))
    lora = lora_config(None if text.lora is None else {"task_type": "SEQ_2_SEQ_LM", **text.lora})
    # Without this the trainer would drop the row numbers the collator needs.
    training.remove_unused_columns = False
    trainer = EcgSeq2SeqTrainer(
        model=model if lora is None else get_peft_model(model, lora),
        encoder_learning_rate=ecg.encoder_learning_rate,
        encoder_frozen=ecg.freeze_encoder,
        stream_position=given.position,
        args=training,
        data_collator=EcgSeq2SeqCollator(tokenizer, model, source),
        train_dataset=learnt,
        eval_dataset=None if given.watched is None else tokenised(given.watched, tokenizer, lengths),
        processing_class=tokenizer,
        **text_metrics_arguments(text.eval_text_metrics, tokenizer, encoder_decoder=True),
        callbacks=[
            EpochOfAugmentation(source),
            SampleReports(processor, source, given.samples(text.sample_reports)),
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
    checkpoint = checkpoint_to_resume(training.resume_from_checkpoint, training.output_dir, data.streaming)
    trainer, processor = make_trainer(data, ecg, text, lengths, training)
    trainer.train(resume_from_checkpoint=checkpoint)
    return save_model_folder(trainer, processor, text.lora is not None)


if __name__ == "__main__":
    run_script("train_seq2seq", main)
