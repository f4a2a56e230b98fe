"""`meit eval page`: one HTML page of a results folder."""

from __future__ import annotations

import argparse

from meit_commands.arguments import UsageError


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Put the results of a folder (scores, robustness, calibration, the judge's grades) on one HTML page that needs "
        "no network. Worst cases of a data set that may hold patients are shown only with --worst."
    )
    parser.add_argument("folder", metavar="DIR", help="holds what meit eval wrote")
    parser.add_argument("--data", metavar="DIR_OR_ID", help="the data set: its licence, and the ECGs to draw")
    parser.add_argument("--data-config", metavar="NAME", help="which data set of a repository that holds several")
    parser.add_argument("--data-revision", metavar="REVISION", help="branch, tag or commit of a data set on the Hub")
    parser.add_argument("--split", metavar="NAME", help="of the data set; default: the one that was evaluated")
    parser.add_argument(
        "--worst", type=_count, metavar="N", help="show N worst cases; default: 6 of a synthetic data set, else none"
    )
    parser.add_argument("--draw", action="store_true", help="draw the ECG of each worst case")
    parser.add_argument(
        "--leave-out",
        nargs="+",
        metavar="ECG_ID",
        default=[],
        help="rows that are not to be cases; the page counts them",
    )
    parser.add_argument("--note", metavar="TEXT", help="what a reader should know first; stands below the heading")
    parser.add_argument("--out", metavar="FILE", help="default: report.html in DIR")
    parser.set_defaults(run=_eval_page)


def _eval_page(arguments: argparse.Namespace) -> None:
    of_data = {
        "--data-config": arguments.data_config,
        "--data-revision": arguments.data_revision,
        "--split": arguments.split,
        "--draw": arguments.draw,
    }
    surplus = [option for option, value in of_data.items() if value]
    if surplus and arguments.data is None:
        raise UsageError(f"{' and '.join(surplus)} without a data set; name it with --data")

    from eval_suite.page import write_page
    from eval_suite.rows import DataSource

    source = None
    if arguments.data is not None:
        source = DataSource(arguments.data, arguments.data_config, arguments.data_revision)
    path = write_page(
        arguments.folder,
        data=source,
        split=arguments.split,
        worst=arguments.worst,
        draw=arguments.draw,
        leave_out=arguments.leave_out,
        note=arguments.note,
        out=arguments.out,
    )
    print(f"written to {path}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 0 up")
    return int(text)
