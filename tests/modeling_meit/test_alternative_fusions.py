"""The rivals of table 5, and an ECG in some layers only: each against an explicit reference, in every decoder."""

import pytest
import torch
from torch.nn import functional as F

from tests.modeling_meit.equations import llama_layer, rms_norm
from tests.tiny import tiny_backbone, tiny_ecg, tiny_ids, tiny_model

TOLERANCE = 1e-5
RIVALS = ("input_tokens", "cross_attention")
NO_POSITIONS = ("bloom", "mpt", "falcon-alibi")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("chosen", [[0], [1]])
@torch.no_grad()
def test_ecg_in_some_layers_only(chosen, attention):
    backbone = tiny_backbone("llama", attn_implementation=attention)
    model = tiny_model(backbone=backbone, num_ecg_tokens=2, ecg_layers=chosen)
    ids, ecg = tiny_ids(1, 8), tiny_ecg(1)
    h_e = model.meit.encode_ecg(ecg)[0].repeat(1, 4)
    x = backbone.model.embed_tokens.weight[ids[0]]
    for number, layer in enumerate(backbone.model.layers):
        x = llama_layer(layer, backbone.config, x, h_e if number in chosen else h_e[:0], 2)
    expected = F.linear(rms_norm(x, backbone.model.norm, backbone.config.rms_norm_eps), backbone.lm_head.weight)
    torch.testing.assert_close(model(input_ids=ids, ecg_values=ecg).logits[0], expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_layers_before_the_first_chosen_read_plain_text(any_kind, left):
    """Their states are those of the backbone, whose text starts after the slots' places."""
    model = tiny_model(any_kind, num_ecg_tokens=2, ecg_layers=[1])
    states = model(**left.inputs, position_ids=left.position_ids, output_hidden_states=True).hidden_states
    places = {} if any_kind in NO_POSITIONS else {"position_ids": left.position_ids + 2}
    plain = model.meit.backbone(**left.text, **places, output_hidden_states=True).hidden_states
    text = left.attention_mask.bool()
    torch.testing.assert_close(states[1][text], plain[1][text], atol=TOLERANCE, rtol=0)
    assert (states[2][text] - plain[2][text]).abs().max() > 1e-2
    other = model(**{**left.inputs, "ecg_values": tiny_ecg(3, seed=7)}, position_ids=left.position_ids)
    every = tiny_model(any_kind, num_ecg_tokens=2)(**left.inputs, position_ids=left.position_ids)
    for logits in (other.logits, every.logits):
        assert (logits - model(**left.inputs, position_ids=left.position_ids).logits)[text].abs().max() > 1e-2


@torch.no_grad()
def test_naming_every_layer_is_naming_none(left):
    some, every = tiny_model(ecg_layers=[0, 1]), tiny_model()
    assert torch.equal(some(**left.inputs).logits, every(**left.inputs).logits)


def test_layers_that_cannot_be_chosen_are_refused():
    with pytest.raises(ValueError, match=r"ecg_layers is \[0, 2\], but the decoder's 2 layers are 0 to 1"):
        tiny_model(ecg_layers=[0, 2])
    with pytest.raises(ValueError, match="ecg_layers is 1, expected a list of layers"):
        tiny_model(ecg_layers=1)
    with pytest.raises(ValueError, match="ecg_layers is not for fusion input_tokens"):
        tiny_model(fusion="input_tokens", ecg_layers=[1])
    model = tiny_model(backbone=tiny_backbone(attn_implementation="flex_attention"), ecg_layers=[1])
    with pytest.raises(ValueError, match="ecg_layers needs attn_implementation eager or sdpa"):
        model(input_ids=tiny_ids(1, 4), ecg_values=tiny_ecg(1))


@torch.no_grad()
def test_input_tokens_are_embeddings_before_the_text(any_kind):
    model = tiny_model(any_kind, fusion="input_tokens", num_ecg_tokens=3)
    ids, ecg = tiny_ids(2, 8), tiny_ecg(2)
    embeds = torch.cat([model.meit.encode_ecg(ecg), model.get_input_embeddings()(ids)], 1)
    expected = model.meit.backbone(inputs_embeds=embeds).logits[:, 3:]
    logits = model(input_ids=ids, ecg_values=ecg).logits
    torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=0)
    assert (logits - model(input_ids=ids, ecg_values=tiny_ecg(2, 5)).logits).abs().max() > 1e-2


def cross_reference(block, x, ecg):
    """Flamingo's gated layer for one text [L, hidden] and its ECG [P, width], head by head."""
    normed = F.layer_norm(x, x.shape[-1:], block.norm.weight, block.norm.bias)
    outs = []
    for query, key, value in zip(
        *(t.chunk(block.heads, -1) for t in (block.query(normed), block.key(ecg), block.value(ecg))), strict=True
    ):
        outs.append((query @ key.T / query.shape[-1] ** 0.5).softmax(-1) @ value)
    x = x + block.attention_gate.tanh() * block.out(torch.cat(outs, -1))
    norm, widen, _, narrow = block.feed_forward
    h = F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias)
    return x + block.feed_forward_gate.tanh() * narrow(F.gelu(widen(h)))


@pytest.mark.parametrize("chosen", [None, [1]])
@torch.no_grad()
def test_cross_attention_is_flamingos(chosen):
    model = tiny_model(fusion="cross_attention", num_ecg_tokens=3, ecg_layers=chosen)
    backbone, ids, ecg = model.meit.backbone, tiny_ids(1, 8), tiny_ecg(1)
    blocks = dict(zip(chosen or [0, 1], model.meit.cross_attention.blocks, strict=True))
    tokens, x = model.meit.encode_ecg(ecg)[0], backbone.model.embed_tokens.weight[ids[0]]
    for number, layer in enumerate(backbone.model.layers):
        x = cross_reference(blocks[number], x, tokens) if number in blocks else x
        x = llama_layer(layer, backbone.config, x, x[:0], 0)
    expected = F.linear(rms_norm(x, backbone.model.norm, backbone.config.rms_norm_eps), backbone.lm_head.weight)
    torch.testing.assert_close(model(input_ids=ids, ecg_values=ecg).logits[0], expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_closed_gates_leave_the_backbone(any_kind, left):
    model = tiny_model(any_kind, fusion="cross_attention")
    with_ecg = model(**left.inputs).logits
    plain = model.meit.backbone(**left.text).logits
    text = left.attention_mask.bool()
    assert (with_ecg - plain)[text].abs().max() > 1e-2
    assert torch.equal(model(**left.text).logits, plain)
    for block in model.meit.cross_attention.blocks:
        block.init_own_weights()
    torch.testing.assert_close(model(**left.inputs).logits[text], plain[text], atol=TOLERANCE, rtol=0)


def test_a_new_model_has_closed_gates():
    torch.manual_seed(0)
    fresh = type(tiny_model())(tiny_model(fusion="cross_attention").config)
    for block in fresh.meit.cross_attention.blocks:
        assert block.attention_gate.item() == block.feed_forward_gate.item() == 0
        assert 0.01 < block.query.weight.std() < 0.03


@pytest.mark.parametrize("fusion", RIVALS)
@torch.no_grad()
def test_padding_moves_no_logit(fusion, any_kind, left, right):
    model = tiny_model(any_kind, fusion=fusion, num_ecg_tokens=2)
    for batch, more in ((left, {"position_ids": left.position_ids}), (right, {})):
        together = model(**batch.inputs, **more).logits
        for row in range(3):
            kept = together[row][batch.attention_mask[row].bool()]
            torch.testing.assert_close(kept, model(**batch.alone(row)).logits[0], atol=2 * TOLERANCE, rtol=0)


@pytest.mark.parametrize("fusion", RIVALS)
@torch.no_grad()
def test_without_ecg_the_backbone_is_as_it_was(fusion, kind, left):
    model = tiny_model(kind, fusion=fusion)
    assert torch.equal(model(**left.text).logits, tiny_backbone(kind)(**left.text).logits)


@pytest.mark.parametrize("fusion", RIVALS)
@torch.no_grad()
def test_folder_opens_to_the_same_model(fusion, left, tmp_path):
    model = tiny_model(fusion=fusion, num_ecg_tokens=2)
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert loaded.config.fusion == fusion
    assert torch.equal(loaded(**left.inputs).logits, model(**left.inputs).logits)
