"""4 and 8 bits with bitsandbytes' CPU kernels: the decoder's linear layers alone, QLoRA beside them, and its merge."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

import train_sft
from dataset_scripts.record import EcgInputError
from meit_training.frozen_encoder import freeze_encoder
from meit_training.lora import lora_config, save_merged
from meit_training.quantization import keep_unpacked
from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import TINY_TOKENIZER, tiny_backbone, tiny_ecg, tiny_ids, tiny_model

bnb = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes: pip install bitsandbytes")

# bitsandbytes' packed 4-bit CPU kernel wants rows of whole blocks of 64.
WIDE = {
    "llama": {"hidden_size": 64, "intermediate_size": 128},
    "gpt2": {"n_embd": 64},
    "bloom": {"hidden_size": 64},
    "gpt-neox": {"hidden_size": 64, "intermediate_size": 128},
    "opt": {"hidden_size": 64, "ffn_dim": 128, "word_embed_proj_dim": 64},
}
LAYER = {4: bnb.nn.Linear4bit, 8: bnb.nn.Linear8bitLt}
LORA = {"r": 4, "lora_alpha": 8}


def bits(number: int) -> BitsAndBytesConfig:
    if number == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)


def logits(model: nn.Module) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(input_ids=tiny_ids(2, 8), ecg_values=tiny_ecg(2)).logits


def quantised_layers(model: nn.Module, number: int) -> set[str]:
    return {name for name, part in model.named_modules() if isinstance(part, LAYER[number])}


def check_only_the_decoder_is_quantised(model: nn.Module, number: int) -> None:
    layers = quantised_layers(model, number)
    assert layers
    assert all(name.startswith("meit.backbone.") for name in layers)
    assert "lm_head" not in " ".join(layers)
    for name, value in model.named_parameters():
        if ".ecg_encoder." in name or ".projector." in name:
            assert value.dtype == torch.float32, name


@pytest.fixture
def folders(tmp_path):
    """Writes a decoder and a model around it; returns both folders and the model."""

    def write(kind: str):
        backbone = tiny_backbone(kind, **WIDE[kind])
        backbone.save_pretrained(tmp_path / "backbone")
        model = tiny_model(backbone=backbone)
        model.save_pretrained(tmp_path / "meit")
        return tmp_path / "backbone", tmp_path / "meit", model

    return write


@pytest.mark.parametrize("number", [4, 8])
@pytest.mark.parametrize("kind", WIDE)
def test_a_saved_model_loads_in_fewer_bits(kind, number, folders):
    _, folder, full = folders(kind)
    model = MeitForCausalLM.from_pretrained(folder, quantization_config=bits(number))
    check_only_the_decoder_is_quantised(model, number)
    ours = logits(model)
    assert not torch.allclose(ours, logits(full), atol=1e-3)
    # What the rounded weights stand for gives the same logits, but for the arithmetic of the kernels: bf16, or int8.
    rounded = MeitForCausalLM.from_pretrained(folder, quantization_config=bits(number)).dequantize()
    assert float((logits(rounded) - ours).abs().max()) < 0.3 * float(ours.std())


@pytest.mark.parametrize("number", [4, 8])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_quantised_backbone_makes_a_quantised_model_that_saves(kind, number, folders, tmp_path):
    backbone, folder, full = folders(kind)
    model = MeitForCausalLM.from_backbone(
        backbone, full.config.ecg_config, backbone_kwargs={"quantization_config": bits(number)}
    ).eval()
    check_only_the_decoder_is_quantised(model, number)
    for part in ("ecg_encoder", "projector"):
        getattr(model.meit, part).load_state_dict(getattr(full.meit, part).state_dict())
    # Before anything is evaluated: a CPU's kernel changes the weights, and gives them back rounded.
    model.save_pretrained(tmp_path / "again")
    expected = logits(model)
    assert torch.equal(expected, logits(MeitForCausalLM.from_pretrained(folder, quantization_config=bits(number))))
    again = MeitForCausalLM.from_pretrained(tmp_path / "again")
    assert quantised_layers(again, number) == quantised_layers(model, number)
    assert torch.equal(logits(again), expected)


def adapted_by_one_step(folder, number: int) -> PeftModel:
    torch.manual_seed(0)
    model = MeitForCausalLM.from_pretrained(folder, quantization_config=bits(number))
    adapted = get_peft_model(model, lora_config(LORA))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value, std=0.05)  # at its start of zeros lora_A gets no gradient
    adapted.train()
    adapted(input_ids=tiny_ids(2, 8), ecg_values=tiny_ecg(2), labels=tiny_ids(2, 8)).loss.backward()
    trained = {name: value for name, value in adapted.named_parameters() if value.requires_grad}
    assert all(part in " ".join(trained) for part in ("lora_A", "lora_B", "ecg_encoder", "projector"))
    for name, value in trained.items():
        assert value.grad is not None, name
        assert value.grad.isfinite().all(), name
        assert value.grad.abs().max() > 0, name
    torch.optim.SGD(trained.values(), lr=0.05).step()
    return adapted


@pytest.mark.parametrize("number", [4, 8])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_qlora_learns_and_its_merge_is_a_full_model(kind, number, folders, tmp_path):
    _, folder, _ = folders(kind)
    adapted = adapted_by_one_step(folder, number)
    expected = logits(adapted)
    with adapted.disable_adapter():
        unlike = float((logits(adapted) - expected).abs().max())
    adapted.save_pretrained(tmp_path / "adapter")
    again = PeftModel.from_pretrained(
        MeitForCausalLM.from_pretrained(folder, quantization_config=bits(number)), tmp_path / "adapter"
    )
    torch.testing.assert_close(logits(again), expected, rtol=0, atol=0)

    save_merged(adapted, tmp_path / "merged")
    merged = MeitForCausalLM.from_pretrained(tmp_path / "merged")
    assert not quantised_layers(merged, number)
    assert {value.dtype for value in merged.parameters()} == {torch.float32}
    assert "quantization_config" not in merged.config.to_dict()
    assert float((logits(merged) - expected).abs().max()) < 0.1 * unlike


def test_evaluating_between_two_steps_changes_no_gradient(folders):
    _, folder, _ = folders("llama")
    model = MeitForCausalLM.from_pretrained(folder, quantization_config=bits(4))
    keep_unpacked(model)
    adapted = get_peft_model(model, lora_config(LORA))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value, std=0.05)
    freeze_encoder(adapted)  # whose batch statistics would move from step to step
    batch = {"input_ids": tiny_ids(2, 8), "ecg_values": tiny_ecg(2)}

    def gradients() -> dict[str, torch.Tensor]:
        adapted.train()
        adapted.zero_grad()
        adapted(**batch, labels=batch["input_ids"]).loss.backward()
        return {name: value.grad.clone() for name, value in adapted.named_parameters() if value.grad is not None}

    before = gradients()
    adapted.eval()
    written = adapted.generate(**batch, max_new_tokens=6, min_new_tokens=6, do_sample=False)
    assert written.shape == (2, 14)
    after = gradients()
    assert len(before) > 10
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_gated_cross_attention_is_not_quantised(tmp_path):
    model = tiny_model(backbone=tiny_backbone(**WIDE["llama"]), fusion="cross_attention")
    model.save_pretrained(tmp_path)
    loaded = MeitForCausalLM.from_pretrained(tmp_path, quantization_config=bits(4))
    check_only_the_decoder_is_quantised(loaded, 4)
    adapted = get_peft_model(loaded, lora_config(LORA))
    adapted(input_ids=tiny_ids(2, 8), ecg_values=tiny_ecg(2), labels=tiny_ids(2, 8)).loss.backward()
    trained = [value for name, value in adapted.named_parameters() if "cross_attention" in name and value.requires_grad]
    assert trained
    assert all(value.grad is not None for value in trained)


@pytest.fixture
def quantised_recipe(recipe_file, tmp_path):
    """Arguments of `train_sft` for a backbone with weights in 4 bits."""
    folder = tmp_path / "backbone"
    tiny_backbone(**WIDE["llama"]).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY_TOKENIZER).save_pretrained(folder)
    quantization = "quantization={load_in_4bit: true, bnb_4bit_quant_type: nf4}"
    return [str(recipe_file), "decoder=null", f"backbone={folder}", "lora={r: 4, lora_alpha: 8}", quantization]


def test_a_recipe_trains_beside_4_bits_and_writes_a_full_model(quantised_recipe, monkeypatch):
    begun = {}
    make_trainer = train_sft.make_trainer

    def make_and_look(*arguments):
        trainer, processor = make_trainer(*arguments)
        begun["quantised"] = quantised_layers(trainer.model, 4)
        begun["ecg"] = {
            name: (
                value.clone(),
                trainer.model.get_parameter(name.replace("modules_to_save.default", "original_module")),
            )
            for name, value in trainer.model.named_parameters()
            if ".modules_to_save." in name
        }
        return trainer, processor

    monkeypatch.setattr(train_sft, "make_trainer", make_and_look)
    out = train_sft.main(quantised_recipe)
    assert begun["quantised"]
    assert len(begun["ecg"]) > 10
    for name, (trained, start) in begun["ecg"].items():
        assert trained.dtype == torch.float32, name
        assert torch.equal(trained, start), name
    saved = load_file(out / "model.safetensors")
    assert {value.dtype for name, value in saved.items() if "num_batches" not in name} == {torch.float32}
    AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lora=null"], "for a backbone under LoRA"),
        (["backbone=null", "decoder={model_type: llama}"], "for a backbone under LoRA"),
        (["quantization={load_in_4bits: true}"], "did you mean load_in_4bit"),
        (["quantization={bnb_4bit_quant_type: nf4}"], "neither load_in_4bit nor load_in_8bit"),
        (["quantization={load_in_4bit: 7}"], "cannot be used"),
    ],
)
def test_a_quantization_that_cannot_be_is_refused(settings, message, quantised_recipe):
    if settings[0].startswith("quantization="):
        quantised_recipe.pop()  # two settings of one mapping would be merged
    with pytest.raises(EcgInputError, match=message):
        train_sft.main([*quantised_recipe, *settings])


def test_without_bitsandbytes_the_package_is_named(quantised_recipe, monkeypatch):
    monkeypatch.setattr("meit_training.quantization.is_bitsandbytes_available", lambda: False)
    with pytest.raises(EcgInputError, match=r"meit-ecg\[quantization\]"):
        train_sft.main(quantised_recipe)
