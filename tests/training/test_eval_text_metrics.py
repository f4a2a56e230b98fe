"""Text metrics in the log of a training, and the model before any training."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, Seq2SeqTrainingArguments

import train_seq2seq
import train_sft
from dataset_scripts.record import EcgInputError
from eval_suite.metrics.text import metric_names, text_metrics
from meit_training.arguments import DataArguments, EcgArguments, TextArguments
from meit_training.recipe import parse
from meit_training.seq2seq import LengthArguments
from meit_training.text_metrics import text_metrics_arguments
from tests.training.conftest import RECIPE

NAMES = [f"eval_teacher_forced_{name}" for name in metric_names()]
WHEN = ("eval_strategy=steps", "eval_steps=10", "max_steps=20", "sample_reports=0", "per_device_eval_batch_size=4")
T5 = {"model_type": "t5", "d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48}


def guessed(trainer, tokenizer, place: int) -> dict[str, float]:
    """Text metrics of the likeliest tokens, computed row by row; `place`: how far ahead of its label a guess stands."""
    predictions, references = [], []
    trainer.model.eval()
    with torch.no_grad():
        for batch in trainer.get_eval_dataloader():
            batch = {name: value.to(trainer.model.device) for name, value in batch.items()}
            logits = trainer.model(**batch).logits
            for guess, labels in zip(logits.argmax(dim=-1), batch["labels"], strict=True):
                learnt = [i for i in range(len(labels)) if labels[i] != -100]
                predictions.append(tokenizer.decode(guess[[i - place for i in learnt]], skip_special_tokens=True))
                references.append(tokenizer.decode(labels[learnt], skip_special_tokens=True))
    return text_metrics(predictions, references)


def test_a_decoders_evaluations_log_them(trainer_of) -> None:
    trainer, processor = trainer_of("eval_text_metrics=true", *WHEN)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*return_outputs", category=FutureWarning)
        trainer.train()
    logged = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(logged) == 2
    assert all(0 <= entry[name] < math.inf for entry in logged for name in NAMES)
    expected = guessed(trainer, processor.tokenizer, place=1)
    assert expected["ROUGE-L"] > 0.1
    assert {name: logged[-1][name] for name in NAMES} == pytest.approx(
        dict(zip(NAMES, expected.values(), strict=True)), abs=1e-6
    )


def test_what_is_kept_of_a_batch_is_one_number_a_token(trainer_of) -> None:
    trainer, _ = trainer_of("eval_text_metrics=true", *WHEN)
    kept = trainer.predict(trainer.eval_dataset).predictions
    assert kept.ndim == 2
    assert kept.dtype.kind == "i"


def test_an_encoder_decoders_too(tmp_path: Path, data_folder: Path) -> None:
    settings = {key: value for key, value in RECIPE.items() if key != "max_length"}
    settings |= {"model": "seq2seq", "decoder": T5, "data": str(data_folder), "output_dir": str(tmp_path / "run")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    kinds = (DataArguments, EcgArguments, TextArguments, LengthArguments, Seq2SeqTrainingArguments)
    arguments = parse([str(tmp_path / "recipe.yaml"), "eval_text_metrics=true", *WHEN], *kinds)
    trainer, processor = train_seq2seq.make_trainer(*arguments)
    trainer.train()
    found = trainer.evaluate()
    expected = guessed(trainer, processor.tokenizer, place=0)
    assert expected["ROUGE-L"] > 0.1
    assert {name: found[name] for name in NAMES} == pytest.approx(
        dict(zip(NAMES, expected.values(), strict=True)), abs=1e-6
    )


def test_without_the_option_nothing_of_the_evaluation_is_needed(trainer_of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eval_suite.metrics.trainer", None)  # importing it fails, as without nltk
    trainer, processor = trainer_of()
    assert trainer.compute_metrics is None
    with pytest.raises(EcgInputError, match=r'pip install "meit-ecg\[eval\]", or leave it out'):
        text_metrics_arguments(True, processor.tokenizer)


def test_no_epoch_at_all_saves_the_model_as_it_was(trainer_of, recipe_file: Path) -> None:
    """The untuned model that `meit eval zero-shot` is given."""
    arguments = ("num_train_epochs=0", "max_steps=-1")
    before = {name: value.clone() for name, value in trainer_of(*arguments)[0].model.state_dict().items()}
    folder = train_sft.main([str(recipe_file), *arguments])
    after = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).state_dict()
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert torch.equal(after[name], value), name
