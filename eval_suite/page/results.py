"""What a results folder holds, read and checked: scores, robustness, calibration, the judge's grades, predictions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from dataset_scripts.json_object import read_object


@dataclass(frozen=True)
class _Kind:
    """One of the files that the tasks write.

    Attributes:
        file: its name.
        schema: the one that is read; None where the file names none.
        keys: what it must hold.
        command: what writes it.
    """

    file: str
    schema: int | None
    keys: tuple[str, ...]
    command: str


KINDS = {
    "scores": _Kind(
        "scores.json",
        2,
        ("conditions", "systems", "paired_differences", "findings"),
        "score again with `meit eval quality` or `meit eval score`",
    ),
    "robustness": _Kind(
        "robustness.json", 1, ("conditions", "clean", "curves"), "measure again with `meit eval robustness`"
    ),
    "calibration": _Kind(
        "calibration.json",
        1,
        ("conditions", "selective", "reliability", "calibration_error"),
        "measure again with `meit eval calibration`",
    ),
    "judge": _Kind(
        "judge.json", None, ("conditions", "systems", "paired_differences"), "judge again with `meit eval alignment`"
    ),
}
PREDICTIONS = "predictions.parquet"
# The files name a model in several ways, but always with the hash of its files.
_WEIGHTS = re.compile(r"(?<=sha256 of its files )[0-9a-f]+")
_TOLD: dict[Any, str] = {True: "yes", False: "no"}


@dataclass(frozen=True)
class Results:
    """The files of one results folder; None where one is not there.

    Attributes:
        folder: where they lie.
        scores: of `scores.json`.
        robustness: of `robustness.json`.
        calibration: of `calibration.json`.
        judge: of `judge.json`.
        predictions: path of `predictions.parquet`.
    """

    folder: Path
    scores: Mapping[str, Any] | None
    robustness: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None
    judge: Mapping[str, Any] | None
    predictions: Path | None

    def found(self) -> dict[str, Mapping[str, Any]]:
        """The files that are there, by kind, the scores first."""
        by_kind = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: content for kind, content in by_kind.items() if content is not None}

    def conditions(self) -> Mapping[str, Any]:
        """The conditions of the first file that names its data and split; empty where none does."""
        named = (content["conditions"] for content in self.found().values())
        return next((conditions for conditions in named if "split" in conditions), {})

    def stated(self) -> dict[str, dict[str, str]]:
        """Kind of file -> what it says it is of: model, data set, split, text column, language told, protocol."""
        return {kind: _stated(kind, content["conditions"]) for kind, content in self.found().items()}

    @contextmanager
    def reading(self, kind: str) -> Iterator[None]:
        """Turns what goes wrong with the contents of one file into an error that names it.

        Raises:
            EcgInputError: the block looked for a field that is not there, or found another kind of value.
        """
        about = KINDS[kind]
        try:
            yield
        except KeyError as cause:
            raise EcgInputError(f"{self.folder / about.file} lacks the field {cause}; {about.command}") from cause
        except (AttributeError, IndexError, StopIteration, TypeError, ValueError) as cause:
            raise EcgInputError(
                f"{self.folder / about.file} holds something else than expected ({cause}); {about.command}"
            ) from cause


def _stated(kind: str, given: Mapping[str, Any]) -> dict[str, str]:
    weights = _WEIGHTS.search(str(given.get("system", "")))
    protocol = given.get("protocol")
    said = {
        "model": weights and weights.group(),
        "data set": given.get("data"),
        "split": given.get("split"),
        "text column": given.get("text_column"),
        "language told": _TOLD.get(given.get("language_told")),
        "protocol": protocol and protocol["name"],
    }
    if kind == "judge":  # its conditions are texts alone: "NAME, split SPLIT"
        said["data set"], _, said["split"] = str(given.get("data", "")).partition(", split ")
        told = given.get("language told to the model")
        said |= {"text column": given.get("text column"), "language told": told if told in _TOLD.values() else None}
    return {label: str(value) for label, value in said.items() if value}


def read_results(folder: str | Path) -> Results:
    """Reads what a results folder holds.

    Raises:
        EcgInputError: no folder, none of the four files in it, or one that is damaged or of another schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EcgInputError(f"{folder} is no folder, expected one that `meit eval` wrote its results to")
    contents = {kind: _read(folder / about.file, about) for kind, about in KINDS.items()}
    if not any(contents.values()):
        files = ", ".join(about.file for about in KINDS.values())
        raise EcgInputError(f"{folder} holds none of {files}; run `meit eval quality … --out {folder}` first")
    predictions = folder / PREDICTIONS
    return Results(folder, **contents, predictions=predictions if predictions.is_file() else None)


def _read(path: Path, about: _Kind) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    content = read_object(path, about.command)
    if about.schema is not None:
        schema = content.get("schema", 1)  # the first scores.json did not name its schema
        if not isinstance(schema, int) or schema < about.schema:
            raise EcgInputError(f"{path} has schema {schema!r}, expected {about.schema}; {about.command}")
        if schema > about.schema:
            raise EcgInputError(
                f"{path} has schema {schema}, newer than this version's {about.schema}; update meit-ecg"
            )
    missing = [key for key in about.keys if key not in content]
    if missing:
        raise EcgInputError(f"{path} lacks {', '.join(missing)}; {about.command}")
    given = content["conditions"]
    protocol = given.get("protocol") if isinstance(given, dict) else None
    if not isinstance(given, dict) or (protocol is not None and not _is_protocol(protocol)):
        raise EcgInputError(f"{path} holds conditions of another form; {about.command}")
    return content


def _is_protocol(given: Any) -> bool:
    return isinstance(given, dict) and {"name", "version"} <= given.keys()
