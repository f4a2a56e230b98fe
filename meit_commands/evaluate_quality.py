"""`meit eval quality` and `meit eval score`: a model's reports, or those of any system, beside the controls."""

from __future__ import annotations

import argparse
from typing import Any

from meit_commands.arguments import (
    BATCH_SIZE,
    UsageError,
    add_data_options,
    add_model_options,
    add_scoring_options,
    bertscore,
    data_source,
    train_data_source,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Describes `quality`."""
    parser.description = (
        "Generate the reports of a split, with the true, a blank and another patient's ECG, and score them beside the "
        "controls: text metrics, findings, agreement with SCP codes, leakage. A run that was cut goes on where it "
        "stopped."
    )
    parser.add_argument(
        "--model", required=True, metavar="FOLDER_OR_ID", help="its own Python code is run; or a PEFT adapter"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for predictions and scores")
    add_model_options(parser)
    parser.add_argument(
        "--without-nearest-ecg",
        action="store_true",
        help="leave out the control that embeds every training ECG",
    )
    add_data_options(parser)
    add_scoring_options(parser)
    parser.set_defaults(run=_eval_quality)


def add_score(parser: argparse.ArgumentParser) -> None:
    """Describes `score`."""
    parser.description = (
        "Score the predictions of any system beside the controls. Files beside it that end in -blank and -shuffled are "
        "scored as its own controls."
    )
    parser.add_argument("predictions", metavar="PREDICTIONS", help=".parquet or .csv with ecg_id and prediction")
    parser.add_argument("--out", metavar="DIR", help="folder for the scores; default: only print them")
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--language-told", action="store_true", help="the system was told the report's language")
    told.add_argument("--language-not-told", action="store_true", help="it was not told; default: not stated")
    parser.add_argument(
        "--encoder",
        metavar="FOLDER_OR_ID",
        help="model whose ECG encoder finds the nearest training ECG, for that control; its own Python code is run",
    )
    parser.add_argument("--trust-remote-code", action="store_true", help="let a Hub id run its code on this machine")
    add_data_options(parser)
    add_scoring_options(parser)
    parser.set_defaults(run=_eval_score)


def _eval_quality(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)

    from eval_suite.tasks.quality import run_quality
    from meit_report import resolve_model

    scores = run_quality(
        resolve_model(arguments.model, arguments.trust_remote_code),
        data_source(arguments),
        arguments.split,
        arguments.out,
        language_told=not arguments.language_not_told,
        batch_size=arguments.batch_size or BATCH_SIZE,
        nearest_ecg=not arguments.without_nearest_ecg,
        **settings,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")


def _eval_score(arguments: argparse.Namespace) -> None:
    if arguments.trust_remote_code and not arguments.encoder:
        raise UsageError("--trust-remote-code is for --encoder; leave it out")
    settings = _settings(arguments)

    from eval_suite.tasks.quality import score_predictions
    from meit_report import resolve_model

    told = True if arguments.language_told else False if arguments.language_not_told else None
    scores = score_predictions(
        arguments.predictions,
        data_source(arguments),
        arguments.split,
        out=arguments.out,
        language_told=told,
        encoder=arguments.encoder and resolve_model(arguments.encoder, arguments.trust_remote_code),
        **settings,
    )
    print(scores.terminal())
    if arguments.out:
        print(f"written to {arguments.out}")


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options that both commands have say."""
    return {
        "train_data": train_data_source(arguments),
        "text_column": arguments.text_column,
        "limit": arguments.limit,
        "protocol": arguments.protocol,
        "all_protocols": arguments.all_protocols,
        "bertscore": bertscore(arguments),
        "seed": arguments.seed,
        "samples": arguments.samples,
    }
