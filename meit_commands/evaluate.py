"""`meit eval`: scores beside the controls."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from meit_commands import evaluate_alignment
from meit_commands.arguments import positive

if TYPE_CHECKING:
    from eval_suite.rows import DataSource


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = "Score reports beside the controls, with intervals."
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    quality = tasks.add_parser("quality", help="generate the reports of a split with a model and score them")
    quality.add_argument("--model", required=True, metavar="FOLDER_OR_ID", help="its own Python code is run")
    quality.add_argument("--trust-remote-code", action="store_true", help="let a Hub id run its code on this machine")
    quality.add_argument("--out", required=True, metavar="DIR", help="folder for predictions and scores")
    quality.add_argument("--language-not-told", action="store_true", help="prompts do not name the language")
    quality.add_argument("--limit", type=positive, metavar="N", help="only the first N rows")
    quality.add_argument("--batch-size", type=positive, default=64, metavar="N", help="default: 64")
    quality.set_defaults(run=_eval_quality)
    score = tasks.add_parser("score", help="score the predictions of any system")
    score.add_argument("predictions", metavar="PREDICTIONS", help=".parquet or .csv with ecg_id and prediction")
    score.add_argument("--out", metavar="DIR", help="folder for the scores; default: only print them")
    score.set_defaults(run=_eval_score)
    evaluate_alignment.add(tasks.add_parser("alignment", help="let a language model grade the reports"))
    for task in (quality, score):
        task.add_argument("--data", required=True, metavar="DIR_OR_ID", help="the data set")
        task.add_argument("--data-config", metavar="NAME", help="which data set of a repository that holds several")
        task.add_argument("--data-revision", metavar="REVISION", help="branch, tag or commit of a data set on the Hub")
        task.add_argument("--split", required=True, metavar="NAME", help="train, validation or test")
        task.add_argument(
            "--text-column", choices=("report", "report_raw", "report_en"), default="report", help="default: report"
        )


def _eval_quality(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import run_quality
    from meit_report import resolve_model

    scores = run_quality(
        resolve_model(arguments.model, arguments.trust_remote_code),
        _data(arguments),
        arguments.split,
        arguments.out,
        text_column=arguments.text_column,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        batch_size=arguments.batch_size,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")


def _eval_score(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import score_predictions

    scores = score_predictions(
        arguments.predictions, _data(arguments), arguments.split, out=arguments.out, text_column=arguments.text_column
    )
    print(scores.terminal())


def _data(arguments: argparse.Namespace) -> DataSource:
    from eval_suite.rows import DataSource

    return DataSource(arguments.data, arguments.data_config, arguments.data_revision)
