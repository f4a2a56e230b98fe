"""`meit eval alignment`: a language model behind an endpoint grades reports."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from meit_commands.arguments import (
    BATCH_SIZE,
    UsageError,
    add_data_options,
    add_model_options,
    data_source,
    non_negative,
    positive,
)
from meit_remote.consent import add_consent_option

if TYPE_CHECKING:
    from meit_remote.endpoint import Prices


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Let a language model grade reports by the rubric of the paper's table 6, with controls, intervals and checks "
        "of the judge. Reports leave this machine only with --consent-to-send."
    )
    system = parser.add_mutually_exclusive_group(required=True)
    system.add_argument("--predictions", metavar="FILE", help=".parquet or .csv with ecg_id and prediction")
    system.add_argument("--model", metavar="FOLDER_OR_ID", help="make the reports first; its own Python code is run")
    add_model_options(parser)

    rows = parser.add_argument_group("rows")
    add_data_options(rows)
    rows.add_argument("--limit", type=positive, default=500, metavar="N", help="rows drawn; default: 500")
    rows.add_argument(
        "--control-limit",
        type=positive,
        default=100,
        metavar="N",
        help="of these for controls and checks; default: 100",
    )
    rows.add_argument("--seed", type=non_negative, default=0, help="of rows, judge and intervals; default: 0")

    judge = parser.add_argument_group("judge")
    judge.add_argument("--judge-url", required=True, metavar="URL", help="for example http://localhost:8000/v1")
    judge.add_argument("--judge-model", required=True, metavar="NAME", help="as the endpoint names it")
    judge.add_argument("--key-variable", metavar="V", help="environment variable that holds the endpoint's key")
    add_consent_option(judge)
    judge.add_argument("--price-in", type=_price, metavar="X", help="USD for a million tokens sent")
    judge.add_argument("--price-out", type=_price, metavar="Y", help="USD for a million tokens answered")
    judge.add_argument(
        "--answer-format",
        choices=("json_schema", "json_object", "text"),
        default="json_schema",
        help="how the endpoint is told the answer's form; default: json_schema",
    )
    judge.add_argument("--max-tokens", type=positive, default=256, metavar="N", help="of an answer; default: 256")
    judge.add_argument("--concurrency", type=positive, default=4, metavar="N", help="requests at once; default: 4")
    judge.add_argument("--timeout", type=positive, default=60, metavar="S", help="seconds for one; default: 60")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for scores and the judge's answers")
    parser.set_defaults(run=_eval_alignment)


def _eval_alignment(arguments: argparse.Namespace) -> None:
    prices = _prices(arguments)
    if arguments.predictions and (
        arguments.language_not_told or arguments.trust_remote_code or arguments.batch_size is not None
    ):
        raise UsageError("--language-not-told, --trust-remote-code and --batch-size are for --model; leave them out")

    from eval_suite.tasks.alignment import JudgeSettings, run_alignment
    from meit_report import resolve_model

    model = resolve_model(arguments.model, arguments.trust_remote_code) if arguments.model else None
    scores = run_alignment(
        JudgeSettings(
            arguments.judge_url,
            arguments.judge_model,
            consent=arguments.consent_to_send,
            key_variable=arguments.key_variable,
            prices=prices,
            answer_format=arguments.answer_format,
            max_tokens=arguments.max_tokens,
            concurrency=arguments.concurrency,
            timeout=arguments.timeout,
        ),
        data_source(arguments),
        arguments.split,
        arguments.out,
        predictions=arguments.predictions,
        model=model,
        text_column=arguments.text_column,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        control_limit=arguments.control_limit,
        seed=arguments.seed,
        batch_size=arguments.batch_size or BATCH_SIZE,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")


def _prices(arguments: argparse.Namespace) -> Prices | None:
    if (arguments.price_in is None) != (arguments.price_out is None):
        raise UsageError("--price-in and --price-out belong together; give both or neither")
    if arguments.price_in is None:
        return None
    from meit_remote.endpoint import Prices

    return Prices(arguments.price_in, arguments.price_out)


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a price per million tokens, 0 or more")
    return price
