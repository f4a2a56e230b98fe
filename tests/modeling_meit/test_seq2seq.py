"""Encoder-decoders: H_e among the keys and values of the encoder and of the cross-attention, and else the backbone."""

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GPT2Config, GPT2LMHeadModel

from modeling_meit.configuration_meit import MeitConfig
from modeling_meit.modeling_meit import MeitForCausalLM
from modeling_meit.modeling_meit_seq2seq import MeitForConditionalGeneration
from tests.tiny import TOKENS, tiny_ecg, tiny_ecg_config, tiny_ids
from tests.tiny_seq2seq import ENCODER_DECODERS, tiny_encoder_decoder, tiny_seq2seq

TOLERANCE = 1e-5
CORE = ("bart", "bart-uneven", "t5", "t5-gated")
EVERY = (*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in ENCODER_DECODERS if name not in CORE))
every = pytest.mark.parametrize("name", EVERY)
core = pytest.mark.parametrize("name", ["bart", "t5-gated"])


def linear(x, layer):
    return F.linear(x, layer.weight, layer.bias)


def attend(x, seen, q_layer, k_layer, v_layer, heads, *, scale=1.0, bias=0.0, causal=False):
    """Multi-head attention of x [L, hidden] to seen [S, hidden], both in plain tensors."""
    q, k, v = (
        linear(states, layer).unflatten(1, (heads, -1)).transpose(0, 1)
        for states, layer in ((x, q_layer), (seen, k_layer), (seen, v_layer))
    )
    scores = scale * (q @ k.transpose(1, 2)) + bias
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)


def bart_reference(backbone, ids, decoder_ids, ecg):
    """Logits [R, vocabulary] of one prompt [L] and report [R] with `ecg`, [P, hidden]."""
    config, body, slots = backbone.config, backbone.model, len(ecg)
    scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0

    def norm(x, layer):
        return F.layer_norm(x, x.shape[-1:], layer.weight, layer.bias)

    def feed_forward(x, layer):
        return norm(x + linear(F.gelu(linear(x, layer.fc1)), layer.fc2), layer.final_layer_norm)

    def attention(x, seen, part, heads, **how):
        out = attend(x, seen, part.q_proj, part.k_proj, part.v_proj, heads, scale=(x.shape[1] / heads) ** -0.5, **how)
        return linear(out, part.out_proj)

    def start(part, tokens, first):
        # BART's table of positions begins with two unused rows.
        places = part.embed_positions.weight[2 + first : 2 + first + len(tokens)]
        return norm(scale * body.shared.weight[tokens] + places, part.layernorm_embedding)

    x = start(body.encoder, ids, slots)
    for layer in body.encoder.layers:
        out = attention(x, torch.cat([ecg, x]), layer.self_attn, config.encoder_attention_heads)
        x = feed_forward(norm(x + out, layer.self_attn_layer_norm), layer)
    seen = torch.cat([ecg, x])
    y = start(body.decoder, decoder_ids, 0)
    for layer in body.decoder.layers:
        out = attention(y, y, layer.self_attn, config.decoder_attention_heads, causal=True)
        y = norm(y + out, layer.self_attn_layer_norm)
        out = attention(y, seen, layer.encoder_attn, config.decoder_attention_heads)
        y = feed_forward(norm(y + out, layer.encoder_attn_layer_norm), layer)
    return F.linear(y, body.shared.weight) + backbone.final_logits_bias


def t5_bucket(distance, both_ways):
    """Bucket of the relative position key - query (Raffel et al., 2020, section 2.1): 32 of them, up to 128 tokens."""
    buckets, first = 32, 0
    if both_ways:
        buckets //= 2
        first = buckets if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(-distance, 0)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    far = exact + int(math.log(distance / exact) / math.log(128 / exact) * (buckets - exact))
    return first + min(far, buckets - 1)


def t5_reference(backbone, ids, decoder_ids, ecg):
    """As `bart_reference`; scores are not scaled, positions are a bias, and H_e is not normalised."""
    config, slots, table = backbone.config, len(ecg), backbone.shared.weight

    def norm(x, layer):
        return layer.weight * x * (x.square().mean(-1, keepdim=True) + config.layer_norm_epsilon).rsqrt()

    def feed_forward(x, part):
        h, dense = norm(x, part.layer_norm), part.DenseReluDense
        if config.is_gated_act:
            return x + linear(F.gelu(linear(h, dense.wi_0), approximate="tanh") * linear(h, dense.wi_1), dense.wo)
        return x + linear(F.relu(linear(h, dense.wi)), dense.wo)

    def attention(x, seen, part, **how):
        return linear(attend(x, seen, part.q, part.k, part.v, config.num_heads, **how), part.o)

    def bias(stack, queries, keys, first, both_ways):
        weights = stack.block[0].layer[0].SelfAttention.relative_attention_bias.weight
        buckets = [[t5_bucket(key - query - first, both_ways) for key in range(keys)] for query in range(queries)]
        return weights[torch.tensor(buckets)].permute(2, 0, 1)

    x = table[ids]
    places = bias(backbone.encoder, len(ids), slots + len(ids), slots, True)
    for block in backbone.encoder.block:
        h = norm(x, block.layer[0].layer_norm)
        x = x + attention(h, torch.cat([ecg, h]), block.layer[0].SelfAttention, bias=places)
        x = feed_forward(x, block.layer[1])
    seen = torch.cat([ecg, norm(x, backbone.encoder.final_layer_norm)])
    y = table[decoder_ids]
    places = bias(backbone.decoder, len(y), len(y), 0, False)
    for block in backbone.decoder.block:
        h = norm(y, block.layer[0].layer_norm)
        y = y + attention(h, h, block.layer[0].SelfAttention, bias=places, causal=True)
        y = y + attention(norm(y, block.layer[1].layer_norm), seen, block.layer[1].EncDecAttention)
        y = feed_forward(y, block.layer[2])
    y = norm(y, backbone.decoder.final_layer_norm)
    return F.linear(y * config.d_model**-0.5 if getattr(config, "scale_decoder_outputs", False) else y, table)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("bart", bart_reference),
        ("bart-uneven", bart_reference),
        ("t5", t5_reference),
        ("t5-gated", t5_reference),
        ("mt5", t5_reference),
    ],
)
@torch.no_grad()
def test_logits_are_those_of_the_equations(name, reference, slots, attention):
    backbone = tiny_encoder_decoder(name, attn_implementation=attention)
    model = tiny_seq2seq(backbone=backbone, num_ecg_tokens=slots)
    assert backbone.config._attn_implementation == attention
    ids, decoder_ids, ecg = tiny_ids(2, 12), tiny_ids(2, 6, seed=3), tiny_ecg(2)
    logits = model(input_ids=ids, decoder_input_ids=decoder_ids, ecg_values=ecg).logits
    for row in range(2):
        h_e = model.meit.encode_ecg(ecg[row : row + 1])[0]
        assert h_e.shape == (slots, 8)
        ecg_states = h_e.repeat(1, 4)
        expected = reference(backbone, ids[row], decoder_ids[row], ecg_states)
        torch.testing.assert_close(logits[row], expected, atol=TOLERANCE, rtol=0)
        # The reference itself is the backbone where there is no ECG.
        plain = backbone(input_ids=ids[row : row + 1], decoder_input_ids=decoder_ids[row : row + 1]).logits[0]
        expected = reference(backbone, ids[row], decoder_ids[row], ecg_states[:0])
        torch.testing.assert_close(plain, expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_hidden_size_that_heads_do_not_divide():
    backbone = tiny_encoder_decoder("t5", d_model=30)
    model = tiny_seq2seq(backbone=backbone)
    written = []
    projection = backbone.decoder.block[0].layer[1].EncDecAttention.v
    projection.register_forward_pre_hook(lambda module, args: written.append(args[0][0, 0]))
    model(input_ids=tiny_ids(1, 4), decoder_input_ids=tiny_ids(1, 2), ecg_values=tiny_ecg(1))
    h_e = model.meit.encode_ecg(tiny_ecg(1))[0, 0]
    assert h_e.shape == (8,)
    assert torch.equal(written[0], h_e.repeat(4)[:30])


@every
@torch.no_grad()
def test_without_ecg_the_backbone_is_as_it_was(name, right):
    backbone, model = tiny_encoder_decoder(name), tiny_seq2seq(name)
    labels = tiny_ids(3, 6, seed=5).masked_fill(torch.arange(6) > 4, -100)
    for inputs in (right.text, {"input_ids": right.input_ids}):
        expected = backbone(**inputs, labels=labels)
        for _ in range(2):
            found = model(**inputs, labels=labels)
            assert torch.equal(found.logits, expected.logits)
            assert torch.equal(found.loss, expected.loss)
            other = model(**inputs, labels=labels, ecg_values=right.ecg_values)
            assert not torch.allclose(other.logits, expected.logits, atol=1e-2)


def check_rows(name, batch):
    """Each row's logits are those it has alone."""
    model, decoder_ids = tiny_seq2seq(name, num_ecg_tokens=2), tiny_ids(3, 5, seed=4)
    logits = model(**batch.inputs, decoder_input_ids=decoder_ids).logits
    for row in range(3):
        alone = model(**batch.alone(row), decoder_input_ids=decoder_ids[row : row + 1]).logits[0]
        torch.testing.assert_close(logits[row], alone, atol=TOLERANCE, rtol=0)


@every
@torch.no_grad()
def test_padding_moves_no_logit(name, right):
    check_rows(name, right)


@pytest.mark.parametrize("name", ["t5", "t5-gated"])
@torch.no_grad()
def test_left_padding_moves_no_logit_where_positions_are_relative(name, left):
    """The slots stand right before the text; other backbones count padding on the left, with an ECG or without."""
    check_rows(name, left)


@core
@torch.no_grad()
def test_the_loss_is_the_mean_over_the_labels(name, right):
    model = tiny_seq2seq(name)
    labels = tiny_ids(3, 6, seed=5).masked_fill(torch.arange(6) > 3, -100)
    output = model(**right.inputs, labels=labels)
    shifted = model.prepare_decoder_input_ids_from_labels(labels)
    logits = model(**right.inputs, decoder_input_ids=shifted).logits
    assert torch.equal(output.logits, logits)
    torch.testing.assert_close(output.loss, F.cross_entropy(logits[:, :4].flatten(0, 1), labels[:, :4].flatten()))


@core
def test_gradients_reach_every_part(name, right):
    model = tiny_seq2seq(name).train()
    model(**right.inputs, labels=tiny_ids(3, 6)).loss.backward()
    for part, parameter in model.named_parameters():
        # Two biases cancel: one before a batch norm, and that of the keys, the same for all of them.
        if not part.endswith(("k_proj.bias", "projector.hidden.bias", "projector.out.bias")):
            assert parameter.grad is not None, part
            # A table's unused rows and positions have none.
            assert parameter.grad.abs().max() > 0, part


@core
@torch.no_grad()
def test_embeddings_may_be_given(name, right):
    model, decoder_ids = tiny_seq2seq(name), tiny_ids(3, 5)
    expected = model(**right.inputs, decoder_input_ids=decoder_ids).logits
    embeds = model.get_encoder().embed_tokens(right.input_ids)
    text = {"inputs_embeds": embeds, "attention_mask": right.attention_mask}
    found = model(**text, ecg_embeds=model.meit.encode_ecg(right.ecg_values), decoder_input_ids=decoder_ids).logits
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@core
@torch.no_grad()
def test_prompt_and_ecg_may_be_encoded_beforehand(name, right):
    model, decoder_ids = tiny_seq2seq(name), tiny_ids(3, 5)
    expected = model(**right.inputs, decoder_input_ids=decoder_ids, output_hidden_states=True, output_attentions=True)
    outputs, mask = model.meit.encode(model.meit.encode_ecg(right.ecg_values), **right.text)
    found = model(encoder_outputs=outputs, attention_mask=mask, decoder_input_ids=decoder_ids)
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.encoder_last_hidden_state, expected.encoder_last_hidden_state)
    assert expected.encoder_last_hidden_state.shape == (3, 10, 32)
    assert len(expected.encoder_hidden_states) == 3
    as_tuple = model(**right.inputs, decoder_input_ids=decoder_ids, return_dict=False)
    assert torch.equal(as_tuple[0], expected.logits)
    with pytest.raises(ValueError, match="encoder_outputs hold their ECG already"):
        model(encoder_outputs=outputs, attention_mask=mask, ecg_values=right.ecg_values, decoder_input_ids=decoder_ids)


@core
@torch.no_grad()
def test_bf16_runs_and_is_near(name, right):
    model, decoder_ids = tiny_seq2seq(name, ecg_norm="rms"), tiny_ids(3, 5)
    expected = model(**right.inputs, decoder_input_ids=decoder_ids).logits
    model.meit.backbone.bfloat16()
    found = model(**right.inputs, decoder_input_ids=decoder_ids).logits
    assert found.dtype == torch.bfloat16
    assert (found - expected).square().mean().sqrt() < 0.05 * expected.square().mean().sqrt()


KEYS_AND_VALUES = {
    "bart": ("self_attn.k_proj", "self_attn.v_proj", "encoder_attn.k_proj", "encoder_attn.v_proj"),
    "t5-gated": ("SelfAttention.k", "SelfAttention.v", "EncDecAttention.k", "EncDecAttention.v"),
}


def gradients(model, batch):
    runs = []
    model.train()
    layer = next(part for part in model.get_encoder().modules() if "Attention" in type(part).__name__)
    handle = layer.register_forward_hook(lambda *_: runs.append(1))
    model(**batch.inputs, labels=tiny_ids(3, 6)).loss.backward()
    handle.remove()
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}, len(runs)


@core
@pytest.mark.parametrize("frozen", [False, True], ids=["all trained", "backbone frozen"])
@pytest.mark.parametrize("reentrant", [False, True], ids=["not reentrant", "reentrant"])
def test_gradient_checkpointing_changes_no_gradient(name, frozen, reentrant, right):
    models = [tiny_seq2seq(name, num_ecg_tokens=2) for _ in range(2)]
    models[1].gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    for model in models:
        model.meit.backbone.requires_grad_(not frozen)
    (expected, once), (found, twice) = (gradients(model, right) for model in models)
    assert (once, twice) == (1, 2), "the layers were not replayed: checkpointing was off"
    assert found.keys() == expected.keys()
    for part, gradient in expected.items():
        torch.testing.assert_close(found[part], gradient, atol=1e-5, rtol=1e-4, msg=lambda m, part=part: f"{part}: {m}")
    trained = ("ecg_encoder.stem.0", "projector.hidden", *(() if frozen else KEYS_AND_VALUES[name]))
    for part in trained:
        assert all(found[key].abs().max() > 1e-6 for key in found if f"{part}.weight" in key), part
        assert any(f"{part}.weight" in key for key in found), part


def test_checkpointing_from_outside_is_refused(right):
    model = tiny_seq2seq()
    model.meit.backbone.gradient_checkpointing_enable()
    model.train()
    with pytest.raises(RuntimeError, match="would lose the ECG's gradients"):
        model(**right.inputs, labels=tiny_ids(3, 6))


@pytest.mark.parametrize("model_type", ["led", "longt5", "bigbird_pegasus", "pegasus_x", "fsmt"])
def test_encoders_that_do_not_see_the_whole_prompt_are_refused(model_type):
    small = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    small |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "max_position_embeddings": 64}
    small |= {"num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48}
    backbone = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(model_type, **TOKENS, **small))
    with pytest.raises(ValueError, match="as in BART and T5"):
        MeitForConditionalGeneration.from_backbone(backbone, tiny_ecg_config())


def test_decoders_are_refused_and_decoders_models_refuse_encoder_decoders():
    decoder = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=64))
    with pytest.raises(ValueError, match="gpt2 is no encoder-decoder; MeitForConditionalGeneration needs one"):
        MeitForConditionalGeneration.from_backbone(decoder, tiny_ecg_config())
    for name in ("bart", "t5"):
        with pytest.raises(ValueError, match=f"{name} is an encoder-decoder.*take MeitForConditionalGeneration"):
            MeitForCausalLM.from_backbone(tiny_encoder_decoder(name), tiny_ecg_config())


@pytest.mark.parametrize("option", [{"fusion": "input_tokens"}, {"ecg_layers": [0]}, {"ecg_token_id": 5}])
def test_options_of_decoders_are_refused(option):
    with pytest.raises(ValueError, match="an encoder-decoder has fusion 'prefix' in every layer"):
        tiny_seq2seq(**option)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ecg_values": tiny_ecg(1)}, "for 3 texts, expected"),
        ({"ecg_values": tiny_ecg(6).unflatten(0, (3, 2))}, "one ECG a text"),
        ({"ecg_values": tiny_ecg(3, samples=500)}, "expected \\(batch, 12, 1000\\)"),
        ({"attention_mask": torch.ones(3, 10)}, "expected \\(3, 9\\): the prompt's"),
        ({"input_ids": None}, "pass either input_ids or inputs_embeds"),
        ({"input_ids": tiny_ids(3, 128), "attention_mask": None}, "take 129 places, but this bart has 128"),
    ],
)
def test_inputs_that_do_not_match_are_refused(change, message, right):
    with pytest.raises(ValueError, match=message):
        tiny_seq2seq()(**{**right.inputs, **change}, decoder_input_ids=tiny_ids(3, 2))


def test_the_folder_names_only_what_opens_it():
    classes = {"AutoConfig": "configuration_meit.MeitConfig"}
    pair = {**classes, "AutoModelForSeq2SeqLM": "modeling_meit_seq2seq.MeitForConditionalGeneration"}
    config = tiny_seq2seq().config
    assert (config.auto_map, config.is_encoder_decoder) == (pair, True)
    again = MeitConfig.from_dict(config.to_dict())
    assert (again.auto_map, again.is_encoder_decoder, again.ecg_head_dim) == (pair, True, 8)
    assert "AutoModelForSeq2SeqLM" not in MeitConfig().auto_map
    assert not MeitConfig().is_encoder_decoder
