"""One split of a built data set, opened from a folder or the Hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets

from dataset_scripts.record import EcgInputError


def open_split(
    data: str | Path,
    split: str,
    needed: Sequence[str],
    config: str | None = None,
    revision: str | None = None,
    **how: Any,
) -> Any:
    """Opens one split with `datasets`.

    Args:
        data: a folder that `meit build` wrote, or a Hub id.
        split: its name.
        needed: columns it must have.
        config: which of a repository's data sets; None where there is one.
        revision: branch, tag or commit on the Hub.
        **how: further arguments of `datasets.load_dataset`.

    Returns:
        a `datasets.Dataset`, or with streaming=True a `datasets.IterableDataset`.

    Raises:
        EcgInputError: no such data set, config or split, or a column that is missing.
    """
    present = columns_of(data, split, config, revision)
    missing = sorted(set(needed) - set(present))
    if missing:
        raise EcgInputError(
            f"{data}, split {split}, lacks the column {', '.join(missing)}; it has {', '.join(sorted(present))}: "
            "build it with `meit build`"
        )
    if Path(data).is_dir() and not how.get("streaming"):
        how["cache_dir"] = str(_own_cache(Path(data)))
    try:
        return datasets.load_dataset(str(data), config, split=split, revision=revision, **how)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise EcgInputError(_what_is_wrong(str(data), config, revision, split, error)) from error


def columns_of(data: str | Path, split: str, config: str | None = None, revision: str | None = None) -> Sequence[str]:
    """The columns of a split; its rows are not read.

    Args:
        data: a folder that `meit build` wrote, or a Hub id.
        split: its name.
        config: which of a repository's data sets; None where there is one.
        revision: branch, tag or commit on the Hub.

    Raises:
        EcgInputError: no such data set, config or split.
    """
    path = Path(data)
    if path.is_file():
        raise EcgInputError(f"{data} is a file, expected the folder of a data set as `meit build` writes it")
    if path.is_dir() and revision is not None:
        raise EcgInputError(f"a revision is of a data set on the Hub, and {data} is a folder; leave it out")
    try:
        return _features(str(data), config, revision, split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise EcgInputError(_what_is_wrong(str(data), config, revision, split, error)) from error


def _features(data: str, config: str | None, revision: str | None, split: str) -> Sequence[str]:
    """Returns the columns by the card, or where it does not list them by the first file."""
    builder = datasets.load_dataset_builder(data, config, revision=revision)
    if builder.info.splits is not None and split not in builder.info.splits:
        raise ValueError(f"no split {split}")
    if builder.info.features is not None:
        return list(builder.info.features)
    stream = datasets.load_dataset(data, config, split=split, revision=revision, streaming=True)
    return stream.column_names or list(stream._resolve_features().features)


def _own_cache(folder: Path) -> Path:
    """The cache of just these files.

    `datasets` knows a folder by its last name and the header of its card: another folder of that name, or one whose
    files were changed below the same header, would be read from the cache of the first.
    """
    found = {str(path): path.stat() for path in sorted(folder.resolve().rglob("*.parquet"))}
    files = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found.items()]
    digest = hashlib.blake2b(repr(files).encode(), digest_size=8).hexdigest()
    return Path(datasets.config.HF_DATASETS_CACHE) / f"{folder.resolve().name}-{digest}"


def _what_is_wrong(data: str, config: str | None, revision: str | None, split: str, error: Exception) -> str:
    try:
        configs = datasets.get_dataset_config_names(data, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetsError):
        configs = []
    if config is not None and configs and config not in configs:
        return f"{data} has no config {config}; name one of {', '.join(configs)}"
    if config is None and len(configs) > 1:
        return f"{data} has several configs; name one of {', '.join(configs)}"
    try:
        splits = sorted(datasets.get_dataset_split_names(data, config, revision=revision))
    except (OSError, ValueError, datasets.exceptions.DatasetsError):
        splits = []
    if splits and split not in splits:
        return f"{data} has no split {split!r}, only {', '.join(splits)}; name one of these"
    return (
        f"{data} is no data set that can be reached, expected a folder of Parquet shards as `meit build` writes it, "
        f"or a Hub id ({' '.join(str(error).split())})"
    )
