"""`meit eval compare`: two systems on the same rows."""

from __future__ import annotations

import argparse

from meit_commands.arguments import PROTOCOLS, add_optional_data_options, optional_data_source, positive


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Compare two systems' reports of the same rows in every text metric and in findings: the difference with its "
        "interval, a test of whether chance alone would part them, and who has the findings right. Each side is a "
        "results folder of `meit eval`, or a file of predictions."
    )
    parser.add_argument("a", metavar="A", help="results folder, or .parquet or .csv with ecg_id and prediction")
    parser.add_argument("b", metavar="B", help="the same of the other system")
    parser.add_argument("--out", metavar="DIR", help="folder for comparison.json and .md; default: only print them")
    add_optional_data_options(parser, "where no side holds references and patients")
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, help="score both anew by this; default: as the folders say, else strict"
    )
    parser.add_argument("--draws", type=positive, default=10_000, metavar="N", help="of the test; default: 10000")
    parser.set_defaults(run=_eval_compare)


def _eval_compare(arguments: argparse.Namespace) -> None:
    from eval_suite.comparing.compare import compare

    comparison = compare(
        arguments.a,
        arguments.b,
        out=arguments.out,
        data=optional_data_source(arguments),
        split=arguments.split,
        text_column=arguments.text_column,
        protocol=arguments.protocol,
        draws=arguments.draws,
    )
    print(comparison.terminal())
    if arguments.out is not None:
        print(f"written to {arguments.out}")
