"""Several ECGs in one conversation: placeholders in the text, one model for all fusions, and the processor's part."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from modeling_meit.ecg_placeholders import ECG_TOKEN
from modeling_meit.processing_meit import MeitProcessor
from tests.modeling_meit.equations import attend, heads, rms_norm, rotate
from tests.tiny import tiny_ecg, tiny_ids, tiny_model, tiny_processor

HOLDER = 320  # one more than the vocabulary holds
STEPS = 5


def two_ecgs(batch=1, tokens=2, seed=0):
    """Text with two ECGs, after its second and its seventh token: ids [B, 9 + 2 tokens], values [B, 2, 12, T]."""
    text, holder = tiny_ids(batch, 9, seed), torch.full((batch, tokens), HOLDER)
    ids = torch.cat([text[:, :2], holder, text[:, 2:7], holder, text[:, 7:]], 1)
    return ids, torch.stack([tiny_ecg(batch, seed + 1), tiny_ecg(batch, seed + 2)], 1)


def both(kind="llama", **way):
    return tiny_model(kind, **{"num_ecg_tokens": 2, "ecg_token_id": HOLDER, **way})


@torch.no_grad()
def test_two_ecgs_in_a_llama():
    """Each layer's keys and values are the text's, and H_e at the placeholders' places."""
    model = both()
    ids, ecg = two_ecgs()
    backbone = model.meit.backbone
    config, places = backbone.config, torch.arange(ids.shape[1]).float()
    theta, eps, count, groups = config.rope_parameters["rope_theta"], config.rms_norm_eps, 4, 2
    held = ids[0] == HOLDER
    h_e = torch.cat([model.meit.encode_ecg(ecg[:, one]) for one in range(2)], 1)[0].repeat(1, 4)
    x = backbone.model.embed_tokens.weight[ids[0].masked_fill(held, 0)]
    for layer in backbone.model.layers:
        attention, h = layer.self_attn, rms_norm(x, layer.input_layernorm, eps)
        h = h.clone()
        h[held] = h_e
        q = rotate(heads(F.linear(h, attention.q_proj.weight), count), places, theta)
        k = rotate(heads(F.linear(h, attention.k_proj.weight), groups), places, theta)
        v = heads(F.linear(h, attention.v_proj.weight), groups)
        k, v = (t.repeat_interleave(count // groups, 0) for t in (k, v))
        x = x + F.linear(attend(q, k, v, 0), attention.o_proj.weight)
        h, mlp = rms_norm(x, layer.post_attention_layernorm, eps), layer.mlp
        x = x + F.linear(
            F.silu(F.linear(h, mlp.gate_proj.weight)) * F.linear(h, mlp.up_proj.weight), mlp.down_proj.weight
        )
    expected = F.linear(rms_norm(x, backbone.model.norm, eps), backbone.lm_head.weight)
    logits = model(input_ids=ids, ecg_values=ecg).logits[0]
    torch.testing.assert_close(logits[~held], expected[~held], atol=1e-5, rtol=0)


@torch.no_grad()
def test_placeholders_before_the_text_are_slots(any_kind, way):
    if way.get("fusion") == "cross_attention":
        pytest.skip("placeholders are words there, and move the text")
    model, ids, ecg = both(any_kind, **way), tiny_ids(2, 8), tiny_ecg(2)
    held = torch.cat([torch.full((2, 2), HOLDER), ids], 1)
    expected = model(input_ids=ids, ecg_values=ecg).logits
    for values in (ecg, ecg[:, None]):
        torch.testing.assert_close(model(input_ids=held, ecg_values=values).logits[:, 2:], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_text_sees_the_ecgs_before_it(kind, way):
    model, (ids, ecg) = both(kind, **way), two_ecgs()
    logits = model(input_ids=ids, ecg_values=ecg).logits[0]
    for one, begin in ((0, 2), (1, 9)):
        changed = ecg.clone()
        changed[:, one] = tiny_ecg(1, seed=9)
        moved = (model(input_ids=ids, ecg_values=changed).logits[0] - logits).abs().amax(-1)
        assert moved[:begin].max() < 1e-6
        assert moved[begin + 2 :].min() > 1e-3


def generate(model, ids, ecg, **how):
    how = {"max_new_tokens": STEPS, "min_new_tokens": STEPS, "do_sample": False, **how}
    return model.generate(ids, ecg_values=ecg, attention_mask=torch.ones_like(ids), **how)


@torch.no_grad()
def test_generation(any_kind, way):
    model, (ids, ecg) = both(any_kind, **way), two_ecgs(2)
    found = generate(model, ids, ecg)
    assert torch.equal(found[:, : ids.shape[1]], ids)
    text = ids
    for _ in range(STEPS):
        last = model(input_ids=text, ecg_values=ecg).logits[:, -1]
        last[:, 1] = -torch.inf  # the end token, which min_new_tokens keeps away
        text = torch.cat([text, last.argmax(-1, keepdim=True)], 1)
    assert torch.equal(found, text)
    assert torch.equal(generate(model, ids, ecg, use_cache=False), found)
    assert torch.equal(generate(model, ids[:1], ecg[:1], prompt_lookup_num_tokens=2, use_cache=True), found[:1])


def test_generation_in_other_ways(way):
    model, (ids, ecg) = both(**way), two_ecgs(2)
    found = generate(model, ids, ecg)
    assert torch.equal(generate(model, ids, ecg, cache_implementation="static"), found)
    beams = generate(model, ids, ecg, num_beams=3, num_return_sequences=2)
    assert torch.equal(beams, generate(model, ids, ecg, num_beams=3, num_return_sequences=2, use_cache=False))
    assert torch.equal(beams[:, : ids.shape[1]], ids.repeat_interleave(2, 0))
    # A processor that looks up every id of the text meets none the vocabulary does not hold.
    generate(model, ids, ecg, repetition_penalty=1.2, no_repeat_ngram_size=2)
    with pytest.raises(ValueError, match="prefill_chunk_size is not supported with several ECGs"):
        generate(model, ids, ecg, prefill_chunk_size=8)


def test_placeholder_is_never_written():
    model = tiny_model(ecg_token_id=5)
    model.get_output_embeddings().weight.data[5] = 0
    model.meit.backbone.lm_head.weight.data[5] += 100 * model.meit.backbone.lm_head.weight.data[7]
    ids = tiny_ids(1, 6).clamp(min=10)
    plain = tiny_model(backbone=model.meit.backbone)
    written = [generate(m, ids, tiny_ecg(1))[0, 6:].tolist() for m in (plain, model)]
    assert 5 in written[0] + generate(plain, ids, tiny_ecg(1, 3))[0, 6:].tolist()
    assert 5 not in written[1] + generate(model, ids, tiny_ecg(1, 3))[0, 6:].tolist()


def test_gradients_reach_the_encoder_through_placeholders(way):
    model, (ids, ecg) = both(**way), two_ecgs(2)
    labels = ids.masked_fill(ids == HOLDER, -100)
    model(input_ids=ids, ecg_values=ecg.requires_grad_(), labels=labels).loss.backward()
    assert ecg.grad.abs().amax((0, 2, 3)).min() > 1e-7
    assert model.meit.ecg_encoder.stem[0].weight.grad.abs().max() > 1e-6


def test_numbers_that_do_not_match_are_refused():
    model, (ids, ecg) = both(), two_ecgs()
    with pytest.raises(ValueError, match=r"the texts hold \[4\] ECG placeholders, expected 2 in each, 2 for each ECG"):
        model(input_ids=ids, ecg_values=ecg[:, 0])
    with pytest.raises(ValueError, match=r"the texts hold \[4\] ECG placeholders, expected 0"):
        model(input_ids=ids)
    for call in (model, model.generate):
        with pytest.raises(ValueError, match="several ECGs were given for a text without placeholders"):
            call(input_ids=tiny_ids(1, 4), ecg_values=ecg)
    with pytest.raises(ValueError, match="several ECGs were given for a text without placeholders"):
        tiny_model()(input_ids=ids.clamp(max=300), ecg_values=ecg)


TURNS = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Yesterday: "},
            {"type": "ecg"},
            {"type": "text", "text": " Today: "},
            {"type": "ecg"},
            {"type": "text", "text": " Compare them."},
        ],
    }
]


@pytest.fixture
def several():
    plain = tiny_processor()
    return MeitProcessor(plain.feature_extractor, plain.tokenizer, ecg_token=ECG_TOKEN, num_ecg_tokens=2)


def test_processor_writes_placeholders(several):
    ecgs = [tiny_ecg(1, seed)[0].numpy() for seed in range(4)]
    inputs = several([ecgs[:2], ecgs[2:]], [TURNS, TURNS], sampling_rate=100)
    assert inputs["ecg_values"].shape == inputs["ecg_mask"].shape == (2, 2, 12, 1000)
    for text in range(2):
        for one in range(2):
            np.testing.assert_allclose(inputs["ecg_values"][text, one], ecgs[2 * text + one], rtol=1e-6)
    rendered = several.tokenizer.decode(inputs["input_ids"][0])
    double = ECG_TOKEN * 2
    assert rendered.endswith(f"Yesterday: {double} Today: {double} Compare them. <|assistant|>:")
    assert (inputs["input_ids"] == several.ecg_token_id).sum().item() == 8
    one = several(ecgs[:2], TURNS, sampling_rate=100)
    assert torch.equal(one["input_ids"][0], inputs["input_ids"][0])
    model = tiny_model(num_ecg_tokens=2, ecg_token_id=several.ecg_token_id)
    output = model.generate(**inputs, max_new_tokens=4)
    assert len(several.post_process_reports(output[:, inputs["input_ids"].shape[1] :])) == 2


def test_processor_with_placeholders_reopens(several, tmp_path):
    several.save_pretrained(tmp_path)
    again = MeitProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert (again.ecg_token, again.num_ecg_tokens, again.ecg_token_id) == (ECG_TOKEN, 2, several.ecg_token_id)
    ecgs = [tiny_ecg(1, seed)[0].numpy() for seed in range(2)]
    first, second = (p(ecgs, TURNS, sampling_rate=100)["input_ids"] for p in (several, again))
    assert torch.equal(first, second)


def test_processor_refuses_what_does_not_match(several):
    ecgs = [tiny_ecg(1, seed)[0].numpy() for seed in range(3)]
    with pytest.raises(ValueError, match=r"the texts place \[2\] ECGs, but \[3\] were given"):
        several(ecgs, TURNS, sampling_rate=100)
    with pytest.raises(ValueError, match=r"the texts place \[2\] ECGs, but \[1\] were given"):
        several(ecgs[0], TURNS, sampling_rate=100)
    half = [{"role": "user", "content": [{"type": "ecg"}, {"type": "text", "text": "?"}]}]
    with pytest.raises(ValueError, match=r"the texts place \[2, 1\] ECGs; in one batch each needs as many"):
        several([ecgs[:2], ecgs[:1]], [TURNS, half], sampling_rate=100)
    with pytest.raises(ValueError, match=r"a turn holds .* which stands for an ECG"):
        several(ecgs[0], f"Read {ECG_TOKEN} twice", sampling_rate=100)
    with pytest.raises(ValueError, match="this processor has no ecg_token"):
        tiny_processor()(ecgs[:2], TURNS, sampling_rate=100)
    with pytest.raises(ValueError, match="expected a str or a list of"):
        several(ecgs[:2], [{"role": "user", "content": [{"type": "image"}]}], sampling_rate=100)
