"""Every record a build is to read, in a file: sorted into splits, cut into shards, and not held in memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.record import EcgInputError
from dataset_scripts.splits import SPLITS, SplitRule

_BATCH = 10_000  # records written to the file at a time
_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: `json.dumps` makes one a call


@dataclass(frozen=True)
class Shard:
    """One Parquet file to be: some records of one split that follow each other in the archive.

    Attributes:
        split: its name.
        number: among the split's shards, from 0.
        of: shards of the split.
        first: place of its first record within the split.
        last: place after its last record.
    """

    split: str
    number: int
    of: int
    first: int
    last: int

    @property
    def file(self) -> str:
        """Name of its Parquet file."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}.parquet"


class WorkList:
    """The records of an archive by split, in an SQLite file that many processes may read.

    Args:
        path: of the file that `write` made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def write(cls, path: Path, index: Iterable[Mapping[str, Any]], rule: SplitRule) -> WorkList:
        """Writes the file anew.

        Args:
            path: of the file; one that is there is replaced.
            index: of a `Source`.
            rule: the split of each record.

        Raises:
            EcgInputError: an id is there twice, or a patient in two splits.
        """
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            # What a cut run leaves of this file is never read.
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.execute(
                "CREATE TABLE record (split TEXT, place INTEGER, ecg_id TEXT, patient_id TEXT, entry TEXT, "
                "PRIMARY KEY (split, place)) WITHOUT ROWID"
            )
            db.execute("CREATE TABLE digest (digest TEXT)")
            digest, places = hashlib.sha256(), dict.fromkeys(SPLITS, 0)
            rows: list[tuple[str, int, str, str, str]] = []
            db.execute("BEGIN")
            for entry in index:
                split = rule(entry["patient_id"], entry.get("fold"))
                text = _encode(entry)
                digest.update(text.encode() + b"\n")
                rows.append((split, places[split], entry["ecg_id"], entry["patient_id"], text))
                places[split] += 1
                if len(rows) == _BATCH:
                    db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
                    rows.clear()
            db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
            db.execute("INSERT INTO digest VALUES (?)", (digest.hexdigest(),))
            db.execute("COMMIT")
            _assert_ids_once(db)
            _assert_patient_disjoint(db)
        return cls(path)

    @property
    def digest(self) -> str:
        """SHA-256 of all entries in their order: two archives with the same one list the same records."""
        with self._read() as db:
            return str(db.execute("SELECT digest FROM digest").fetchone()[0])

    def count(self) -> dict[str, int]:
        """Split -> records; splits without any are left out."""
        with self._read() as db:
            counts = dict(db.execute("SELECT split, COUNT(*) FROM record GROUP BY split"))
        return {split: counts[split] for split in SPLITS if split in counts}

    def shards(self, rows: int) -> list[Shard]:
        """Cuts every split into as few shards of at most `rows` records as it takes, all about the same size."""
        shards = []
        for split, count in self.count().items():
            of = -(-count // rows)
            shards += [Shard(split, i, of, count * i // of, count * (i + 1) // of) for i in range(of)]
        return shards

    def entries(self, shard: Shard) -> Iterator[dict[str, Any]]:
        """Yields the index entries of one shard in the archive's order."""
        with self._read() as db:
            found = db.execute(
                "SELECT entry FROM record WHERE split = ? AND place >= ? AND place < ? ORDER BY place",
                (shard.split, shard.first, shard.last),
            )
            for (entry,) in found:
                yield json.loads(entry)

    def _read(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True))


def _assert_ids_once(db: sqlite3.Connection) -> None:
    twice = db.execute("SELECT ecg_id FROM record GROUP BY ecg_id HAVING COUNT(*) > 1 LIMIT 5").fetchall()
    if twice:
        named = ", ".join(ecg_id for (ecg_id,) in twice)
        raise EcgInputError(f"records are listed more than once: {named}; correct the archive's table")


def _assert_patient_disjoint(db: sqlite3.Connection) -> None:
    shared = db.execute(
        "SELECT patient_id, GROUP_CONCAT(split, ' and '), COUNT(*) OVER () FROM "
        "(SELECT DISTINCT patient_id, split FROM record ORDER BY split) "
        "GROUP BY patient_id HAVING COUNT(*) > 1 ORDER BY patient_id LIMIT 5"
    ).fetchall()
    if shared:
        named = ", ".join(f"{patient} ({splits})" for patient, splits, _ in shared)
        raise EcgInputError(
            f"{shared[0][2]} patients are in more than one split: {named}; a split must be disjoint in its patients, "
            "so correct the archive's folds"
        )
