"""`meit eval calibration`: what a model's confidence is worth, and below which it had better not answer."""

from __future__ import annotations

import argparse

from meit_commands.arguments import UsageError, add_data_options, data_source, non_negative, positive


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Hold the confidences of predictions against their errors: error by share answered, reliability, and a "
        "threshold of abstention, chosen on half of the patients and measured on the other half."
    )
    parser.add_argument(
        "--predictions",
        required=True,
        metavar="DIR_OR_FILE",
        help="folder of meit eval quality, or .parquet or .csv with ecg_id, prediction and confidence",
    )
    add_data_options(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="the predictions are of the first N rows")
    parser.add_argument("--seed", type=non_negative, default=0, help="of halves and intervals; default: 0")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for calibration.json and calibration.md")
    threshold = parser.add_argument_group("threshold")
    threshold.add_argument(
        "--target-error", type=float, metavar="X", help="find the threshold that keeps the error at most X, 0 to 1"
    )
    threshold.add_argument("--error", choices=("findings", "critical", "text"), help="which error; default: findings")
    threshold.add_argument(
        "--chance", type=float, metavar="P", help="that the error is above X nevertheless; default: 0.1"
    )
    threshold.add_argument(
        "--store", metavar="FOLDER", help="write the threshold into the config.json of the model that was evaluated"
    )
    parser.set_defaults(run=_eval_calibration)


def _eval_calibration(arguments: argparse.Namespace) -> None:
    if arguments.target_error is None and (arguments.error or arguments.chance is not None or arguments.store):
        raise UsageError("--error, --chance and --store belong to --target-error; give it too")

    from eval_suite.calibration.abstention import CHANCE, Target
    from eval_suite.tasks.calibration import run_calibration

    target = None
    if arguments.target_error is not None:
        chance = CHANCE if arguments.chance is None else arguments.chance
        target = Target(arguments.error or "findings", arguments.target_error, chance)
    scores = run_calibration(
        arguments.predictions,
        data_source(arguments),
        arguments.split,
        out=arguments.out,
        target=target,
        store=arguments.store,
        text_column=arguments.text_column,
        limit=arguments.limit,
        seed=arguments.seed,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")
    if arguments.store and scores.abstention is None:
        raise UsageError(f"nothing is stored in {arguments.store}: {scores.threshold_text()}")
    if arguments.store:
        print(f"threshold stored in {arguments.store}")
