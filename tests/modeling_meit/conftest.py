"""Tiny models for the tests of this folder, and batches of unequal texts for them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from tests.tiny import BACKBONES, tiny_ecg, tiny_ids

CORE = ("llama", "gpt2", "bloom", "gemma2", "qwen3")
LONG = tuple(kind for kind in BACKBONES if kind not in CORE)
# Every way the ECG reaches a decoder: fields of MeitConfig.
WAYS = {
    "prefix": {"num_ecg_tokens": 2},
    "some layers": {"num_ecg_tokens": 2, "ecg_layers": [1]},
    "input tokens": {"num_ecg_tokens": 2, "fusion": "input_tokens"},
    "cross-attention": {"num_ecg_tokens": 2, "fusion": "cross_attention"},
}
EVERY = (*CORE, *(pytest.param(kind, marks=pytest.mark.slow) for kind in LONG))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kind` runs over the core decoders, `any_kind` over the long list too, which is slow; `way` over the fusions."""
    if "way" in metafunc.fixturenames:
        metafunc.parametrize("way", [pytest.param(way, id=name) for name, way in WAYS.items()])
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", CORE)
    if "any_kind" in metafunc.fixturenames:
        metafunc.parametrize("any_kind", EVERY)


@dataclass
class Batch:
    """Three texts of unequal lengths, padded on one side, each with its own ECG."""

    rows: list[torch.Tensor]
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    ecg_values: torch.Tensor

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask, "ecg_values": self.ecg_values}

    @property
    def text(self) -> dict[str, torch.Tensor]:
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask}

    @property
    def position_ids(self) -> torch.Tensor:
        """As `generate` counts them: from 0 at the first token, 0 in the padding."""
        return (self.attention_mask.cumsum(1) - 1).clamp(min=0)

    def alone(self, row: int) -> dict[str, torch.Tensor]:
        """One row without its padding."""
        return {"input_ids": self.rows[row][None], "ecg_values": self.ecg_values[row : row + 1]}


def make_batch(side: str) -> Batch:
    rows = [tiny_ids(1, length, seed)[0] for seed, length in enumerate((5, 9, 7))]
    input_ids = torch.full((3, 9), 2)
    attention_mask = torch.zeros(3, 9, dtype=torch.long)
    for row, ids in enumerate(rows):
        place = slice(9 - len(ids), 9) if side == "left" else slice(0, len(ids))
        input_ids[row, place] = ids
        attention_mask[row, place] = 1
    return Batch(rows, input_ids, attention_mask, tiny_ecg(3))


@pytest.fixture
def left():
    return make_batch("left")


@pytest.fixture
def right():
    return make_batch("right")
