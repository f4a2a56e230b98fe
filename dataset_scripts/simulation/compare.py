"""Put the simulated normal ECG beside a real archive's: median wave amplitudes of every lead.

    python -m dataset_scripts.simulation.compare --ptbxl DIR

prints the table of `docs/synthetic.md`. Of the archive only medians leave this script.
"""

from __future__ import annotations

import argparse
import ast
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import wfdb

from dataset_scripts.record import EcgInputError
from dataset_scripts.simulation.findings import Case
from dataset_scripts.simulation.recording import case_of, patient_of
from dataset_scripts.sources.synthetic import SyntheticSource
from ecg_measurements.median_beat import median_beat, wave_amplitudes
from modeling_meit.ecg_signal import STANDARD_LEADS

WAVES = ("p", "r", "s", "t", "peak_to_peak")


def median_amplitudes(signals: Iterable[np.ndarray], sampling_rate: int) -> tuple[dict[str, np.ndarray], int]:
    """Return wave -> median over `signals` ([12, T] in mV each) per lead [12] in mV, and how many were measured."""
    measured = [wave_amplitudes(median_beat(signal, sampling_rate)) for signal in signals]
    return {wave: np.median([one[wave] for one in measured], axis=0) for wave in WAVES}, len(measured)


def real_normal_signals(folder: Path, count: int) -> Iterable[np.ndarray]:
    """Yield `count` 100 Hz signals [12, T] in mV of PTB-XL's records that are NORM with 100 % and sinus rhythm only.

    Raises:
        EcgInputError: the folder has no `ptbxl_database.csv`.
    """
    table = folder / "ptbxl_database.csv"
    if not table.is_file():
        raise EcgInputError(f"{folder}: no ptbxl_database.csv; give the unpacked PTB-XL folder")
    with table.open(newline="", encoding="utf-8") as lines:
        codes = [(row["filename_lr"], ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(lines)]
    names = [name for name, code in codes if code.get("NORM") == 100.0 and set(code) <= {"NORM", "SR"}]
    chosen = np.random.default_rng(0).permutation(len(names))[:count]
    for position in sorted(chosen):
        yield np.nan_to_num(wfdb.rdrecord(str(folder / names[position])).p_signal.T)


def synthetic_normal_signals(count: int, seed: int = 0) -> Iterable[np.ndarray]:
    """Yield `count` simulated normal 100 Hz signals [12, T] in mV."""
    source = SyntheticSource(num_records=8 * count + 100, seed=seed)
    normal = (row for row in source.index() if case_of(seed, patient_of(seed, row["index"])) == Case(None, None))
    for _, row in zip(range(count), normal, strict=False):
        yield source.read(row).signal


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Simulated against real normal ECGs: median amplitudes in mV.")
    parser.add_argument("--ptbxl", type=Path, required=True, help="the unpacked PTB-XL folder")
    parser.add_argument("--count", type=int, default=700, help="records of each")
    arguments = parser.parse_args()
    real, real_count = median_amplitudes(real_normal_signals(arguments.ptbxl, arguments.count), 100)
    made, made_count = median_amplitudes(synthetic_normal_signals(arguments.count), 100)
    print(f"Real: {real_count} records. Simulated: {made_count}. Each cell: real / simulated, in mV.\n")
    print("| lead | " + " | ".join(wave.replace("_", " ") for wave in WAVES) + " |")
    print("|---|" + "---|" * len(WAVES))
    for row, lead in enumerate(STANDARD_LEADS):
        print(f"| {lead} | " + " | ".join(f"{real[w][row]:.2f} / {made[w][row]:.2f}" for w in WAVES) + " |")


if __name__ == "__main__":
    main()
