"""A simulated folder of WFDB records with one table, as the source `wfdb-folder` reads it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.archives import new_archive
from dataset_scripts.simulation.wfdb_io import write_wfdb
from dataset_scripts.sources.synthetic import SyntheticSource

_COLUMNS = ("record", "patient_id", "ecg_id", "report", "fold", "age", "sex", "language")


def write_wfdb_folder(
    folder: str | Path,
    num_records: int,
    seed: int = 0,
    sampling_rates: Sequence[int] = (250, 500),
    duration: float = 10.0,
) -> Path:
    """Writes simulated records with `records.csv`; the same arguments, the same bytes.

    Args:
        folder: to be made, or an empty one.
        num_records: how many.
        seed: of the records.
        sampling_rates: in Hz, taken in turn.
        duration: of a record, in s.

    Returns:
        The folder.

    Raises:
        EcgInputError: the folder is not empty, or a number is not positive.
    """
    if num_records < 1 or not sampling_rates:
        raise EcgInputError(f"{num_records} records at {tuple(sampling_rates)} Hz; give at least one of each")
    sources = [SyntheticSource(None, rate, num_records, seed, duration) for rate in sampling_rates]
    rows: list[dict[str, object]] = []
    with new_archive(folder, seed) as draft:
        for number, entry in enumerate(sources[0].index()):
            record = sources[number % len(sources)].read(entry)
            place, name = f"waves/{number // 1000:03d}", f"r{number:06d}"
            write_wfdb(record, draft / place, name)
            rows.append(
                {
                    "record": f"{place}/{name}",
                    **{column: getattr(record, column) for column in _COLUMNS[1:]},
                    **record.measurements,
                }
            )
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (draft / "records.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return Path(folder)
