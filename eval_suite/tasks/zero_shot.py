"""Zero-shot (figure 2 of the paper): trained on one archive, tested on another, with and without instruction tuning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_scripts.errors import EcgInputError
from dataset_scripts.whole_file import write_whole
from eval_suite.cells import notes
from eval_suite.comparing.archives_apart import check_apart, describe_texts
from eval_suite.comparing.compare import compare
from eval_suite.comparing.comparison import Comparison
from eval_suite.metrics.bertscore import BertScore
from eval_suite.quality_scores import QualityScores
from eval_suite.report_model import ReportModel
from eval_suite.rows import DataSource
from eval_suite.tasks.quality import run_quality

TUNED, UNTUNED = "tuned", "untuned"
_COMPARISON = ("comparison.json", "comparison.md")
_SUMMARY = ("zero-shot.json", "zero-shot.md")


@dataclass(frozen=True)
class ZeroShotScores:
    """What was found on the archive that no model has seen.

    Attributes:
        models: "tuned", and "untuned" where there is one -> its scores beside the controls.
        comparison: tuned minus untuned on the same rows; None without an untuned model.
        conditions: what is said to be trained on and what is tested, label -> text.
    """

    models: Mapping[str, QualityScores]
    comparison: Comparison | None
    conditions: Mapping[str, str]

    def markdown(self) -> str:
        """All tables under headings, as Markdown."""
        parts = [notes(self.conditions, bullet="- ")]
        parts += [f"## {name}\n\n{scores.markdown()}" for name, scores in self.models.items()]
        if self.comparison is not None:
            parts.append(f"## {TUNED} minus {UNTUNED}\n\n{self.comparison.markdown()}")
        return "\n".join(parts)

    def terminal(self) -> str:
        """The same for a terminal."""
        parts = [notes(self.conditions)]
        parts += [f"{name}\n\n{scores.terminal()}" for name, scores in self.models.items()]
        if self.comparison is not None:
            parts.append(f"A is {TUNED}, B is {UNTUNED}\n\n{self.comparison.terminal()}")
        return "\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Conditions, and where the scores lie, as plain JSON values."""
        return {
            "schema": 1,
            "task": "zero-shot",
            "conditions": dict(self.conditions),
            "models": {name: f"{name}/scores.json" for name in self.models},
            "comparison": None if self.comparison is None else _COMPARISON[0],
        }

    def write(self, out: Path) -> None:
        """Write `zero-shot.json` and `zero-shot.md` into a folder that is there."""
        texts = (json.dumps(self.to_json(), indent=1, ensure_ascii=False), self.markdown())
        for name, text in zip(_SUMMARY, texts, strict=True):
            write_whole(out / name, text)


def run_zero_shot(
    model: str | Path,
    train_data: str | Path | DataSource,
    data: str | Path | DataSource,
    split: str,
    out: str | Path,
    *,
    untuned: str | Path | None = None,
    text_column: str = "report",
    bertscore: BertScore | None = None,
    seed: int = 0,
    samples: int = 1000,
    draws: int = 10_000,
    **how: Any,
) -> ZeroShotScores:
    """Score a model on an archive that it was not trained on, beside the same model before its instruction tuning.

    Writes `tuned/` and `untuned/` as `run_quality` does, `comparison.json` and `.md`, `zero-shot.json` and `.md`.
    Baselines, retrieval and leakage look at the training split of `train_data`: no control has seen the tested archive
    either. A cut run goes on where it stopped; what an older one summed up in `out` is removed before a row is scored.

    Args:
        model: folder or Hub id.
        train_data: archive A, a built data set, that the model is said to be trained on: nothing in a model's folder
            tells of its data, so this is not checked.
        data: archive B, a built data set.
        split: of B, to be scored.
        out: folder for the results.
        untuned: the same model before its training; None scores the tuned one alone.
        text_column: the reference, and what baselines draw from.
        bertscore: adds its columns.
        seed: of the controls, the bootstrap and the permutation test.
        samples: bootstrap draws.
        draws: of the permutation test.
        **how: further arguments of `run_quality`, such as `limit`, `protocol` or `language_told`.

    Raises:
        EcgInputError: A and B share records or patients, both models are one, `out` holds the untuned model of another
            run and none is given, or as `run_quality`.
    """
    out = Path(out)
    if out.is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    if untuned is None and (out / UNTUNED).exists():
        raise EcgInputError(
            f"{out / UNTUNED} is of another run, and no untuned model is given; name that, or another folder for the "
            "results"
        )
    trained, tested = DataSource.of(train_data).name, DataSource.of(data).name
    conditions = {
        "zero-shot": f"said to be trained on {trained}: --train-data, not checked against the model; tested on "
        f"{tested}, split {split}",
        "archives": check_apart(train_data, data, split),
        "texts": describe_texts(train_data, data, split, text_column),
    }
    given = {TUNED: model, **({} if untuned is None else {UNTUNED: untuned})}
    if len({ReportModel(name).fingerprint for name in given.values()}) < len(given):
        raise EcgInputError(
            f"{model} and {untuned} hold the same files; give as the untuned model what `meit train RECIPE "
            "num_train_epochs=0` writes"
        )
    for name in (*_COMPARISON, *_SUMMARY):
        (out / name).unlink(missing_ok=True)
    models = {
        name: run_quality(
            folder,
            data,
            split,
            out / name,
            train_data=train_data,
            text_column=text_column,
            bertscore=bertscore,
            seed=seed,
            samples=samples,
            **how,
        )
        for name, folder in given.items()
    }
    comparison = None
    if untuned is not None:
        sides = (out / TUNED, out / UNTUNED)
        comparison = compare(
            *sides, out=out, bertscore=bertscore, samples=samples, draws=draws, seed=seed, notes=conditions
        )
    scores = ZeroShotScores(models, comparison, conditions)
    scores.write(out)
    return scores
