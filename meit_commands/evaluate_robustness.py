"""`meit eval robustness`: what disturbed recordings cost a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from meit_commands.arguments import (
    BATCH_SIZE,
    add_data_options,
    add_model_options,
    data_source,
    non_negative,
    positive,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Let a model write the reports of the same rows clean and under noise, wander, hum, lost and exchanged "
        "electrodes, wrong gain, other sampling rates and shorter records, and score what each costs."
    )
    parser.add_argument(
        "--model", required=True, metavar="FOLDER_OR_ID", help="its own Python code is run; or a PEFT adapter"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for predictions and scores")
    parser.add_argument(
        "--kinds",
        action=_Kinds,
        metavar="A,B:LEVEL",
        help="only these, with a colon only at these levels, as in gaussian:10:0,limb-swap:RA/LA; default: all",
    )
    parser.add_argument("--list-kinds", action=_ListKinds, nargs=0, help="list the kinds with their levels and end")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N rows")
    parser.add_argument("--seed", type=non_negative, default=0, help="of corruptions and intervals; default: 0")
    add_model_options(parser)
    add_data_options(parser)
    parser.set_defaults(run=_eval_robustness)


def _list_kinds() -> NoReturn:
    """Print the kinds and end, as `--help` does."""
    from eval_suite.corruptions.kinds import kinds_table

    print(kinds_table())
    sys.exit()


class _ListKinds(argparse.Action):
    def __call__(self, *_: Any) -> None:
        """Print the kinds and end."""
        _list_kinds()


class _Kinds(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Read A,B; "list" prints the kinds and ends."""
        if values == "list":
            _list_kinds()
        namespace.kinds = [part.strip() for part in str(values).split(",") if part.strip()]


def _eval_robustness(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.robustness import run_robustness
    from meit_report import resolve_model

    scores = run_robustness(
        resolve_model(arguments.model, arguments.trust_remote_code),
        data_source(arguments),
        arguments.split,
        arguments.out,
        kinds=arguments.kinds,
        text_column=arguments.text_column,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        batch_size=arguments.batch_size or BATCH_SIZE,
        seed=arguments.seed,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")
