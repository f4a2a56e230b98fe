"""Generation of encoder-decoders with an ECG: encoded once, in the cache of the cross-attention, in every mode."""

import threading

import pytest
import torch

from tests.tiny import tiny_ecg, tiny_ids
from tests.tiny_seq2seq import ENCODER_DECODERS, tiny_encoder_decoder, tiny_seq2seq

STEPS = 5
TOLERANCE = 2e-5
CORE = ("bart", "t5-gated")
EVERY = (*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in ENCODER_DECODERS if name not in CORE))
every = pytest.mark.parametrize("name", EVERY)
core = pytest.mark.parametrize("name", CORE)


def generate(model, inputs, **how):
    """1 + `STEPS` tokens and the logits of the latter, [B, STEPS, vocabulary]."""
    how = {"max_new_tokens": STEPS, "min_new_tokens": STEPS, "do_sample": False, **how}
    output = model.generate(**inputs, **how, return_dict_in_generate=True, output_logits=True)
    return output.sequences, torch.stack(output.logits, 1), output


def check_same(found, expected):
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def step_by_step(model, inputs):
    """Greedy search by hand: every step runs the whole model anew."""
    tokens = torch.full((len(inputs["input_ids"]), 1), model.config.text_config.decoder_start_token_id)
    for _ in range(STEPS):
        logits = model(**inputs, decoder_input_ids=tokens, use_cache=False).logits
        # As `min_new_tokens` has it, the end token is not chosen.
        choice = logits[:, -1].index_fill(1, torch.tensor([1]), -torch.inf).argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, choice], 1)
    return tokens, logits


@every
def test_with_cache_and_without_and_by_hand(name, right):
    model = tiny_seq2seq(name, num_ecg_tokens=2)
    cached = generate(model, right.inputs)
    check_same(cached, step_by_step(model, right.inputs))
    check_same(cached, generate(model, right.inputs, use_cache=False))
    other = generate(model, {**right.inputs, "ecg_values": tiny_ecg(3, seed=9)})
    assert (cached[1][:, 0] - other[1][:, 0]).abs().amax(1).min() > 0.02


@every
def test_rows_of_a_padded_batch_generate_what_they_do_alone(name, right):
    model = tiny_seq2seq(name)
    tokens, logits, _ = generate(model, right.inputs)
    for row in range(3):
        alone = generate(model, right.alone(row))
        check_same((tokens[row], logits[row]), (alone[0][0], alone[1][0]))


@core
def test_beams(name, right):
    model = tiny_seq2seq(name)
    how = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": STEPS, "min_new_tokens": STEPS}
    cached = model.generate(**right.inputs, **how)
    assert cached.shape == (6, 1 + STEPS)
    assert torch.equal(cached, model.generate(**right.inputs, **how, use_cache=False))
    assert torch.equal(cached[2:4], model.generate(**right.alone(1), **how))


@core
def test_beam_scores_are_those_of_the_whole_report(name, right):
    """A beam whose cache had lost the ECG, or taken another row's, would score otherwise."""
    model = tiny_seq2seq(name)
    _, _, output = generate(model, right.inputs, num_beams=2, num_return_sequences=2, output_scores=True)
    scores = model.compute_transition_scores(output.sequences, output.scores, output.beam_indices)
    whole = {key: value.repeat_interleave(2, 0) for key, value in right.inputs.items()}
    with torch.no_grad():
        logits = model(**whole, decoder_input_ids=output.sequences[:, :-1]).logits
    expected = logits.log_softmax(-1).gather(2, output.sequences[:, 1:, None]).squeeze(2)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)


@core
def test_sampling_with_a_seed(name, right):
    model, tokens = tiny_seq2seq(name), []
    for seed, cached in ((3, True), (3, False), (4, True)):
        torch.manual_seed(seed)
        tokens.append(generate(model, right.inputs, use_cache=cached, do_sample=True, num_return_sequences=2)[0])
    assert torch.equal(tokens[0], tokens[1])
    assert not torch.equal(tokens[0], tokens[2])


@pytest.mark.parametrize(
    "how", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}, {"use_cache": False}]
)
def test_ecg_and_prompt_are_encoded_once(how, right):
    model, runs = tiny_seq2seq(), []
    model.meit.ecg_encoder.register_forward_hook(lambda module, args, output: runs.append(("ecg", len(args[0]))))
    model.get_encoder().layers[0].register_forward_hook(
        lambda module, args, output: runs.append(("text", len(args[0])))
    )
    generate(model, right.inputs, **how)
    assert runs == [("ecg", 3), ("text", 3)]


@core
def test_the_ecg_is_in_the_cache_of_the_cross_attention(name, right):
    _, _, output = generate(tiny_seq2seq(name, num_ecg_tokens=2), right.inputs)
    places = right.input_ids.shape[1] + 2
    assert output.past_key_values.cross_attention_cache.get_seq_length() == places
    assert output.past_key_values.self_attention_cache.get_seq_length() == STEPS


@core
def test_static_cache(name, right):
    model = tiny_seq2seq(name, num_ecg_tokens=3)
    check_same(generate(model, right.inputs, cache_implementation="static"), generate(model, right.inputs))


@core
def test_prompt_lookup(name, right):
    """Repeated reports are what it is for; it may not change one."""
    model, inputs = tiny_seq2seq(name), right.alone(0)
    how = {"max_new_tokens": 12, "do_sample": False}
    assert torch.equal(model.generate(**inputs, **how, prompt_lookup_num_tokens=3), model.generate(**inputs, **how))


def test_words_of_the_prompt_can_be_kept_out():
    """`encoder_no_repeat_ngram_size` reads the prompt's ids, which the slots are not among."""
    model, ids = tiny_seq2seq("t5"), torch.arange(3, 310)[None]
    inputs = {"input_ids": ids, "ecg_values": tiny_ecg(1)}
    plain = generate(model, inputs)[0]
    assert torch.isin(plain[:, 1:], ids).any()
    kept_out = generate(model, inputs, encoder_no_repeat_ngram_size=1)[0]
    assert not torch.isin(kept_out[:, 1:], ids).any()


@every
@pytest.mark.parametrize("how", [{}, {"use_cache": False}, {"num_beams": 2}])
def test_without_ecg_the_backbone_generates(how, name, right):
    expected = generate(tiny_encoder_decoder(name), right.text, **how)
    found = generate(tiny_seq2seq(name), right.text, **how)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@core
def test_what_is_encoded_already_may_be_given(name, right):
    model = tiny_seq2seq(name)
    expected = generate(model, right.inputs)
    with torch.no_grad():
        ecg_embeds = model.meit.encode_ecg(right.ecg_values)
        outputs, mask = model.meit.encode(ecg_embeds, **right.text)
        embeds = model.get_encoder().embed_tokens(right.input_ids)
    check_same(generate(model, {**right.text, "ecg_embeds": ecg_embeds}), expected)
    given = {"inputs_embeds": embeds, "attention_mask": right.attention_mask, "ecg_embeds": ecg_embeds}
    check_same(generate(model, given), expected)
    check_same(generate(model, {"encoder_outputs": outputs, "attention_mask": mask}), expected)


def test_a_report_that_has_begun_goes_on(right):
    model = tiny_seq2seq()
    whole = generate(model, right.inputs)
    begun = {**right.inputs, "decoder_input_ids": whole[0][:, :3]}
    rest = generate(model, begun, max_new_tokens=STEPS - 2, min_new_tokens=STEPS - 2)
    check_same(rest, (whole[0], whole[1][:, 2:]))


def test_two_threads_do_not_see_each_others_ecg(right):
    """Both stop in the middle of the encoder until the other is there too."""
    model, meeting = tiny_seq2seq(), threading.Barrier(2, timeout=120)
    alone = [generate(model, right.alone(row)) for row in range(2)]
    together = [None, None]

    def meet(*_):
        meeting.wait()

    handle = model.get_encoder().layers[0].register_forward_pre_hook(meet)

    def work(row):
        together[row] = generate(model, right.alone(row))

    threads = [threading.Thread(target=work, args=(row,)) for row in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handle.remove()
    for found, expected in zip(together, alone, strict=True):
        check_same(found, expected)


def test_an_assistant_is_refused_with_an_ecg(right):
    model = tiny_seq2seq()
    with pytest.raises(ValueError, match="an assistant_model would not see the ECG"):
        model.generate(**right.alone(0), assistant_model=tiny_encoder_decoder(seed=5))


def test_two_ecgs_are_refused(right):
    model = tiny_seq2seq()
    with torch.no_grad():
        outputs, mask = model.meit.encode(model.meit.encode_ecg(right.ecg_values), **right.text)
    with pytest.raises(ValueError, match="encoder_outputs hold their ECG already"):
        model.generate(encoder_outputs=outputs, attention_mask=mask, ecg_values=right.ecg_values)
    with pytest.raises(ValueError, match="for 3 texts, expected"):
        model.generate(**{**right.inputs, "ecg_values": tiny_ecg(1)})
    assert model.generate(tiny_ids(2, 4), ecg_values=tiny_ecg(2), max_new_tokens=2).shape[0] == 2
