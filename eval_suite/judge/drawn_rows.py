"""Which rows are judged: drawn by seed, among those a human validated where the data set says so."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_scripts.errors import EcgInputError
from dataset_scripts.open_split import columns_of
from eval_suite.rows import TEXT_COLUMNS, DataSource, ReportRows, check_limit, load_split, report_rows

VALIDATED = "validated_by_human"


@dataclass(frozen=True)
class DrawnRows:
    """The rows to judge.

    Attributes:
        rows: in the order drawn: fewer rows of the same seed are the first of these.
        positions: of each in the split.
        others: ecg_ids of the split that were not drawn.
        validated: rows of the split that a human validated, as the data set says; if none, all were drawn from.
        in_split: rows that the split has.
    """

    rows: ReportRows
    positions: list[int]
    others: frozenset[str]
    validated: int
    in_split: int

    def described(self, seed: int) -> str:
        """One line for the table."""
        among = f"the {self.validated:,} that a human validated, of {self.in_split:,} in the split"
        if not self.validated:
            among = f"all {self.in_split:,} of the split (the data set says of none that a human validated it)"
        patients = len(set(self.rows.patient_ids))
        return f"{len(self.rows):,} of {patients:,} patients, drawn by seed {seed} among {among}"


def draw_rows(data: DataSource, split: str, text_column: str, limit: int | None, seed: int) -> DrawnRows:
    """Draws rows of a split.

    A row's place in the order depends on the seed and its `ecg_id` alone.

    Args:
        data: the data set.
        split: its name.
        text_column: the reference.
        limit: rows to draw; None takes all that are eligible.
        seed: of the draw.

    Raises:
        EcgInputError: as `load_split`, or a drawn row has no reference.
    """
    check_limit(limit)
    says = "quality" in columns_of(data.place, split, data.config, data.revision)
    dataset = load_split(data, split, (*TEXT_COLUMNS, text_column, *(["quality"] if says else [])))
    rows = report_rows(dataset, text_column)
    validated = [row for row, quality in enumerate(dataset["quality"]) if _validated(quality)] if says else []
    eligible = list(validated or range(len(rows)))
    eligible.sort(key=lambda row: random.Random(f"{seed}/{rows.ecg_ids[row]}").random())
    drawn = eligible[:limit]
    empty = [rows.ecg_ids[row] for row in drawn if not rows.reports[row].strip()]
    if empty:
        raise EcgInputError(
            f"{len(empty)} of the {len(drawn)} rows drawn have no text in {text_column} (the first: {empty[0]}); "
            "choose another text column, or build the data set again"
        )
    taken = rows.select(drawn)
    others = frozenset(rows.ecg_ids) - frozenset(taken.ecg_ids)
    return DrawnRows(taken, drawn, others, len(validated), len(rows))


def _validated(quality: Sequence[Mapping[str, str]] | None) -> bool:
    return any(entry["name"] == VALIDATED and entry["text"].strip().lower() == "true" for entry in quality or ())
