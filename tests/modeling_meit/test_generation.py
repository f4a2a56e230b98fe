"""Generation with an ECG: encoded once, cached right, in every mode; logits are compared, as tokens hide errors."""

import threading

import pytest
import torch
from transformers import GenerationConfig

from tests.tiny import tiny_backbone, tiny_ecg, tiny_ids, tiny_model

STEPS = 5
TOLERANCE = 2e-5


def generate(model, inputs, **how):
    """`STEPS` tokens and their logits [B, STEPS, vocabulary]."""
    how = {"max_new_tokens": STEPS, "min_new_tokens": STEPS, "do_sample": False, **how}
    output = model.generate(**inputs, **how, return_dict_in_generate=True, output_logits=True)
    return output.sequences, torch.stack(output.logits, 1), output


def check_same(found, expected):
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], atol=TOLERANCE, rtol=0)


def test_with_cache_and_without(any_kind, way, left):
    model = tiny_model(any_kind, **way)
    cached = generate(model, left.inputs)
    check_same(cached, generate(model, left.inputs, use_cache=False))
    assert cached[0].shape == (3, left.input_ids.shape[1] + STEPS)
    assert cached[1].shape == (3, STEPS, 320)
    other = generate(model, {**left.inputs, "ecg_values": tiny_ecg(3, seed=9)})
    assert (cached[1][:, 0] - other[1][:, 0]).abs().amax(1).min() > 0.05


def test_rows_of_a_padded_batch_generate_what_they_do_alone(any_kind, way, left):
    model = tiny_model(any_kind, **way)
    tokens, logits, _ = generate(model, left.inputs)
    for row in range(3):
        alone = generate(model, left.alone(row))
        check_same((tokens[row, -STEPS:], logits[row]), (alone[0][0, -STEPS:], alone[1][0]))


def test_beams(kind, way, left):
    model = tiny_model(kind, **way)
    how = {"num_beams": 3, "num_return_sequences": 2}
    cached = model.generate(**left.inputs, **how, max_new_tokens=STEPS, min_new_tokens=STEPS)
    assert cached.shape == (6, left.input_ids.shape[1] + STEPS)
    uncached = model.generate(**left.inputs, **how, max_new_tokens=STEPS, min_new_tokens=STEPS, use_cache=False)
    assert torch.equal(cached, uncached)
    alone = model.generate(**left.alone(1), **how, max_new_tokens=STEPS, min_new_tokens=STEPS)
    assert torch.equal(cached[2:4, -STEPS:], alone[:, -STEPS:])


def test_beam_scores_are_those_of_the_whole_text(left):
    """A beam whose cache had lost the ECG, or taken another row's, would score otherwise."""
    model = tiny_model()
    _, _, output = generate(model, left.inputs, num_beams=2, num_return_sequences=2, output_scores=True)
    scores = model.compute_transition_scores(output.sequences, output.scores, output.beam_indices)
    mask = left.attention_mask.repeat_interleave(2, 0)
    mask = torch.cat([mask, mask.new_ones(6, STEPS)], 1)
    ecg = left.ecg_values.repeat_interleave(2, 0)
    with torch.no_grad():
        logits = model(input_ids=output.sequences, attention_mask=mask, ecg_values=ecg).logits[:, -STEPS - 1 : -1]
    expected = logits.log_softmax(-1).gather(2, output.sequences[:, -STEPS:, None]).squeeze(2)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)


def test_sampling_with_a_seed(left):
    model, how = tiny_model(), {"do_sample": True, "num_return_sequences": 2}
    tokens = []
    for cached in (True, True, False):
        torch.manual_seed(3)
        tokens.append(generate(model, left.inputs, use_cache=cached, **how)[0])
    assert torch.equal(tokens[0], tokens[1])
    assert torch.equal(tokens[0], tokens[2])
    torch.manual_seed(4)
    assert not torch.equal(tokens[0], generate(model, left.inputs, **how)[0])


@pytest.mark.parametrize(
    "how", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}, {"use_cache": False}]
)
def test_ecg_is_encoded_once(how, way, left):
    model, batches = tiny_model(**way), []
    model.meit.ecg_encoder.register_forward_hook(lambda module, args, output: batches.append(len(args[0])))
    generate(model, left.inputs, **how)
    assert batches == [3]


def test_static_cache(kind, way, left):
    model = tiny_model(kind, **way)
    check_same(generate(model, left.inputs, cache_implementation="static"), generate(model, left.inputs))
    check_same(generate(model, left.text, cache_implementation="static"), generate(model, left.text))


@pytest.mark.parametrize("chunk", [5, 8, 20])
def test_prefill_in_chunks(chunk, kind, way, left):
    model = tiny_model(kind, **way)
    check_same(generate(model, left.inputs, prefill_chunk_size=chunk), generate(model, left.inputs))


def test_first_chunk_of_nothing_but_padding_is_refused(left):
    """The ECG enters with the first chunk; there it would stand before the padding, and the mask says after it."""
    with pytest.raises(ValueError, match="prefill_chunk_size is 4 and a text has 4 places of left padding"):
        generate(tiny_model(), left.inputs, prefill_chunk_size=4)
    generate(tiny_model(), left.text, prefill_chunk_size=4)


@pytest.mark.parametrize("cached", [True, False])
def test_without_ecg_the_backbone_generates(cached, kind, left):
    expected = generate(tiny_backbone(kind), left.text, use_cache=cached)
    found = generate(tiny_model(kind), left.text, use_cache=cached)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_encoded_ecg_and_embedded_text_may_be_given(left):
    model = tiny_model()
    expected = generate(model, left.inputs)
    with torch.no_grad():
        given = {**left.text, "ecg_embeds": model.meit.encode_ecg(left.ecg_values)}
        embeds = model.get_input_embeddings()(left.input_ids)
    check_same(generate(model, given), expected)
    given = {"inputs_embeds": embeds, "attention_mask": left.attention_mask, "ecg_values": left.ecg_values}
    tokens, logits, _ = generate(model, given)
    check_same((tokens, logits), (expected[0][:, -STEPS:], expected[1]))


@pytest.mark.parametrize("only_new", [False, True], ids=["whole text", "new tokens"])
def test_going_on_from_a_cache(only_new, kind, way, left):
    """`generate` takes every place in a cache for text; the slots are none."""
    model = tiny_model(kind, **way)
    first, _, output = generate(model, left.inputs)
    more = tiny_ids(3, 4, seed=8)
    ids = torch.cat([first, more], 1)
    mask = torch.cat([left.attention_mask, left.attention_mask.new_ones(3, STEPS + 4)], 1)
    whole = {"input_ids": ids, "attention_mask": mask, "ecg_values": left.ecg_values}
    expected = generate(model, whole)
    assert output.past_key_values.get_seq_length() == first.shape[1] - 1 + 2 * model.meit.fusion.in_sequence
    # The last token of the first answer was never run, so it is new too.
    given = {**whole, "input_ids": ids[:, -5:]} if only_new else whole
    tokens, logits, _ = generate(model, {**given, "past_key_values": output.past_key_values})
    check_same((tokens[:, -STEPS:], logits), (expected[0][:, -STEPS:], expected[1]))


def test_chunks_from_a_cache_in_use_are_refused(left):
    model = tiny_model()
    _, _, output = generate(model, left.inputs)
    with pytest.raises(ValueError, match="not supported with an ECG on a cache in use"):
        generate(model, {**left.inputs, "past_key_values": output.past_key_values}, prefill_chunk_size=6)


@torch.no_grad()
def test_steps_by_hand(kind, way, left):
    model = tiny_model(kind, **way)
    whole = {**left.inputs, "position_ids": left.position_ids}
    expected = model(**whole).logits
    embeds = model.meit.encode_ecg(left.ecg_values)
    mask, places = left.attention_mask, left.position_ids
    first = {"input_ids": left.input_ids[:, :6], "attention_mask": mask[:, :6], "position_ids": places[:, :6]}
    output = model(**first, ecg_embeds=embeds, use_cache=True)
    rest = {"input_ids": left.input_ids[:, 6:], "attention_mask": mask, "position_ids": places[:, 6:]}
    rest["past_key_values"] = output.past_key_values
    if model.meit.fusion.in_sequence:
        with pytest.raises(ValueError, match="if the cache holds an ECG, give it with every call"):
            model(**rest)
    found = torch.cat([output.logits, model(**rest, ecg_embeds=embeds).logits], 1)
    text = mask.bool()
    torch.testing.assert_close(found[text], expected[text], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_ecg_on_a_cache_that_holds_none_is_refused(left):
    model = tiny_model()
    cache = model(**left.text, use_cache=True).past_key_values
    mask = torch.cat([left.attention_mask, left.attention_mask.new_ones(3, 1)], 1)
    step = {"input_ids": tiny_ids(3, 1), "attention_mask": mask, "past_key_values": cache}
    with pytest.raises(ValueError, match="and else with none"):
        model(**step, ecg_values=left.ecg_values)
    model(**step)


def test_two_threads_do_not_see_each_others_ecg(way, left):
    """Both stop in the middle of each pass until the other is there too."""
    model, meeting = tiny_model(**way), threading.Barrier(2, timeout=120)
    alone = [generate(model, left.alone(row)) for row in range(2)]
    together = [None, None]

    def meet(*_):
        meeting.wait()

    handle = model.meit.backbone.model.layers[0].register_forward_pre_hook(meet)

    def work(row):
        together[row] = generate(model, left.alone(row))

    threads = [threading.Thread(target=work, args=(row,)) for row in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handle.remove()
    for found, expected in zip(together, alone, strict=True):
        check_same(found, expected)


ASSISTANTS = {
    "lookup": lambda: {"prompt_lookup_num_tokens": 2},
    "lookup in a config": lambda: {"generation_config": GenerationConfig(prompt_lookup_num_tokens=3)},
    "language model": lambda: {"assistant_model": tiny_backbone(seed=5)},
    "the model itself": lambda: {"assistant_model": tiny_model(num_ecg_tokens=2)},
    "other model with an ECG": lambda: {"assistant_model": tiny_model(seed=5, num_ecg_tokens=3)},
}


@pytest.mark.parametrize("assistant", ASSISTANTS)
def test_assisted_decoding_writes_what_greedy_search_writes(assistant, any_kind, way, left):
    model, given = tiny_model(any_kind, **way), left.alone(0)
    # A text that repeats itself, for the lookup to find something.
    given["input_ids"] = torch.cat([given["input_ids"]] * 3, 1)
    expected, logits, _ = generate(model, given, max_new_tokens=12)
    # MPT does not use its cache unless told to.
    tokens, found, output = generate(model, given, max_new_tokens=12, use_cache=True, **ASSISTANTS[assistant]())
    check_same((tokens, found), (expected, logits))
    slots = 2 * model.meit.fusion.in_sequence
    assert output.past_key_values.get_seq_length() == tokens.shape[1] - 1 + slots


def test_an_assistant_reads_the_ecg_through_its_own_encoder(left):
    """Drafts of the model itself are all accepted; without their ECG they would not be."""
    model, assistant = tiny_model(num_ecg_tokens=2), tiny_model(num_ecg_tokens=2)
    given, passes = left.alone(1), []
    model.meit.backbone.register_forward_hook(lambda *_: passes.append(1))
    how = {"assistant_model": assistant, "max_new_tokens": 12}
    assistant.generation_config.num_assistant_tokens = 4
    assistant.generation_config.num_assistant_tokens_schedule = "constant"
    assistant.generation_config.assistant_confidence_threshold = 0
    generate(model, given, **how)
    assert len(passes) <= 4


def test_early_exit_is_refused(left):
    with pytest.raises(ValueError, match="assistant_early_exit is not supported with an ECG"):
        generate(tiny_model(), left.alone(0), assistant_early_exit=1)


def test_number_of_ecgs_must_be_that_of_texts(left):
    with pytest.raises(ValueError, match="1 ECGs were given for 3 texts"):
        generate(tiny_model(), {**left.inputs, "ecg_values": tiny_ecg(1)})
