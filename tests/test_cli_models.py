"""`meit models`: the list is what the tests wrap, and the dry run its command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoConfig

import checkpoints
import meit_cli
import meit_models
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.configuration_meit import FUSIONS
from modeling_meit.ecg_encoders import ECG_ENCODERS
from tests.tiny import BACKBONES, TOKENS
from tests.tiny_seq2seq import ENCODER_DECODERS

ROOT = Path(__file__).parents[1]
RECIPE = "recipes/demo-synthetic.yaml"


def printed(capsys, *arguments: str) -> str:
    assert meit_cli.main(["models", *arguments]) == 0
    return capsys.readouterr().out


def test_the_list_is_that_of_the_tests():
    assert {entry.name: entry.model_type for entry in meit_models.DECODERS} == {
        kind: model_type for kind, (model_type, _) in BACKBONES.items()
    }
    assert {entry.name: entry.model_type for entry in meit_models.ENCODER_DECODERS} == {
        kind: model_type for kind, (model_type, _) in ENCODER_DECODERS.items()
    }
    assert len(meit_models.DECODERS) + len(meit_models.ENCODER_DECODERS) == len(BACKBONES) + len(ENCODER_DECODERS)


@pytest.mark.parametrize("entry", meit_models.DECODERS, ids=lambda entry: entry.name)
def test_its_key_heads_are_those_of_the_tested_model(entry):
    model_type, fields = BACKBONES[entry.name]
    config = AutoConfig.for_model(model_type, **{**TOKENS, **fields})
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    if getattr(config, "multi_query", False):
        heads = 1
    kind = {1: "single", config.num_attention_heads: "equal"}.get(heads, "grouped")
    assert entry.attention.split(",")[0] == kind


def test_the_rest_is_what_the_package_has():
    models = meit_models.listing()
    assert models["ecg_encoders"].keys() == ECG_ENCODERS.keys()
    for kind, presets in models["ecg_encoders"].items():
        for preset in presets:
            assert EcgEncoderConfig(kind=kind, preset=preset).preset == preset
    assert models["fusions"] == list(FUSIONS)
    assert models["shipped"] == checkpoints.shipped_names()
    for entry in models["encoder_decoders"]:
        assert AutoConfig.for_model(entry["model_type"]).is_encoder_decoder


def test_it_prints_all_of_it(capsys):
    text = printed(capsys)
    models = json.loads(printed(capsys, "--json"))
    names = [entry["name"] for part in ("decoders", "encoder_decoders") for entry in models[part]]
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert [name for name in lines if name in names] == names
    for word in (*models["ecg_encoders"], *models["fusions"], *models["shipped"]):
        assert word in text
    assert models == json.loads(json.dumps(meit_models.listing()))


def test_a_dry_run_of_recipes(capsys):
    lines = printed(capsys, "--dry-run", RECIPE, RECIPE, "lora={r: 4}").splitlines()
    assert lines[1] == lines[2]
    assert lines[1].startswith(RECIPE)
    (row,) = json.loads(printed(capsys, "--json", "--dry-run", RECIPE))
    assert row["lora"] == 0
    assert f"{row['parameters']:,}" in lines[1]


def test_a_dry_run_of_the_paper(capsys, monkeypatch):
    from meit_training import dry_run

    few = {
        name: ("no/id", model_type, {**TOKENS, **BACKBONES[model_type][1]})
        for name, model_type in (("One 1B", "llama"), ("Two 2B", "bloom"))
    }
    monkeypatch.setattr(dry_run, "PAPER_BACKBONES", few)
    lines = printed(capsys, "--dry-run").splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == list(few)
    assert "20,2" in lines[1], "the paper's encoder"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dry-run", "vocab_size=9"], "no recipe is given"),
        (["--dry-run", "no-such.yaml"], "there is no recipe"),
        (["--dry-run", "recipes/ptbxl-small-encoder.yaml"], "names no language model"),
        (["--dry-run", "recipes/encoders/ptbxl-superclasses-vit.yaml"], "names no language model"),
        (["--dry-run", "recipes/paper-bart-large.yaml"], "is for an encoder-decoder"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert meit_cli.main(["models", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("meit: error: ")
    assert message in error[-1]


def test_help_says_what_it_does_and_imports_nothing_heavy():
    code = (
        "import sys, meit_cli\n"
        "try: meit_cli.main(['models', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'transformers', 'numpy', 'peft'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--dry-run" in done.stdout


def test_a_reader_that_goes_away_is_no_error():
    """As `meit models | head` does."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        command = [sys.executable, "-m", "meit_cli", "models"]
        done = subprocess.run(command, cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
