"""The figures of docs/findings.md: `python benchmarks/findings.py --src PTB-XL-FOLDER`.

With `--src`: speed on folds 1-9, agreement of a fold's reports with their codes, and the kinds of disagreement. With
`--gold FILE`: how many findings of annotated texts are found. With `--data BUILT --predictions FILE`: the scores of a
model's reports.
"""

from __future__ import annotations

import argparse
import ast
import csv
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ptb_xl_reports import rows

from dataset_scripts.reports.cleaning import clean, drop_reason
from eval_suite.findings.code_agreement import CODED, Agreement, code_agreement, macro_f1, superclasses_of
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import SUPERCLASSES, State, findings_of_codes
from eval_suite.findings.scores import finding_statistics
from eval_suite.predictions import align, read_predictions
from eval_suite.rows import load_reports

MIN_REFERENCES = 20


def read_archive(src: Path) -> list[tuple[int, str, list[str]]]:
    """Fold, cleaned report and codes of every record of folds 1-9 with a report, from the archive's table."""
    return [
        (int(float(row["strat_fold"])), clean(row["report"]), list(ast.literal_eval(row["scp_codes"])))
        for row in rows(src)
        if drop_reason(row["report"]) is None
    ]


def print_gold(gold: Path) -> None:
    """Micro-F1 over (finding, state) pairs and texts right in every pair, by language and in all."""
    counts: dict[str, Counter[str]] = {}
    with gold.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            expected = dict(pair.split("=") for pair in row["findings"].split(";") if pair)
            found = extract_findings(row["text"])
            counts.setdefault(row["language"], Counter()).update(
                right=len(found.items() & expected.items()),
                given=len(found),
                wanted=len(expected),
                exact=found == expected,
                texts=1,
            )
    counts["all"] = sum(counts.values(), Counter())
    print("| language | micro-F1 | exact texts |\n|---|---|---|")
    for language, count in counts.items():
        f1 = 2 * count["right"] / (count["given"] + count["wanted"])
        print(f"| {language} | {f1:.3f} | {count['exact']} of {count['texts']} |")
    print()


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


def print_disagreements(records: list[tuple[int, str, list[str]]]) -> None:
    """Counts of disagreements by kind over all findings that have a code."""
    kinds: Counter[str] = Counter()
    for _, report, codes in records:
        in_text, coded = extract_findings(report), findings_of_codes(codes)
        named = {name for name, state in in_text.items() if state != "absent"}
        kinds.update(kind_of_disagreement(name, in_text, coded) for name in CODED if (name in named) != (name in coded))
    print("| kind of disagreement | findings |\n|---|---|")
    for kind, count in kinds.most_common():
        print(f"| {kind} | {count} |")
    print()


def print_scores(data: str, split: str, predictions: Path) -> None:
    """A model's reports against the references, in all and by finding."""
    truth = load_reports(data, split, "report")
    texts = align(predictions, read_predictions(predictions), truth.ecg_ids)
    found = finding_statistics(texts, truth.reports, min_references=MIN_REFERENCES)
    for name, value in found.values().items():
        if not name.startswith("F1 "):
            print(f"{name}: {100 * value:.1f}")
    print(f"{found.counts()}\n\n| finding | precision | recall | F1 | references |\n|---|---|---|---|---|")
    for name, row in found.by_finding().items():
        shares = " | ".join(f"{100 * row[column]:.1f}" for column in ("precision", "recall", "F1"))
        print(f"| {name} | {shares} | {row['support']:.0f} |")


def main() -> None:
    """Parse the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src", type=Path, help="unpacked PTB-XL")
    parser.add_argument("--fold", type=int, default=9, choices=range(1, 10))
    parser.add_argument("--gold", type=Path, help="annotated texts, as tests/assets/findings_gold.tsv")
    parser.add_argument("--data", help="a built data set, for --predictions")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--predictions", type=Path, help="predictions.parquet of a model on that split")
    options = parser.parse_args()
    if (options.data is None) != (options.predictions is None):
        parser.error("--data and --predictions go together")
    if not (options.src or options.gold or options.predictions):
        parser.error("nothing to do: give --src, --gold, or --data and --predictions")
    if options.gold is not None:
        print_gold(options.gold)
    if options.src is not None:
        archive = read_archive(options.src)
        print_speed([report for _, report, _ in archive])
        records = [record for record in archive if record[0] == options.fold]
        print_agreement(code_agreement([report for _, report, _ in records], [codes for _, _, codes in records]))
        print_disagreements(records)
    if options.predictions is not None:
        print_scores(options.data, options.split, options.predictions)


if __name__ == "__main__":
    main()
