"""One training step of the small encoder with `Conv1d` and with convolutions of height 1, alternating.

    python benchmarks/convolution.py --batch 64 --rounds 10

The two networks are the same but for that. Times are CPU seconds of the process over both cores' work.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn

from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder


class OneDimensional(nn.Module):
    """The same encoder with its 2-D layers replaced by 1-D ones."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        for name, module in list(encoder.named_modules()):
            new: nn.Module
            if isinstance(module, nn.Conv2d):
                kernel, stride, padding = module.kernel_size[1], module.stride[1], module.padding[1]
                new = nn.Conv1d(module.in_channels, module.out_channels, kernel, stride, padding, bias=False)  # type: ignore[arg-type]
            elif isinstance(module, nn.BatchNorm2d):
                new = nn.BatchNorm1d(module.num_features)
            else:
                continue
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, new)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 12, T] -> [B, T', C]."""
        return self.encoder.blocks(self.encoder.stem(x)).transpose(1, 2)


def step(network: nn.Module, ecg: torch.Tensor) -> float:
    """CPU seconds of one forward and backward pass under bf16 autocast."""
    start = time.process_time()
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(ecg).square().mean()
    loss.backward()
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    config = EcgEncoderConfig(preset="small", drop_path=0.0)
    sides = {"Conv1d": OneDimensional(build_ecg_encoder(config)), "height 1": build_ecg_encoder(config)}
    ecg = torch.randn(arguments.batch, 12, config.num_samples)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.rounds + 1):
        for name, network in sides.items():
            seconds[name].append(step(network, ecg))
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:10s} {1000 * median:8.0f} CPU ms a step, {median / medians['Conv1d']:.2f} of Conv1d")


if __name__ == "__main__":
    main()
