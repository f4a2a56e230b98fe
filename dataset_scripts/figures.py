"""What a data set holds, counted from its own shards: the numbers of its card."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_scripts.signals.lead_check import INCONSISTENT, SWAPPED

_COLUMNS = (
    "patient_id",
    "report",
    "report_en",
    "language",
    "questions.list.element.task",
    "scp_codes.list.element.code",
    "labels.list.element.name",
    "signal_quality",
)
_LABELS_SHOWN = 15


def count(files: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Counts a data set; memory grows by some bytes a patient and a text only.

    Args:
        files: split -> its Parquet files.

    Returns:
        `rows`, `patients` (split -> number); `languages`, `questions`, `signal_quality` (split -> what -> rows);
        `untranslated_words` (split -> rows whose English text has one); `repeated_reports` (split -> share of its rows
        whose report occurs word for word in train; without a train split empty); `labels` (name -> split -> share of
        its rows), the most frequent ones, and `label_shift` (split -> total variation distance of its labels from
        train's, 0 the same, 1 nothing in common).
    """
    tallies: dict[str, _Tally] = {}
    learnt: set[bytes] = set()
    for split, paths in files.items():
        tallies[split] = tally = _Tally()
        for columns in _batches(paths):
            tally.add(columns)
            reports = [_short(report) for report in columns["report"].to_pylist()]
            if split == "train":
                learnt.update(reports)
            else:
                tally.repeated += sum(report in learnt for report in reports)
    rows = {split: tally.rows for split, tally in tallies.items()}
    labels = {split: tally.labels for split, tally in tallies.items()}
    judged = [split for split in files if split != "train" and "train" in files]
    return {
        "rows": rows,
        "patients": {split: len(tally.patients) for split, tally in tallies.items()},
        "languages": {split: dict(sorted(tally.languages.items())) for split, tally in tallies.items()},
        "questions": {split: dict(sorted(tally.questions.items())) for split, tally in tallies.items()},
        "signal_quality": {split: dict(sorted(tally.flaws.items())) for split, tally in tallies.items()},
        "untranslated_words": {split: tally.untranslated for split, tally in tallies.items()},
        "repeated_reports": {split: round(tallies[split].repeated / rows[split], 4) for split in judged},
        "labels": _shares(labels, rows),
        "label_shift": _shift(labels),
    }


@dataclass
class _Tally:
    """What one split holds."""

    rows: int = 0
    repeated: int = 0
    untranslated: int = 0
    patients: set[bytes] = field(default_factory=set)
    languages: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    flaws: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, columns: pa.RecordBatch) -> None:
        self.rows += len(columns)
        self.patients.update(map(_short, columns["patient_id"].to_pylist()))
        self.languages.update(columns["language"].to_pylist())
        self.questions.update(columns["questions"].flatten().field("task").to_pylist())
        self.untranslated += pc.sum(pc.match_substring(columns["report_en"], "[?")).as_py() or 0
        for name, present in _flaws(columns["signal_quality"]):
            if rows := pc.sum(present).as_py():
                self.flaws[name] += rows
        codes = zip(columns["scp_codes"].to_pylist(), columns["labels"].to_pylist(), strict=True)
        for scp_codes, labels in codes:
            self.labels.update({code["code"] for code in scp_codes} | {label["name"] for label in labels})


def _batches(paths: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(columns=list(_COLUMNS))


def _flaws(quality: pa.StructArray) -> Iterator[tuple[str, pa.BooleanArray]]:
    """Names each flaw that `signal_quality` tells, and the recordings that have it."""
    yield "missing samples", pc.greater(quality.field("missing_share"), 0)
    for name in ("flat_leads", "missing_leads", "saturated_leads"):
        yield name.replace("_", " "), pc.greater(pc.list_value_length(quality.field(name)), 0)
    for verdict in (SWAPPED, INCONSISTENT):
        yield f"limb leads {verdict}", pc.equal(quality.field("lead_verdict"), verdict)
    yield "suspected electrode exchange", pc.not_equal(quality.field("suspected_swap"), "")


def _shares(labels: Mapping[str, Counter[str]], rows: Mapping[str, int]) -> dict[str, dict[str, float]]:
    together: Counter[str] = Counter()
    for counts in labels.values():
        together.update(counts)
    # By name where two are equally frequent: the card shall be the same in every run.
    frequent = sorted(together, key=lambda name: (-together[name], name))[:_LABELS_SHOWN]
    return {name: {split: round(labels[split][name] / rows[split], 4) for split in rows} for name in frequent}


def _shift(labels: Mapping[str, Counter[str]]) -> dict[str, float]:
    reference = labels.get("train")
    if not reference:
        return {}
    shift: dict[str, float] = defaultdict(float)
    for split, counts in labels.items():
        if split != "train" and counts:
            distance = sum(
                abs(counts[name] / counts.total() - reference[name] / reference.total()) for name in reference | counts
            )
            shift[split] = round(distance / 2, 4)
    return dict(shift)


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
