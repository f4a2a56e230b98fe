"""Write the bundled example records.

python -m dataset_scripts.simulation.examples examples
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dataset_scripts.simulation.wfdb_io import write_wfdb
from dataset_scripts.sources.synthetic import SyntheticSource

EXAMPLES = {"normal": 51, "atrial_fibrillation": 65, "inferior_infarction": 6}
"""Name of the file -> index in the synthetic archive of seed 0."""


def write_examples(folder: str | Path) -> list[Path]:
    """Write each of `EXAMPLES` as a 10 s, 500 Hz record with an English report; return the paths without ending."""
    source = SyntheticSource(sampling_rate=500, num_records=max(EXAMPLES.values()) + 1, languages=("en",))
    rows = source.index()
    return [write_wfdb(source.read(rows[index]), folder, name) for name, index in EXAMPLES.items()]


def main() -> None:
    """Write the records into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Write the bundled synthetic example records.")
    parser.add_argument("folder", type=Path, help="where to write them, for example: examples")
    for path in write_examples(parser.parse_args().folder):
        print(path)


if __name__ == "__main__":
    main()
