"""The ECG encoders side by side: parameters, CPU time a record, and the AUROC of trained ones.

    python benchmarks/encoders.py --runs runs/ptbxl-superclasses-*

Every round times each encoder once, so that whatever else the machine does falls on all alike; the medians are printed.
A run is the folder that `train_encoder.py` or `pretrain_encoder.py` wrote. The tables are Markdown, as in
docs/encoders.md. Times are CPU time of the process, so the number of threads changes them little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modeling_meit.configuration_ecg_encoder import PRESETS, EcgEncoderConfig
from modeling_meit.ecg_encoders import build_ecg_encoder

Key = tuple[str, str, int]  # kind, preset, batch


@torch.no_grad()
def milliseconds(encoder: nn.Module, ecg: torch.Tensor) -> float:
    """CPU milliseconds a record of one forward pass."""
    start = time.process_time()
    encoder(ecg)
    return 1000 * (time.process_time() - start) / len(ecg)


def time_all(batches: list[int], presets: list[str], rounds: int) -> tuple[dict[Key, float], dict[tuple, int]]:
    """Median milliseconds a record, and the parameters of each encoder."""
    encoders, parameters = {}, {}
    times: dict[Key, list[float]] = {}
    for kind in PRESETS:
        for preset in presets:
            config = EcgEncoderConfig(kind=kind, preset=preset)
            encoder = build_ecg_encoder(config).eval()
            encoders[kind, preset] = encoder, torch.randn(max(batches), len(config.leads), config.num_samples)
            parameters[kind, preset] = sum(parameter.numel() for parameter in encoder.parameters())
    for number in range(rounds + 1):  # the first is warming up
        for (kind, preset), (encoder, ecg) in encoders.items():
            for batch in batches:
                taken = milliseconds(encoder, ecg[:batch])
                if number:
                    times.setdefault((kind, preset, batch), []).append(taken)
    return {key: statistics.median(values) for key, values in times.items()}, parameters


def speed_table(batches: list[int], presets: list[str], rounds: int) -> list[str]:
    """Kinds by presets."""
    medians, parameters = time_all(batches, presets, rounds)
    heads = ["encoder", "preset", "parameters", *(f"CPU ms a record, batch {batch}" for batch in batches)]
    lines = [row(heads), row(["---", "---", *["---:"] * (1 + len(batches))])]
    for (kind, preset), count in parameters.items():
        cells = [f"{medians[kind, preset, batch]:.1f}" for batch in batches]
        lines.append(row([f"`{kind}`", preset, f"{count:,}", *cells]))
    return lines


def run_table(folders: list[Path]) -> list[str]:
    """One line for each trained encoder, as its notes say."""
    names = ["NORM", "MI", "STTC", "CD", "HYP"]
    heads = ["run", "encoder", "steps", "CPU minutes", "macro AUROC (95 %)", *names, "records"]
    lines = [row(heads), row(["---", "---", *["---:"] * (len(heads) - 2)])]
    for folder in folders:
        config, notes = read_run(folder)
        score = notes.get("evaluation")
        if score is None:
            cells = ["" for _ in range(len(names) + 2)]
            if "eval_unexplained" in notes:
                cells[0] = f"{notes['eval_unexplained']:.3f} of the hidden variance unexplained"
        else:
            low, high = score["macro_auroc_95"]
            each = [f"{score['auroc'][name]:.3f}" if name in score["auroc"] else "" for name in names]
            cells = [f"{score['macro_auroc']:.3f} ({low:.3f}-{high:.3f})", *each, f"{score['records']:,}"]
        spent = [f"{notes['steps']:,}", f"{notes['cpu_minutes']:.1f}"]
        lines.append(row([folder.name, f"`{config['kind']}`", *spent, *cells]))
    return lines


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json and notes.json of a run; ends the program where there is no finished one."""
    files = [folder / "encoder" / name for name in ("config.json", "notes.json")]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        sys.exit(f"benchmarks/encoders.py: error: {missing[0]} is missing; --runs takes folders of finished runs")
    config, notes = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return config, notes


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="*", type=Path, default=[], metavar="DIR")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 16])
    parser.add_argument("--presets", nargs="*", default=["paper", "small"], choices=["paper", "small"])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    tables = []
    if arguments.runs:
        tables.append(run_table(arguments.runs))
    if arguments.presets and arguments.batches:
        torch.manual_seed(0)
        tables.append(speed_table(arguments.batches, arguments.presets, arguments.rounds))
    print("\n\n".join("\n".join(lines) for lines in tables))


if __name__ == "__main__":
    main()
