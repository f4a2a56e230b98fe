"""`meit train`: a model by a recipe."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = "Train a model by a recipe; see recipes/."
    parser.usage = "meit train [-h] RECIPE.yaml [key=value ...] [--flag ...]"
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="RECIPE.yaml key=value ...",
        help="passed on to train_sft.py, or to train_seq2seq.py where the recipe says `model: seq2seq`",
    )
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    from meit_training.recipe import read

    recipe, _ = read(arguments.arguments)
    if recipe.get("model") == "seq2seq":
        import train_seq2seq

        train_seq2seq.main(arguments.arguments)
    else:
        import train_sft

        train_sft.main(arguments.arguments)
