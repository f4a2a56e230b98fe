"""The cleaned reports of the real PTB-XL by fold, straight from its table."""

import csv
from collections.abc import Iterable
from pathlib import Path

from dataset_scripts.reports.cleaning import clean, drop_reason
from dataset_scripts.reports.language import detect_language
from eval_suite.rows import ReportRows


def ptbxl_reports(folder: Path, folds: Iterable[int]) -> ReportRows:
    wanted = set(map(str, folds))
    with (folder / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["strat_fold"] in wanted]
    rows = [row for row in rows if drop_reason(row["report"]) is None]
    reports = [clean(row["report"]) for row in rows]
    return ReportRows(
        [row["ecg_id"] for row in rows],
        [row["patient_id"] for row in rows],
        [detect_language(report) for report in reports],
        reports,
    )
