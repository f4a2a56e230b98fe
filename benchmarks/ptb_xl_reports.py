"""The rows of PTB-XL's table that a benchmark may read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from dataset_scripts.sources.ptb_xl import TABLE
from dataset_scripts.sources.table import read_table


def rows(src: Path, folds: Collection[int] = range(1, 10)) -> Iterator[dict[str, str]]:
    """Yields the table's rows in these folds, in its order; fold 10 is the test split and stays shut by default."""
    for row in read_table(src / TABLE, ("strat_fold",)):
        if int(float(row["strat_fold"])) in folds:
            yield row
