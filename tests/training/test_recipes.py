from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from transformers import Seq2SeqTrainingArguments, TrainingArguments
from trl import SFTConfig

import train_encoder
import train_sft
from dataset_scripts.record import EcgInputError
from meit_training import hardware
from meit_training.arguments import DataArguments, EcgArguments, TextArguments, check_model
from meit_training.augmentation import EcgAugmentation
from meit_training.lora import lora_config
from meit_training.recipe import load_recipe, overrides, parse
from meit_training.seq2seq import LengthArguments
from meit_training.settings import construct
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
SFT = (DataArguments, EcgArguments, TextArguments, SFTConfig)
SEQ2SEQ = (DataArguments, EcgArguments, TextArguments, LengthArguments, Seq2SeqTrainingArguments)


def write(folder: Path, name: str, **values) -> Path:
    (folder / name).write_text(yaml.safe_dump(values))
    return folder / name


def test_extends_merges_mappings_key_by_key_over_several_files(tmp_path):
    write(tmp_path, "base.yaml", seed=1, fusion={"num_ecg_tokens": 1, "ecg_norm": "l2"}, lora={"r": 4})
    (tmp_path / "sub").mkdir()
    write(tmp_path, "middle.yaml", extends="base.yaml", seed=2, fusion={"num_ecg_tokens": 4})
    top = write(tmp_path / "sub", "top.yaml", extends="../middle.yaml", lora=None, bf16=True)
    assert load_recipe(top) == {
        "seed": 2,
        "fusion": {"num_ecg_tokens": 4, "ecg_norm": "l2"},
        "lora": None,
        "bf16": True,
    }


def test_a_circle_is_refused(tmp_path):
    write(tmp_path, "a.yaml", extends="b.yaml")
    write(tmp_path, "b.yaml", extends="a.yaml")
    with pytest.raises(EcgInputError, match="extends itself"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("extends: nowhere.yaml\n", "no recipe .*nowhere.yaml"),
        ("extends: [a.yaml]\n", "expected the path of one recipe"),
        ("- a list\n", "holds list"),
        ("", "holds NoneType"),
        ("a: [1\n", "is not YAML"),
    ],
)
def test_unusable_recipes_are_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "r.yaml").write_text(content)
    with pytest.raises(EcgInputError, match=message) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert "\n" not in str(caught.value)


def test_settings_reach_into_mappings():
    assert overrides(["seed=3", "fusion.num_ecg_tokens=8", "fusion.ecg_norm=l2", "lora=null", "bf16=false"]) == {
        "seed": 3,
        "fusion": {"num_ecg_tokens": 8, "ecg_norm": "l2"},
        "lora": None,
        "bf16": False,
    }
    for wrong in ("seed", "seed=[1"):
        with pytest.raises(EcgInputError, match="seed"):
            overrides([wrong])


def test_settings_beat_the_recipe_and_flags_beat_both(recipe_file):
    arguments = [str(recipe_file), "learning_rate=1e-4", "decoder.hidden_size=64", "seed=2", "--seed", "3"]
    _, _, text, training = parse(arguments, *SFT)
    assert training.learning_rate == 1e-4
    assert (text.decoder["hidden_size"], text.decoder["num_hidden_layers"]) == (64, 2)
    assert training.seed == 3


def test_no_may_be_written_as_it_is_said(recipe_file):
    *_, training = parse([str(recipe_file), "eval_strategy=no", "save_strategy=no", "bf16=no"], *SFT)
    assert (training.eval_strategy, training.save_strategy, training.bf16) == ("no", "no", False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["learning_rat=1"], "learning_rat"),
        (["learning_rate=fast"], "learning_rate"),
        (["eval_strategy=sometimes"], "sometimes"),
        (["--no_such_flag", "1"], "no_such_flag"),
    ],
)
def test_unknown_keys_and_values_are_one_line_errors(recipe_file, settings, message):
    with pytest.raises(EcgInputError, match=message) as caught:
        parse([str(recipe_file), *settings], *SFT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data=no/such-set", "no/such-set"),
        ("data=", "names no data"),
        ("data={empty}", "no README.md"),
        ("ecg_config.presett=small", "did you mean preset"),
        ("ecg_config.preset=huge", "huge"),
        ("fusion.num_ecg_token=8", "did you mean num_ecg_tokens"),
        ("fusion.ecg_norm=l3", "l3"),
        ("decoder.hidden_sizes=8", "did you mean hidden_size"),
        ("decoder.model_type=lama", "lama"),
        ("decoder.hidden_size=wide", "hidden_size"),
        ("decoder=null", "either backbone"),
        ("generation.num_beam=4", "did you mean num_beams"),
        ("augmentation.noise=1", "did you mean noise_mv"),
        ("lora.rank=8", "lora sets rank"),
        ("encoder_weights={empty}", "holds no encoder"),
        ("validation_share=1", "none of 36 rows to learn from"),
        ("resume_from_checkpoint=true", "holds no whole checkpoint"),
        ("resume_from_checkpoint={empty}", "is no whole checkpoint"),
        ("fusion.num_ecg_tokens=1 per_device_train_batch_size=1", "two or more"),
    ],
)
def test_training_refuses_what_it_cannot_use(recipe_file, tmp_path, setting, message):
    (tmp_path / "empty").mkdir()
    settings = setting.format(empty=tmp_path / "empty").split()
    with pytest.raises(EcgInputError, match=message) as caught:
        train_sft.main([str(recipe_file), *settings])
    assert "\n" not in str(caught.value)


def test_watching_a_run_needs_rows_to_watch(recipe_file):
    with pytest.raises(EcgInputError, match="none of 36 rows out"):
        train_sft.main([str(recipe_file), "validation_share=0", "eval_strategy=steps", "eval_steps=1"])


def test_a_missing_backbone_is_refused(recipe_file):
    with pytest.raises(EcgInputError, match="no/such-model cannot be loaded"):
        train_sft.main([str(recipe_file), "decoder=null", "backbone=no/such-model"])


def test_the_script_exits_with_2_and_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "train_sft.py", tmp_path / "none.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("train_sft: error: there is no recipe")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_of_the_repository_parses(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    script = next(name for name in ("train_encoder", "train_seq2seq", "train_sft") if f"{name}.py" in first)
    assert first.startswith(f"# python {script}.py recipes/{path.name}")
    if script == "train_encoder":
        kinds = (DataArguments, EcgArguments, train_encoder.LabelArguments, TrainingArguments)
        data, ecg, _, _ = parse([str(path)], *kinds)
    else:
        kinds = SEQ2SEQ if script == "train_seq2seq" else SFT
        data, ecg, text, *_ = parse([str(path)], *kinds)
        check_model(text, "seq2seq" if script == "train_seq2seq" else "causal")
        lora_config(text.lora)
        assert (text.backbone is None) != (text.decoder is None)
    construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config)
    construct(EcgAugmentation, "augmentation", data.augmentation or {})


def test_the_papers_recipe_holds_the_papers_numbers():
    data, ecg, text, training = parse([str(ROOT / "recipes" / "paper-llama3-8b.yaml")], *SFT)
    lora = lora_config(text.lora)
    assert (lora.r, lora.lora_alpha, lora.lora_dropout) == (64, 128, 0.1)
    assert training.num_train_epochs == 5
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 64
    assert (training.learning_rate, training.lr_scheduler_type, training.weight_decay) == (1e-4, "linear", 0)
    assert (training.warmup_steps, training.max_length) == (0.03, 256)
    assert text.fusion == {"num_ecg_tokens": 1, "ecg_norm": "l2"}
    assert construct(EcgEncoderConfig, "ecg_config", ecg.ecg_config).sampling_rate == 500
    assert data.augmentation is None


def test_a_cpu_without_bf16_trains_in_float32_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: False)
    said = []
    monkeypatch.setattr(hardware.logger, "warning", said.append)
    assert hardware.fit_to_machine({"bf16": True, "seed": 1}) == {"bf16": False, "seed": 1, "use_cpu": True}
    assert "float32" in said[0]
    said.clear()
    # Unsaid, TRL would switch bf16 on.
    assert hardware.fit_to_machine({})["bf16"] is False
    assert not said


def test_a_cpu_with_bf16_keeps_what_the_recipe_says(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: True)
    assert hardware.fit_to_machine({"bf16": True}) == {"bf16": True, "use_cpu": True}
    assert hardware.fit_to_machine({"use_cpu": False})["use_cpu"] is False


def test_a_recipe_is_left_alone_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert hardware.fit_to_machine({"bf16": True}) == {"bf16": True}


def test_bf16_that_x86_only_emulates_does_not_count(monkeypatch):
    monkeypatch.setattr(hardware.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert not hardware.cpu_has_bf16()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert hardware.cpu_has_bf16()
