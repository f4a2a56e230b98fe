"""The questions on PTB-XL's records, counted: `python benchmarks/questions.py --src PTB-XL-FOLDER`.

Prints the figures of docs/instructions.md: how many are asked, how often yes is right, what they cost. With `--balance`
it prints PTB-XL's lines of `dataset_scripts/instructions/balance.txt`, measured anew, instead.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dataset_scripts.instructions.balance import measure
from dataset_scripts.instructions.certainty import certain_findings, certain_rhythm
from dataset_scripts.instructions.questions import TASKS, questions
from dataset_scripts.instructions.statements import STATEMENTS
from dataset_scripts.record import EcgRecord
from dataset_scripts.sources.ptb_xl import PtbXlSource

SEEN = range(1, 10)  # fold 10 is the test split and stays shut
OFTEN = 200


def records(src: Path) -> Iterator[EcgRecord]:
    """Yields the records of folds 1 to 9."""
    source = PtbXlSource(src)
    return (source.read(row) for row in source.index() if row["fold"] in SEEN)


def print_counts(src: Path, seed: int) -> None:
    """Prints what is asked of the records and how it is answered."""
    number = with_some = with_rhythm = 0
    seconds = 0.0
    tasks: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    yes: Counter[str] = Counter()
    for record in records(src):
        start = time.process_time()
        made = questions(record, "all", seed)
        seconds += time.process_time() - start
        number += 1
        with_some += bool(made)
        with_rhythm += certain_rhythm(record) is not None
        tasks.update(question["task"] for question in made)
        phrases = {phrase(name): name for name in certain_findings(record)}
        for question in made:
            if question["task"] == "yes_no":
                # The longest, for a block may also be called complete.
                name = phrases[max((said for said in phrases if question["completion"].endswith(said)), key=len)]
                asked[name] += 1
                yes[name] += question["completion"].startswith("Yes")
    shares = sorted(100 * yes[name] / asked[name] for name in asked if asked[name] >= OFTEN)
    print(f"{number} records, {1e6 * seconds / number:.0f} us each")
    print(f"questions a record: {tasks.total() / number:.1f}, with yes or no: {tasks['yes_no'] / number:.1f}")
    print("  " + ", ".join(f"{task} {tasks[task] / number:.2f}" for task in TASKS))
    print(f"records with one or more: {100 * with_some / number:.1f} %, with a certain rhythm: ", end="")
    print(f"{100 * with_rhythm / number:.1f} %")
    print(f"yes is right in {100 * yes.total() / asked.total():.1f} % of all, and in {shares[0]:.1f} to ", end="")
    print(f"{shares[-1]:.1f} % of each of the {len(shares)} findings asked about {OFTEN} times or more")


def phrase(finding: str) -> str:
    """Returns how an answer that names the finding ends."""
    return "normal." if finding == "normal_ecg" else f" {STATEMENTS[finding].phrase}."


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--balance", action="store_true")
    arguments = parser.parse_args()
    if arguments.balance:
        for name, (present, absent) in measure(records(arguments.src)).items():
            if present:
                print(f"ptb-xl {name} {present:.2f} {absent:.2f}")
    else:
        print_counts(arguments.src, arguments.seed)


if __name__ == "__main__":
    main()
