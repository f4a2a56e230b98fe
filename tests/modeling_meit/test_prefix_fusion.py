"""Prefix fusion in every decoder: positions, masks and padding, heads and losses, and the plain decoder as it was."""

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from modeling_meit import slot_layout
from modeling_meit.fusion_state import current_ecg
from tests.tiny import TOKENS, tiny_backbone, tiny_ecg, tiny_ids, tiny_model

TOLERANCE = 1e-5


@torch.no_grad()
def test_hidden_size_that_heads_do_not_divide():
    """Head dimensions of their own (Qwen3, Gemma): H_e has ceil(hidden / heads) numbers, repeated and cut."""
    backbone = tiny_backbone("qwen3", hidden_size=30)
    model = tiny_model(backbone=backbone)
    assert model.meit.encode_ecg(tiny_ecg(1)).shape == (1, 1, 8)
    written = []
    first = backbone.model.layers[0].self_attn.k_proj
    first.register_forward_pre_hook(lambda module, args: written.append(args[0][0, 0]))
    model(input_ids=tiny_ids(1, 4), ecg_values=tiny_ecg(1))
    assert torch.equal(written[0], model.meit.encode_ecg(tiny_ecg(1))[0, 0].repeat(4)[:30])


@pytest.mark.parametrize("positions", [None, torch.arange(8)[None]], ids=["no positions", "positions"])
@torch.no_grad()
def test_ecg_counts_without_mask_without_cache_at_batch_1(kind, positions):
    """transformers reads positions that start twice as packed texts, and then hides the ECG."""
    model, ids = tiny_model(kind), tiny_ids(1, 8)
    first, second = (
        model(input_ids=ids, position_ids=positions, ecg_values=tiny_ecg(1, seed), use_cache=False).logits
        for seed in (0, 1)
    )
    assert (first - second).abs().max() > 0.1
    masked = model(input_ids=ids, attention_mask=torch.ones_like(ids), ecg_values=tiny_ecg(1, 0)).logits
    torch.testing.assert_close(first, masked, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_without_ecg_the_backbone_is_as_it_was(any_kind, left):
    backbone = tiny_backbone(any_kind)
    model = tiny_model(backbone=tiny_backbone(any_kind))
    for inputs in (left.text, {"input_ids": left.input_ids}):
        expected = backbone(**inputs).logits
        assert torch.equal(model(**inputs).logits, expected)
        assert not torch.allclose(model(**inputs, ecg_values=left.ecg_values).logits, expected, atol=1e-2)
        assert torch.equal(model(**inputs).logits, expected)


@torch.no_grad()
def test_tied_head_and_soft_caps_stay(left):
    tied = tiny_model("llama-tied")
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
    assert tiny_model("gemma2")(**left.inputs).logits.abs().max() < 3.0


@torch.no_grad()
def test_left_padding_moves_no_logit(any_kind, left):
    """[pad][ECG][text]: with [ECG][pad][text], biases that count places (MPT's ALiBi) are off."""
    check_rows(tiny_model(any_kind, num_ecg_tokens=2), left, position_ids=left.position_ids)


@pytest.mark.parametrize("alibi", ["mpt", "falcon-alibi"])
@torch.no_grad()
def test_left_padding_moves_no_logit_of_alibi(alibi, left):
    check_rows(tiny_model(alibi), left, position_ids=left.position_ids)


@torch.no_grad()
def test_right_padding_moves_no_logit(kind, right):
    check_rows(tiny_model(kind, num_ecg_tokens=2), right)


def check_rows(model, batch, **more):
    together = model(**batch.inputs, **more).logits
    for row in range(3):
        alone = model(**batch.alone(row)).logits[0]
        kept = together[row][batch.attention_mask[row].bool()]
        torch.testing.assert_close(kept, alone, atol=2 * TOLERANCE, rtol=0)


@torch.no_grad()
def test_other_forms_of_the_same_inputs(kind, left):
    model = tiny_model(kind)
    expected = model(**left.inputs).logits
    for length in (1, 4):
        kept = model(**left.inputs, logits_to_keep=length).logits
        torch.testing.assert_close(kept, expected[:, -length:], atol=TOLERANCE, rtol=0)
    embeds = model.get_input_embeddings()(left.input_ids)
    ecg_embeds = model.meit.encode_ecg(left.ecg_values)
    given = model(inputs_embeds=embeds, attention_mask=left.attention_mask, ecg_embeds=ecg_embeds).logits
    assert torch.equal(given, expected)
    assert torch.equal(model(**left.inputs, return_dict=False)[0], expected)
    states = model(**left.inputs, output_hidden_states=True).hidden_states
    assert all(state.shape[:2] == left.input_ids.shape for state in states)


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_model_without_head_gives_the_states_the_head_reads(side, kind, request):
    """TRL's trainer calls `base_model` and applies the head itself."""
    batch, model = request.getfixturevalue(side), tiny_model(kind)
    assert model.base_model is model.meit
    states = model.base_model(**batch.inputs).last_hidden_state
    assert states.shape == (3, 9, 32)
    logits = model.get_output_embeddings()(states)
    if cap := getattr(model.config.text_config, "final_logit_softcapping", None):
        logits = cap * torch.tanh(logits / cap)
    torch.testing.assert_close(logits, model(**batch.inputs).logits, atol=TOLERANCE, rtol=0)
    assert torch.equal(model.base_model(**batch.inputs, return_dict=False)[0], states)


def test_base_model_prefix_is_no_backbones():
    assert tiny_model().base_model_prefix == "meit"


def test_loss_is_that_of_the_text(right):
    model = tiny_model()
    labels = right.input_ids.masked_fill(right.attention_mask == 0, -100)
    output = model(**right.inputs, labels=labels)
    expected = F.cross_entropy(output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
    torch.testing.assert_close(output.loss, expected)
    summed = model(**right.inputs, labels=labels, num_items_in_batch=torch.tensor(6.0)).loss
    torch.testing.assert_close(summed * 6, expected * (labels[:, 1:] != -100).sum())


@pytest.mark.parametrize(
    ("model_type", "fields"),
    [
        ("mamba", {}),
        ("recurrent_gemma", {"num_hidden_layers": 3, "num_attention_heads": 4, "lru_width": 32}),
        ("gpt2", {"n_layer": 2, "n_head": 4, "add_cross_attention": True}),
    ],
    ids=["state-space", "hybrid", "cross-attending"],
)
def test_decoders_without_one_attention_a_layer_are_refused(model_type, fields):
    small = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, **TOKENS, **fields}
    backbone = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **small))
    with pytest.raises(ValueError, match=r"attention modules for \d layers.*exactly one self-attention a layer"):
        tiny_model(backbone=backbone)


@pytest.mark.parametrize("cut", [slice(0, 8), slice(0, None)], ids=["short", "long"])
def test_mask_that_does_not_fit_the_text_is_refused(cut, left):
    """A short one would drop the last tokens without a word."""
    ids = left.input_ids if cut.stop else left.input_ids[:, :8]
    with pytest.raises(ValueError, match=r"attention_mask has shape .*, expected \(batch, "):
        tiny_model()(input_ids=ids, attention_mask=left.attention_mask[:, cut], ecg_values=left.ecg_values)


def test_an_ecg_without_text_is_refused():
    with pytest.raises(ValueError, match="neither input_ids nor inputs_embeds was given"):
        tiny_model()(ecg_values=tiny_ecg(1))


def test_number_of_ecgs_must_be_that_of_texts():
    with pytest.raises(ValueError, match="1 ECGs were given for 2 texts"):
        tiny_model()(input_ids=tiny_ids(2, 4), ecg_values=tiny_ecg(1))


@torch.no_grad()
def test_window_shorter_than_the_text_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(slot_layout.logger, "warning_once", said.append)
    model = tiny_model(backbone=tiny_backbone("mistral", sliding_window=6))
    model(input_ids=tiny_ids(1, 5), ecg_values=tiny_ecg(1))
    model(input_ids=tiny_ids(1, 6))
    assert said == []
    model(input_ids=tiny_ids(1, 6), ecg_values=tiny_ecg(1))
    assert len(said) == 1
    assert "see only the last 6" in said[0]


def test_ecg_is_put_back_when_a_pass_fails():
    """What one call leaves behind would be the ECG of the next."""
    model = tiny_model()
    with pytest.raises(IndexError):
        model(input_ids=tiny_ids(1, 4) + 1000, inputs_embeds=None, ecg_values=tiny_ecg(1))
    handle = model.meit.backbone.model.layers[1].register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(input_ids=tiny_ids(1, 4), ecg_values=tiny_ecg(1))
    handle.remove()
    assert current_ecg() is None
