"""What an ECG costs beside the plain language model: training step, generation, counted FLOPs and peak memory.

    OMP_NUM_THREADS=1 python benchmarks/fusion.py --shape smollm2-135m --runs 20

The sides take turns in one process and each is compared with the plain run next to it, so a machine whose speed drifts
shifts both. Times are CPU seconds of the process; on one thread no waiting is counted. The ECG is given encoded
(`ecg_embeds`) and the encoder timed apart. Weights are random: the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PreTrainedConfig

from modeling_meit.configuration_meit import FUSIONS
from modeling_meit.modeling_meit import MeitForCausalLM

SHAPES: dict[str, PreTrainedConfig] = {
    "smollm2-135m": LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
    "gpt2": GPT2Config(),
}
BATCH, TRAINED, PROMPT, WRITTEN = 4, 256, 32, 64


def make(shape: str, side: str) -> torch.nn.Module:
    """The plain language model, or one with an ECG."""
    torch.manual_seed(0)
    backbone = AutoModelForCausalLM.from_config(SHAPES[shape])
    if side != "plain":
        backbone = MeitForCausalLM.from_backbone(backbone, {"preset": "small"}, fusion=side)
    return backbone


def trained(model: torch.nn.Module) -> Callable[[], None]:
    """A forward and backward pass over `BATCH` texts of `TRAINED` tokens."""
    ids = torch.randint(3, 1000, (BATCH, TRAINED))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    if isinstance(model, MeitForCausalLM):
        inputs["ecg_embeds"] = torch.randn(BATCH, 1, model.meit.fusion.width, requires_grad=True)
    model.train()

    def run() -> None:
        model.zero_grad(set_to_none=True)
        model(**inputs).loss.backward()

    return run


def generated(model: torch.nn.Module, batch: int = BATCH) -> Callable[[], None]:
    """Greedy search for `WRITTEN` tokens after `PROMPT`."""
    ids = torch.randint(3, 1000, (batch, PROMPT))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if isinstance(model, MeitForCausalLM):
        inputs["ecg_embeds"] = torch.randn(batch, 1, model.meit.fusion.width)
    model.eval()

    def run() -> None:
        model.generate(**inputs, do_sample=False, max_new_tokens=WRITTEN, min_new_tokens=WRITTEN, pad_token_id=0)

    return run


WORK = {"training": trained, "generation": generated}


def seconds(run: Callable[[], None]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    run()
    return time.process_time() - start


def flops(run: Callable[[], None]) -> int:
    """Operations torch counts (matrix products and attention)."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def compare(shape: str, work: str, runs: int, rival_runs: int) -> None:
    """Print one table: each fusion's cost as a ratio to the plain run beside it."""
    models = {side: make(shape, side) for side in ("plain", *FUSIONS)}
    sides = {side: WORK[work](model) for side, model in models.items()}
    counted = {side: flops(run) for side, run in sides.items()}  # warms up, too
    ratios: dict[str, list[float]] = {side: [] for side in FUSIONS}
    plain = []
    for turn in range(runs):
        for side in FUSIONS:
            if side != "prefix" and turn >= rival_runs:
                continue
            # Which of the two goes first changes every turn: what the first leaves in the caches is then on both sides.
            order = ("plain", side) if turn % 2 else (side, "plain")
            took = {name: seconds(sides[name]) for name in order}
            plain.append(took["plain"])
            ratios[side].append(took[side] / took["plain"])
    print(
        f"\n{shape}, {work}: plain {statistics.median(plain):.2f} CPU s, {counted['plain'] / 1e9:.0f} GFLOP", flush=True
    )
    print("| fusion | FLOPs | CPU time, median of pairs | quartiles | pairs |\n|---|---|---|---|---|")
    for side, values in ratios.items():
        low, _, high = statistics.quantiles(values, n=4)
        print(
            f"| {side} | {counted[side] / counted['plain']:.4f} | {statistics.median(values):.3f} "
            f"| {low:.3f}-{high:.3f} | {len(values)} |",
            flush=True,
        )


def encoder_share(shape: str, runs: int) -> None:
    """Print the small encoder's forward pass for one ECG beside the generation of one report."""
    model = make(shape, "prefix").eval()
    write, ecg = generated(model, batch=1), torch.randn(1, 12, model.config.ecg_config.num_samples)

    @torch.no_grad()
    def encode() -> None:
        model.meit.encode_ecg(ecg)

    encode(), write()
    took = [(seconds(encode), seconds(write)) for _ in range(runs)]
    share = statistics.median(first / second for first, second in took)
    encoding, writing = (1000 * statistics.median(times) for times in zip(*took, strict=True))
    print(
        f"\n{shape}: encoding one ECG {encoding:.1f} CPU ms, writing {WRITTEN} tokens {writing:.0f}: "
        f"{100 * share:.2f} %"
    )


def memory(shape: str) -> None:
    """Print the peak memory of one training step and one generation of each side, each in a process of its own."""
    print(f"\n{shape}: peak memory of the process, MB\n| | {' | '.join(WORK)} |\n|---|{'---|' * len(WORK)}")
    for side in ("plain", *FUSIONS):
        peaks = []
        for work in WORK:
            command = [sys.executable, __file__, "--shape", shape, "--peak", side, work]
            peaks.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
        print(f"| {side} | {' | '.join(peaks)} |", flush=True)


def main() -> None:
    """Print the tables of one shape, or of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, help="default: all, one after the other")
    parser.add_argument("--runs", type=int, default=20, help="pairs of plain and prefix; default: 20")
    parser.add_argument("--rival-runs", type=int, default=4, help="pairs of the other fusions; default: 4")
    parser.add_argument("--only", choices=(*WORK, "encoder", "memory"), help="one of the tables")
    parser.add_argument("--peak", nargs=2, metavar=("SIDE", "WORK"), help="run one side once and print its peak memory")
    arguments = parser.parse_args()
    if arguments.peak:
        side, work = arguments.peak
        WORK[work](make(arguments.shape, side))()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    for shape in [arguments.shape] if arguments.shape else SHAPES:
        for work in WORK:
            if arguments.only in (None, work):
                compare(shape, work, arguments.runs, min(arguments.runs, max(2, arguments.rival_runs)))
        if arguments.only in (None, "encoder"):
            encoder_share(shape, arguments.runs)
        if arguments.only in (None, "memory"):
            memory(shape)


if __name__ == "__main__":
    main()
