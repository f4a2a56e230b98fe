"""The selective scan of Mamba (Gu and Dao, 2023), exact and quick on a CPU, by a kernel on CUDA where there is one."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from transformers.utils import logging

from .ecg_encoder_parts import without_autocast

try:
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
except ImportError:  # an optional package; without it the scan below runs everywhere
    selective_scan_fn = None

logger = logging.get_logger(__name__)

# States held at once, in numbers: a piece of this size is quickest on a CPU, and bounds the memory.
_PIECE = 2**20


def _pieces(x: torch.Tensor, a: torch.Tensor) -> int:
    """Recordings to scan at once."""
    return max(1, _PIECE // (x.shape[1] * a.numel()))


def _states(x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Decay and state of every step, [B, L, N, D] each."""
    decay = (dt[:, :, None] * a).exp_()
    states = b[..., None] * (dt * x)[:, :, None]
    for step in range(1, states.shape[1]):
        states[:, step].addcmul_(decay[:, step], states[:, step - 1])
    return decay, states


class _Scan(torch.autograd.Function):
    """Keeps the inputs only; the states, many times larger, are computed again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any, dt: Any, a: Any, b: Any, c: Any) -> torch.Tensor:
        ctx.save_for_backward(x, dt, a, b, c)
        size = _pieces(x, a)
        outputs = []
        for piece in zip(*(part.split(size) for part in (x, dt, b, c)), strict=True):
            piece_x, piece_dt, piece_b, piece_c = piece
            _, states = _states(piece_x, piece_dt, a, piece_b)
            outputs.append((piece_c[:, :, None] @ states).squeeze(2))
        return torch.cat(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, dt, a, b, c = ctx.saved_tensors
        size = _pieces(x, a)
        grad_a = torch.zeros_like(a)
        rest: list[tuple[torch.Tensor, ...]] = []
        for piece in zip(*(part.split(size) for part in (x, dt, b, c, grad)), strict=True):
            piece_x, piece_dt, piece_b, piece_c, piece_grad = piece
            decay, states = _states(piece_x, piece_dt, a, piece_b)
            grad_c = (states @ piece_grad[..., None]).squeeze(-1)
            # Gradient of each state: from its own output, and from the next state.
            grad_states = piece_c[..., None] * piece_grad[:, :, None]
            for step in range(states.shape[1] - 2, -1, -1):
                grad_states[:, step].addcmul_(decay[:, step + 1], grad_states[:, step + 1])
            grad_b = (grad_states @ (piece_dt * piece_x)[..., None]).squeeze(-1)
            grad_input = (piece_b[:, :, None] @ grad_states).squeeze(2)
            # Of dt * a, through the decay; the first state decays from nothing.
            grad_exponent = grad_states[:, 1:].mul_(decay[:, 1:]).mul_(states[:, :-1])
            grad_a += (grad_exponent * piece_dt[:, 1:, None]).sum((0, 1))
            grad_dt = grad_input * piece_x
            grad_dt[:, 1:] += grad_exponent.mul_(a).sum(2)
            rest.append((grad_input * piece_dt, grad_dt, grad_b, grad_c))
        grad_x, grad_dt, grad_b, grad_c = (torch.cat(parts) for parts in zip(*rest, strict=True))
        return grad_x, grad_dt, grad_a, grad_b, grad_c


def _kernel_scan(x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The same by `mamba_ssm`, which keeps time last."""
    x, dt, b, c = (part.transpose(1, 2).contiguous() for part in (x, dt, b, c))
    return selective_scan_fn(x, dt, a.t().contiguous(), b, c).transpose(1, 2)


def selective_scan(
    x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor
) -> torch.Tensor:
    """h_t = exp(dt_t a) h_(t-1) + dt_t b_t x_t and y_t = c_t h_t, for every channel by itself, from h = 0.

    Args:
        x: [B, L, D], input of each channel.
        dt: [B, L, D], its step size.
        a: [N, D], its rates of decay, negative.
        b: [B, L, N], how the input enters each state; shared by the channels.
        c: [B, L, N], how each state is read.

    Returns:
        float32 [B, L, D].
    """
    with without_autocast(x.device):
        x, dt, a, b, c = (part.float() for part in (x, dt, a, b, c))
        if x.is_cuda and selective_scan_fn is not None:
            return _kernel_scan(x, dt, a, b, c)
        if x.is_cuda:
            logger.warning_once("mamba_ssm is not installed: the state-space encoder runs step by step on this GPU")
        return _Scan.apply(x, dt, a, b, c)
