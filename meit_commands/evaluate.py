"""`meit eval`: scores beside the controls."""

from __future__ import annotations

import argparse

from meit_commands import evaluate_alignment
from meit_commands.arguments import BATCH_SIZE, add_data_options, add_model_options, data_source, positive


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = "Score reports beside the controls, with intervals."
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    quality = tasks.add_parser("quality", help="generate the reports of a split with a model and score them")
    quality.add_argument("--model", required=True, metavar="FOLDER_OR_ID", help="its own Python code is run")
    quality.add_argument("--out", required=True, metavar="DIR", help="folder for predictions and scores")
    quality.add_argument("--limit", type=positive, metavar="N", help="only the first N rows")
    add_model_options(quality)
    quality.set_defaults(run=_eval_quality)
    score = tasks.add_parser("score", help="score the predictions of any system")
    score.add_argument("predictions", metavar="PREDICTIONS", help=".parquet or .csv with ecg_id and prediction")
    score.add_argument("--out", metavar="DIR", help="folder for the scores; default: only print them")
    score.set_defaults(run=_eval_score)
    evaluate_alignment.add(tasks.add_parser("alignment", help="let a language model grade the reports"))
    for task in (quality, score):
        add_data_options(task)
        task.add_argument(
            "--protocol",
            choices=("strict", "meit-release", "meit-release-prompt"),
            default="strict",
            help="how the texts are scored; default: strict",
        )


def _eval_quality(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import run_quality
    from meit_report import resolve_model

    scores = run_quality(
        resolve_model(arguments.model, arguments.trust_remote_code),
        data_source(arguments),
        arguments.split,
        arguments.out,
        text_column=arguments.text_column,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        protocol=arguments.protocol,
        batch_size=arguments.batch_size or BATCH_SIZE,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")


def _eval_score(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import score_predictions

    scores = score_predictions(
        arguments.predictions,
        data_source(arguments),
        arguments.split,
        out=arguments.out,
        text_column=arguments.text_column,
        protocol=arguments.protocol,
    )
    print(scores.terminal())
