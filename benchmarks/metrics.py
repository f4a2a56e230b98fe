"""Speed of the text metrics, `python benchmarks/metrics.py --src PTB-XL-FOLDER`, and what a protocol makes of a score.

With `--predictions FILE --data BUILT` it scores a model's reports, and random ones in the row's language, under every
protocol. With `--src` it times the metrics against their libraries. The pairs are cleaned reports of folds 1-9, each
against another record's report. METEOR and CIDEr-D run by turns with nltk, called pair by pair, and with pycocoevalcap,
in one process on the same pairs; the values must be equal. Then every metric of each protocol is computed from scratch
on all pairs, and at last text metrics and findings with their intervals. Times are CPU seconds of this one process.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from nltk.translate.meteor_score import meteor_score
from ptb_xl_reports import rows
from pycocoevalcap.cider.cider_scorer import CiderScorer

from dataset_scripts.instructions.prompts import draw_prompt
from dataset_scripts.reports.cleaning import clean, drop_reason
from eval_suite.controls.baselines import LANGUAGE_TOLD, RANDOM, baseline_predictions
from eval_suite.findings import extract
from eval_suite.findings.scores import finding_statistics
from eval_suite.metrics import nltk_meteor
from eval_suite.metrics.cider import cider_rows
from eval_suite.metrics.pair_scores import Pair, score_pairs
from eval_suite.metrics.text import meteor_name, meteor_scores, token_pairs
from eval_suite.metrics.wordnet import load_wordnet
from eval_suite.predictions import align, read_predictions
from eval_suite.protocol import PROTOCOLS, score, score_rows
from eval_suite.rows import TEXT_COLUMNS, load_reports, load_split, report_rows
from eval_suite.side_by_side import Comparison, compare_with_first
from eval_suite.table import number

Result = TypeVar("Result")


def report_pairs(src: Path, count: int) -> tuple[list[str], list[str]]:
    """Returns reports in a seeded order as references, and as predictions the same shifted, further in each round."""
    reports = [clean(row["report"]) for row in rows(src) if drop_reason(row["report"]) is None]
    random.Random(0).shuffle(reports)
    places = range(count)
    predictions = [reports[(place + 1 + place // len(reports)) % len(reports)] for place in places]
    return predictions, [reports[place % len(reports)] for place in places]


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Returns the CPU seconds of one run, and what it gave."""
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def nltk_one_by_one(pairs: Sequence[Pair]) -> list[float]:
    """Returns METEOR as one calls it without this project."""
    wordnet = load_wordnet()
    if wordnet is None:
        raise SystemExit("WordNet is not installed: python -m nltk.downloader wordnet")
    return [meteor_score([reference], prediction, wordnet=wordnet) for prediction, reference in pairs]


def pycocoevalcap_rows(pairs: Sequence[Pair]) -> np.ndarray:
    """Returns CIDEr-D as pycocoevalcap computes it."""
    scorer = CiderScorer(n=4, sigma=6.0)
    for prediction, reference in pairs:
        scorer += (" ".join(prediction), [" ".join(reference)])
    return scorer.compute_score()[1]


def compare(
    name: str, blocks: Sequence[Sequence[Pair]], library: Callable, ours: Callable, tolerance: float = 0.0
) -> None:
    """Prints one line: both sides' times over the blocks, by turns, and their ratio; stops if values differ."""
    times = []
    for block in blocks:
        slow, expected = timed(lambda block=block: library(block))
        fast, found = timed(lambda block=block: ours(block))
        if np.abs(np.asarray(found) - np.asarray(expected)).max() > tolerance:
            raise SystemExit(f"{name}: the values differ")
        times.append((slow, fast))
    ratios = [slow / fast for slow, fast in times]
    each = [1000 * statistics.median(side) / len(blocks[0]) for side in zip(*times, strict=True)]
    spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}, first {ratios[0]:.1f})"
    print(f"| {name} | {each[0]:.3f} | {each[1]:.3f} | {spread} |", flush=True)


def compare_protocols(data: str, split: str, file: Path) -> None:
    """Prints the scores of a file of predictions, and of random reports of the row's language, under every protocol."""
    split_rows = load_split(data, split, (*TEXT_COLUMNS, "report", "prompt"))
    truth, prompts = report_rows(split_rows, "report"), list(split_rows["prompt"])
    system = RANDOM + LANGUAGE_TOLD
    baseline = baseline_predictions(truth, load_reports(data, "train"))[system]
    systems = {system: baseline, file.name: align(file, read_predictions(file), truth.ecg_ids)}
    columns = ("BLEU-1", "BLEU-4", meteor_name(), "ROUGE-L", "ROUGE-1", "ROUGE-2", "CIDEr-D")
    print(f"| system | protocol | {' | '.join(columns)} |\n|---|---|{'---:|' * len(columns)}")
    for system, texts in systems.items():
        for name in PROTOCOLS:
            found = score(texts, truth.reports, prompts, name)
            print(f"| {system} | `{name}` | {' | '.join(number(found[column]) for column in columns)} |", flush=True)


def text_and_findings(predictions: list[str], references: list[str]) -> dict[str, Comparison]:
    """Returns every text metric and every score over findings with 1,000 draws of whole patients, two rows each."""
    kinds = {
        "text": {"": score_rows(predictions, references)},
        "findings": {"": finding_statistics(predictions, references)},
    }
    return compare_with_first(kinds, [str(row // 2) for row in range(len(references))])


def time_metrics(src: Path, count: int, block_count: int) -> None:
    """Prints the comparison with the libraries, then the time of every protocol."""
    predictions, references = report_pairs(src, count)
    pairs = token_pairs(predictions, references)
    blocks = [pairs[start : start + 1000] for start in range(0, 1000 * block_count, 1000)]
    nltk_one_by_one(pairs[:1])  # opens WordNet, for both sides

    print("| metric | library, CPU ms a pair | here | times faster: median (range), with nothing remembered yet |")
    print("|---|---:|---:|---|")
    compare("METEOR, equal", blocks, nltk_one_by_one, lambda block: score_pairs(block, meteor_scores, "METEOR")[:, 0])
    compare(
        "CIDEr-D, equal to 1e-9", blocks, pycocoevalcap_rows, lambda block: cider_rows(*zip(*block, strict=True)), 1e-9
    )

    prompts = [draw_prompt(str(row), "en") for row in range(len(references))]
    print(f"\n| protocol, {len(pairs):,} pairs ({len(set(pairs)):,} different) | CPU s | wall s |")
    print("|---|---:|---:|")
    for name in PROTOCOLS:
        nltk_meteor._memory.cache_clear()
        start = time.perf_counter()
        seconds, _ = timed(lambda name=name: score(predictions, references, prompts, name))
        print(f"| {name} | {seconds:.1f} | {time.perf_counter() - start:.1f} |", flush=True)
    nltk_meteor._memory.cache_clear()
    extract._extract.cache_clear()
    start = time.perf_counter()
    seconds, _ = timed(lambda: text_and_findings(predictions, references))
    name = "strict and findings, both with intervals"
    print(f"| {name} | {seconds:.1f} | {time.perf_counter() - start:.1f} |", flush=True)


def main() -> None:
    """Prints the tables that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, help="unpacked PTB-XL, for the times")
    parser.add_argument("--data", help="a built data set, for --predictions")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--predictions", type=Path, help="predictions.parquet of a model on that split")
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--blocks", type=int, default=5, help="of 1,000 pairs, for the comparison")
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.predictions is None):
        parser.error("--data and --predictions go together")
    if not (arguments.src or arguments.predictions):
        parser.error("nothing to do: give --src, or --data and --predictions")
    if arguments.predictions is not None:
        compare_protocols(arguments.data, arguments.split, arguments.predictions)
    if arguments.src is not None:
        time_metrics(arguments.src, arguments.pairs, arguments.blocks)


if __name__ == "__main__":
    main()
