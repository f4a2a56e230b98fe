"""What is said to be trained on and what is tested: whether they share records or patients, how their texts differ."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import datasets

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.text import tokenize
from eval_suite.predictions import some
from eval_suite.rows import DataSource, load_reports, load_split

_VERSION = re.compile(r"-\d[\d.]*$")


def archive_of(source: str) -> str:
    """The archive that the column `source` of a data set row names, without its version.

    A subset of the PhysioNet challenge is the archive it was made from: "physionet-challenge-2021/ptb-xl" is "ptb-xl".
    """
    return _VERSION.sub("", source.rpartition("/")[2])


def check_apart(train_data: str | Path | DataSource, data: str | Path | DataSource, split: str) -> str:
    """Refuse to call it zero-shot where the training data set holds a tested record or patient, in any of its splits.

    Args:
        train_data: what the model is said to be trained on.
        data: what is tested.
        split: of `data`.

    Returns:
        What is known of the two archives, a line for a table.

    Raises:
        EcgInputError: one data set is both, a record or patient is in both, or one archive has other ids in each.
    """
    first, second = DataSource.of(train_data), DataSource.of(data)
    if first == second or _same_folder(first, second):
        raise EcgInputError(
            f"{second.name} is what the model is said to be trained on, and zero-shot wants another archive; "
            f"score its split {split} with `meit eval quality`"
        )
    tested = _ids(second, [split])
    trained = _ids(first, _splits(first))
    shared = sorted({archive_of(name) for name in trained} & {archive_of(name) for name in tested})
    for archive in shared:
        ours, theirs = (
            {name: ids for name, ids in found.items() if archive_of(name) == archive} for found in (trained, tested)
        )
        if {"/" in name for name in ours} != {"/" in name for name in theirs}:
            raise EcgInputError(
                f"{first.name} ({', '.join(ours)}) and {second.name} ({', '.join(theirs)}) hold records of the archive "
                f"{archive} under other ids, so that one may be in both; leave that archive out of one of them"
            )
        for kind, place in (("records", 0), ("patients", 1)):
            both = set().union(*(ids[place] for ids in ours.values())) & set().union(
                *(ids[place] for ids in theirs.values())
            )
            if both:
                raise EcgInputError(
                    f"{len(both):,} {kind} of {archive} are in {first.name} and in {second.name}, split {split} "
                    f"({some(sorted(both))}); test on another archive"
                )
    named = [", ".join(sorted(found)) for found in (trained, tested)]
    warning = f"; WARNING: both hold {', '.join(shared)}, other records of it and no common patient" if shared else ""
    return f"--train-data holds {named[0]}; --data, split {split}, holds {named[1]}{warning}"


def describe_texts(train_data: str | Path | DataSource, data: str | Path | DataSource, split: str, column: str) -> str:
    """How the reports of two data sets differ: languages, lengths, and how many are the same.

    Args:
        train_data: its training split.
        data: what is tested.
        split: of `data`.
        column: the text column.

    Raises:
        EcgInputError: as `load_reports`.
    """
    trained, tested = load_reports(train_data, "train", column), load_reports(data, split, column)
    said = []
    for rows in (trained, tested):
        counts = Counter(rows.languages).most_common()
        shares = ", ".join(f"{language} {count / len(rows):.0%}" for language, count in counts)
        length = median(len(tokenize(report)) for report in rows.reports)
        said.append(f"{shares}, {length:g} tokens in the median")
    seen = set(trained.reports)
    known = sum(report in seen for report in tested.reports) / len(tested)
    return (
        f"WARNING: those of --train-data ({said[0]}) and those tested ({said[1]}) were written by other people or "
        f"machines; {known:.0%} of the tested occur word for word in --train-data, split train. Text metrics "
        "measure that style and language too; findings are read from either"
    )


def _same_folder(a: DataSource, b: DataSource) -> bool:
    folders = Path(a.place), Path(b.place)
    return all(folder.is_dir() for folder in folders) and folders[0].samefile(folders[1]) and a.config == b.config


def _splits(source: DataSource) -> list[str]:
    load_split(source, "train", ("source",))
    return list(datasets.get_dataset_split_names(source.place, source.config, revision=source.revision))


def _ids(source: DataSource, splits: list[str]) -> dict[str, tuple[set[str], set[str]]]:
    """Source of the rows -> their records' and their patients' ids."""
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for split in splits:
        rows = load_split(source, split, ("ecg_id", "patient_id", "source"))
        for ecg_id, patient_id, name in zip(rows["ecg_id"], rows["patient_id"], rows["source"], strict=True):
            found[name][0].add(str(ecg_id))
            found[name][1].add(str(patient_id))
    return dict(found)
