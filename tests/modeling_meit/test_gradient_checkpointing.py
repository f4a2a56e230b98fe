"""Gradient checkpointing runs layers again in the backward pass: without the ECG there only the loss would be right."""

import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

from tests.tiny import tiny_model

KEYS_AND_VALUES = {
    "llama": ["self_attn.k_proj", "self_attn.v_proj"],
    "gpt2": ["attn.c_attn"],
    "bloom": ["self_attention.query_key_value"],
    "gemma2": ["self_attn.k_proj", "self_attn.v_proj"],
    "qwen3": ["self_attn.k_proj", "self_attn.v_proj"],
}


def gradients(model, batch):
    """One step's gradients by name, and how often the first layer ran."""
    runs = []
    model.train()
    attention = next(part for part in model.meit.backbone.modules() if "Attention" in type(part).__name__)
    handle = attention.register_forward_hook(lambda *_: runs.append(1))
    model(**batch.inputs, labels=batch.input_ids.masked_fill(batch.attention_mask == 0, -100)).loss.backward()
    handle.remove()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, len(runs)


def checkpointed(model, reentrant):
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    return model


@pytest.mark.parametrize("reentrant", [False, True], ids=["not reentrant", "reentrant"])
def test_gradients_are_those_without_checkpointing(any_kind, reentrant, way, right):
    expected, runs = gradients(tiny_model(any_kind, **way), right)
    assert runs == 1
    found, runs = gradients(checkpointed(tiny_model(any_kind, **way), reentrant), right)
    assert runs == 2, "the layers were not replayed: checkpointing was off"
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}")
    own = ("attention_gate", "key", "feed_forward.3") if way.get("fusion") == "cross_attention" else ()
    parts = ("ecg_encoder.stem.0", "projector.hidden", "projector.out", *own, *KEYS_AND_VALUES.get(any_kind, ()))
    for part in parts:
        matching = [name for name in found if f"{part}.weight" in name or name.endswith(part)]
        assert matching, part
        assert all(found[name].abs().max() > 1e-6 for name in matching), part


@pytest.mark.parametrize("reentrant", [False, True], ids=["not reentrant", "reentrant"])
def test_gradients_reach_the_encoder_of_a_frozen_decoder(reentrant, right):
    frozen = [tiny_model(), checkpointed(tiny_model(), reentrant)]
    for model in frozen:
        model.meit.backbone.requires_grad_(False)
    (expected, _), (found, runs) = (gradients(model, right) for model in frozen)
    assert runs == 2
    assert all(name.startswith(("meit.ecg_encoder", "meit.projector")) for name in expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_without_ecg_too(right):
    text = {**right.text, "labels": right.input_ids}
    plain, replayed = tiny_model(), checkpointed(tiny_model(), False)
    for model in (plain, replayed):
        model.train()(**text).loss.backward()
    first, second = (model.get_input_embeddings().weight.grad for model in (plain, replayed))
    torch.testing.assert_close(first, second)


def test_switching_off_is_possible(right):
    model = checkpointed(tiny_model(), True)
    model.gradient_checkpointing_disable()
    assert gradients(model, right)[1] == 1


def test_checkpointing_of_the_backbone_alone_is_refused(right):
    model = tiny_model()
    model.meit.backbone.gradient_checkpointing_enable()
    model.train()
    with pytest.raises(RuntimeError, match=r"would lose the ECG's gradients; call gradient_checkpointing_enable\(\)"):
        model(**right.inputs)
    model(**right.text)
    model.eval()(**right.inputs)


@pytest.mark.parametrize("training", [True, False])
def test_wrapped_layers_are_refused(training, right):
    model = tiny_model()
    layers = model.meit.backbone.model.layers
    layers[0] = checkpoint_wrapper(layers[0])
    model.train(training)
    with pytest.raises(RuntimeError, match="CheckpointWrapper is checkpointed from outside"):
        model(**right.inputs)
    with torch.no_grad():
        model(**right.inputs)
