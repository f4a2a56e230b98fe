"""The dry run: counts of real architectures, found without their weights."""

from __future__ import annotations

import resource
import time

import pytest
import torch
from peft import get_peft_model
from transformers import AutoConfig, BitsAndBytesConfig

from dataset_scripts.record import EcgInputError
from meit_training.dry_run import PAPER_LORA, DryRun, as_json, dry_run, recipe_row, table
from meit_training.lora import lora_config
from meit_training.paper_backbones import PAPER_BACKBONES
from modeling_meit.configuration_meit import MeitConfig
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_backbone, tiny_ecg_config, tiny_model

# Parameters as the models' cards and papers count them, shared embeddings once.
PUBLISHED = {
    "GPT-2 Medium": 354_823_168,
    "GPT-2 Large": 774_030_080,
    "GPT-Neo 1.3B": 1_315_575_808,
    "GPT-Neo 2.7B": 2_651_307_520,
    "GPT-NeoX 20B": 20_554_567_680,
    "GPT-J 6B": 6_050_882_784,
    "BLOOM 7B1": 7_069_016_064,
    "OPT 6.7B": 6_658_473_984,
    "LLaMA-1 7B": 6_738_415_616,
    "LLaMA-2 7B": 6_738_415_616,
    "LLaMA-2 13B": 13_015_864_320,
    "LLaMA-2 70B": 68_976_648_192,
    "Mistral 7B": 7_241_732_096,
    "LLaMA-3 8B": 8_030_261_248,
    "LLaMA-3 70B": 70_553_706_496,
}
# Numbers in a head (the paper's table 8, for those it names).
HEAD = {"GPT-2 Medium": 64, "GPT-2 Large": 64, "GPT-NeoX 20B": 96, "GPT-J 6B": 256}


def config_of(name: str) -> MeitConfig:
    _, model_type, fields = PAPER_BACKBONES[name]
    return MeitConfig(text_config=AutoConfig.for_model(model_type, **fields), ecg_config={"preset": "paper"})


def row_of(name: str) -> DryRun:
    return dry_run(name, config_of(name), PAPER_LORA)


def test_llama_7b_at_rank_64_has_the_papers_lora():
    """Table 10 of arXiv 2403.04945: 159.9M; and A.3's encoder of 20.4M."""
    row = row_of("LLaMA-1 7B")
    assert row.lora == 159_907_840
    assert row.ecg == 20_422_144
    assert row.trained == row.lora + row.ecg
    assert row.share == pytest.approx(0.0261, abs=5e-5)


def test_70_billion_parameters_take_no_memory_and_little_time():
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = row_of("LLaMA-2 70B")
    assert row.parameters - row.ecg == PUBLISHED["LLaMA-2 70B"]
    assert time.process_time() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB; on some systems bytes


def test_the_list_of_the_paper_is_whole():
    assert PAPER_BACKBONES.keys() == PUBLISHED.keys()
    for name in PAPER_BACKBONES:
        assert config_of(name).ecg_head_dim == HEAD.get(name, 128), name


CORE = ("GPT-2 Medium",)


@pytest.mark.parametrize(
    "name", [name if name in CORE else pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED]
)
def test_a_papers_model_counts_what_was_published(name):
    row = row_of(name)
    assert row.parameters - row.ecg == PUBLISHED[name]
    text = config_of(name).text_config
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    assert row.cache == 2 * 2 * text.num_hidden_layers * heads * (text.hidden_size // text.num_attention_heads)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "llama-tied"])
def test_the_counts_are_those_of_the_model_itself(kind):
    model = tiny_model(kind)
    row = dry_run("tiny", model.config, {"r": 4})
    assert row.parameters == sum(value.numel() for value in model.parameters())
    backbone, ecg = (sum(value.numel() for value in part.parameters()) for part in (model.meit.backbone, model))
    assert row.ecg == ecg - backbone
    model.meit.backbone.to(torch.bfloat16)
    assert row.weights == sum(value.nbytes for value in model.parameters())
    adapted = get_peft_model(model, lora_config({"r": 4}))
    trained = [value for value in adapted.parameters() if value.requires_grad]
    assert row.trained == sum(value.numel() for value in trained)
    assert row.training == sum(value.nbytes for value in adapted.parameters()) + 12 * row.trained


def test_training_every_weight_takes_sixteen_bytes_each():
    row = dry_run("tiny", tiny_model().config, None)
    assert (row.lora, row.training_4bit) == (0, 0)
    assert row.training == 16 * row.parameters
    assert row.share == 1


def test_the_4_bit_weights_are_what_bitsandbytes_makes(tmp_path):
    pytest.importorskip("bitsandbytes", reason="needs bitsandbytes: pip install bitsandbytes")
    backbone = tiny_backbone(hidden_size=64, intermediate_size=128)
    model = tiny_model(backbone=backbone)
    model.save_pretrained(tmp_path)
    loaded = MeitForCausalLM.from_pretrained(
        tmp_path,
        dtype=torch.bfloat16,
        quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    )
    real = 0
    for value in loaded.parameters():
        state = getattr(value, "quant_state", None)
        real += value.nbytes + (0 if state is None else state.absmax.nbytes)
    row = dry_run("tiny", model.config, {"r": 4})
    assert row.weights_4bit == real
    assert row.training - row.training_4bit == row.weights - row.weights_4bit > 0


def test_the_config_given_is_left_as_it_is():
    config = tiny_model().config
    before = config.to_dict()
    dry_run("tiny", config, {"r": 4})
    assert config.to_dict() == before


def test_a_recipe_is_counted_as_it_would_be_trained(recipe_file, trainer_of):
    model = trainer_of()[0].model
    vocabulary = model.config.text_config.vocab_size
    row = recipe_row(str(recipe_file), [f"vocab_size={vocabulary}"])
    assert row.name == str(recipe_file)
    assert row.parameters == row.trained == sum(value.numel() for value in model.parameters())
    assert recipe_row(str(recipe_file), ["lora={r: 4}"]).lora > 0


def test_a_recipes_backbone_is_known_by_its_id_or_read_from_its_folder(recipe_file, tmp_path):
    row = recipe_row(str(recipe_file), ["decoder=null", "backbone=openai-community/gpt2-medium"])
    assert row.parameters - row.ecg == PUBLISHED["GPT-2 Medium"]
    backbone = tiny_backbone("bloom")
    backbone.config.save_pretrained(tmp_path / "bloom")
    row = recipe_row(str(recipe_file), ["decoder=null", f"backbone={tmp_path / 'bloom'}"])
    assert row.parameters - row.ecg == sum(value.numel() for value in backbone.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["decoder=null"], "names no language model"),
        (["decoder=null", "backbone=no/such-model"], "configuration of backbone no/such-model is not on this machine"),
        (["decoder.model_type=lama"], "decoder.model_type is 'lama'"),
        (["decoder.hiden_size=8"], "did you mean hidden_size"),
        (["fusion.num_tokens=8"], "fusion sets num_tokens"),
        (["fusion.ecg_norm=loud"], "ecg_norm 'loud' is unknown"),
        (["lora={rank: 8}"], "lora sets rank"),
        (["decoder=null", "backbone={mamba}"], "cannot be built"),
        (["bakbone=x"], "sets bakbone"),
    ],
)
def test_a_recipe_that_cannot_be_counted_is_refused(settings, message, recipe_file, tmp_path):
    AutoConfig.for_model("mamba", hidden_size=32, num_hidden_layers=2).save_pretrained(tmp_path / "mamba")
    with pytest.raises(EcgInputError, match=message) as caught:
        recipe_row(str(recipe_file), [setting.replace("{mamba}", str(tmp_path / "mamba")) for setting in settings])
    assert "\n" not in str(caught.value)


def test_an_encoder_decoder_is_refused():
    config = MeitConfig(text_config=AutoConfig.for_model("bart", d_model=32), ecg_config=tiny_ecg_config())
    with pytest.raises(EcgInputError, match="is an encoder-decoder"):
        dry_run("bart", config, None)


def test_table_and_json_say_the_same():
    rows = [dry_run("first", tiny_model().config, {"r": 4}), dry_run("second", tiny_model("gpt2").config, None)]
    lines = table(rows).splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[0].split()[:2] == ["model", "parameters"]
    assert lines[1].split()[:2] == ["first", f"{rows[0].parameters:,}"]
    assert lines[2].split()[-2] == "-"
    objects = as_json(rows)
    assert [each["parameters"] for each in objects] == [row.parameters for row in rows]
    assert objects[1]["share"] == 1
