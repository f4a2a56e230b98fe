"""`meit models`: what can be used, and what it would take."""

from __future__ import annotations

import argparse
import json

from meit_commands.arguments import UsageError


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "List the language models, ECG encoders and fusions that are tested. With --dry-run: parameters and memory of "
        "recipes, or of every language model of the paper, without its weights."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--dry-run",
        nargs="*",
        metavar="RECIPE.yaml or key=value",
        help="recipes to count, and settings for all of them; none: the paper's models",
    )
    parser.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> None:
    if arguments.dry_run is None:
        import meit_models

        models = meit_models.listing()
        print(json.dumps(models, indent=1) if arguments.json else meit_models.terminal(models))
        return
    recipes = [word for word in arguments.dry_run if "=" not in word]
    settings = [word for word in arguments.dry_run if "=" in word]
    if settings and not recipes:
        raise UsageError(f"{settings[0]} is a setting and no recipe is given; name the recipe it is for")

    from meit_training import dry_run

    rows = [dry_run.recipe_row(recipe, settings) for recipe in recipes] if recipes else dry_run.paper_rows()
    print(json.dumps(dry_run.as_json(rows), indent=1) if arguments.json else dry_run.table(rows))
