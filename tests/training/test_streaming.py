"""Runs that stream their rows: the batches, what is watched, a run cut and resumed, and what is refused."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

import train_encoder
import train_seq2seq
import train_sft
from dataset_scripts.record import EcgInputError
from meit_training.ecg_batches import EpochOfAugmentation
from meit_training.trainer import EcgSFTTrainer
from tests.training.conftest import RECIPE
from tests.training.test_seq2seq_training import BART

STREAM = ("streaming=true", "shuffle_buffer=16", "max_eval_rows=5")


def test_a_streamed_batch_is_the_batch_of_the_same_loaded_rows(trainer_of, shards):
    """Tokens, labels, signals and the choice of prompts do not depend on how the rows come."""
    found = []
    for settings in ((), STREAM):
        trainer, _ = trainer_of(
            f"data={shards}", "tasks=[report,rhythm]", "max_length=160", "augmentation={}", *settings
        )
        batches = itertools.islice(trainer.get_train_dataloader(), 100 if settings else None)
        examples = {}
        for batch in batches:
            for ids, mask, labels, values in zip(
                *(batch[name] for name in ("input_ids", "attention_mask", "labels", "ecg_values")), strict=True
            ):
                kept = mask.bool()
                examples.setdefault((tuple(ids[kept].tolist()), tuple(labels[kept].tolist())), values)
        found.append(examples)
    loaded, streamed = found
    assert loaded.keys() == streamed.keys()
    for name, values in loaded.items():
        assert torch.equal(values, streamed[name])  # both of epoch 0


def test_the_tokenizer_and_the_watched_rows_are_those_of_a_loaded_run(trainer_of, shards):
    settings = (f"data={shards}", "eval_strategy=steps", "eval_steps=1")
    loaded, one = trainer_of(*settings)
    streamed, other = trainer_of(*settings, *STREAM)
    assert one.tokenizer.get_vocab() == other.tokenizer.get_vocab()
    assert len(streamed.eval_dataset) == 5 < len(loaded.eval_dataset)
    for ours, theirs in zip(streamed.eval_dataset, loaded.eval_dataset, strict=False):
        assert ours["input_ids"] == theirs["input_ids"]
    values, expected = (next(iter(t.get_eval_dataloader()))["ecg_values"][:5] for t in (streamed, loaded))
    assert torch.equal(values, expected)


class Killed(Exception):
    pass


class KilledAtStep9(EpochOfAugmentation):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            raise Killed


def weights_of(folder: Path, kind=AutoModelForCausalLM) -> dict[str, torch.Tensor]:
    return kind.from_pretrained(folder, trust_remote_code=True).state_dict()


def cut_and_resumed(script, arguments: list[str], tmp_path: Path, monkeypatch) -> tuple[Path, Path, Path]:
    """Folders of an uncut run, of one that was cut and resumed, and of the checkpoint between."""
    uncut = script.main([*arguments, f"output_dir={tmp_path / 'uncut'}"])
    cut = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(script, "EpochOfAugmentation", KilledAtStep9)
        with pytest.raises(Killed):
            script.main([*arguments, f"output_dir={cut}"])
    return uncut, script.main([*arguments, f"output_dir={cut}", "resume_from_checkpoint=true"]), cut / "checkpoint-8"


@pytest.mark.parametrize(
    "settings",
    [
        ["gradient_accumulation_steps=2", "tasks=[report,rate]"],
        pytest.param(["dataloader_num_workers=1"], marks=pytest.mark.slow),
        pytest.param(["lora={r: 4, lora_dropout: 0.1}"], marks=pytest.mark.slow),
    ],
    ids=["accumulated", "worker", "lora"],
)
def test_a_killed_and_resumed_stream_gives_the_batches_and_the_weights_of_an_uncut_one(
    settings, recipe_file, shards, tmp_path, monkeypatch
):
    trained: list[float] = []
    step = EcgSFTTrainer.training_step

    def note(self, model, inputs, *arguments):
        trained.append(inputs["ecg_values"].double().sum().item() + inputs["input_ids"].sum().item())
        return step(self, model, inputs, *arguments)

    monkeypatch.setattr(EcgSFTTrainer, "training_step", note)
    arguments = [str(recipe_file), f"data={shards}", *STREAM, "max_steps=20", "augmentation={}"]
    arguments += ["save_strategy=steps", "save_steps=4", "eval_strategy=steps", "eval_steps=3", *settings]
    uncut, resumed, checkpoint = cut_and_resumed(train_sft, arguments, tmp_path, monkeypatch)
    place = json.loads((checkpoint / "stream.json").read_text())["place"]
    assert place["given"] > 0, "the cut is meant to lie within a block"
    parts = 2 if "gradient_accumulation_steps=2" in settings else 1
    whole, cut, rest = trained[: 20 * parts], trained[20 * parts : 29 * parts], trained[29 * parts :]
    assert len(set(whole)) == len(whole)
    assert (cut, rest) == (whole[: 9 * parts], whole[8 * parts :])
    ours, theirs = weights_of(uncut), weights_of(resumed)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_an_encoder_decoder_streams_and_resumes(shards, tmp_path, monkeypatch):
    recipe = {key: value for key, value in RECIPE.items() if key != "max_length"}
    recipe |= {"model": "seq2seq", "decoder": BART, "data": str(shards), "tasks": ["all"], "augmentation": {}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    arguments = [str(tmp_path / "recipe.yaml"), *STREAM, "max_steps=12", "save_strategy=steps", "save_steps=4"]
    arguments += ["eval_strategy=steps", "eval_steps=5"]
    uncut, resumed, _ = cut_and_resumed(train_seq2seq, arguments, tmp_path, monkeypatch)
    ours, theirs = (weights_of(folder, AutoModelForSeq2SeqLM) for folder in (uncut, resumed))
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_a_checkpoint_is_gone_on_with_as_it_was_written(recipe_file, shards, tmp_path):
    arguments = [str(recipe_file), f"data={shards}", "save_strategy=steps", "save_steps=2", "max_steps=2"]
    resume = [*arguments, "max_steps=3", "resume_from_checkpoint=true"]
    train_sft.main([*arguments, *STREAM])
    with pytest.raises(EcgInputError, match="read its stream with shuffle_buffer=16, this run has shuffle_buffer=17"):
        train_sft.main([*resume, *STREAM, "shuffle_buffer=17"])
    with pytest.raises(EcgInputError, match="is of a run that streamed its rows; go on with streaming=true"):
        train_sft.main(resume)
    # What a run killed before it wrote its place leaves behind is no whole checkpoint.
    (tmp_path / "run" / "checkpoint-2" / "stream.json").unlink()
    with pytest.raises(EcgInputError, match="holds no whole checkpoint"):
        train_sft.main([*resume, *STREAM])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("max_steps=-1", "set max_steps beside streaming=true"),
        ("dataloader_num_workers=2", "set dataloader_num_workers to 0 or 1"),
        ("shuffle_buffer=0", "shuffle_buffer is 0"),
        ("validation_share=0 eval_strategy=steps eval_steps=1", "holds none of 70 rows out"),
        ("tasks=[axis]", r"none of the first 20000 rows has a question of task axis; choose tasks of .*rate, rhythm"),
        ("tasks=[]", "tasks is empty"),
        ("fusion.num_ecg_tokens=1 per_device_train_batch_size=1", "two or more"),
        ("data=no/such-set", "no/such-set is no data set"),
    ],
)
def test_a_stream_refuses_what_it_cannot_use(recipe_file, shards, setting, message):
    with pytest.raises(EcgInputError, match=message):
        train_sft.main([str(recipe_file), f"data={shards}", *STREAM, *setting.split()])


def test_several_processes_do_not_stream(recipe_file, shards, monkeypatch):
    monkeypatch.setattr(train_sft.SFTConfig, "world_size", 2)
    with pytest.raises(EcgInputError, match="2 processes would each read the whole stream"):
        train_sft.main([str(recipe_file), f"data={shards}", *STREAM])


def test_encoders_do_not_stream(tmp_path, shards):
    settings = {"data": str(shards), "streaming": True, "output_dir": str(tmp_path / "run"), "ecg_config": {}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(EcgInputError, match="streaming=true is for training a language model"):
        train_encoder.main([str(tmp_path / "recipe.yaml")])
