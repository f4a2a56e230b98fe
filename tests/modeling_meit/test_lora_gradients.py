"""LoRA in every decoder: its key and value projections and the encoder learn from one step, the ECG's part has none."""

import pytest
import torch

from tests.tiny import tiny_ecg, tiny_model

peft = pytest.importorskip("peft")
lora = pytest.importorskip("meit_training.lora")

# The layer that makes keys and values, for whoever fuses it with others or calls it by another name.
FUSED = {
    "gpt2": ["c_attn"],
    "gpt2-medium-heads": ["c_attn"],
    "bloom": ["query_key_value"],
    "gpt-neox": ["query_key_value"],
    "falcon": ["query_key_value"],
    "falcon-alibi": ["query_key_value"],
    "phi3": ["qkv_proj"],
    "mpt": ["Wqkv"],
}


def adapted(kind, way):
    torch.manual_seed(0)
    model = peft.get_peft_model(tiny_model(kind, **way), lora.lora_config({"r": 2, "init_lora_weights": False}))
    return model.train()


def check(kind, way, batch):
    model = adapted(kind, way)
    on = [name for name, _ in model.named_parameters() if "lora_" in name]
    for part in ("ecg_encoder", "projector", "cross_attention"):
        assert not any(part in name for name in on)
    model(**batch.inputs, labels=batch.input_ids.masked_fill(batch.attention_mask == 0, -100)).loss.backward()
    size = {name: 0.0 if p.grad is None else p.grad.abs().max().item() for name, p in model.named_parameters()}
    layers = model.config.text_config.num_hidden_layers
    for projection in FUSED.get(kind, ["k_proj", "v_proj"]):
        for half in ("lora_A", "lora_B"):
            matching = [name for name in on if f".{projection}.{half}" in name]
            assert len(matching) == layers, projection
            assert min(size[name] for name in matching) > 1e-6, projection
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all("lora_" in name or "modules_to_save" in name for name in trained)
    for part in ("ecg_encoder.modules_to_save.default.stem.0.weight", "projector.modules_to_save.default.out.weight"):
        assert [size[name] > 1e-6 for name in trained if name.endswith(part)] == [True], part


def test_every_decoder(any_kind, right):
    check(any_kind, {"num_ecg_tokens": 2}, right)


def test_every_way(way, right):
    check("llama", way, right)


def test_the_ecg_alone_moves_key_and_value_weights(kind, right):
    """With other weights there the ECG reads otherwise: eq. 4's projections are those LoRA changes."""
    model = adapted(kind, {"num_ecg_tokens": 2}).eval()
    text = right.attention_mask.bool()
    effects = []
    with torch.no_grad():
        for on in (True, False):
            if not on:
                model.disable_adapter_layers()
            one, two = (
                model(**{**right.inputs, "ecg_values": ecg}).logits for ecg in (right.ecg_values, tiny_ecg(3, seed=8))
            )
            effects.append((one - two)[text])
    assert (effects[0] - effects[1]).abs().max() > 1e-2
