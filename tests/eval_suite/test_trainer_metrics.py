"""Text metrics inside a real `Trainer`, from token ids."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Trainer, TrainingArguments

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.text import metric_names, text_metrics
from eval_suite.metrics.trainer import compute_metrics, greedy_ids

TOKENS = ["<pad>", "</s>", "<unk>", "report", "sinus", "rhythm", "normal", "ecg", "atrial", "fibrillation"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({token: place for place, token in enumerate(TOKENS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def ids(*words: str) -> list[int]:
    return [TOKENS.index(word) for word in words]


def forced(metrics: dict[str, float]) -> dict[str, float]:
    return {f"teacher_forced_{name}": value for name, value in metrics.items()}


def test_generated_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    predictions = np.array([ids("sinus", "rhythm", "ecg", "</s>", "<pad>")])
    labels = np.array([[*ids("sinus", "rhythm", "normal", "ecg", "</s>"), -100]])
    found = compute_metrics(tokenizer, generated=True)(SimpleNamespace(predictions=predictions, label_ids=labels))
    assert found == text_metrics(["sinus rhythm ecg"], ["sinus rhythm normal ecg"])


def test_guesses_at_the_next_token(tokenizer: PreTrainedTokenizerFast) -> None:
    labels = np.array([[-100, -100, *ids("sinus", "rhythm", "normal", "ecg", "</s>"), -100]])
    # At each place the guess at the next one; what is said over the prompt and the padding does not count.
    guesses = np.array([ids("ecg", "sinus", "rhythm", "atrial", "ecg", "</s>", "normal", "normal")])
    found = compute_metrics(tokenizer)(SimpleNamespace(predictions=guesses, label_ids=labels))
    assert found == forced(text_metrics(["sinus rhythm atrial ecg"], ["sinus rhythm normal ecg"]))


def test_an_encoder_decoder_guesses_in_place(tokenizer: PreTrainedTokenizerFast) -> None:
    labels = np.array([[*ids("sinus", "rhythm", "normal", "ecg", "</s>"), -100]])
    guesses = np.array([ids("sinus", "rhythm", "atrial", "ecg", "</s>", "normal")])
    found = compute_metrics(tokenizer, encoder_decoder=True)(SimpleNamespace(predictions=guesses, label_ids=labels))
    assert found == forced(text_metrics(["sinus rhythm atrial ecg"], ["sinus rhythm normal ecg"]))


def test_what_is_not_token_ids_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    labels = np.array([ids("report", "sinus")])
    logits = np.zeros((1, 2, len(TOKENS)))
    with pytest.raises(EcgInputError, match="preprocess_logits_for_metrics=greedy_ids"):
        compute_metrics(tokenizer)(SimpleNamespace(predictions=logits, label_ids=labels))
    with pytest.raises(EcgInputError, match="reference of row 0"):
        compute_metrics(tokenizer)(SimpleNamespace(predictions=labels, label_ids=np.full((1, 2), -100)))


def test_logits_in_a_tuple() -> None:
    logits = torch.tensor([[[0.0, 2.0], [3.0, 1.0]]])
    labels = torch.zeros(1, 2)
    assert greedy_ids(logits, labels).tolist() == greedy_ids((logits, labels), labels).tolist() == [[1, 0]]


def test_a_trainer_reports_them(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENS), n_positions=16, n_embd=16, n_layer=1, n_head=2))
    text = torch.tensor(ids("report", "sinus", "rhythm", "normal", "ecg", "</s>"))
    row = {"input_ids": text, "labels": torch.where(torch.arange(6) < 1, -100, text)}
    trainer = Trainer(
        model,
        TrainingArguments(str(tmp_path), per_device_eval_batch_size=2, report_to=[], use_cpu=True, disable_tqdm=True),
        eval_dataset=[row] * 3,
        compute_metrics=compute_metrics(tokenizer),
        preprocess_logits_for_metrics=greedy_ids,
    )
    found = trainer.evaluate()
    model.eval()
    guessed = model(input_ids=text[None]).logits[0, :-1].argmax(dim=-1)
    expected = text_metrics([tokenizer.decode(guessed, skip_special_tokens=True)] * 3, ["sinus rhythm normal ecg"] * 3)
    assert {name: found[f"eval_teacher_forced_{name}"] for name in metric_names()} == pytest.approx(expected)
