"""The repository of a data set as it stands on the Hub, or as a folder: which configurations it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset_scripts.card import BUILD_FILE, CARD
from dataset_scripts.record import EcgInputError
from meit_hub.croissant import CROISSANT
from meit_hub.dataset_config import OWN_FILES, DatasetConfig
from meit_hub.upload import download, read_branch, read_text

KIND = "dataset"


class DatasetRepo:
    """What a branch holds, read at one commit.

    Args:
        repo_id: "user/name".
        revision: branch; None is main.

    Attributes:
        commit: that was read; None where there is no repository yet.
        paths: of its files.

    Raises:
        HubError: the Hub refuses or is not reached.
    """

    def __init__(self, repo_id: str, revision: str | None = None) -> None:
        self.repo_id = repo_id
        self.commit, self.paths = read_branch(repo_id, revision, KIND)

    @property
    def card(self) -> str | None:
        """The card at its top."""
        return self._text(CARD)

    @property
    def croissant(self) -> str | None:
        """Its Croissant metadata."""
        return self._text(CROISSANT)

    def configs(self, but: str) -> list[DatasetConfig]:
        """Reads the configurations that `meit publish` wrote, but one.

        Raises:
            EcgInputError: what the Hub holds of one cannot be read.
        """
        names = [name for name in _names(self.paths) if name != but]
        return [
            DatasetConfig.parse(name, {file: self._text(f"{name}/{file}") or "" for file in OWN_FILES})
            for name in names
        ]

    def check_free(self, name: str) -> None:
        """Refuses a folder of another's.

        Raises:
            EcgInputError: there is a folder of this name that `meit publish` did not write.
        """
        if name not in _names(self.paths) and any(path.startswith(f"{name}/") for path in self.paths):
            raise EcgInputError(
                f"{self.repo_id} has a folder {name} that `meit publish` did not write; give another --config"
            )

    def _text(self, path: str) -> str | None:
        return read_text(self.repo_id, path, self.commit, KIND) if path in self.paths else None


def open_config(place: str, usual: str) -> Path:
    """Finds a data set or an index, on this machine or on the Hub.

    Args:
        place: FOLDER[:CONFIG] or USER/NAME[:CONFIG]. Without CONFIG: the folder itself, its only configuration, or the
            usual one.
        usual: name of the configuration that is likely meant.

    Returns:
        its folder, downloaded where it lies on the Hub.

    Raises:
        EcgInputError: there is no such thing.
        HubError: the Hub refuses or is not reached.
    """
    where, config = (place, "") if Path(place).is_dir() or ":" not in place else place.rsplit(":", 1)
    folder = Path(where)
    if folder.is_dir():
        if not config and (folder / BUILD_FILE).is_file():
            return folder
        there = sorted(path.parent.name for path in folder.glob(f"*/{BUILD_FILE}"))
        return folder / _chosen(place, config, usual, there)
    if where.count("/") != 1:
        raise EcgInputError(f"{where} is no folder and no repository id, expected FOLDER or USER/NAME, and :CONFIG")
    commit, paths = read_branch(where, None, KIND)
    if commit is None:
        raise EcgInputError(f"there is no data set {where} on the Hub, or the token may not see it")
    chosen = _chosen(place, config, usual, _names(paths))
    return download(where, f"{chosen}/*", KIND, commit) / chosen


def read_card(data: str, config: str | None = None, revision: str | None = None) -> tuple[str, str | None, list[str]]:
    """Reads the card of a data set without its rows, of a folder or on the Hub.

    Args:
        data: a folder that `meit build` wrote, a repository as `meit publish dataset` leaves it, or its Hub id.
        config: which of a repository's configurations; None: the only one, or the card at the top.
        revision: branch, tag or commit on the Hub.

    Returns:
        README.md, build.json where there is one, and the names of the repository's configurations.

    Raises:
        EcgInputError: there is no such card or configuration.
        HubError: the Hub refuses or is not reached, or has no such revision.
    """
    folder, commit = Path(data), None
    if folder.is_dir() and revision is not None:
        raise EcgInputError(f"--data-revision is of a data set on the Hub, and {data} is a folder; leave it out")
    if folder.is_dir():
        paths = [path.relative_to(folder).as_posix() for path in (*folder.glob("*"), *folder.glob("*/*"))]
    else:
        commit, paths = read_branch(data, revision, KIND, else_main=False)
    names = _names(paths)
    if config is None and BUILD_FILE not in paths and len(names) == 1:
        config = names[0]
    if config is not None and config not in names:
        there = f"name one of {', '.join(names)}" if names else "it has none that meit-ecg wrote, so leave it out"
        raise EcgInputError(f"--data {data} has no configuration {config}; {there}")

    def read(name: str) -> str | None:
        path = name if config is None else f"{config}/{name}"
        if path not in paths:
            return None
        return read_text(data, path, commit, KIND) if commit else (folder / path).read_text(encoding="utf-8")

    card = read(CARD)
    if card is None:
        raise EcgInputError(f"--data {data}: no card of a data set can be read there")
    return card, read(BUILD_FILE), names


def _names(paths: Sequence[str]) -> list[str]:
    return sorted({path.split("/")[0] for path in paths if path.count("/") == 1 and path.endswith(f"/{BUILD_FILE}")})


def _chosen(place: str, config: str, usual: str, names: Sequence[str]) -> str:
    wanted = config or (usual if usual in names else names[0] if len(names) == 1 else "")
    if wanted not in names:
        there = f"it has {', '.join(names)}" if names else "it has none that meit-ecg wrote"
        raise EcgInputError(f"{place}: which configuration? {there}; name it as in {place.split(':')[0]}:NAME")
    return wanted
