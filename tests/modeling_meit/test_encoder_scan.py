"""The selective scan against the recurrence written out, forward and backward."""

import pytest
import torch

from modeling_meit import ecg_encoder_scan
from modeling_meit.ecg_encoder_scan import selective_scan


def recurrence(x, dt, a, b, c):
    """h_t = exp(dt_t a) h_(t-1) + dt_t b_t x_t; y_t = c_t h_t, one number at a time but for the batch."""
    outputs = torch.zeros_like(x)
    state = torch.zeros(len(x), *a.shape, dtype=x.dtype)
    for step in range(x.shape[1]):
        new = []
        for n in range(a.shape[0]):
            decay = torch.exp(dt[:, step] * a[n])
            new.append(decay * state[:, n] + dt[:, step] * b[:, step, n : n + 1] * x[:, step])
        state = torch.stack(new, 1)
        outputs[:, step] = sum(c[:, step, n : n + 1] * state[:, n] for n in range(a.shape[0]))
    return outputs


def inputs(batch=5, length=13, channels=6, states=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x, b, c = draw(batch, length, channels), draw(batch, length, states), draw(batch, length, states)
    dt, a = draw(batch, length, channels).abs(), -3 * draw(states, channels).abs()
    return [part.to(dtype).requires_grad_() for part in (x, dt, a, b, c)]


@pytest.mark.parametrize("length", [1, 2, 13])
@pytest.mark.parametrize("piece", [1, 2, 5, 99])  # recordings scanned at once
def test_scan_is_the_recurrence(length, piece, monkeypatch):
    monkeypatch.setattr(ecg_encoder_scan, "_PIECE", piece * length * 18)
    expected_inputs, scanned_inputs = inputs(length=length), inputs(length=length, dtype=torch.float32)
    expected, scanned = recurrence(*expected_inputs), selective_scan(*scanned_inputs)
    torch.testing.assert_close(scanned, expected.float(), atol=1e-5, rtol=1e-5)
    weights = torch.linspace(-1, 1, expected.numel(), dtype=torch.float64).reshape(expected.shape)
    (weights * expected).sum().backward()
    (weights.float() * scanned).sum().backward()
    for one, other in zip(expected_inputs, scanned_inputs, strict=True):
        torch.testing.assert_close(other.grad, one.grad.float(), atol=2e-5, rtol=1e-4)


def test_long_and_strongly_decaying_sequences_stay_finite():
    """A cumulative form overflows here: exp(130 * 3 * 2) is beyond float32."""
    x, dt, a, b, c = inputs(length=130, dtype=torch.float32)
    scanned = selective_scan(x, dt * 0 + 3, a * 0 - 2, b, c)
    scanned.sum().backward()
    assert scanned.isfinite().all()
    assert all(part.grad.isfinite().all() for part in (x, b, c))


def test_scan_is_in_float32_under_autocast():
    parts = inputs(dtype=torch.float32)
    plain = selective_scan(*parts)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(selective_scan(*parts), plain)


def test_the_kernel_is_called_as_mamba_ssm_documents_it(monkeypatch):
    """selective_scan_fn(u, delta (B, D, L), A (D, N), B, C (B, N, L)) -> (B, D, L)."""

    def kernel(u, delta, A, B, C):
        assert u.is_contiguous()
        assert (delta.shape, A.shape, B.shape) == (u.shape, (u.shape[1], C.shape[1]), (len(u), C.shape[1], u.shape[2]))
        x, dt, b, c = (part.transpose(1, 2) for part in (u, delta, B, C))
        return recurrence(x, dt, A.t(), b, c).transpose(1, 2)

    monkeypatch.setattr(ecg_encoder_scan, "selective_scan_fn", kernel)
    with torch.no_grad():
        parts = inputs(dtype=torch.float32)
        torch.testing.assert_close(ecg_encoder_scan._kernel_scan(*parts), selective_scan(*parts), atol=1e-5, rtol=1e-4)
