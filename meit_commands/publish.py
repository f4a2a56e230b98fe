"""`meit publish`: onto the Hugging Face Hub."""

from __future__ import annotations

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = "Put what this project made on the Hugging Face Hub."
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    model = kinds.add_parser("model", help="a model's folder")
    model.description = (
        "Check a model's folder, see to its card, upload it in one commit and check what the Hub then holds. Never "
        "uploaded: training logs, checkpoints, predictions, or anything else that opening the model does not need."
    )
    _add_target(model, "as `meit train` writes it")
    made = model.add_argument_group("the card", "needed where the folder has no README.md that a person wrote")
    made.add_argument("--data", metavar="DIR_OR_ID", help="the data set it was trained on, as `meit build` writes it")
    made.add_argument("--data-config", metavar="NAME", help="which data set of a repository that holds several")
    made.add_argument("--data-revision", metavar="REVISION", help="branch, tag or commit of a data set on the Hub")
    made.add_argument("--license", metavar="ID", help="of the weights, as the Hub names it: apache-2.0, cc-by-4.0, ...")
    made.add_argument("--scores", metavar="DIR", action="append", help="of `meit eval quality`; may be given again")
    made.add_argument("--base-model", metavar="ID", help="what it was made from; default: as config.json says")
    model.set_defaults(run=_publish_model)
    dataset = kinds.add_parser("dataset", help="a built data set")
    dataset.description = (
        "Check a data set's folder against its manifest and upload it in one commit, as one configuration of a "
        "repository that may hold several: load_dataset(REPO_ID, CONFIG). Card and Croissant metadata of the "
        "repository are seen to, other configurations stay as they are, and what the Hub then holds is checked."
    )
    _add_target(dataset, "as `meit build` writes it")
    dataset.add_argument("--config", metavar="NAME", help="of the configuration; default: the archive's, as in ptb-xl")
    content = dataset.add_mutually_exclusive_group()
    content.add_argument(
        "--signals",
        action="store_const",
        const=True,
        help="publish the signals of an archive of which an index is the default, such as MIMIC-IV-ECG: its licence "
        "allows that only under the same licence (share-alike), with attribution",
    )
    content.add_argument(
        "--index-only",
        dest="signals",
        action="store_const",
        const=False,
        help="publish texts, labels and a digest of each signal, from which `meit build --index` rebuilds the data set",
    )
    dataset.set_defaults(run=_publish_dataset)
    space = kinds.add_parser("space", help="the demo, as a Space")
    space.description = (
        "Upload the page of `meit demo` in one commit, with the packages and the model it needs, and check what the "
        "Hub then holds. The Hub builds and runs it."
    )
    _add_repository(space)
    space.add_argument(
        "--models", metavar="FILE", help="the models it offers, as for `meit demo`; default: the one of meit-ecg"
    )
    space.set_defaults(run=_publish_space)


def _add_target(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument("folder", help=folder)
    _add_repository(parser)


def _add_repository(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repo_id", metavar="REPO_ID", help="USER/NAME; made if it is not there")
    parser.add_argument("--private", action="store_true", help="make a private repository")
    parser.add_argument("--revision", metavar="BRANCH", help="branch to write, made if it is not there; default: main")


def _publish_model(arguments: argparse.Namespace) -> None:
    from meit_hub.publish import publish_model

    published = publish_model(
        arguments.folder,
        arguments.repo_id,
        private=arguments.private,
        revision=arguments.revision,
        scores=arguments.scores or (),
        data=arguments.data,
        data_config=arguments.data_config,
        data_revision=arguments.data_revision,
        licence=arguments.license,
        base_model=arguments.base_model,
    )
    print(published.terminal())


def _publish_dataset(arguments: argparse.Namespace) -> None:
    from meit_hub.publish_dataset import publish_dataset

    published = publish_dataset(
        arguments.folder,
        arguments.repo_id,
        config=arguments.config,
        private=arguments.private,
        revision=arguments.revision,
        signals=arguments.signals,
    )
    print(published.terminal())


def _publish_space(arguments: argparse.Namespace) -> None:
    from meit_hub.publish_space import publish_space

    published = publish_space(
        arguments.repo_id, private=arguments.private, revision=arguments.revision, models=arguments.models
    )
    print(published.terminal())
