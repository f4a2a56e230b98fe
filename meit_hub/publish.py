"""`meit publish`: check a folder, see to its card, upload it in one commit, and check what the Hub then holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError
from meit_hub.model_card import DataCredits, by_machine, complete_card, header_fields, licence_of, make_card
from meit_hub.model_folder import CARD, CONFIG, count_parameters, is_ours, left_out, model_files
from meit_hub.model_scores import score_table
from meit_hub.upload import check_target, push, read_text

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Published:
    """What was published, and where.

    Attributes:
        url: of the repository.
        commit: full hash; `revision=commit` loads these files whatever comes after.
        files: names in the repository.
        left_out: what stayed in the folder.
        notes: what else a publisher should know.
    """

    url: str
    commit: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def terminal(self) -> str:
        """As lines of text, URL and commit last."""
        lines = [f"{len(self.files)} files published and verified"]
        if self.left_out:
            lines.append(f"left out: {', '.join(self.left_out)}")
        return "\n".join([*lines, *self.notes, self.url, f"commit {self.commit}"])


def publish_model(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    scores: Sequence[str | Path] = (),
    data: str | None = None,
    data_config: str | None = None,
    data_revision: str | None = None,
    licence: str | None = None,
    base_model: str | None = None,
) -> Published:
    """Publish a model's folder on the Hub.

    Its card is the folder's README.md, else the one a person wrote on the Hub, else one that is made. Fields that the
    header of a person's card lacks are added in what is uploaded; the folder is not changed.

    Args:
        folder: as `meit train` writes it.
        repo_id: "user/name", made if it is not there.
        private: a new repository is private.
        revision: branch to write; None is main.
        scores: folders of `meit eval quality` for a card that is made.
        data: folder or Hub id of the training data, for a card that is made.
        data_config: which of that repository's configurations it was; None where there is one.
        data_revision: branch, tag or commit of the data on the Hub.
        licence: of the weights, as the Hub names it ("apache-2.0"), where no card states it.
        base_model: Hub id of the language model it was made from; None takes the one that config.json names.

    Raises:
        EcgInputError: the folder is not whole, or something for its card is missing.
        HubError: the Hub refuses, is not reached, or holds other content than was sent.
    """
    if data is None and (data_config or data_revision):
        raise EcgInputError("--data-config and --data-revision are of the data set that --data names; give that too")
    folder = Path(folder)
    found = model_files(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    check_target(repo_id)
    card, notes = _card(
        folder,
        read_text(repo_id, CARD, revision),
        repo_id,
        config,
        parameters=count_parameters(found),
        tables=[score_table(Path(table), folder) for table in scores],
        data=DataCredits.read(data, data_config, data_revision) if data else None,
        licence=licence,
        base_model=base_model or _base_model(config),
    )
    files: dict[str, Path | bytes] = {**found, CARD: card.encode()}
    cleaned = _without_paths(config)
    if cleaned != config:
        files[CONFIG] = (json.dumps(cleaned, indent=2, sort_keys=True) + "\n").encode()
        notes.append(f"{CONFIG} is published without the path its language model had on this machine")
    pushed = push(
        files,
        repo_id,
        private=private,
        revision=revision,
        message=f"Publish {folder.resolve().name} with meit-ecg",
        replaces=is_ours,
    )
    if not pushed.new:
        notes.append("the branch held just these before: no new commit")
    if pushed.removed:
        notes.append(f"removed from the branch, as this model does not have them: {', '.join(pushed.removed)}")
    return Published(pushed.url, pushed.commit, tuple(sorted(files)), tuple(left_out(folder, files)), tuple(notes))


def _card(
    folder: Path,
    there: str | None,
    repo_id: str,
    config: Mapping[str, Any],
    *,
    parameters: int,
    tables: Sequence[str],
    data: DataCredits | None,
    licence: str | None,
    base_model: str | None,
) -> tuple[str, list[str]]:
    """The card to upload, and what to say of it; `there` is the one on the Hub."""
    own = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else None
    header = header_fields(licence, base_model, data)
    notes = []
    by_person = [text for text in (own, there) if text is not None and not by_machine(text)]
    if by_person:
        card = complete_card(by_person[0], header)
        if tables:
            raise EcgInputError(
                f"--scores are for a card that is made here, and {CARD} was written by a person; put table.md into it"
            )
        if by_person[0] is there:
            notes.append(f"the {CARD} on the Hub was written by a person and is kept")
    else:
        if data is None or licence is None:
            option = (
                "--data (folder or Hub id of the training data)" if data is None else "--license (as in apache-2.0)"
            )
            raise EcgInputError(f"{folder} has no {CARD} of yours, and one cannot be made without {option}")
        card = make_card(repo_id, config, parameters, header, data, tables)
        if own is not None:
            notes.append(f"the {CARD} that the trainer wrote is not published; a card was made in its place")
    if not licence_of(card):
        raise EcgInputError(f"the header of {CARD} states no license; add one there, or give it with --license")
    return card, notes


def _base_model(config: Mapping[str, Any]) -> str | None:
    """Hub id of the language model, where config.json has one and not the path of a folder."""
    name = (config.get("text_config") or {}).get("_name_or_path")
    return name if _is_hub_id(name) else None


def _without_paths(config: Any) -> Any:
    """A configuration without the places of folders on this machine, which transformers keeps of what it loaded."""
    if not isinstance(config, dict):
        return config
    kept = (name for name, value in config.items() if name != "_name_or_path" or _is_hub_id(value))
    return {name: _without_paths(config[name]) for name in kept}


def _is_hub_id(name: Any) -> bool:
    """Whether a name is a repository's; one such as runs/backbone is not, where there is such a folder."""
    return isinstance(name, str) and bool(_HUB_ID.fullmatch(name)) and not Path(name).exists()
