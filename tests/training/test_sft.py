from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlamaConfig, LlamaForCausalLM

import train_sft
from dataset_scripts.record import EcgInputError
from meit_training.conversations import conversations
from meit_training.ecg_batches import EpochOfAugmentation
from meit_training.hardware import cpu_has_bf16
from meit_training.resume import checkpoint_to_resume

TINY_TOKENIZER = Path(__file__).parents[1] / "assets" / "tiny_tokenizer"
# As ChatML: the answer begins after a line break, and a line break follows its end token.
OWN_TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] }}" + "{eos}" + "\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)


def backbone_folder(folder: Path, end: str) -> Path:
    """A decoder with a chat template of its own, whose turns end in `end`."""
    tokenizer = AutoTokenizer.from_pretrained(TINY_TOKENIZER)
    tokenizer.chat_template = OWN_TEMPLATE.replace("{eos}", end)
    tokenizer.save_pretrained(folder)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)).to(torch.bfloat16).save_pretrained(folder)
    return folder


def batches(trainer) -> list[dict]:
    return list(trainer.get_train_dataloader())


@pytest.mark.parametrize("template", ["paper", "own"])
def test_the_loss_covers_the_report_and_its_end_token_and_nothing_else(template, trainer_of, tmp_path, data_folder):
    settings, lead = [], " "
    if template == "own":
        settings, lead = ["decoder=null", f"backbone={backbone_folder(tmp_path / 'backbone', '</s>')}"], ""
    trainer, processor = trainer_of("max_length=512", *settings)
    tokenizer = processor.tokenizer
    rows = datasets.load_dataset(str(data_folder), split="train")
    expected = {
        (*tokenizer(lead + text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id): row
        for row, text in enumerate(rows["completion"])
    }
    prompts = {example["row"]: example["prompt"] for example in trainer.train_dataset}
    seen = []
    for batch in batches(trainer):
        for ids, mask, labels, values, ecg_mask in zip(
            batch["input_ids"],
            batch["attention_mask"],
            batch["labels"],
            batch["ecg_values"],
            batch["ecg_mask"],
            strict=True,
        ):
            learnt = labels != -100
            row = expected[tuple(labels[learnt].tolist())]
            seen.append(row)
            assert torch.equal(ids[learnt], labels[learnt])
            # The text is what a user's prompt becomes, then at once the report.
            start = int(learnt.nonzero()[0, 0])
            prompt = processor(text=prompts[row], return_tensors="pt")["input_ids"][0]
            assert torch.equal(ids[:start], prompt)
            assert learnt[start : start + int(learnt.sum())].all()
            # Nothing of the text lies behind but the template's own last line break.
            assert int(mask.sum()) - start - int(learnt.sum()) == (template == "own")
            signal = np.asarray(rows[row]["signal"], dtype=np.float32) / 1000
            np.testing.assert_allclose(values.numpy(), signal, rtol=0, atol=1e-6)
            assert ecg_mask.all()
    held_out = len(rows) - len(trainer.train_dataset)
    assert held_out == len(trainer.eval_dataset) > 0
    assert len(seen) == len(set(seen)) == len(rows) - held_out


def test_some_prompts_name_the_language_and_others_do_not(data_folder):
    rows = datasets.load_dataset(str(data_folder), split="train")
    for share in (0.0, 0.5, 1.0):
        prompts = [example["prompt"][0]["content"] for example in conversations(rows, share, seed=0)]
        told = sum("Write the report in English" in prompt for prompt in prompts)
        assert abs(told / len(rows) - share) <= (0.25 if share == 0.5 else 0)


def test_an_eval_batch_has_its_ecgs_without_augmentation(trainer_of, data_folder):
    trainer, _ = trainer_of("augmentation={}")
    rows = datasets.load_dataset(str(data_folder), split="train")
    expected = [example["row"] for example in trainer.eval_dataset]
    values = torch.cat([batch["ecg_values"] for batch in trainer.get_eval_dataloader()]).numpy()
    signals = np.asarray(rows.select(expected)["signal"][:], dtype=np.float32) / 1000
    np.testing.assert_allclose(values, signals, rtol=0, atol=1e-6)


def test_one_step_moves_encoder_projector_and_decoder(trainer_of):
    trainer, _ = trainer_of("max_steps=1")
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()
    after = trainer.model.state_dict()
    for part in (
        "meit.ecg_encoder.stem.0.weight",
        "meit.ecg_encoder.stem.1.running_mean",
        "meit.projector.hidden.weight",
        "meit.projector.out.weight",
        "meit.backbone.model.layers.0.self_attn.k_proj.weight",
        "meit.backbone.model.layers.1.self_attn.v_proj.weight",
        "meit.backbone.model.embed_tokens.weight",
        "meit.backbone.lm_head.weight",
    ):
        assert not torch.equal(before[part], after[part]), part


def test_the_encoder_trains_at_its_own_rate(trainer_of):
    trainer, _ = trainer_of("encoder_learning_rate=0.003", "weight_decay=0.1", "warmup_steps=0")
    trainer.create_optimizer_and_scheduler(2)
    rates = {id(value): group["lr"] for group in trainer.optimizer.param_groups for value in group["params"]}
    count = sum(len(group["params"]) for group in trainer.optimizer.param_groups)
    named = dict(trainer.model.named_parameters())
    assert count == len(rates) == len(named)
    for name, value in named.items():
        assert rates[id(value)] == (0.003 if "ecg_encoder" in name else 0.01), name


class Killed(Exception):
    pass


class KilledAtStep9(EpochOfAugmentation):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            raise Killed


@pytest.mark.parametrize(
    "settings",
    [
        ["gradient_accumulation_steps=1", "encoder_learning_rate=0.003", "gradient_checkpointing=true"],
        ["gradient_accumulation_steps=2"],
        ["lora={r: 4, lora_dropout: 0.1}", "gradient_accumulation_steps=1"],
    ],
    ids=["full", "accumulated", "lora"],
)
def test_a_killed_and_resumed_run_gives_the_weights_of_an_uncut_one(settings, recipe_file, tmp_path, monkeypatch):
    """24 or so rows are 6 or 7 batches: the checkpoint of step 8 lies within an epoch."""
    arguments = [str(recipe_file), "max_steps=14", "augmentation={}", "save_strategy=steps", "save_steps=4"]
    arguments += ["eval_strategy=steps", "eval_steps=3", "lr_scheduler_type=cosine", *settings]
    uncut = train_sft.main([*arguments, f"output_dir={tmp_path / 'uncut'}"])

    cut = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(train_sft, "EpochOfAugmentation", KilledAtStep9)
        with pytest.raises(Killed):
            train_sft.main([*arguments, f"output_dir={cut}"])
    # What a run killed while it saves leaves behind is passed over.
    (cut / "checkpoint-9").mkdir()
    (cut / "checkpoint-9" / "model.safetensors").write_bytes(b"half")
    assert checkpoint_to_resume("true", cut) == str(cut / "checkpoint-8")
    epoch = json.loads((cut / "checkpoint-8" / "trainer_state.json").read_text())["epoch"]
    assert epoch % 1 > 0.05, "the cut is meant to lie within an epoch"
    resumed = train_sft.main([*arguments, f"output_dir={cut}", "--resume_from_checkpoint", "true"])

    assert (uncut / "tokenizer.json").read_bytes() == (resumed / "tokenizer.json").read_bytes()
    ours, theirs = (
        AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).state_dict() for folder in (uncut, resumed)
    )
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def first_step(trainer_of, *settings: str) -> dict[str, torch.Tensor]:
    # Plain gradient descent: Adam's first step would hide the size of a wrong gradient.
    trainer, _ = trainer_of("max_steps=1", "optim=sgd", "learning_rate=1.0", "max_grad_norm=0", *settings)
    start = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    now = dict(trainer.model.named_parameters())
    return {name: now[name].detach() - value for name, value in start.items()}


@pytest.mark.parametrize("lora", ["null", "{r: 4, lora_dropout: 0.1}"], ids=["full", "lora"])
@pytest.mark.parametrize("reentrant", ["false", "true"])
def test_gradient_checkpointing_changes_no_gradient(lora, reentrant, trainer_of):
    plain = first_step(trainer_of, f"lora={lora}")
    again = first_step(
        trainer_of,
        f"lora={lora}",
        "gradient_checkpointing=true",
        f"gradient_checkpointing_kwargs={{use_reentrant: {reentrant}}}",
    )
    assert plain.keys() == again.keys()
    for name, step in plain.items():
        torch.testing.assert_close(again[name], step, rtol=1e-4, atol=1e-6, msg=name)
    moved = [name for name, step in plain.items() if float(step.abs().max()) > 1e-5]
    assert any("ecg_encoder" in name for name in moved)
    assert any("projector" in name for name in moved)


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16 arithmetic")
def test_bf16_trains_float32_weights(trainer_of):
    plain = first_step(trainer_of)
    mixed = first_step(trainer_of, "bf16=true")
    name = "meit.projector.out.weight"
    assert mixed[name].dtype == torch.float32
    difference = float((mixed[name] - plain[name]).norm() / plain[name].norm())
    assert 1e-5 < difference < 0.3


def test_the_saved_folder_opens_and_writes(recipe_file, tmp_path, data_folder):
    out = train_sft.main([str(recipe_file), "generation.num_beams=2"])
    model = AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True).eval()
    processor = AutoProcessor.from_pretrained(out, trust_remote_code=True)
    assert (model.generation_config.num_beams, model.generation_config.max_new_tokens) == (2, 4)
    assert model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    assert processor.tokenizer.padding_side == "left"
    row = datasets.load_dataset(str(data_folder), split="train")[0]
    signal = np.asarray(row["signal"], dtype=np.int16)
    inputs = processor(ecg=signal, text=row["prompt"], sampling_rate=row["sampling_rate"])
    written = model.generate(**inputs)
    assert written.shape[1] > inputs["input_ids"].shape[1]


def test_sample_reports_are_written_at_each_evaluation(recipe_file, capsys):
    train_sft.main([str(recipe_file), "eval_strategy=steps", "eval_steps=1", "sample_reports=2"])
    out = capsys.readouterr().out
    assert out.count("reference: sinus rhythm, rate") == out.count("written: ") == 4


def test_a_template_that_ends_answers_otherwise_is_refused_until_the_recipe_names_its_end(trainer_of, tmp_path):
    folder = backbone_folder(tmp_path / "backbone", "<pad>")
    with pytest.raises(EcgInputError, match=r"ends an answer with .*<pad>.*not with the end token '</s>'"):
        trainer_of("decoder=null", f"backbone={folder}")
    trainer, processor = trainer_of("decoder=null", f"backbone={folder}", "eos_token=<pad>")
    assert processor.tokenizer.eos_token == "<pad>"
    assert trainer.model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    for batch in batches(trainer):
        for labels in batch["labels"]:
            assert labels[labels != -100][-1] == processor.tokenizer.eos_token_id


def test_weights_that_are_trained_are_float32_and_frozen_ones_take_the_runs_precision(trainer_of, tmp_path):
    folder = backbone_folder(tmp_path / "backbone", "</s>")
    trainer, _ = trainer_of("decoder=null", f"backbone={folder}")
    assert {value.dtype for value in trainer.model.parameters()} == {torch.float32}
    if cpu_has_bf16():
        trainer, _ = trainer_of("decoder=null", f"backbone={folder}", "lora={r: 4}", "bf16=true", "max_steps=1")
        kinds = {value.requires_grad: value.dtype for value in trainer.model.parameters()}
        frozen = {v.dtype for n, v in trainer.model.named_parameters() if ".layers." in n and "lora_" not in n}
        assert kinds[True] == torch.float32
        assert frozen == {torch.bfloat16}
        trainer.train()


def test_what_max_length_cuts_is_said(trainer_of, capsys):
    trainer, _ = trainer_of("max_length=512")
    assert "max_length" not in capsys.readouterr().out
    # The shortest prompts leave room for some of the report, the longest do not.
    lengths = sorted(len(example["input_ids"]) for example in trainer.train_dataset)
    trainer, _ = trainer_of(f"max_length={lengths[-1] - 1}")
    assert f"max_length={lengths[-1] - 1}: " in capsys.readouterr().out
    assert all(len(example["input_ids"]) <= lengths[-1] - 1 for example in trainer.train_dataset)


def test_a_last_batch_of_one_ecg_token_is_left_out(trainer_of, capsys):
    trainer, _ = trainer_of()
    count = len(trainer.train_dataset)
    trainer, _ = trainer_of(
        "fusion.num_ecg_tokens=1", f"per_device_train_batch_size={count - 1}", "max_steps=-1", "num_train_epochs=1"
    )
    assert "one training record is left out" in capsys.readouterr().out
    assert len(trainer.train_dataset) == count - 1
    trainer.train()


def test_the_ecg_source_reads_the_rows_asked_for_in_their_order(trainer_of, data_folder):
    trainer, _ = trainer_of()
    source = trainer.data_collator.source
    rows = datasets.load_dataset(str(data_folder), split="train")
    got = source([5, 2, 9], [False, False, False])["ecg_values"].numpy()
    expected = np.asarray([rows[row]["signal"] for row in (5, 2, 9)], dtype=np.float32) / 1000
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
