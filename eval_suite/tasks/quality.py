"""Report quality (tables 1 and 2 of the paper): the model beside six controls, with intervals and differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from dataset_scripts.instructions.prompts import without_language
from dataset_scripts.record import EcgInputError
from dataset_scripts.whole_file import write_whole
from eval_suite.baselines import baseline_predictions
from eval_suite.controls import EcgControl
from eval_suite.generate import ReportModel, generate_predictions, prompts_to_use
from eval_suite.memorisation import memorisation
from eval_suite.predictions import align, read_predictions
from eval_suite.protocol import STRICT, Conditions, Protocol, find_protocol, score_rows
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, DataSource, ReportRows, load_reports, load_split, report_rows
from eval_suite.statistics import Interval, bootstrap, paired_difference
from eval_suite.table import markdown_table, plain, terminal_table

_FILES = {
    "true": "predictions.parquet",
    "blank": "predictions-blank.parquet",
    "shuffled": "predictions-shuffled.parquet",
}
_NAMES = {"true": "model", "blank": "model, blank ECG", "shuffled": "model, shuffled ECG"}


@dataclass(frozen=True)
class QualityScores:
    """What one evaluation found.

    Attributes:
        systems: system -> metric -> interval, the evaluated system first.
        differences: control -> metric -> interval of the evaluated system minus that control, paired by row.
        memorisation: as `eval_suite.memorisation.memorisation` gives it.
        conditions: what the table was computed under.
    """

    systems: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]
    memorisation: dict[str, float | int]
    conditions: Conditions

    def markdown(self) -> str:
        """The table, the paired differences and the conditions as Markdown."""
        return "\n".join(
            (
                markdown_table(self.systems, {}),
                markdown_table(self.differences, self._notes(), self._minus()),
            )
        )

    def terminal(self) -> str:
        """The same for a terminal."""
        return "\n".join(
            (
                terminal_table(self.systems, {}),
                terminal_table(self.differences, self._notes(), self._minus()),
            )
        )

    def _minus(self) -> str:
        return f"{next(iter(self.systems))}, paired, minus"

    def _notes(self) -> dict[str, str]:
        shares = self.memorisation
        recited = (
            f"{shares['outputs_repeating_rare']:.1%} of the outputs repeat, word for word, a training report of fewer "
            f"than {shares['rare_below']} patients; {shares['references_repeating_rare']:.1%} of the true reports do"
        )
        return {**self.conditions.lines(), "memorisation": recited}

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "conditions": {**asdict(self.conditions), "definitions": self.conditions.lines()},
            "systems": plain(self.systems),
            "paired_differences": plain(self.differences),
            "memorisation": self.memorisation,
        }

    def write(self, out: Path) -> None:
        """Write `scores.json` and `table.md` into a folder, each under a temporary name first."""
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "scores.json", json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        write_whole(out / "table.md", self.markdown())


def run_quality(
    model: str | Path,
    data: str | Path | DataSource,
    split: str,
    out: str | Path,
    *,
    text_column: str = "report",
    language_told: bool = True,
    limit: int | None = None,
    protocol: Protocol | str = STRICT,
    batch_size: int = 64,
    generation: Mapping[str, Any] | None = None,
    seed: int = 0,
    samples: int = 1000,
    device: str | None = None,
    dtype: str | None = None,
) -> QualityScores:
    """Generate with the true, blank and shuffled ECGs, score beside the report baselines, write everything to `out`.

    Writes `predictions.parquet`, `predictions-blank.parquet`, `predictions-shuffled.parquet`, `scores.json` and
    `table.md`. Predictions already in `out` are used again if model, rows and settings are the same, so a cut
    evaluation goes on where it stopped.

    Args:
        model: folder or Hub id.
        data: folder, Hub id or `DataSource` of the data set; its `train` split gives the baselines.
        split: to be scored.
        out: folder for the results.
        text_column: the reference and what the baselines draw from, "report", "report_raw" or "report_en".
        language_told: whether the prompts name the report's language.
        limit: score only the first rows.
        protocol: by which they are scored, itself or its name; it changes no prediction.
        batch_size: rows generated at a time.
        generation: arguments for `generate`; what it leaves out is the model's own generation_config's.
        seed: of shuffling, baselines, sampling and bootstrap.
        samples: bootstrap draws.
        device: "cpu", "cuda", …; None takes CUDA where there is one.
        dtype: None is float32 on a CPU and bfloat16 elsewhere.

    Raises:
        EcgInputError: as `find_protocol`, `generate_predictions` and `load_split`.
    """
    protocol = find_protocol(protocol)
    out = Path(out)
    if out.is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    train = load_reports(data, "train", text_column)
    dataset = load_split(data, split, (*TEXT_COLUMNS, *SIGNAL_COLUMNS, text_column))
    rows = report_rows(dataset, text_column)
    opened = ReportModel(model, device=device, dtype=dtype)
    generated = {
        ecg: generate_predictions(
            opened,
            dataset,
            out / _FILES[ecg],
            ecg=ecg,
            text_column=text_column,
            language_told=language_told,
            batch_size=batch_size,
            generation=generation,
            seed=seed,
            limit=limit,
        )
        for ecg in get_args(EcgControl)
    }
    system = opened.described
    if generation:
        system += f", generation {json.dumps(dict(generation), sort_keys=True)}"
    conditions = _conditions(system, data, split, rows, text_column, language_told, limit, seed, samples, protocol)
    predictions = {_NAMES[ecg]: texts for ecg, texts in generated.items()}
    scored = rows.head(limit)
    prompts = prompts_to_use(list(dataset["prompt"])[:limit], scored.languages, language_told)
    scores = _score(predictions, scored, prompts, train, conditions)
    scores.write(out)
    return scores


def score_predictions(
    predictions: str | Path,
    data: str | Path | DataSource,
    split: str,
    *,
    out: str | Path | None = None,
    text_column: str = "report",
    language_told: bool | None = None,
    limit: int | None = None,
    protocol: Protocol | str = STRICT,
    seed: int = 0,
    samples: int = 1000,
) -> QualityScores:
    """Score the predictions of any system beside the report baselines.

    Args:
        predictions: `.parquet` or `.csv` with `ecg_id` and `prediction`, one for every row to score.
        data: folder, Hub id or `DataSource` of the data set; references come from here, whatever the file says.
        split: to be scored.
        out: folder for `scores.json` and `table.md`; None writes nothing.
        text_column: the reference.
        language_told: whether the system was told the report's language, for the table; None: not stated.
        limit: score only the first rows; the file then holds just these.
        protocol: by which they are scored, itself or its name. The prompts of `meit-release-prompt` are the data
            set's, whatever the file says; with language_told=False without the language.
        seed: of baselines and bootstrap.
        samples: bootstrap draws.

    Raises:
        EcgInputError: as `find_protocol`, `read_predictions`, `align` and `load_split`.
    """
    protocol = find_protocol(protocol)
    given = read_predictions(predictions)
    train = load_reports(data, "train", text_column)
    rows = load_reports(data, split, text_column)
    scored = rows.head(limit)
    texts = align(predictions, given, scored.ecg_ids)
    prompts = None
    if protocol.left_in == "prompt":
        prompts = list(load_split(data, split, ("prompt",))["prompt"])[:limit]
        prompts = list(map(without_language, prompts)) if language_told is False else prompts
    name = Path(predictions).name
    conditions = _conditions(name, data, split, rows, text_column, language_told, limit, seed, samples, protocol)
    scores = _score({name: texts}, scored, prompts, train, conditions)
    if out is not None:
        scores.write(Path(out))
    return scores


def _conditions(
    system: str,
    data: str | Path | DataSource,
    split: str,
    rows: ReportRows,
    text_column: str,
    language_told: bool | None,
    limit: int | None,
    seed: int,
    samples: int,
    protocol: Protocol,
) -> Conditions:
    scored = rows.head(limit)
    return Conditions(
        system=system,
        data=DataSource.of(data).name,
        split=split,
        rows=len(scored),
        rows_in_split=len(rows),
        patients=len(set(scored.patient_ids)),
        text_column=text_column,
        language_told=language_told,
        seed=seed,
        samples=samples,
        protocol=protocol,
    )


def _score(
    predictions: Mapping[str, list[str]],
    rows: ReportRows,
    prompts: Sequence[str] | None,
    train: ReportRows,
    conditions: Conditions,
) -> QualityScores:
    """Score the evaluated system, first in `predictions`, beside the controls."""
    everything = {**predictions, **baseline_predictions(rows, train, conditions.seed)}
    statistics = {
        name: score_rows(texts, rows.reports, prompts, conditions.protocol)
        for name, texts in tqdm(everything.items(), desc="scoring")
    }
    first, *controls = everything
    patients, samples, seed = rows.patient_ids, conditions.samples, conditions.seed
    return QualityScores(
        systems={name: bootstrap(found, patients, samples=samples, seed=seed) for name, found in statistics.items()},
        differences={
            name: paired_difference(statistics[first], statistics[name], patients, samples=samples, seed=seed)
            for name in controls
        },
        memorisation=memorisation(predictions[first], rows.reports, train),
        conditions=conditions,
    )
