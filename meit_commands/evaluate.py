"""`meit eval`: scores beside the controls."""

from __future__ import annotations

import argparse

from meit_commands import (
    evaluate_alignment,
    evaluate_calibration,
    evaluate_compare,
    evaluate_leaderboard,
    evaluate_page,
    evaluate_quality,
    evaluate_robustness,
    evaluate_zero_shot,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = "Score reports beside the controls, with intervals."
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    evaluate_quality.add(tasks.add_parser("quality", help="generate the reports of a split and score them"))
    evaluate_quality.add_score(tasks.add_parser("score", help="score the predictions of any system"))
    evaluate_alignment.add(tasks.add_parser("alignment", help="let a language model grade the reports"))
    evaluate_compare.add(tasks.add_parser("compare", help="two systems on the same rows, with tests"))
    evaluate_leaderboard.add(tasks.add_parser("leaderboard", help="one table of many results"))
    evaluate_zero_shot.add(tasks.add_parser("zero-shot", help="trained on one archive, tested on another"))
    evaluate_calibration.add(tasks.add_parser("calibration", help="what the confidence is worth; a threshold"))
    evaluate_page.add(tasks.add_parser("page", help="one HTML page of a results folder"))
    evaluate_robustness.add(tasks.add_parser("robustness", help="what disturbed recordings cost a model"))
