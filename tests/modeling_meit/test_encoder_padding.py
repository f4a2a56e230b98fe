"""Padding after a record's end changes nothing, whatever the encoder; what is missing within counts as zeros."""

import pytest
import torch

from modeling_meit.ecg_embedding import pool_over_time
from tests.tiny import tiny_ecg, tiny_model
from tests.tiny_encoders import TINY_ENCODERS, tiny_encoder_config

every_kind = pytest.mark.parametrize("encoder", TINY_ENCODERS)
# Samples: whole patches and strides; a part of one; less than one.
every_length = pytest.mark.parametrize("length", [600, 607, 9])


def model_of(encoder, **changes):
    return tiny_model(ecg_config=tiny_encoder_config(encoder, **changes), num_ecg_tokens=3)


def mask_of(ecg, *lengths):
    mask = torch.zeros_like(ecg, dtype=torch.bool)
    for row, length in enumerate(lengths):
        mask[row, :, :length] = True
    return mask


@every_kind
@every_length
@torch.no_grad()
def test_a_short_record_is_read_as_by_a_model_of_its_length(encoder, length):
    ecg = tiny_ecg(3)
    mask = mask_of(ecg, 1000, length, 1000)
    model = model_of(encoder)
    short = model_of(encoder, duration=length / 100)
    short.load_state_dict(model.state_dict())
    assert short.config.ecg_config.num_samples == length
    alone = short.meit.ecg_encoder(ecg[1:2, :, :length])
    features = model.meit.ecg_encoder(ecg, mask)
    assert alone.shape[1] < features.shape[1]
    torch.testing.assert_close(features[1:2, : alone.shape[1]], alone, atol=2e-5, rtol=1e-4)
    tokens = model.meit.encode_ecg(ecg, mask)
    torch.testing.assert_close(
        tokens[1:2], short.meit.encode_ecg(ecg[1:2, :, :length], mask[1:2, :, :length]), atol=2e-5, rtol=1e-4
    )
    # Rows beside it are as they are without it.
    torch.testing.assert_close(tokens[::2], model.meit.encode_ecg(ecg[::2]), atol=2e-5, rtol=1e-4)


@every_kind
@every_length
@torch.no_grad()
def test_what_stands_in_the_padding_does_not_count(encoder, length):
    model, ecg = model_of(encoder), tiny_ecg(1)
    mask = mask_of(ecg, length)
    expected = model.meit.encode_ecg(ecg, mask)
    for what in (0.0, 7.0, float("nan"), float("inf")):
        assert torch.equal(model.meit.encode_ecg(ecg.masked_fill(~mask, what), mask), expected)


@every_kind
@torch.no_grad()
def test_what_is_missing_within_counts_as_zeros(encoder):
    model, ecg = model_of(encoder), tiny_ecg(2)
    mask = torch.ones_like(ecg, dtype=torch.bool)
    mask[0, 3] = False
    mask[0, 5, 990:] = False
    mask[1, :, 300:400] = False
    zeros = model.meit.encode_ecg(ecg.masked_fill(~mask, 0))
    for what in (7.0, float("nan"), float("inf")):
        torch.testing.assert_close(model.meit.encode_ecg(ecg.masked_fill(~mask, what), mask), zeros)
    assert not torch.allclose(zeros, model.meit.encode_ecg(ecg), atol=1e-3)


@every_kind
@torch.no_grad()
def test_a_mask_of_full_records_changes_no_bit(encoder):
    model, ecg = model_of(encoder), tiny_ecg(2)
    full = torch.ones_like(ecg, dtype=torch.bool)
    assert torch.equal(model.meit.ecg_encoder(ecg, full), model.meit.ecg_encoder(ecg))
    full[:, :11, 400:] = False  # one lead goes on to the end
    zeros = ecg.masked_fill(~full, 0)
    assert torch.equal(model.meit.ecg_encoder(ecg, full), model.meit.ecg_encoder(zeros))


@every_kind
@torch.no_grad()
def test_a_record_without_a_sample_is_zeros_and_finite(encoder):
    model, ecg = model_of(encoder), tiny_ecg(2)
    mask = mask_of(ecg, 600, 0)
    tokens = model.meit.encode_ecg(ecg, mask)
    assert tokens.isfinite().all()
    torch.testing.assert_close(tokens[1:], model.meit.encode_ecg(torch.zeros(1, 12, 1000)), atol=2e-5, rtol=1e-4)


@every_kind
def test_gradients_stop_at_the_end_of_the_record(encoder):
    model, ecg = model_of(encoder), tiny_ecg(1).requires_grad_()
    model.meit.encode_ecg(ecg, mask_of(ecg, 607)).square().sum().backward()
    assert ecg.grad[:, :, 607:].abs().max() == 0
    assert (ecg.grad[:, :, :600].abs().amax((0, 1)) > 0).float().mean() > 0.9
    assert all(p.grad.isfinite().all() for p in model.meit.ecg_encoder.parameters() if p.grad is not None)


@pytest.mark.slow
@every_kind
@torch.no_grad()
def test_a_compiled_encoder_masks_too(encoder):
    module, ecg = model_of(encoder).meit.ecg_encoder, tiny_ecg(2)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    for mask in (mask_of(ecg, 607, 1000), mask_of(ecg, 1000, 1000)):
        torch.testing.assert_close(compiled(ecg, mask), module(ecg, mask), atol=2e-5, rtol=1e-4)
    assert torch.equal(compiled(ecg), module(ecg))


def test_pooling_counts_features_as_the_encoder_does():
    """Features begin at samples 0, 4 and 8 of 10: a record of 8 samples has two of them, not 8 * 3 / 10 rounded up."""
    features = torch.tensor([[[1.0], [3.0], [100.0]]])
    mask = torch.arange(10).expand(1, 12, 10) < 8
    assert pool_over_time(features, 1, mask, 4).item() == 2
    assert pool_over_time(features, 1, mask).item() == pytest.approx(104 / 3)
