"""Attention and its surroundings in plain tensors, for references that share no code with the models they check."""

import math

import torch
from torch.nn import functional as F


def attend(q, k, v, slots, bias=0.0):
    """Eq. 5: [heads, L, d] over [heads, P + L, d]; the ECG is always visible, the text causally.

    `bias` [heads, L, P + L] is added to the scores.
    """
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + bias
    place, text = torch.arange(k.shape[1]) - slots, torch.arange(q.shape[1])
    scores = scores.masked_fill(place[None, :] > text[:, None], -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)


def heads(x, count):
    """[L, heads * d] -> [heads, L, d]."""
    return x.unflatten(1, (count, -1)).transpose(0, 1)


def rotate(x, places, theta):
    """RoPE (Su et al., 2021, arXiv 2104.09864) in the order of GPT-NeoX: number i turns with number i + d / 2."""
    d = x.shape[-1]
    angle = places[:, None] * theta ** (-torch.arange(0, d, 2) / d)
    cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def alibi(count, queries, keys):
    """[heads, L, P + L]: each head subtracts its slope times the distance (Press et al., 2021, arXiv 2108.12409)."""
    slopes = 2.0 ** (-8.0 * torch.arange(1, count + 1) / count)
    return -slopes[:, None, None] * (queries[:, None] - keys[None, :])


def rms_norm(x, norm, eps):
    return norm.weight * x * (x.square().mean(-1, keepdim=True) + eps).rsqrt()


def layer_norm(x, norm):
    centred = x - x.mean(-1, keepdim=True)
    return norm.weight * centred * (centred.square().mean(-1, keepdim=True) + norm.eps).rsqrt() + norm.bias


def linear(x, layer):
    return x @ layer.weight.T + (0 if layer.bias is None else layer.bias)


def llama_layer(layer, config, x, ecg, slots):
    """One layer of LLaMA for text [L, hidden] behind `slots` places, with `ecg` in front of its keys and values.

    `ecg` is [slots, hidden], or empty where this layer reads none.
    """
    theta, eps = config.rope_parameters["rope_theta"], config.rms_norm_eps
    count, groups, attention = config.num_attention_heads, config.num_key_value_heads, layer.self_attn
    places = torch.arange(slots + len(x)).float()
    h = rms_norm(x, layer.input_layernorm, eps)
    k = torch.cat([linear(ecg, attention.k_proj), linear(h, attention.k_proj)])
    v = torch.cat([linear(ecg, attention.v_proj), linear(h, attention.v_proj)])
    q = rotate(heads(linear(h, attention.q_proj), count), places[slots:], theta)
    k = rotate(heads(k, groups), places[slots - len(ecg) :], theta).repeat_interleave(count // groups, 0)
    v = heads(v, groups).repeat_interleave(count // groups, 0)
    x = x + linear(attend(q, k, v, len(ecg)), attention.o_proj)
    h, mlp = rms_norm(x, layer.post_attention_layernorm, eps), layer.mlp
    return x + linear(F.silu(linear(h, mlp.gate_proj)) * linear(h, mlp.up_proj), mlp.down_proj)
