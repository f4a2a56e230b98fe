from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from dataset_scripts.instructions.template import (
    FORMATS,
    as_conversational,
    as_messages,
    as_prompt_completion,
    to_format,
)
from dataset_scripts.record import EcgInputError

USER, ASSISTANT = {"role": "user", "content": "Report."}, {"role": "assistant", "content": "sinus rhythm."}
ROWS = {
    "ecg_id": [str(i) for i in range(6)],
    "signal": [np.zeros((12, 10), np.int16)] * 6,
    "prompt": [f"Report ECG {i}." for i in range(6)],
    "completion": [f"answer {i}" for i in range(6)],
}


def test_the_three_shapes():
    assert as_messages("Report.", "sinus rhythm.") == {"messages": [USER, ASSISTANT]}
    assert as_prompt_completion("Report.", "sinus rhythm.") == {
        "prompt": "<|user|>: Report. <|assistant|>:",
        "completion": " sinus rhythm.",
    }
    assert as_conversational("Report.", "sinus rhythm.") == {"prompt": [USER], "completion": [ASSISTANT]}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_data_set_in_each_format(name: str, streamed: bool):
    dataset = datasets.Dataset.from_dict(ROWS)
    got = to_format(dataset.to_iterable_dataset() if streamed else dataset, name)
    assert list(got) == [FORMATS[name](p, c) for p, c in zip(ROWS["prompt"], ROWS["completion"], strict=True)]


def test_signals_are_not_read():
    def rows() -> Any:
        yield from ({"prompt": "a", "completion": "b", "signal": [1.0] * 50_000} for _ in range(200))

    dataset = datasets.Dataset.from_generator(rows)
    assert to_format(dataset, "conversational").data.nbytes < 100_000 < dataset.data.nbytes


def test_what_cannot_be_formatted():
    dataset = datasets.Dataset.from_dict({"text": ["a"]})
    with pytest.raises(EcgInputError, match="no column prompt, completion"):
        to_format(dataset, "messages")
    with pytest.raises(EcgInputError, match="'chat'; there are messages"):
        to_format(dataset, "chat")


def trl_trainer(name: str, folder: Path) -> Any:
    """TRL's trainer on the six rows in a format, told nothing about it."""
    trl = pytest.importorskip("trl")
    from tiny import TINY_TOKENIZER, tiny_backbone
    from transformers import AutoTokenizer

    from modeling_meit.chat_template import ensure_chat_template

    settings = trl.SFTConfig(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=2,
        learning_rate=0.1,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        max_length=128,
        disable_tqdm=True,
    )
    return trl.SFTTrainer(
        model=tiny_backbone("llama"),
        args=settings,
        train_dataset=to_format(datasets.Dataset.from_dict(ROWS), name),
        processing_class=ensure_chat_template(AutoTokenizer.from_pretrained(TINY_TOKENIZER)),
    )


@pytest.mark.parametrize("name", FORMATS)
def test_trl_takes_each_format_without_further_code(name: str, tmp_path: Path):
    trainer = trl_trainer(name, tmp_path)
    before = {key: value.clone() for key, value in trainer.model.state_dict().items()}
    assert 0 < trainer.train().training_loss < 50
    assert any(not before[key].equal(value) for key, value in trainer.model.state_dict().items())


def test_plain_and_conversational_become_the_same_tokens(tmp_path: Path):
    plain, chat = (trl_trainer(name, tmp_path).train_dataset for name in ("prompt-completion", "conversational"))
    for column in ("input_ids", "labels"):
        assert plain[:][column] == chat[:][column]
    learnt = [token for token in plain[0]["labels"] if token != -100]
    assert 0 < len(learnt) < len(plain[0]["labels"])
