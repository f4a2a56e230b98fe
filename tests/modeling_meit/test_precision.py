"""Half precision in every decoder, beside an encoder that stays float32: near the full one, trained and generating."""

import pytest
import torch

from modeling_meit.modeling_meit import MeitForCausalLM
from tests.tiny import tiny_backbone, tiny_ecg, tiny_model

# Root mean square of what moves, by that of the logits: about twice the largest of all decoders here. Beside it the
# least cosine of the encoder's gradients with those of float32; autocast rounds within the encoder too.
LIMITS = {"bfloat16": (0.03, 0.99), "float16": (0.004, 0.999), "autocast": (0.04, 0.97)}
precisions = pytest.mark.parametrize("precision", LIMITS)


def moved(found, expected):
    return ((found.float() - expected).norm() / expected.norm()).item()


def make(kind, precision, way):
    dtype = torch.float32 if precision == "autocast" else getattr(torch, precision)
    model = tiny_model(backbone=tiny_backbone(kind, dtype=dtype), **way)
    assert {p.dtype for part in (model.meit.ecg_encoder, model.meit.projector) for p in part.parameters()} == {
        torch.float32
    }
    assert {p.dtype for p in model.meit.backbone.parameters()} == {dtype}
    return model, torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast")


def encoder_gradients(model, batch, context):
    labels = batch.input_ids.masked_fill(batch.attention_mask == 0, -100)
    with context:
        loss = model.train()(**batch.inputs, labels=labels).loss
    loss.backward()
    model.eval()
    gradients = [p.grad for p in model.meit.ecg_encoder.parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)
    return torch.cat([gradient.flatten() for gradient in gradients])


def check(kind, precision, way, left, right):
    """Logits and generation of texts padded as for generation, gradients of texts padded as for training."""
    limit, least = LIMITS[precision]
    full = tiny_model(kind, **way)
    model, context = make(kind, precision, way)
    text = left.attention_mask.bool()
    with torch.no_grad():
        expected = full(**left.inputs).logits[text]
        other = full(**{**left.inputs, "ecg_values": tiny_ecg(3, seed=7)}).logits[text]
        with context:
            found = model(**left.inputs).logits[text]
    assert moved(found, expected) < limit
    assert moved(other, expected) > 2 * limit, "the ECG itself moves less: nothing was shown"

    off = torch.autocast("cpu", enabled=False)
    gradients = encoder_gradients(model, right, context)
    assert torch.cosine_similarity(gradients, encoder_gradients(full, right, off), 0) > least

    with context:
        how = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False}
        output = model.generate(**left.inputs, **how, return_dict_in_generate=True, output_logits=True)
        mask = torch.cat([left.attention_mask, left.attention_mask.new_ones(3, 4)], 1)
        places = (mask.cumsum(1) - 1).clamp(min=0)
        whole = {"input_ids": output.sequences, "attention_mask": mask, "ecg_values": left.ecg_values}
        with torch.no_grad():
            once = model(**whole, position_ids=places).logits[:, -5:-1].float()
    assert moved(torch.stack(output.logits, 1), once) < limit


@precisions
def test_every_decoder(precision, any_kind, left, right):
    check(any_kind, precision, {"num_ecg_tokens": 2}, left, right)


@precisions
def test_every_way(precision, way, left, right):
    check("llama", precision, way, left, right)


@torch.no_grad()
def test_folder_opened_in_half_precision(way, left, tmp_path):
    full, text = tiny_model(**way), left.attention_mask.bool()
    full.save_pretrained(tmp_path)
    for precision in ("bfloat16", "float16"):
        model = MeitForCausalLM.from_pretrained(tmp_path, dtype=precision)
        for name, parameter in model.named_parameters():
            full_parts = ("meit.ecg_encoder", "meit.projector")
            if precision == "float16":  # in whose narrow range transformers leaves what is trained whole alone, too
                full_parts = (*full_parts, "meit.cross_attention")
            expected = torch.float32 if name.startswith(full_parts) else getattr(torch, precision)
            assert parameter.dtype == expected, name
        logits = model(**left.inputs).logits
        assert logits.dtype == getattr(torch, precision)
        assert moved(logits[text], full(**left.inputs).logits[text]) < LIMITS[precision][0]
