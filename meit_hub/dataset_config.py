"""One configuration of a published data set: what its own card, plan and manifest say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, Features
from huggingface_hub import DatasetCard
from yaml import YAMLError

from dataset_scripts.build import DATA, MANIFEST_FILE
from dataset_scripts.card import BUILD_FILE, CARD
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import sha256_of
from dataset_scripts.signal_index import is_index, read_plan

OWN_FILES = (CARD, BUILD_FILE, MANIFEST_FILE)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class DataCard:
    """The card of one archive's data set.

    Attributes:
        header: its fields.
        text: what stands below them.
    """

    header: dict[str, Any]
    text: str

    @property
    def licences(self) -> list[str]:
        """As the Hub names them."""
        return _listed(self.header.get("license"))

    @property
    def title(self) -> str:
        """Name of the archive in words."""
        return re.sub("^Instruction data from ", "", str(self.header.get("pretty_name") or ""))

    @property
    def citation(self) -> str | None:
        """BibTeX of the archive."""
        bibtex = re.search(r"```bibtex\n(.*?)```", self.text, re.S)
        return bibtex[1].strip() or None if bibtex else None

    @property
    def languages(self) -> list[str]:
        """Of its texts."""
        return _listed(self.header.get("language"))


@dataclass(frozen=True)
class DatasetConfig(DataCard):
    """A configuration, as `load_dataset(repository, name)` names it.

    Attributes:
        name: of the configuration and of its folder in the repository.
        plan: build.json.
        manifest: one note a shard.
    """

    name: str
    plan: dict[str, Any]
    manifest: list[dict[str, Any]]

    @classmethod
    def parse(cls, name: str, texts: Mapping[str, str]) -> DatasetConfig:
        """Reads a configuration from the content of its `OWN_FILES`.

        Raises:
            EcgInputError: one of them cannot be read, or the card does not describe the columns.
        """
        try:
            card = DatasetCard(texts[CARD], ignore_metadata_errors=False)
            plan, manifest = json.loads(texts[BUILD_FILE]), json.loads(texts[MANIFEST_FILE])
        except (ValueError, YAMLError) as error:
            raise EcgInputError(f"configuration {name}: {', '.join(OWN_FILES)} cannot be read ({error})") from error
        header = card.data.to_dict()
        lacking = [field for field in ("license", "dataset_info", "pretty_name") if not header.get(field)]
        if lacking:
            raise EcgInputError(f"configuration {name}: the header of its {CARD} has no {', '.join(lacking)}")
        return cls(header, card.text, name, plan, manifest)

    @property
    def licence(self) -> str:
        """The archive's, as the Hub names it."""
        return str(self.header["license"])

    @property
    def is_index(self) -> bool:
        """Whether it has no signals."""
        return is_index(self.plan)

    @property
    def description(self) -> str:
        """The first paragraph of its card that is plain text: what the archive is."""
        paragraphs = (part.strip() for part in self.text.split("\n\n"))
        return next((" ".join(part.split()) for part in paragraphs if part and part[0] not in "#>|`<"), self.title)

    @property
    def features(self) -> Features:
        """Its columns."""
        return DatasetInfo._from_yaml_dict(self.header["dataset_info"]).features

    @property
    def shards(self) -> list[dict[str, Any]]:
        """The notes that name a file."""
        return [note for note in self.manifest if note["file"]]

    def column_descriptions(self) -> dict[str, str]:
        """Column -> what its card says of it."""
        said = {}
        for names, text in re.findall(r"^\| (`[^|]+`) \| (.+) \|$", self.text, re.M):
            said.update(dict.fromkeys(re.findall(r"`(\w+)`", names), text))
        return said

    def header_entries(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the header of the repository's card has for it under `configs` and under `dataset_info`."""
        files = [{"split": split, "path": f"{self.name}/{DATA}/{split}-*.parquet"} for split in self.plan["rows"]]
        name = {"config_name": self.name}
        return {**name, "data_files": files}, {**name, **self.header["dataset_info"]}


def _listed(value: Any) -> list[str]:
    """The values of a field of a card, which may be one or a list."""
    return [value] if isinstance(value, str) else [str(each) for each in value or []]


def check_name(name: str) -> None:
    """Refuses a name that cannot be that of a configuration and of a folder.

    Raises:
        EcgInputError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise EcgInputError(f"--config {name!r}, expected letters, digits and . _ -, as in ptb-xl")


def check_folder(folder: Path) -> dict[str, Path]:
    """Looks whether a data set's folder is whole, and lists what is to be published of it.

    Args:
        folder: as `meit build` or `write_index` leaves it.

    Returns:
        path in the folder -> file: card, plan, manifest and every shard.

    Raises:
        EcgInputError: work is unfinished, or a shard is missing, damaged, or not in the manifest.
    """
    plan = read_plan(folder)
    unfinished = sorted(path.name for path in folder.rglob("*.part"))
    if unfinished:
        raise EcgInputError(f"{folder} holds unfinished files ({', '.join(unfinished[:3])}); build the data set again")
    files = {name: folder / name for name in OWN_FILES}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise EcgInputError(f"{folder} has no {', '.join(missing)}; build the data set again with this version")
    manifest = json.loads(files[MANIFEST_FILE].read_text(encoding="utf-8"))
    rows = dict.fromkeys(plan["rows"], 0)
    for note in manifest:
        if note["file"]:
            path = files[note["file"]] = folder / note["file"]
            if not path.is_file() or path.stat().st_size != note["bytes"] or sha256_of(path) != note["sha256"]:
                raise EcgInputError(
                    f"{path} is missing or damaged: it is not what {MANIFEST_FILE} has; build the data set again"
                )
            rows[note["split"]] = rows.get(note["split"], 0) + note["rows"]
    unknown = sorted(path.name for path in (folder / DATA).iterdir() if f"{DATA}/{path.name}" not in files)
    if unknown or rows != plan["rows"]:
        what = f"has files that {MANIFEST_FILE} does not name ({', '.join(unknown[:3])})" if unknown else f"has {rows}"
        raise EcgInputError(f"{folder} {what}, expected the rows {plan['rows']}; build the data set again")
    return files
