"""Robustness (figure 3 of the paper): the same rows clean and under every corruption, with what each costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dataset_scripts.record import EcgInputError
from eval_suite.corruptions.corruption import Corruption
from eval_suite.corruptions.kinds import find_corruptions
from eval_suite.corruptions.stored import leaves_as_they_are
from eval_suite.findings.names import CRITICAL
from eval_suite.findings.scores import DEFINITIONS, FindingStatistics, finding_statistics
from eval_suite.generate import ReportModel, generate_predictions, pass_over, refused_rows
from eval_suite.metrics.text import TextStatistics, meteor_name, text_statistics
from eval_suite.protocol import STRICT, Conditions
from eval_suite.robustness_scores import Point, RobustnessScores
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, DataSource, check_limit, load_split, report_rows
from eval_suite.scorable import check_scorable
from eval_suite.statistics import bootstrap, paired_difference

FOLDER = "robustness"
"""Of the conditions' predictions, in the folder for the results. Those of other tasks there may be of other rows."""

_FLOOR = "the same prompts with ECG values of zeros put in after the extractor: what the model writes without an ECG"
_DROP = (
    "clean minus corrupted on the same drawn patients: above 0 is a loss, but for critical missed, where below 0 is one"
)
_DEFINITIONS = {
    "drop": _DROP,
    "findings": DEFINITIONS["findings"],
    "findings micro F1": "over all (finding, state) pairs",
    "critical missed": f"of {', '.join(sorted(CRITICAL))}: of those that references affirm the share that predictions "
    "deny or leave out",
    "not defined": DEFINITIONS["not defined"],
}


@dataclass(frozen=True)
class RobustnessStatistics:
    """The scores that a condition is judged by, for `eval_suite.statistics`.

    Attributes:
        texts: of the text metrics.
        findings: of the findings, against the reference text.
    """

    texts: TextStatistics
    findings: FindingStatistics

    def matrix(self) -> np.ndarray:
        """Both side by side, float64 [rows, columns]."""
        return np.hstack([self.texts.matrix(), self.findings.matrix()])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Scores from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...]."""
        width = self.texts.matrix().shape[1]
        texts, findings = self.texts.scores(sums[..., :width]), self.findings.scores(sums[..., width:])
        return {
            **{name: texts[name] for name in ("BLEU-4", meteor_name(), "ROUGE-L", "CIDEr-D")},
            "findings micro F1": findings["micro F1"],
            "critical missed": findings["critical missed"],
        }


def run_robustness(
    model: str | Path,
    data: str | Path | DataSource,
    split: str,
    out: str | Path,
    *,
    kinds: Sequence[str] | None = None,
    text_column: str = "report",
    language_told: bool = True,
    limit: int | None = None,
    batch_size: int = 64,
    generation: Mapping[str, Any] | None = None,
    seed: int = 0,
    samples: int = 1000,
    device: str | None = None,
    dtype: str | None = None,
) -> RobustnessScores:
    """Generate for the same rows clean, blank and under every corruption, score, and write everything to `out`.

    Writes `robustness.json`, `robustness.md` and the folder `robustness` with a file of predictions for each condition.
    Predictions already there are used again if model, rows and settings are the same: a cut run goes on where it
    stopped, and one with more kinds makes only those. A corruption that leaves every ECG as it is, such as the data
    set's own sampling rate, has the clean predictions. Rows share a batch with the same others in every condition, so
    that in bfloat16, too, clean and corrupted differ by the corruption alone.

    Args:
        model: folder or Hub id.
        data: folder, Hub id or `DataSource` of the data set.
        split: to be scored.
        out: folder for the results.
        kinds: as `find_corruptions` takes them; None: all.
        text_column: the reference, "report", "report_raw" or "report_en".
        language_told: whether the prompts name the report's language.
        limit: only the first rows.
        batch_size: rows generated at a time.
        generation: arguments for `generate`; what it leaves out is the model's own generation_config's.
        seed: of the corruptions, sampling and bootstrap.
        samples: bootstrap draws.
        device: "cpu", "cuda", …; None takes CUDA where there is one.
        dtype: None is float32 on a CPU and bfloat16 elsewhere.

    Raises:
        EcgInputError: as `find_corruptions`, `load_split`, `check_scorable` and `generate_predictions`.
    """
    corruptions = find_corruptions(kinds, seed)
    check_limit(limit)
    out = Path(out)
    if out.is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    dataset = load_split(data, split, (*TEXT_COLUMNS, *SIGNAL_COLUMNS, text_column))
    rows = report_rows(dataset, text_column)
    scored = rows.head(limit)
    check_scorable(scored, samples)
    opened = ReportModel(model, device=device, dtype=dtype)
    chosen = dataset.select(range(len(scored)))
    signals = chosen.select_columns(["signal", "sampling_rate"]).with_format("numpy")
    # Averaged over the whole run, so that the estimate does not follow one kind's speed.
    bar = tqdm(total=(2 + len(corruptions)) * len(scored), unit="row", smoothing=0)

    def predicted(file: Path, what: str, **settings: Any) -> list[str]:
        bar.set_description(what)
        return generate_predictions(
            opened,
            chosen,
            file,
            text_column=text_column,
            language_told=language_told,
            batch_size=batch_size,
            generation=generation,
            seed=seed,
            progress=bar,
            alike=scored.reports,
            **settings,
        )

    with bar:
        clean = predicted(out / FOLDER / "clean.parquet", "clean")
        blank = predicted(out / FOLDER / "blank.parquet", "blank ECG", ecg="blank")
        files = [out / FOLDER / _file_name(corruption) for corruption in corruptions]
        texts: list[list[str] | None] = []
        for file, corruption in zip(files, corruptions, strict=True):
            if leaves_as_they_are(signals, range(len(scored)), scored.ecg_ids, corruption):
                texts.append(None)
                pass_over(bar, len(scored))
            else:
                texts.append(predicted(file, corruption.label, corrupt=corruption))

    def statistics(given: list[str]) -> RobustnessStatistics:
        return RobustnessStatistics(text_statistics(given, scored.reports), finding_statistics(given, scored.reports))

    patients = scored.patient_ids
    reference = statistics(clean)
    curves: dict[str, list[Point]] = {}
    conditions = tqdm(list(zip(corruptions, texts, files, strict=True)), desc="scoring", unit="condition")
    for corruption, given, file in conditions:
        found = reference if given is None or given == clean else statistics(given)
        point = Point(
            corruption,
            bootstrap(found, patients, samples=samples, seed=seed),
            paired_difference(reference, found, patients, samples=samples, seed=seed),
            0 if given is None else refused_rows(file),
            unchanged=given is None,
        )
        curves.setdefault(corruption.kind.name, []).append(point)
    system = opened.described
    if generation:
        system += f", generation {json.dumps(dict(generation), sort_keys=True)}"
    scores = RobustnessScores(
        clean=bootstrap(reference, patients, samples=samples, seed=seed),
        floor=bootstrap(statistics(blank), patients, samples=samples, seed=seed),
        curves=curves,
        conditions=Conditions(
            system=system,
            data=DataSource.of(data).name,
            split=split,
            rows=len(scored),
            rows_in_split=len(rows),
            patients=len(set(patients)),
            text_column=text_column,
            language_told=language_told,
            seed=seed,
            samples=samples,
            protocol=STRICT,
            controls=_FLOOR,
            more=_DEFINITIONS,
        ),
    )
    scores.write(out)
    return scores


def _file_name(corruption: Corruption) -> str:
    level = str(corruption.level).replace("/", "-").replace(" ", "-")
    return f"{corruption.kind.name}_{level}.parquet"
