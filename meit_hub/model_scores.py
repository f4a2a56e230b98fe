"""The scores that a card shows: those of `meit eval quality`, and only of the very model that is published."""

from __future__ import annotations

import json
from pathlib import Path

from dataset_scripts.record import EcgInputError

_SCORES, _TABLE = "scores.json", "table.md"


def score_table(scores: Path, model: Path) -> str:
    """The table of one evaluation, with its intervals, controls and conditions, as Markdown.

    Args:
        scores: folder that `meit eval quality --out` wrote.
        model: folder that is published.

    Raises:
        EcgInputError: no such evaluation, or one of other files than the folder holds.
    """
    # From the same place as the evaluation has it, so that both hash the same files.
    from eval_suite.model_folder import folder_fingerprint

    for name in (_SCORES, _TABLE):
        if not (scores / name).is_file():
            raise EcgInputError(f"--scores {scores}: no {name} there; give a folder that `meit eval quality` wrote")
    try:
        conditions = json.loads((scores / _SCORES).read_text(encoding="utf-8"))["conditions"]
        system, title = str(conditions["system"]), f"{conditions['data']}, split {conditions['split']}"
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise EcgInputError(f"--scores {scores}: {_SCORES} is not one of `meit eval quality` ({error})") from error
    if folder_fingerprint(model)[:16] not in system:
        raise EcgInputError(
            f"--scores {scores} is of {system}, and {model} holds other files; score this folder with meit eval quality"
        )
    told = {True: "language told", False: "language not told"}.get(conditions.get("language_told"), "")
    heading = ", ".join(part for part in (title, told) if part)
    return f"### {heading}\n\n{(scores / _TABLE).read_text(encoding='utf-8').strip()}"
