"""Every attention kernel that transformers has for a decoder reads the ECG alike; windows shorter than the text."""

import functools
import shutil

import pytest
import torch
from transformers import masking_utils
from transformers.integrations import flex_attention
from transformers.utils import is_flash_attn_2_available, is_kernels_available

from modeling_meit import slot_layout
from tests.modeling_meit.conftest import CORE
from tests.tiny import tiny_backbone, tiny_ecg, tiny_ids, tiny_model

TOLERANCE = 2e-5
# Decoders with a window, and the field that says how many places back it reaches.
WINDOWS = {
    "mistral": "sliding_window",
    "gemma2": "sliding_window",
    "gemma3": "sliding_window",
    "gpt-neo": "window_size",
}


def kernels(kind, way):
    """The kernels other than eager that transformers has for this decoder."""
    if kind == "falcon-alibi":
        pytest.skip("transformers' eager kernel adds Falcon's ALiBi twice: the plain decoder's kernels disagree")
    backbone = tiny_backbone(kind)
    flex = backbone._supports_flex_attn and "ecg_layers" not in way  # which flex refuses: test_alternative_fusions
    found = ["sdpa"] * bool(backbone._supports_sdpa) + ["flex_attention"] * bool(flex)
    return found or pytest.skip(f"transformers has no kernel for {kind} but eager")


def model_with(kernel, kind, **way):
    model = tiny_model(backbone=tiny_backbone(kind, attn_implementation=kernel), **way)
    assert model.meit.backbone.config._attn_implementation == kernel
    return model


@pytest.fixture
def plain_flex(monkeypatch):
    """Flex attention in torch's own reference arithmetic: to compile it takes half a minute for each decoder."""
    monkeypatch.setattr(torch.nn.attention.flex_attention, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
    ran = []

    def attend(query, key, value, training=False, **kwargs):
        ran.append(1)
        return flex_attention.flex_attention(query, key, value, **kwargs)

    uncompiled = functools.partial(_uncompiled, masking_utils.create_block_mask)
    monkeypatch.setattr(masking_utils, "create_block_mask", uncompiled)
    monkeypatch.setattr(flex_attention, "compile_friendly_flex_attention", attend)
    return ran


def _uncompiled(create, *args, **kwargs):
    return create(*args, **{**kwargs, "_compile": False})


@torch.no_grad()
def test_kernels_give_the_same_logits(any_kind, way, left, plain_flex):
    """With left padding, and without a mask, where sdpa and flash take shortcuts."""
    found = kernels(any_kind, way)
    masked, text = {**left.inputs, "position_ids": left.position_ids}, left.attention_mask.bool()
    bare = left.alone(1)
    eager = model_with("eager", any_kind, **way)
    expected = eager(**masked).logits[text], eager(**bare).logits
    for kernel in found:
        model = model_with(kernel, any_kind, **way)
        for logits, wanted in zip((model(**masked).logits[text], model(**bare).logits), expected, strict=True):
            torch.testing.assert_close(logits, wanted, atol=TOLERANCE, rtol=0, msg=lambda m, k=kernel: f"{k}: {m}")
    assert len(plain_flex) == 4 * ("flex_attention" in found)


def test_kernels_generate_the_same(kind, way, left, plain_flex):
    how = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False}
    how |= {"return_dict_in_generate": True, "output_logits": True}
    found = kernels(kind, way)
    expected = model_with("eager", kind, **way).generate(**left.inputs, **how)
    for kernel in found:
        output = model_with(kernel, kind, **way).generate(**left.inputs, **how)
        assert torch.equal(output.sequences, expected.sequences)
        torch.testing.assert_close(output.logits, expected.logits, atol=TOLERANCE, rtol=0)


def test_kernels_give_the_same_gradients(kind, way, right):
    """Of flex attention torch has no backward pass on a CPU."""
    if "sdpa" not in kernels(kind, way):
        pytest.skip(f"transformers has no kernel with a backward pass on a CPU for {kind} but eager")
    found = []
    for kernel in ("eager", "sdpa"):
        model = model_with(kernel, kind, **way).train()
        model(**right.inputs, labels=right.input_ids.masked_fill(right.attention_mask == 0, -100)).loss.backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0]["meit.ecg_encoder.stem.0.weight"].abs().max() > 1e-6
    torch.testing.assert_close(found[1], found[0], atol=2e-5, rtol=1e-4)


def test_flex_attention_has_no_gradients_on_a_cpu(right, plain_flex):
    """Said by torch, not passed over. Should it learn to, flex attention belongs into the test above."""
    with pytest.raises(NotImplementedError, match="FlexAttention does not support backward on CPU"):
        model_with("flex_attention", "llama")(**right.inputs, labels=right.input_ids)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="compiling flex attention needs a C++ compiler (g++)")
@torch.no_grad()
def test_compiled_flex_attention(left):
    """The kernel that runs outside of tests, its mask with left padding included."""
    inputs, text = {**left.inputs, "position_ids": left.position_ids}, left.attention_mask.bool()
    expected = model_with("eager", "llama")(**inputs).logits
    logits = model_with("flex_attention", "llama")(**inputs).logits
    torch.testing.assert_close(logits[text], expected[text], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_switching_the_kernel_of_a_model(left, plain_flex, tmp_path):
    model = tiny_model(num_ecg_tokens=2)
    model.save_pretrained(tmp_path)
    expected = model(**left.inputs).logits
    text = left.attention_mask.bool()
    for kernel in ("eager", "flex_attention"):
        model.set_attn_implementation(kernel)
        loaded = type(model).from_pretrained(tmp_path, attn_implementation=kernel)
        for switched in (model, loaded):
            assert switched.meit.backbone.config._attn_implementation == kernel
            torch.testing.assert_close(switched(**left.inputs).logits[text], expected[text], atol=TOLERANCE, rtol=0)


@pytest.mark.skipif(is_flash_attn_2_available() or is_kernels_available(), reason="flash attention is installed here")
def test_flash_attention_that_is_not_installed_is_refused(tmp_path):
    """By transformers, before anything runs without it. What needs the kernel itself is in docs/gpu-checklist.md."""
    model = tiny_model()
    model.save_pretrained(tmp_path)
    for ask in (model.set_attn_implementation, lambda x: type(model).from_pretrained(tmp_path, attn_implementation=x)):
        with pytest.raises(ImportError, match="FlashAttention2 has been toggled on, but it cannot be used"):
            ask("flash_attention_2")


@pytest.mark.parametrize(
    "windowed", [pytest.param(name, marks=() if name in ("mistral", *CORE) else pytest.mark.slow) for name in WINDOWS]
)
def test_window_shorter_than_the_text(windowed, way, left, monkeypatch):
    """Said, and still the same with a cache, where the window has thrown the slots out, and without."""
    said = []
    monkeypatch.setattr(slot_layout.logger, "warning_once", said.append)
    model = tiny_model(backbone=tiny_backbone(windowed, **{WINDOWS[windowed]: 6}), **way)
    how = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False}
    how |= {"return_dict_in_generate": True, "output_logits": True}
    cached, uncached = (model.generate(**left.inputs, **how, use_cache=cache) for cache in (True, False))
    assert torch.equal(cached.sequences, uncached.sequences)
    torch.testing.assert_close(cached.logits, uncached.logits, atol=TOLERANCE, rtol=0)
    alone = model.generate(**left.alone(0), **how)
    torch.testing.assert_close(
        torch.stack(cached.logits)[:, 0], torch.stack(alone.logits)[:, 0], atol=TOLERANCE, rtol=0
    )
    assert all("see only the last 6 and lose the ECG" in line for line in said)
    assert bool(said) == model.meit.fusion.in_sequence


@torch.no_grad()
def test_text_within_the_window_sees_the_ecg_and_text_beyond_does_not():
    """One windowed layer with a window of 6: of 12 places the ECG's is first, so the text's first five see it."""
    model = tiny_model(backbone=tiny_backbone("mistral", sliding_window=6, num_hidden_layers=1))
    ids = tiny_ids(1, 11)
    first, second = (model(input_ids=ids, ecg_values=tiny_ecg(1, seed)).logits[0] for seed in (0, 1))
    moved = (first - second).abs().amax(-1)
    assert moved[:5].min() > 1e-2
    assert moved[5:].max() < 1e-6
