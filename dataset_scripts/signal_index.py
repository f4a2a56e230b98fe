"""An index of a data set: its rows without the signals, and a digest of each signal to know it again by.

Where a licence keeps the signals from being published, the index goes in their place: who has the archive rebuilds the
data set from it, and every row is compared.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import DatasetInfo, Features, SplitDict, SplitInfo, Value
from huggingface_hub import DatasetCard

from dataset_scripts.build import DATA, MANIFEST_FILE
from dataset_scripts.card import BUILD_FILE, CARD
from dataset_scripts.record import EcgInputError
from dataset_scripts.shards import CODEC, CODEC_LEVEL, ROW_GROUP_ROWS, sha256_of
from dataset_scripts.whole_file import write_whole

SIGNAL, DIGEST = "signal", "signal_digest"
INDEX = "index"  # in build.json of an index; a data set with its signals has no such field
_METHOD = "blake2b, 128 bits, of the int16 samples [12, T], little-endian, lead after lead"
_PLAN = ("builder", "source", "sampling_rate", "options", "schema", "translator")
_SHOWN = 5  # records named in an error

_NOTE = """
> **An index, without the signals**, which the archive's licence or terms keep where they are; `signal_digest` tells
> each of them. Who has the archive rebuilds the data set, and every row is compared with this index:
>
> `meit build {builder} --src ARCHIVE --out FOLDER --index THIS_REPOSITORY_OR_FOLDER`
"""
_DIGEST_ROW = f"| `{DIGEST}` | {_METHOD}, hexadecimal |"
_READ = """\
```python
from datasets import load_dataset

index = load_dataset("path/to/this/folder")  # texts, labels and digests; the signals are in the archive
```"""


@dataclass(frozen=True)
class IndexMatch:
    """What a comparison found to be the same.

    Attributes:
        rows: compared, all of them equal.
        shards: of the data set.
        same_bytes: those that are the same file as the one the index was made from; another version of the Parquet
            library may write the same rows in other bytes.
    """

    rows: int
    shards: int
    same_bytes: int


def is_index(plan: Mapping[str, Any]) -> bool:
    """Whether a build.json is that of an index."""
    return INDEX in plan


def write_index(folder: Path, out: Path) -> None:
    """Writes the index of a data set: a folder of the same layout that `datasets.load_dataset` opens too.

    The same data set gives the same bytes. Memory does not grow with the number of rows.

    Args:
        folder: of a finished data set, with its signals.
        out: an empty folder, or one to be made.

    Raises:
        EcgInputError: `folder` is no finished data set, or an index already.
    """
    plan, manifest = read_plan(folder), _manifest(folder)
    if is_index(plan):
        raise EcgInputError(f"{folder} is an index already; give the folder of the data set with its signals")
    (out / DATA).mkdir(parents=True, exist_ok=True)
    notes = []
    for note in manifest:
        if note["file"]:
            path = out / note["file"]
            _write_shard(folder / note["file"], path)
            note = {**note, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        notes.append(note)
    _write_card(folder, out, plan, notes)
    write_whole(out / MANIFEST_FILE, json.dumps(notes, indent=1) + "\n")
    made_from = {note["file"]: note["sha256"] for note in manifest if note["file"]}
    index = {**plan, INDEX: {"digest": _METHOD, "shards": made_from}}
    write_whole(out / BUILD_FILE, json.dumps(index, indent=1) + "\n")


def check_against_index(folder: Path, index: Path) -> IndexMatch:
    """Compares every row of a data set with its index: the digests of the signals, and all other columns word for word.

    Memory does not grow with the number of rows.

    Args:
        folder: of a finished data set with its signals.
        index: folder of the index.

    Raises:
        EcgInputError: one of the two is not what it should be, or rows differ; the message names the first records.
    """
    plan, expected = read_plan(folder), read_plan(index)
    if not is_index(expected) or is_index(plan):
        raise EcgInputError(f"{index if not is_index(expected) else folder}: expected an index beside a whole data set")
    differ = [name for name in _PLAN if plan.get(name) != expected.get(name)]
    if differ:
        raise EcgInputError(
            f"{folder} was built with another {', '.join(differ)} than the index; build it with --index"
        )
    notes, rows, wrong, number = _manifest(folder), 0, list[str](), 0
    splits = dict.fromkeys(note["split"] for note in (*notes, *_manifest(index)))
    for split in splits:
        for here, there in zip_longest(_rows(folder, split), _rows(index, split)):
            rows += 1
            if here == there or repr(here) == repr(there):  # NaN is not equal to itself
                continue
            number += 1
            if len(wrong) < _SHOWN:
                wrong.append(_difference(here, there))
            if not here or not there or here["ecg_id"] != there["ecg_id"]:
                break  # from here on rows no longer stand opposite their own
    if number:
        raise EcgInputError(
            f"{folder} is not the data set of the index: {'; '.join(wrong)}{'; ...' if number > len(wrong) else ''}; "
            "take the release of the archive that the index names, as it was downloaded"
        )
    shards = {note["file"]: note["sha256"] for note in notes if note["file"]}
    made_from = expected[INDEX]["shards"]
    return IndexMatch(rows, len(shards), sum(made_from.get(file) == digest for file, digest in shards.items()))


def read_plan(folder: Path) -> dict[str, Any]:
    """Reads build.json of a finished data set or index.

    Raises:
        EcgInputError: there is none, or it is not whole.
    """
    path = folder / BUILD_FILE
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in (*_PLAN, "rows", "patients", "dropped") if name not in plan]
    except (OSError, ValueError) as error:
        raise EcgInputError(f"{folder} is no finished data set of `meit build` (no readable {BUILD_FILE})") from error
    if missing:
        raise EcgInputError(f"{path} has no {', '.join(missing)}: build the data set again with this version")
    return plan


def _manifest(folder: Path) -> list[dict[str, Any]]:
    path = folder / MANIFEST_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EcgInputError(f"{path} cannot be read ({error}); build the data set again") from error


def _rows(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    for note in _manifest(folder):
        if note["split"] == split and note["file"]:
            for table in _row_groups(folder / note["file"]):
                yield from (table if DIGEST in table.column_names else without_signals(table)).to_pylist()


def _row_groups(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)


def without_signals(table: pa.Table) -> pa.Table:
    """Puts the digests of the signals in their place."""
    place = table.column_names.index(SIGNAL)
    return table.set_column(place, DIGEST, pa.array(_digests(table[SIGNAL].combine_chunks()), pa.string()))


def _digests(signals: pa.FixedSizeListArray) -> list[str]:
    values = signals.flatten().flatten().to_numpy().astype("<i2", copy=False)
    rows = values.reshape(len(signals), signals.type.list_size * signals.type.value_type.list_size)
    return [hashlib.blake2b(row, digest_size=16).hexdigest() for row in rows]


def _write_shard(path: Path, out: Path) -> None:
    columns = Features.from_arrow_schema(pq.read_schema(path))
    names = {DIGEST if name == SIGNAL else name: kind for name, kind in columns.items()}
    schema = Features({**names, DIGEST: Value("string")}).arrow_schema
    part = out.with_name(f"{out.name}.part")
    with pq.ParquetWriter(part, schema, compression=CODEC, compression_level=CODEC_LEVEL) as writer:
        for table in _row_groups(path):
            writer.write_table(without_signals(table).cast(schema), row_group_size=ROW_GROUP_ROWS)
    part.replace(out)


def _write_card(folder: Path, out: Path, plan: Mapping[str, Any], notes: list[dict[str, Any]]) -> None:
    """Writes the data set's card with the columns, sizes and instructions of the index."""
    card = DatasetCard((folder / CARD).read_text(encoding="utf-8"))
    files = [note for note in notes if note["file"]]
    sizes = {split: sum(n["bytes"] for n in files if n["split"] == split) for split in plan["rows"]}
    splits = SplitDict({s: SplitInfo(s, num_bytes=sizes[s], num_examples=rows) for s, rows in plan["rows"].items()})
    columns = Features.from_arrow_schema(pq.read_schema(out / files[0]["file"]))
    total = sum(sizes.values())
    info = DatasetInfo(features=columns, splits=splits, download_size=total, dataset_size=total)
    card.data["dataset_info"] = info._to_yaml_dict()
    title, _, body = card.text.lstrip().partition("\n")
    body = re.sub(rf"^\| `{SIGNAL}` \|.*$", _DIGEST_ROW, body, flags=re.M)
    body = re.sub(r"^```python\n.*?^```$", _READ, body, flags=re.M | re.S)
    card.text = f"{title}\n{_NOTE.format(builder=plan['builder'])}{body}"
    write_whole(out / CARD, f"---\n{card.data.to_yaml()}\n---\n{card.text}")


def _difference(here: Mapping[str, Any] | None, there: Mapping[str, Any] | None) -> str:
    if not here or not there or here["ecg_id"] != there["ecg_id"]:
        found, wanted = (row["ecg_id"] if row else "no further record" for row in (here, there))
        return f"{found} stands where the index has {wanted}"
    columns = [SIGNAL if name == DIGEST else name for name in there if repr(here.get(name)) != repr(there[name])]
    return f"record {here['ecg_id']} has another {', '.join(columns)}"
