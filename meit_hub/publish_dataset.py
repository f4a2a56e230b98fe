"""`meit publish dataset`: one built data set becomes, or replaces, one configuration of a repository."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from dataset_scripts.build import DATA
from dataset_scripts.card import CARD
from dataset_scripts.record import EcgInputError
from dataset_scripts.signal_index import is_index, read_plan, write_index
from dataset_scripts.sources import source_class
from meit_hub.croissant import CROISSANT, croissant
from meit_hub.dataset_card import repository_card
from meit_hub.dataset_config import OWN_FILES, DatasetConfig, check_folder, check_name
from meit_hub.dataset_repo import KIND, DatasetRepo
from meit_hub.publish import Published
from meit_hub.upload import check_target, push

_KEYWORDS = ("ecg", "electrocardiogram", "medical", "report generation", "instruction tuning")
_SHARE_ALIKE = {"odbl", "cc-by-sa-4.0", "cc-by-nc-sa-4.0"}


def publish_dataset(
    folder: str | Path,
    repo_id: str,
    *,
    config: str | None = None,
    private: bool = False,
    revision: str | None = None,
    signals: bool | None = None,
) -> Published:
    """Publishes a data set on the Hub, as one configuration beside those that the repository has.

    One commit puts the shards and their card under `CONFIG/` and sees to the repository's own card and its
    `croissant.json`; shards of an earlier publication of this configuration that are no longer there go.

    Args:
        folder: as `meit build` leaves it, or an index.
        repo_id: "user/name", made if it is not there.
        config: name of the configuration; None takes that of the archive, as `meit build` has it.
        private: a new repository is private.
        revision: branch to write; None is main.
        signals: publish them, or an index in their place; None does as the archive's terms ask.

    Raises:
        EcgInputError: the folder is not whole, or `signals` asks for what it does not have.
        HubError: the Hub refuses, is not reached, or holds other content than was sent.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    name = config or plan["builder"]
    check_name(name)
    check_target(repo_id)
    found = check_folder(folder)
    if signals and is_index(plan):
        raise EcgInputError(f"{folder} is an index and has no signals; give the folder of the data set itself")
    left = sorted(path.name for path in folder.iterdir() if path.name not in (*OWN_FILES, DATA))
    allowed = is_index(plan) or may_be_public(plan)
    with tempfile.TemporaryDirectory() as place:
        if not (allowed if signals is None else signals or is_index(plan)):
            write_index(folder, Path(place))
            found = check_folder(Path(place))
        ours = DatasetConfig.parse(name, {file: found[file].read_text(encoding="utf-8") for file in OWN_FILES})
        notes = []
        if ours.is_index:
            notes.append("an index was published in place of the signals: docs/publishing.md says how it is used")
        elif not allowed:
            share_alike = f"{ours.licence} allows that under this same licence only (share-alike)"
            terms = (
                share_alike if ours.licence in _SHARE_ALIKE else f"see that its licence ({ours.licence}) allows that"
            )
            notes.append(f"signals of {plan['source']} were published: {terms}")
        return _push(ours, found, repo_id, private, revision, left, notes)


def _push(
    ours: DatasetConfig,
    found: dict[str, Path],
    repo_id: str,
    private: bool,
    revision: str | None,
    left: list[str],
    notes: list[str],
) -> Published:
    name = ours.name
    repo = DatasetRepo(repo_id, revision)
    repo.check_free(name)
    configs = sorted([*repo.configs(but=name), ours], key=lambda config: config.name)
    card, said = repository_card(repo_id, configs, repo.card)
    url = f"{HfApi().endpoint}/datasets/{repo_id}"
    metadata = croissant(repo_id, url, configs, _KEYWORDS, _first_published(repo.croissant))
    files: dict[str, Path | bytes] = {f"{name}/{path}": file for path, file in found.items()}
    files |= {CARD: card.encode(), CROISSANT: metadata.encode()}
    pushed = push(
        files,
        repo_id,
        KIND,
        message=f"Publish {name} with meit-ecg",
        private=private,
        revision=revision,
        replaces=lambda path: path.startswith(f"{name}/{DATA}/"),
        base=repo.commit,
    )
    notes += said
    if not pushed.new:
        notes.append("the branch held just these before: no new commit")
    if pushed.removed:
        notes.append(f"removed from the branch, as {name} no longer has them: {', '.join(pushed.removed)}")
    return Published(pushed.url, pushed.commit, tuple(sorted(files)), tuple(left), tuple(notes))


def may_be_public(plan: dict[str, Any]) -> bool:
    """Says whether an archive's signals are published by default; of a plain folder its owner has said it.

    Args:
        plan: build.json.
    """
    public = source_class(plan["builder"]).signals_public
    return bool(plan["options"]["source_options"].get("public", public))


def _first_published(there: str | None) -> str:
    """Returns the date that the metadata on the Hub has, so that publishing again changes nothing; else today's."""
    try:
        return str(json.loads(there or "{}")["datePublished"])
    except (ValueError, KeyError):
        return datetime.now(timezone.utc).date().isoformat()
