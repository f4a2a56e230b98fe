"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval_suite.metrics.bertscore import BertScore
    from eval_suite.rows import DataSource

BATCH_SIZE = 64


class UsageError(Exception):
    """Arguments that do not go together; `meit` prints it in one line and exits with 2."""


def positive(text: str) -> int:
    """Reads a whole number from 1 up."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a positive whole number")
    return number


def non_negative(text: str) -> int:
    """Reads a whole number from 0 up, as seeds are."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 0 up")
    return int(text)


TEXT_COLUMNS = ("report", "report_raw", "report_en")
PROTOCOLS = ("strict", "meit-release", "meit-release-prompt")


def add_data_options(parser: argparse._ActionsContainer) -> None:
    """Adds the options that say which rows of which data set are scored."""
    _add_data(parser, "the data set", required=True)
    parser.add_argument("--text-column", choices=TEXT_COLUMNS, default=TEXT_COLUMNS[0], help="default: report")


def add_optional_data_options(parser: argparse._ActionsContainer, why: str) -> None:
    """Adds those of `add_data_options` where predictions may hold their references; `why` says when they do not."""
    _add_data(parser, f"the data set, {why}", required=False)
    parser.add_argument("--text-column", choices=TEXT_COLUMNS, help="of the references")


def _add_data(parser: argparse._ActionsContainer, what: str, *, required: bool) -> None:
    parser.add_argument("--data", required=required, metavar="DIR_OR_ID", help=what)
    parser.add_argument("--data-config", metavar="NAME", help="which data set of a repository that holds several")
    parser.add_argument("--data-revision", metavar="REVISION", help="branch, tag or commit of a data set on the Hub")
    parser.add_argument("--split", required=required, metavar="NAME", help="train, validation or test")


def data_source(arguments: argparse.Namespace) -> DataSource:
    """Which data set the options of `add_data_options` name."""
    from eval_suite.rows import DataSource

    return DataSource(arguments.data, arguments.data_config, arguments.data_revision)


def optional_data_source(arguments: argparse.Namespace) -> DataSource | None:
    """Which data set the options of `add_optional_data_options` name; None: none."""
    if arguments.data is None:
        if arguments.data_config or arguments.data_revision:
            raise UsageError("--data-config and --data-revision are of --data; give that, too")
        return None
    return data_source(arguments)


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """Adds the options that say how a model is opened and asked."""
    parser.add_argument("--trust-remote-code", action="store_true", help="let a Hub id run its code on this machine")
    parser.add_argument("--language-not-told", action="store_true", help="the model's prompts do not name the language")
    parser.add_argument(
        "--batch-size", type=positive, metavar="N", help=f"rows generated at a time; default: {BATCH_SIZE}"
    )


def add_scoring_options(parser: argparse._ActionsContainer, *, trained_elsewhere: bool = False) -> None:
    """Adds the options that say how texts are scored; `trained_elsewhere`: `--train-data` is never that of `--data`."""
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default=PROTOCOLS[0], help="how the texts are scored; default: strict"
    )
    parser.add_argument("--all-protocols", action="store_true", help="give the values of every protocol as well")
    parser.add_argument("--bertscore", metavar="FOLDER", help="adds BERTScore by the model in that folder")
    parser.add_argument("--bertscore-rescaled", action="store_true", help="by the baseline that bert-score has for it")
    said = "whose train split the controls use"
    said += ", and on which the model is said to be trained" if trained_elsewhere else "; default: --data"
    parser.add_argument("--train-data", required=trained_elsewhere, metavar="DIR_OR_ID", help=said)
    parser.add_argument("--train-data-config", metavar="NAME", help="which data set of a repository of several")
    parser.add_argument("--train-data-revision", metavar="REVISION", help="branch, tag or commit on the Hub")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N rows of the split")
    parser.add_argument("--seed", type=non_negative, default=0, help="of controls and intervals; default: 0")
    parser.add_argument("--samples", type=positive, default=1000, metavar="N", help="bootstrap draws; default: 1000")


def train_data_source(arguments: argparse.Namespace) -> DataSource | None:
    """Which training data the options of `add_scoring_options` name; None: those of the data set itself."""
    if arguments.train_data is None:
        if arguments.train_data_config or arguments.train_data_revision:
            raise UsageError("--train-data-config and --train-data-revision are of --train-data; give that, too")
        return None
    from eval_suite.rows import DataSource

    return DataSource(arguments.train_data, arguments.train_data_config, arguments.train_data_revision)


def bertscore(arguments: argparse.Namespace) -> BertScore | None:
    """The BERTScore that the options of `add_scoring_options` ask for, its model opened."""
    if arguments.bertscore is None:
        if arguments.bertscore_rescaled:
            raise UsageError("--bertscore-rescaled says how --bertscore FOLDER is scaled; give that, too")
        return None
    from eval_suite.metrics.bertscore import BertScore

    return BertScore(arguments.bertscore, rescaled=arguments.bertscore_rescaled)


def part(text: str) -> tuple[int, int]:
    """Reads I/N."""
    number, _, of = text.partition("/")
    if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected I/N, as in 1/4")
    return int(number), int(of)
