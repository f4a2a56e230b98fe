"""Eq. 3-5 of the paper, written out for six decoders from their papers, give the model's logits."""

import pytest
import torch
from torch.nn import functional as F

from tests.modeling_meit.equations import alibi, attend, heads, layer_norm, linear, llama_layer, rms_norm, rotate
from tests.tiny import tiny_backbone, tiny_ecg, tiny_ids, tiny_model

TOLERANCE = 1e-5


def llama_reference(backbone, ids, ecg):
    """Logits [L, vocabulary] of one text [L] with `ecg`, [P, hidden], in front of each layer's keys and values."""
    body, config = backbone.model, backbone.config
    x = body.embed_tokens.weight[ids]
    for layer in body.layers:
        x = llama_layer(layer, config, x, ecg, len(ecg))
    return linear(rms_norm(x, body.norm, config.rms_norm_eps), backbone.lm_head)


def gpt2_reference(backbone, ids, ecg):
    """As `llama_reference`; the ECG takes the first places, whose position embeddings it does not use."""
    slots, body, count = len(ecg), backbone.transformer, backbone.config.n_head
    x = body.wte.weight[ids] + body.wpe.weight[slots : slots + len(ids)]
    for block in body.h:
        h, fused = layer_norm(x, block.ln_1), block.attn.c_attn
        _, k_ecg, v_ecg = (ecg @ fused.weight + fused.bias).chunk(3, -1)
        q, k, v = (h @ fused.weight + fused.bias).chunk(3, -1)
        k, v = torch.cat([k_ecg, k]), torch.cat([v_ecg, v])
        out = attend(heads(q, count), heads(k, count), heads(v, count), slots)
        x = x + out @ block.attn.c_proj.weight + block.attn.c_proj.bias
        h = F.gelu(layer_norm(x, block.ln_2) @ block.mlp.c_fc.weight + block.mlp.c_fc.bias, approximate="tanh")
        x = x + h @ block.mlp.c_proj.weight + block.mlp.c_proj.bias
    return linear(layer_norm(x, body.ln_f), backbone.lm_head)


def split_by_head(x, layer, count):
    """A fused projection whose rows are q, k and v of the first head, then of the second (NeoX, BLOOM)."""
    return (part.transpose(0, 1) for part in linear(x, layer).unflatten(-1, (count, 3, -1)).unbind(-2))


def neox_reference(backbone, ids, ecg):
    """GPT-NeoX (Black et al., 2022, arXiv 2204.06745): a quarter of each head rotates, attention beside the MLP."""
    config, slots, body = backbone.config, len(ecg), backbone.gpt_neox
    count, rope = config.num_attention_heads, config.rope_parameters
    turning = int(config.hidden_size // count * rope["partial_rotary_factor"])
    assert 0 < turning < config.hidden_size // count
    places = torch.arange(slots + len(ids)).float()

    def turn(x, where):
        return torch.cat([rotate(x[..., :turning], where, rope["rope_theta"]), x[..., turning:]], -1)

    x = body.embed_in.weight[ids]
    for layer in body.layers:
        fused = layer.attention.query_key_value
        _, k_ecg, v_ecg = split_by_head(ecg, fused, count)
        q, k, v = split_by_head(layer_norm(x, layer.input_layernorm), fused, count)
        k, v = torch.cat([k_ecg, k], 1), torch.cat([v_ecg, v], 1)
        out = linear(attend(turn(q, places[slots:]), turn(k, places), v, slots), layer.attention.dense)
        h = layer_norm(x, layer.post_attention_layernorm)
        x = x + out + linear(F.gelu(linear(h, layer.mlp.dense_h_to_4h)), layer.mlp.dense_4h_to_h)
    return linear(layer_norm(x, body.final_layer_norm), backbone.lm_head)


def bloom_reference(backbone, ids, ecg):
    """BLOOM (Le Scao et al., 2022, arXiv 2211.05100): distances to the ECG count as to text in its places."""
    slots, body, count = len(ecg), backbone.transformer, backbone.config.n_head
    places = torch.arange(slots + len(ids))
    bias = alibi(count, places[slots:], places)
    x = layer_norm(body.word_embeddings.weight[ids], body.word_embeddings_layernorm)
    for layer in body.h:
        fused = layer.self_attention.query_key_value
        _, k_ecg, v_ecg = split_by_head(ecg, fused, count)
        q, k, v = split_by_head(layer_norm(x, layer.input_layernorm), fused, count)
        out = attend(q, torch.cat([k_ecg, k], 1), torch.cat([v_ecg, v], 1), slots, bias)
        x = x + linear(out, layer.self_attention.dense)
        h = linear(layer_norm(x, layer.post_attention_layernorm), layer.mlp.dense_h_to_4h)
        x = x + linear(F.gelu(h, approximate="tanh"), layer.mlp.dense_4h_to_h)
    return linear(layer_norm(x, body.ln_f), backbone.lm_head)


def opt_reference(backbone, ids, ecg):
    """OPT (Zhang et al., 2022, arXiv 2205.01068): its first two position embeddings belong to no place."""
    slots, body, count = len(ecg), backbone.model.decoder, backbone.config.num_attention_heads
    x = body.embed_tokens.weight[ids] + body.embed_positions.weight[2 + slots : 2 + slots + len(ids)]
    for layer in body.layers:
        h, attention = layer_norm(x, layer.self_attn_layer_norm), layer.self_attn
        k = torch.cat([linear(ecg, attention.k_proj), linear(h, attention.k_proj)])
        v = torch.cat([linear(ecg, attention.v_proj), linear(h, attention.v_proj)])
        q = linear(h, attention.q_proj)
        x = x + linear(attend(heads(q, count), heads(k, count), heads(v, count), slots), attention.out_proj)
        h = linear(layer_norm(x, layer.final_layer_norm), layer.fc1).relu()
        x = x + linear(h, layer.fc2)
    return linear(layer_norm(x, body.final_layer_norm), backbone.lm_head)


REFERENCES = {
    "llama-equal-heads": llama_reference,
    "llama": llama_reference,
    "gpt2": gpt2_reference,
    "gpt2-medium-heads": gpt2_reference,
    "gpt-neox": neox_reference,
    "bloom": bloom_reference,
    "opt": opt_reference,
}


KERNELS = dict.fromkeys(REFERENCES, ("eager", "sdpa")) | {"bloom": ("eager",)}  # transformers has one for BLOOM


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize(("decoder", "attention"), [(name, kind) for name in KERNELS for kind in KERNELS[name]])
@torch.no_grad()
def test_logits_are_those_of_equations_3_to_5(decoder, attention, slots):
    backbone = tiny_backbone(decoder, attn_implementation=attention)
    model = tiny_model(backbone=backbone, num_ecg_tokens=slots)
    assert backbone.config._attn_implementation == attention
    ids, ecg = tiny_ids(2, 8), tiny_ecg(2)
    logits = model(input_ids=ids, ecg_values=ecg).logits
    hidden, count = backbone.config.hidden_size, backbone.config.num_attention_heads
    for row in range(2):
        h_e = model.meit.encode_ecg(ecg[row : row + 1])[0]
        assert h_e.shape == (slots, hidden // count)
        expected = REFERENCES[decoder](backbone, ids[row], h_e.repeat(1, count))
        torch.testing.assert_close(logits[row], expected, atol=TOLERANCE, rtol=0)
        without = REFERENCES[decoder](backbone, ids[row], h_e.repeat(1, count)[:0])
        assert (without - expected).abs().max() > 0.05
