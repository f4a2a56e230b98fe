"""False alarms and sensitivity of the lead checks on PTB-XL: `python benchmarks/lead_swaps.py --src PTB-XL-FOLDER`.

Prints the tables of docs/signals.md. Every fault is simulated exactly, by linear algebra on the recorded leads.
Patients with an even number were fitted to; all figures are from the others. `--fit` fits weights and thresholds anew.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from ptb_xl_reports import rows

from dataset_scripts.signals import electrode_check as electrodes
from dataset_scripts.signals.lead_check import LIMB_LEADS, check_leads, mend_leads
from dataset_scripts.sources.ptb_xl import TABLE
from dataset_scripts.sources.wfdb_record import read_wfdb

FALSE_ALARMS = 0.001  # of each exchange of chest electrodes, in the half that is fitted to
LEFT_OUT = ("LA/LL", "V5/V6")
RIDGE = 1.0
TOGETHER = 256  # recordings checked at a time


def read(folder: Path, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the signals float32 [N, 12, T] in mV, in the standard order, and the patients' numbers [N]."""
    column = "filename_lr" if rate == 100 else "filename_hr"
    found = [row for row in rows(folder) if (folder / (row[column] + ".dat")).is_file()]
    signals = np.empty((len(found), 12, 10 * rate), dtype=np.float32)
    for signal, row in zip(signals, found, strict=True):
        signal[:] = read_wfdb(folder / row[column], np.float32)[0]
    return signals, np.array([int(float(row["patient_id"])) for row in found])


def fit(products: np.ndarray) -> None:
    """Fits the weights by conditional logistic regression (the recording against itself with each exchange undone)."""
    undone = np.stack([matrix @ products @ matrix.T for matrix in map(electrodes.undo, electrodes.THRESHOLDS)], axis=1)
    change = electrodes.features(undone) - electrodes.features(products)[:, None]
    scale = change.std(axis=(0, 1))
    change = change / scale
    weights = np.zeros(change.shape[2])
    for _ in range(50):
        odds = np.exp(np.minimum(change @ weights, 50.0))
        share = odds / (1 + odds.sum(axis=1, keepdims=True))
        mean = np.einsum("nh,nhk->nk", share, change)
        gradient = mean.sum(axis=0) + RIDGE * weights
        curvature = np.einsum("nh,nhk,nhl->kl", share, change, change, optimize=True) - mean.T @ mean
        step = np.linalg.solve(curvature + RIDGE * np.eye(len(weights)), gradient)
        weights -= step
        if np.abs(step).max() < 1e-5:
            break
    thresholds = np.quantile(change @ weights, 1 - FALSE_ALARMS, axis=0)
    print("correlations:", np.round(weights / scale, 2)[:28].tolist())
    print("amplitudes:", np.round(weights / scale, 2)[28:].tolist())
    print("thresholds:", dict(zip(electrodes.THRESHOLDS, thresholds.round(1).tolist(), strict=True)))


def identities(signals: np.ndarray, rate: int) -> None:
    """Prints how well the limb leads fit together, and how well exchanged and inverted ones are found."""
    checks = [check_leads(signal, rate) for signal in signals]
    residual = 1000 * np.array([check.residual_mv for check in checks])
    share = residual / np.array([1000 * check.amplitude_mv for check in checks])
    print(f"\n| as recorded, {len(signals):,} at {rate} Hz | median | 99 % | largest |\n|---|---|---|---|")
    for name, values in (("residual, uV", residual), ("residual / amplitude", share)):
        print(f"| {name} | {np.median(values):.3g} | {np.quantile(values, 0.99):.3g} | {values.max():.3g} |")
    print("\n| fault | verdicts | mended exactly | mended to anything else |\n|---|---|---|---|")
    print(f"| none | {counted(check.verdict for check in checks)} | | {changed(checks)} |", flush=True)
    faults = [(f"{name} inverted", [row], [row]) for row, name in enumerate(LIMB_LEADS)]
    faults += [(f"{LIMB_LEADS[i]}, {LIMB_LEADS[j]} exchanged", [i, j], [j, i]) for i, j in combinations(range(6), 2)]
    for name, to, source in faults:
        verdicts: Counter[str] = Counter()
        right = wrong = 0
        for signal in signals[:: max(1, len(signals) // 1000)]:
            faulty = signal.copy()
            faulty[to] = -signal[source] if len(to) == 1 else signal[source]
            check = check_leads(faulty, rate)
            verdicts[check.verdict] += 1
            if not np.array_equal(mended := mend_leads(faulty, check), faulty):
                right, wrong = right + np.array_equal(mended, signal), wrong + (not np.array_equal(mended, signal))
        count = sum(verdicts.values())
        print(f"| {name} | {counted(verdicts.elements())} | {right / count:.1%} | {wrong / count:.1%} |", flush=True)


def counted(verdicts: object) -> str:
    """Writes verdicts with their shares, the most frequent first."""
    found = Counter(verdicts)  # type: ignore[call-overload]
    return ", ".join(f"{name} {count / found.total():.1%}" for name, count in found.most_common())


def changed(checks: list) -> str:
    """Writes how many recordings would be mended."""
    return f"{sum(check.verdict == 'swapped' and not check.ambiguous for check in checks) / len(checks):.2%}"


def exchanges(signals: np.ndarray, rate: int, products: np.ndarray, fitted: np.ndarray) -> None:
    """Prints false alarms and sensitivity for every exchange of electrodes, and for those left out."""
    alarms = Counter(
        name
        for start in range(0, len(signals), TOGETHER)
        for name, _ in electrodes.suspected_exchanges(signals[start : start + TOGETHER], rate)
    )
    print(f"\n| exchange | false alarms ({len(signals):,} at {rate} Hz) | found | named rightly |\n|---|---|---|---|")
    names = list(electrodes.THRESHOLDS)
    limits = np.array(list(electrodes.THRESHOLDS.values()))
    for name in names:
        matrix = electrodes.undo(name)
        above = electrodes.log_odds(matrix @ products @ matrix.T) - limits
        found, named = (above > 0).any(axis=1), (above > 0).any(axis=1) & (above.argmax(axis=1) == names.index(name))
        print(f"| {name} | {alarms[name] / len(signals):.2%} | {found.mean():.1%} | {named.mean():.1%} |")
    for name in ("RA/RL", "LA/RL"):
        print(f"| {name} | {alarms[name] / len(signals):.2%} | flat by definition | |")
    print(f"| any | {1 - alarms[''] / len(signals):.2%} | | |\n\n| left out | found at 0.1 % | at 1 % false alarms |")
    print("|---|---|---|")
    for name in LEFT_OUT:
        matrix = electrodes.undo(name)
        gain = [difference(part, matrix) for part in (fitted, products)]
        rates = [f"{(-gain[1] > np.quantile(gain[0], 1 - alarm)).mean():.0%}" for alarm in (0.001, 0.01)]
        print(f"| {name} | {' | '.join(rates)} |")


def difference(products: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns how much more right the recordings would look after `matrix` [N]."""
    both = electrodes.features(matrix @ products @ matrix.T) - electrodes.features(products)
    return both @ electrodes.WEIGHTS


def main() -> None:
    """Reads the archive and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, required=True, help=f"the folder that holds {TABLE}")
    parser.add_argument("--sampling-rate", type=int, default=100, choices=(100, 500))
    parser.add_argument(
        "--fit", action="store_true", help="print weights and thresholds fitted to half of the patients"
    )
    arguments = parser.parse_args()
    rate = arguments.sampling_rate
    signals, patients = read(arguments.src, rate)
    found = np.stack([electrodes.moments(signal, rate) for signal in signals])
    kept = np.isfinite(found).all(axis=(1, 2))
    products = found[kept]
    even = patients % 2 == 0
    if arguments.fit:
        fit(products[even[kept]])
        return
    exchanges(signals[~even], rate, products[~even[kept]], products[even[kept]])
    identities(signals[~even], rate)


if __name__ == "__main__":
    main()
