"""`torch.compile` takes the model whole: prefill and decoding steps are one graph each, with every fusion."""

import pytest
import torch
from torch import _dynamo as dynamo
from torch._dynamo.backends.debugging import aot_eager
from transformers import StaticCache

from tests.modeling_meit.conftest import CORE, WAYS
from tests.tiny import tiny_model

TOLERANCE = 1e-5
STEPS = 5
# One decoder with every fusion; the others where hooks of the ECG's meet code of their own.
FIRST, *OTHERS = CORE
CASES = [
    *(pytest.param(FIRST, fields, id=f"{FIRST}-{name}") for name, fields in WAYS.items()),
    *(
        pytest.param(kind, WAYS[name], id=f"{kind}-{name}", marks=pytest.mark.slow)
        for kind in OTHERS
        for name in ("prefix", "some layers")
    ),
]


class Counted:
    """A model compiled to whole graphs, and how many were made."""

    def __init__(self, model):
        self.graphs = 0
        self.call = torch.compile(model, backend=self._compile, fullgraph=True)

    def _compile(self, graph, inputs):
        self.graphs += 1
        return aot_eager(graph, inputs)


@pytest.fixture(autouse=True)
def no_graphs_of_other_tests():
    dynamo.reset()
    yield
    dynamo.reset()


@torch.no_grad()
def test_prefill_with_the_encoder(left):
    model = tiny_model()
    compiled = Counted(model)
    torch.testing.assert_close(compiled.call(**left.inputs).logits, model(**left.inputs).logits, atol=TOLERANCE, rtol=0)
    assert compiled.graphs == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "fields"), [case for case in CASES[1:] if not case.marks or case.id.endswith("prefix")]
)
@torch.no_grad()
def test_prefill(decoder, fields, left):
    model = tiny_model(decoder, **fields)
    compiled = Counted(model)
    batch = {**left.text, "position_ids": left.position_ids, "ecg_embeds": model.meit.encode_ecg(left.ecg_values)}
    torch.testing.assert_close(compiled.call(**batch).logits, model(**batch).logits, atol=TOLERANCE, rtol=0)
    assert compiled.graphs == 1


@torch.no_grad()
def decode(model, step, batch):
    """Logits [B, STEPS, vocabulary] of greedy decoding whose steps, but not the prefill, `step` makes."""
    embeds, mask, places = model.meit.encode_ecg(batch.ecg_values), batch.attention_mask, batch.position_ids
    more = {"ecg_embeds": embeds, "past_key_values": StaticCache(model.config.text_config, max_cache_len=32)}
    # A static cache counts in a tensor, which the model would have to read to know that it is in use.
    first = model(**batch.text, **more, position_ids=places, ecg_in_cache=False)
    token, logits = first.logits[:, -1:].argmax(-1), []
    for _ in range(STEPS):
        mask = torch.cat([mask, mask.new_ones(3, 1)], 1)
        places = places[:, -1:] + 1
        text = {"input_ids": token, "attention_mask": mask, "position_ids": places}
        logits.append(step(**text, **more, ecg_in_cache=True).logits)
        token = logits[-1].argmax(-1)
    return torch.cat(logits, 1)


@pytest.mark.parametrize(("decoder", "fields"), CASES)
def test_decoding_steps_on_a_static_cache(decoder, fields, left):
    """Two graphs for any number of steps: the mask grows, which the second has learnt."""
    model = tiny_model(decoder, **fields)
    compiled = Counted(model)
    found = decode(model, compiled.call, left)
    torch.testing.assert_close(found, decode(model, model, left), atol=TOLERANCE, rtol=0)
    assert compiled.graphs <= 2
    same = model.generate(
        **left.inputs, max_new_tokens=STEPS + 1, do_sample=False, return_dict_in_generate=True, output_logits=True
    )
    torch.testing.assert_close(found, torch.stack(same.logits[1:], 1), atol=TOLERANCE, rtol=0)


@pytest.mark.slow
def test_a_training_step(right):
    """Forward and backward; gradients as without compiling."""
    gradients = []
    for compiled in (False, True):
        model = tiny_model(num_ecg_tokens=2).train()
        call = Counted(model).call if compiled else model
        call(**right.inputs, labels=right.input_ids.masked_fill(right.attention_mask == 0, -100)).loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0]["meit.ecg_encoder.stem.0.weight"].abs().max() > 1e-6
    torch.testing.assert_close(gradients[1], gradients[0], atol=TOLERANCE, rtol=1e-4)
