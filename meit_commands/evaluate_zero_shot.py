"""`meit eval zero-shot`: trained on one archive, tested on another."""

from __future__ import annotations

import argparse

from meit_commands.arguments import (
    BATCH_SIZE,
    add_data_options,
    add_model_options,
    add_scoring_options,
    bertscore,
    data_source,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Score a model on an archive that it was not trained on, beside the same model before its instruction tuning "
        "(`meit train RECIPE num_train_epochs=0` makes that), and compare the two. Archives that share records or "
        "patients are refused; that the model was trained on --train-data is not checked."
    )
    parser.add_argument("--model", required=True, metavar="FOLDER_OR_ID", help="the tuned model; its own code is run")
    parser.add_argument("--untuned", metavar="FOLDER_OR_ID", help="the same model before its training")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for predictions, scores and comparison")
    parser.add_argument(
        "--without-nearest-ecg", action="store_true", help="leave out the control that embeds every training ECG"
    )
    add_data_options(parser)
    add_model_options(parser)
    add_scoring_options(parser, trained_elsewhere=True)
    parser.set_defaults(run=_eval_zero_shot)


def _eval_zero_shot(arguments: argparse.Namespace) -> None:
    from eval_suite.rows import DataSource
    from eval_suite.tasks.zero_shot import run_zero_shot
    from meit_report import resolve_model

    untuned = arguments.untuned
    scores = run_zero_shot(
        resolve_model(arguments.model, arguments.trust_remote_code),
        DataSource(arguments.train_data, arguments.train_data_config, arguments.train_data_revision),
        data_source(arguments),
        arguments.split,
        arguments.out,
        untuned=None if untuned is None else resolve_model(untuned, arguments.trust_remote_code),
        text_column=arguments.text_column,
        bertscore=bertscore(arguments),
        seed=arguments.seed,
        samples=arguments.samples,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        protocol=arguments.protocol,
        all_protocols=arguments.all_protocols,
        nearest_ecg=not arguments.without_nearest_ecg,
        batch_size=arguments.batch_size or BATCH_SIZE,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")
