"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def add_data_options(parser: argparse._ActionsContainer) -> None:
    """Adds the options that say which rows of which data set are scored."""
    parser.add_argument("--data", required=True, metavar="DIR_OR_ID", help="the data set")
    parser.add_argument("--data-config", metavar="NAME", help="which data set of a repository that holds several")
    parser.add_argument("--data-revision", metavar="REVISION", help="branch, tag or commit of a data set on the Hub")
    parser.add_argument("--split", required=True, metavar="NAME", help="train, validation or test")
    parser.add_argument(
        "--text-column", choices=("report", "report_raw", "report_en"), default="report", help="default: report"
    )


def data_source(arguments: argparse.Namespace) -> DataSource:
    """Which data set the options of `add_data_options` name."""
    from eval_suite.rows import DataSource

    return DataSource(arguments.data, arguments.data_config, arguments.data_revision)


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """Adds the options that say how a model is opened and asked."""
    parser.add_argument("--trust-remote-code", action="store_true", help="let a Hub id run its code on this machine")
    parser.add_argument("--language-not-told", action="store_true", help="the model's prompts do not name the language")
    parser.add_argument(
        "--batch-size", type=positive, metavar="N", help=f"rows generated at a time; default: {BATCH_SIZE}"
    )


def part(text: str) -> tuple[int, int]:
    """Reads I/N."""
    number, _, of = text.partition("/")
    if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected I/N, as in 1/4")
    return int(number), int(of)
