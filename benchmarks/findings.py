"""Findings extraction on PTB-XL: `python benchmarks/findings.py --src PTB-XL-FOLDER [--data BUILT --predictions FILE]`.

Prints the tables of docs/findings.md: speed, agreement of fold 9's reports with their codes, the kinds of disagreement
and, with `--data` and `--predictions`, the scores of a model's reports.
"""

from __future__ import annotations

import argparse
import ast
import csv
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dataset_scripts.reports.cleaning import clean, drop_reason
from eval_suite.findings.code_agreement import CODED, Agreement, code_agreement, macro_f1, superclasses_of
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import SUPERCLASSES, State, findings_of_codes
from eval_suite.findings.scores import finding_statistics
from eval_suite.predictions import align, read_predictions
from eval_suite.rows import load_reports

MIN_REFERENCES = 20


def read_archive(src: Path) -> list[tuple[int, str, list[str]]]:
    """Fold, cleaned report and codes of every record with a report, from the archive's table."""
    with (src / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        return [
            (int(row["strat_fold"]), clean(row["report"]), list(ast.literal_eval(row["scp_codes"])))
            for row in csv.DictReader(file)
            if drop_reason(row["report"]) is None
        ]


def print_speed(reports: list[str]) -> None:
    """How long all reports take, each text's first extraction included."""
    start = time.process_time()
    for report in reports:
        extract_findings(report)
    seconds = time.process_time() - start
    print(f"{len(reports)} reports, {len(set(reports))} of them different: {seconds:.1f} s on one core\n")


def print_agreement(table: dict[str, Agreement]) -> None:
    """Superclasses and every statement with enough records, with the macro averages."""
    frequent = [name for name in CODED if table[name].support >= MIN_REFERENCES]
    print("| label | F1 | both | text only | codes only |\n|---|---|---|---|---|")
    for label in (*SUPERCLASSES, *frequent):
        row = table[label]
        print(f"| {label} | {100 * row.f1:.1f} | {row.both} | {row.text_only} | {row.codes_only} |")
    print(f"\nmacro F1: superclasses {100 * macro_f1(table, SUPERCLASSES):.1f}, ", end="")
    print(f"{len(frequent)} findings {100 * macro_f1(table, frequent):.1f}\n")


def kind_of_disagreement(finding: str, in_text: Mapping[str, State], coded: frozenset[str]) -> str:
    """Why text and codes differ on a finding, as far as both can tell."""
    named = {name for name, state in in_text.items() if state != "absent"}
    if finding in ("normal_ecg", "otherwise_normal_ecg") and "NORM" in superclasses_of(named) & superclasses_of(coded):
        return "normal apart from what is named"
    stem = "_".join(finding.split("_")[1:])
    near = coded if finding in named else named
    if any(other != finding and other.endswith(stem) and stem for other in near):
        return "a neighbouring wall, side or degree"
    if in_text.get(finding) == "uncertain":
        return "hedged in the text, not coded"
    if superclasses_of({finding}) & superclasses_of(near):
        return "another finding of the same superclass"
    return "stated in the text alone" if finding in named else "coded, not in the text at all"


def print_disagreements(rows: list[tuple[int, str, list[str]]]) -> None:
    """Counts of disagreements by kind over all findings that have a code."""
    kinds: Counter[str] = Counter()
    for _, report, codes in rows:
        in_text, coded = extract_findings(report), findings_of_codes(codes)
        named = {name for name, state in in_text.items() if state != "absent"}
        kinds.update(kind_of_disagreement(name, in_text, coded) for name in CODED if (name in named) != (name in coded))
    print("| kind of disagreement | findings |\n|---|---|")
    for kind, count in kinds.most_common():
        print(f"| {kind} | {count} |")
    print()


def print_scores(data: str, split: str, predictions: Path) -> None:
    """A model's reports against the references."""
    rows = load_reports(data, split, "report")
    texts = align(predictions, read_predictions(predictions), rows.ecg_ids)
    found = finding_statistics(texts, rows.reports, min_references=MIN_REFERENCES)
    for name, value in found.values().items():
        print(f"{name}: {100 * value:.1f}")
    print(found.counts())


def main() -> None:
    """Parse the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--src", type=Path, required=True, help="unpacked PTB-XL")
    parser.add_argument("--fold", type=int, default=9)
    parser.add_argument("--data", help="a built data set, for --predictions")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--predictions", type=Path, help="predictions.parquet of a model on that split")
    options = parser.parse_args()
    if (options.data is None) != (options.predictions is None):
        parser.error("--data and --predictions go together")
    archive = read_archive(options.src)
    print_speed([report for _, report, _ in archive])
    rows = [row for row in archive if row[0] == options.fold]
    print_agreement(code_agreement([report for _, report, _ in rows], [codes for _, _, codes in rows]))
    print_disagreements(rows)
    if options.predictions is not None:
        print_scores(options.data, options.split, options.predictions)


if __name__ == "__main__":
    main()
