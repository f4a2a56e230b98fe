"""Encoder-decoders trained by a recipe: what they read and learn, resumption, LoRA, and their folder evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
import yaml
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForSeq2SeqLM, AutoProcessor, AutoTokenizer, Seq2SeqTrainingArguments

import meit_cli
import train_seq2seq
import train_sft
from dataset_scripts.record import EcgInputError
from eval_suite.report_model import ReportModel
from meit_training import script
from meit_training.arguments import DataArguments, EcgArguments, TextArguments
from meit_training.conversations import conversations
from meit_training.ecg_batches import EpochOfAugmentation
from meit_training.hardware import cpu_has_bf16
from meit_training.recipe import parse
from meit_training.seq2seq import LengthArguments
from tests.tiny import TINY_TOKENIZER
from tests.tiny_seq2seq import tiny_encoder_decoder
from tests.training.conftest import RECIPE

SMALL = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
SMALL |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
# At so small a width, BART's own 0.02 would leave gradients too small to compare.
BART = {"model_type": "bart", **SMALL, "dropout": 0.1, "init_std": 0.2}
T5 = {"model_type": "t5", "d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48}
LORA = "lora={r: 4, lora_dropout: 0.1}"


@pytest.fixture
def recipe(tmp_path: Path, data_folder: Path) -> Path:
    settings = {key: value for key, value in RECIPE.items() if key != "max_length"}
    settings |= {"model": "seq2seq", "decoder": BART, "data": str(data_folder), "output_dir": str(tmp_path / "run")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "t5.yaml").write_text(yaml.safe_dump({**settings, "decoder": T5}))
    return tmp_path / "recipe.yaml"


@pytest.fixture
def trainer_of(recipe: Path):
    """Settings `key=value` -> the trainer and the processor `train_seq2seq.main` would use."""
    kinds = (DataArguments, EcgArguments, TextArguments, LengthArguments, Seq2SeqTrainingArguments)

    def make(*settings: str, name: str = "recipe"):
        return train_seq2seq.make_trainer(*parse([str(recipe.with_name(f"{name}.yaml")), *settings], *kinds))

    return make


def backbone_folder(folder: Path, kind: str) -> Path:
    tiny_encoder_decoder(kind).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY_TOKENIZER).save_pretrained(folder)
    return folder


def first_step(trainer_of, *settings: str) -> dict[str, torch.Tensor]:
    # Plain gradient descent: Adam's first step would hide the size of a wrong gradient.
    trainer, _ = trainer_of("max_steps=1", "optim=sgd", "learning_rate=1.0", "max_grad_norm=0", *settings)
    start = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    now = dict(trainer.model.named_parameters())
    return {name: now[name].detach() - value for name, value in start.items()}


@pytest.mark.parametrize("source", ["scratch", "backbone"])
def test_the_encoder_reads_the_prompt_and_the_labels_are_the_report_and_its_end(
    source, trainer_of, tmp_path, data_folder
):
    settings = []
    if source == "backbone":
        settings = ["decoder=null", f"backbone={backbone_folder(tmp_path / 'backbone', 't5')}"]
    trainer, processor = trainer_of(*settings)
    tokenizer = processor.tokenizer
    assert (tokenizer.padding_side, tokenizer.chat_template) == ("right", None)
    rows = datasets.load_dataset(str(data_folder), split="train")
    expected = {
        (*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id): row
        for row, text in enumerate(rows["completion"])
    }
    prompts = dict(enumerate(conversations(rows, 0.8, seed=1)["prompt"]))
    seen = []
    for batch in trainer.get_train_dataloader():
        for place, labels in enumerate(batch["labels"]):
            kept = labels[labels != -100]
            assert torch.equal(labels[: len(kept)], kept)
            row = expected[tuple(kept.tolist())]
            seen.append(row)
            started = batch["decoder_input_ids"][place, : len(kept)]
            start = torch.tensor([trainer.model.generation_config.decoder_start_token_id])
            assert torch.equal(started, torch.cat([start, kept[:-1]]))
            # The encoder reads what a user's prompt becomes.
            ids = batch["input_ids"][place][batch["attention_mask"][place].bool()]
            assert torch.equal(ids, processor(text=prompts[row])["input_ids"][0])
            signal = np.asarray(rows[row]["signal"], dtype=np.float32) / 1000
            np.testing.assert_allclose(batch["ecg_values"][place].numpy(), signal, rtol=0, atol=1e-6)
            assert batch["ecg_mask"][place].all()
    held_out = len(rows) - len(trainer.train_dataset)
    assert held_out == len(trainer.eval_dataset) > 0
    assert len(seen) == len(set(seen)) == len(trainer.train_dataset)


@pytest.mark.parametrize("name", ["recipe", "t5"])
def test_a_few_steps_lower_the_loss_and_move_every_part(name, trainer_of):
    trainer, _ = trainer_of("max_steps=30", "learning_rate=3e-3", name=name)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    first = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < 0.8 * first
    after = trainer.model.state_dict()
    t5 = name == "t5"
    part = "block.0.layer.0.SelfAttention.k" if t5 else "layers.0.self_attn.k_proj"
    cross = "block.1.layer.1.EncDecAttention.v" if t5 else "layers.1.encoder_attn.v_proj"
    body = "meit.backbone." if t5 else "meit.backbone.model."
    for weight in (
        "meit.ecg_encoder.stem.0.weight",
        "meit.ecg_encoder.stem.1.running_mean",
        "meit.projector.out.weight",
        f"{body}encoder.{part}.weight",
        f"{body}decoder.{cross}.weight",
        f"{body}shared.weight",
    ):
        assert not torch.equal(before[weight], after[weight]), weight


def test_the_encoder_trains_at_its_own_rate(trainer_of):
    trainer, _ = trainer_of("encoder_learning_rate=0.003", "weight_decay=0.1", "warmup_steps=0")
    trainer.create_optimizer_and_scheduler(2)
    rates = {id(value): group["lr"] for group in trainer.optimizer.param_groups for value in group["params"]}
    named = dict(trainer.model.named_parameters())
    assert len(rates) == len(named)
    for name, value in named.items():
        assert rates[id(value)] == (0.003 if "ecg_encoder" in name else 0.01), name


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
    moved = [name for name, step in plain.items() if float(step.detach().abs().max()) > 1e-5]
    assert any("ecg_encoder" in name for name in moved)
    assert any("encoder.layers.0.self_attn.v_proj" in name for name in moved)


def test_an_accumulated_step_is_as_large_as_a_whole_one(trainer_of):
    """The backbones do not know their share of an accumulated batch; summed, the step would be twice as large."""
    whole = first_step(trainer_of, "decoder.dropout=0")
    parts = first_step(trainer_of, "decoder.dropout=0", "gradient_accumulation_steps=2")
    name = "meit.backbone.model.shared.weight"
    assert 0.6 < (parts[name].norm() / whole[name].norm()).item() < 1.2


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16 arithmetic")
def test_bf16_trains_float32_weights(trainer_of, tmp_path):
    plain = first_step(trainer_of)
    mixed = first_step(trainer_of, "bf16=true")
    name = "meit.projector.out.weight"
    assert mixed[name].dtype == torch.float32
    assert 1e-5 < float((mixed[name] - plain[name]).norm() / plain[name].norm()) < 0.3
    folder = backbone_folder(tmp_path / "backbone", "t5-gated")
    trainer, _ = trainer_of("decoder=null", f"backbone={folder}", LORA, "bf16=true", "max_steps=1")
    kinds = {value.requires_grad: value.dtype for value in trainer.model.parameters()}
    frozen = {v.dtype for n, v in trainer.model.named_parameters() if ".block." in n and "lora_" not in n}
    assert (kinds[True], frozen) == (torch.float32, {torch.bfloat16})
    trainer.train()


class Killed(Exception):
    pass


class KilledAtStep9(EpochOfAugmentation):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            raise Killed


@pytest.mark.parametrize(
    "settings",
    [["encoder_learning_rate=0.003", "gradient_checkpointing=true"], pytest.param([LORA], marks=pytest.mark.slow)],
    ids=["full", "lora"],
)
def test_a_killed_and_resumed_run_gives_the_weights_of_an_uncut_one(settings, recipe, tmp_path, monkeypatch):
    arguments = [str(recipe), "max_steps=11", "augmentation={}", "save_strategy=steps", "save_steps=4"]
    arguments += ["eval_strategy=steps", "eval_steps=3", "lr_scheduler_type=cosine", *settings]
    uncut = train_seq2seq.main([*arguments, f"output_dir={tmp_path / 'uncut'}"])
    cut = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(train_seq2seq, "EpochOfAugmentation", KilledAtStep9)
        with pytest.raises(Killed):
            train_seq2seq.main([*arguments, f"output_dir={cut}"])
    epoch = json.loads((cut / "checkpoint-8" / "trainer_state.json").read_text())["epoch"]
    assert epoch % 1 > 0.05, "the cut is meant to lie within an epoch"
    resumed = train_seq2seq.main([*arguments, f"output_dir={cut}", "--resume_from_checkpoint", "true"])
    assert (uncut / "tokenizer.json").read_bytes() == (resumed / "tokenizer.json").read_bytes()
    ours, theirs = (
        AutoModelForSeq2SeqLM.from_pretrained(folder, trust_remote_code=True).state_dict()
        for folder in (uncut, resumed)
    )
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_lora_is_merged_into_the_folder(recipe, trainer_of, monkeypatch):
    adapted = trainer_of(LORA)[0].model.get_base_model()
    names = {name for name, module in adapted.named_modules() if isinstance(module, LoraLayer)}
    # Encoder: 4 + 2 linear layers each; decoder: 8 + 2.
    assert len(names) == 2 * 6 + 2 * 10
    assert all(".backbone.model." in name for name in names)
    inputs = {"input_ids": torch.arange(10, 18)[None], "decoder_input_ids": torch.arange(5, 9)[None]}
    inputs["ecg_values"] = torch.randn(1, 12, 200, generator=torch.Generator().manual_seed(0))
    before, save = {}, script.save_merged

    def save_and_watch(model, folder):
        with torch.no_grad():
            before["logits"] = model.eval()(**inputs).logits
        save(model, folder)

    monkeypatch.setattr(script, "save_merged", save_and_watch)
    out = train_seq2seq.main([str(recipe), LORA, "max_steps=4"])
    merged = AutoModelForSeq2SeqLM.from_pretrained(out, trust_remote_code=True)
    assert not any("lora" in name for name in merged.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(merged(**inputs).logits, before["logits"], rtol=1e-4, atol=1e-5)
    assert (out / "adapter" / "adapter_model.safetensors").is_file()


def test_texts_are_cut_where_the_recipe_says_and_what_is_cut_does_not_end(trainer_of, capsys):
    trainer, processor = trainer_of()
    assert "reports are cut" not in capsys.readouterr().out
    whole = trainer.train_dataset["labels"][:]
    room = max(map(len, whole)) - 1
    trainer, _ = trainer_of(f"max_report_length={room}", "max_prompt_length=6")
    assert f"max_report_length={room}: " in capsys.readouterr().out
    assert {len(ids) for ids in trainer.train_dataset["input_ids"][:]} == {6}
    assert trainer.train_dataset["labels"][:] == [labels[:room] for labels in whole]
    assert all(labels[-1] == processor.tokenizer.eos_token_id for labels in whole)


def test_sample_reports_are_written_at_each_evaluation(recipe, capsys):
    train_seq2seq.main([str(recipe), "eval_strategy=steps", "eval_steps=1", "sample_reports=2"])
    out = capsys.readouterr().out
    assert out.count("reference: sinus rhythm, rate") == out.count("written: ") == 4


@pytest.mark.parametrize("beams", [1, 2])
def test_the_folder_is_trained_and_evaluated_by_the_command(beams, recipe, tmp_path, data_folder, capsys):
    out, scores = tmp_path / "run", tmp_path / "scores"
    settings = [str(recipe), f"generation.num_beams={beams}", "generation.max_new_tokens=6"]
    assert meit_cli.main(["train", *settings]) == 0, capsys.readouterr().err
    model = AutoModelForSeq2SeqLM.from_pretrained(out, trust_remote_code=True).eval()
    processor = AutoProcessor.from_pretrained(out, trust_remote_code=True)
    assert (model.generation_config.num_beams, model.generation_config.max_new_tokens) == (beams, 6)
    assert model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    row = datasets.load_dataset(str(data_folder), split="train")[0]
    signal = np.asarray(row["signal"], dtype=np.int16)
    inputs = processor(ecg=signal, text=row["prompt"], sampling_rate=row["sampling_rate"])
    written = processor.post_process_reports(model.generate(**inputs)[:, 1:])
    texts, confidences = ReportModel(out).reports([signal], [row["sampling_rate"]], [row["prompt"]])
    assert texts == written
    assert len(texts[0]) > 3
    assert 0 < confidences[0] < 1
    command = ["eval", "quality", "--model", str(out), "--data", str(data_folder), "--split", "train", "--limit", "4"]
    assert meit_cli.main([*command, "--out", str(scores)]) == 0, capsys.readouterr().err
    assert (scores / "scores.json").is_file()

    record = tmp_path / "record.npy"
    np.save(record, signal.astype(np.float32) / 1000)
    asked = ["--fs", str(row["sampling_rate"]), "--leads", "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"]
    capsys.readouterr()
    command = ["report", str(record), *asked, "--model", str(out), "--prompt", row["prompt"], "--json"]
    assert meit_cli.main(command) == 0, capsys.readouterr().err
    report = json.loads(capsys.readouterr().out)
    assert report["report"] == written[0]
    assert report["confidence"] == pytest.approx(confidences[0], abs=1e-3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model=causal", "run train_sft.py or `meit train`, or set model=seq2seq"),
        ("model=both", "model is 'both', expected one of causal, seq2seq"),
        ("max_length=9", "sets max_length"),
        ("decoder.model_type=llama", "expected one of transformers' such as bart or t5"),
        ("decoder.d_models=8", "did you mean d_model"),
        ("decoder=null", "either backbone"),
        ("decoder=null backbone=no/such-model", "no/such-model cannot be loaded"),
        ("fusion.ecg_norm=l3", "l3"),
        ("fusion.fusion=input_tokens", "the recipe's model cannot be made"),
        ("decoder.model_type=pegasus_x", "the recipe's model cannot be made"),
        ("lora.rank=8", "lora sets rank"),
        ("fusion.num_ecg_tokens=1 per_device_train_batch_size=1", "two or more"),
        ("resume_from_checkpoint=true", "holds no whole checkpoint"),
    ],
)
def test_training_refuses_what_it_cannot_use(recipe, setting, message):
    with pytest.raises(EcgInputError, match=message) as caught:
        train_seq2seq.main([str(recipe), *setting.split()])
    assert "\n" not in str(caught.value)


def test_quantised_encoder_decoders_are_refused(recipe, tmp_path):
    folder = backbone_folder(tmp_path / "backbone", "t5")
    settings = ["decoder=null", f"backbone={folder}", LORA, "quantization={load_in_4bit: true}"]
    with pytest.raises(EcgInputError, match="quantization is for decoders"):
        train_seq2seq.main([str(recipe), *settings])


def test_the_other_script_names_this_one(recipe_file):
    with pytest.raises(EcgInputError, match=r"run train_seq2seq\.py or `meit train`"):
        train_sft.main([str(recipe_file), "model=seq2seq"])
