"""`meit eval leaderboard`: one table of many results."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Put the results of many systems in one table. What was scored on other rows, in another text column, with the "
        "language told or not, or by another protocol gets a table of its own. Systems that the rows cannot tell apart "
        "share a rank."
    )
    parser.add_argument("places", metavar="DIR", nargs="+", help="results folders, or folders that hold such")
    parser.add_argument("--out", metavar="FILE.md", help="write the tables as Markdown too")
    parser.add_argument("--sort", metavar="METRIC", help='a column\'s name; default: "findings micro F1"')
    parser.add_argument("--columns", metavar="METRIC,...", help='the columns to show, or "all"; default: the main ones')
    parser.set_defaults(run=_eval_leaderboard)


def _eval_leaderboard(arguments: argparse.Namespace) -> None:
    from eval_suite.comparing.leaderboard import SORTED_BY, leaderboard

    columns = None
    if arguments.columns is not None:
        columns = [] if arguments.columns == "all" else [name.strip() for name in arguments.columns.split(",")]
    tables = leaderboard(arguments.places, out=arguments.out, sort=arguments.sort or SORTED_BY, columns=columns)
    print(tables.terminal())
    if arguments.out is not None:
        print(f"written to {arguments.out}")
