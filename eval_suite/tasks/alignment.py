"""Expert alignment (table 4 of the paper): a language model grades reports by the rubric of table 6."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.errors import EcgInputError
from eval_suite.judge.agreement import MeanScores, agreement, mean_intervals
from eval_suite.judge.candidates import candidates_from_file, candidates_of_model, control_reports
from eval_suite.judge.drawn_rows import draw_rows
from eval_suite.judge.judge import AnswerFormat, Judge
from eval_suite.judge.result import AlignmentScores, Asked
from eval_suite.judge.rubric import CHECKS, MAIN, NAME, VERSION, Question, fingerprint
from eval_suite.predictions import read_predictions
from eval_suite.report_model import ReportModel
from eval_suite.rows import DataSource, ReportRows, check_limit
from eval_suite.statistics import paired_difference
from meit_remote.consent import require_consent, say_on_stderr
from meit_remote.endpoint import ChatEndpoint, Prices
from meit_remote.transport import RemoteError

_MOST_CONTROLS = 4  # one fewer where there are no reports with shuffled ECGs
_NAMED = 5  # failures that the table names; judge.json has all


@dataclass(frozen=True)
class JudgeSettings:
    """Who judges, and what may be sent there.

    Attributes:
        url: of an OpenAI-compatible endpoint, for example "http://localhost:8000/v1".
        model: as the endpoint names it.
        consent: the host that may receive the reports; an endpoint on this machine needs none.
        key_variable: environment variable that holds the key; None sends none.
        prices: per million tokens; None shows tokens alone.
        answer_format: see `Judge`.
        max_tokens: of an answer.
        concurrency: requests under way at once.
        timeout: seconds for one request.
        retries: further tries of a request that got no answer.
        backoff: seconds before the second try, see `ChatEndpoint`.
    """

    url: str
    model: str
    consent: str | None = None
    key_variable: str | None = None
    prices: Prices | None = None
    answer_format: AnswerFormat = "json_schema"
    max_tokens: int = 256
    concurrency: int = 4
    timeout: float = 60.0
    retries: int = 5
    backoff: float = 1.0

    def endpoint(self, cache: Path) -> ChatEndpoint:
        """Opens it; it announces nothing by itself, as a run says once what it sends in all.

        Raises:
            EcgInputError: as `ChatEndpoint`.
        """
        return ChatEndpoint(
            self.url,
            self.model,
            sends="reports to judge",
            consent=self.consent,
            key_variable=self.key_variable,
            cache=cache,
            timeout=self.timeout,
            retries=self.retries,
            backoff=self.backoff,
            concurrency=self.concurrency,
            prices=self.prices,
            say=lambda line: None,
        )


def run_alignment(
    settings: JudgeSettings,
    data: str | Path | DataSource,
    split: str,
    out: str | Path,
    *,
    predictions: str | Path | None = None,
    model: str | Path | None = None,
    text_column: str = "report",
    language_told: bool = True,
    limit: int | None = 500,
    control_limit: int = 100,
    seed: int = 0,
    samples: int = 1000,
    batch_size: int = 64,
    device: str | None = None,
    dtype: str | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> AlignmentScores:
    """Lets a judge grade the reports of a system and of its controls, and checks the judge against itself.

    Writes `judge.json`, `judge.md` and `judged.parquet` (ids and scores, no texts), keeps every answer in
    `replies.sqlite`, and with `model` leaves its predictions. The same command after a cut asks for nothing twice.

    Args:
        settings: the judge.
        data: folder, Hub id or `DataSource` of the data set; its `train` split gives the baselines.
        split: whose rows are judged.
        out: folder for the results.
        predictions: `.parquet` or `.csv` with `ecg_id` and `prediction` of at least the rows drawn. Those with another
            patient's ECG are judged too if they lie beside it under the name with "-shuffled" at its end.
        model: folder or Hub id instead, whose reports for the rows drawn are generated first.
        text_column: the reference and what the baselines draw from.
        language_told: whether the model's prompts name the report's language.
        limit: rows to draw (`draw_rows`); None takes all.
        control_limit: of these, the first are judged for the controls and the checks too.
        seed: of the rows, the judge, the controls and the bootstrap.
        samples: bootstrap draws.
        batch_size: rows generated at a time.
        device: of the model.
        dtype: of the model.
        say: prints what is about to be sent, and what failed.

    Raises:
        EcgInputError: no consent, or as `draw_rows`, `candidates_from_file` and `candidates_of_model`.
        RemoteError: as `Judge.judge`, or no report of the system got scores.
    """
    if (predictions is None) == (model is None):
        raise EcgInputError("expected either the predictions of a system or a model; give one of the two")
    source, out = DataSource.of(data), Path(out)
    if out.is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    check_limit(control_limit)
    given = None if predictions is None else read_predictions(predictions)
    drawn = draw_rows(source, split, text_column, limit, seed)
    some = drawn.rows.head(control_limit)
    most = len(drawn.rows) + (_MOST_CONTROLS + len(CHECKS)) * len(some)
    what = "reports at most, each with its reference, to judge"
    require_consent(settings.url, what, most, settings.consent, say)
    endpoint = settings.endpoint(out / "replies.sqlite")
    try:
        if given is not None:
            candidates = candidates_from_file(Path(str(predictions)), given, drawn, some)
        else:
            candidates = candidates_of_model(
                ReportModel(str(model), device=device, dtype=dtype),
                source,
                split,
                drawn,
                len(some),
                out,
                text_column=text_column,
                language_told=language_told,
                batch_size=batch_size,
                seed=seed,
            )
        controls = control_reports(candidates, source, some, text_column, seed)
        judge = Judge(endpoint, seed=seed, max_tokens=settings.max_tokens, answer_format=settings.answer_format)
        asked = [_ask(judge, candidates.name, candidates.reports, drawn.rows, MAIN)]
        if len(asked[0].failures()) == len(drawn.rows):
            raise RemoteError(
                f"none of the {len(drawn.rows)} reports got scores from {settings.model} at {endpoint.host} (the "
                f"first: {asked[0].failures()[0]['reason']}); take another model or answer format"
            )
        asked += [_ask(judge, name, reports, some, MAIN) for name, reports in controls.items()]
        again = [_ask(judge, candidates.name, candidates.reports[: len(some)], some, question) for question in CHECKS]
        usage = _usage(judge, settings.prices)
    finally:
        endpoint.close()
    conditions = {
        "judge": f"{settings.model} at {endpoint.host}, rubric {NAME} version {VERSION} (sha256 {fingerprint()}), "
        f"temperature 0, seed {seed}, answers as {settings.answer_format}",
        "evaluated": candidates.described,
        "data": f"{source.name}, split {split}",
        "rows judged": drawn.described(seed),
        "controls and checks": f"on the first {len(some):,} of these rows",
        "text column": text_column,
        "language told to the model": candidates.language_told,
        "interval": f"95 % percentile bootstrap, {samples:,} draws of whole patients, seed {seed}",
        **_told(asked + again),
        "cost": _cost(usage),
    }
    scores = _scores(asked, again, conditions, usage, samples, seed)
    scores.write(out)
    failed = scores.failures()
    if failed:
        say(f"{len(failed)} reports have no scores ({conditions['without scores']})")
    return scores


def _ask(judge: Judge, system: str, reports: Sequence[str], rows: ReportRows, question: Question) -> Asked:
    label = system if question == MAIN else f"{system}, {question.name}"
    found = judge.judge(reports, rows.reports, question, label)
    return Asked(system, question.name, rows.ecg_ids, rows.patient_ids, found)


def _scores(
    asked: Sequence[Asked],
    again: Sequence[Asked],
    conditions: dict[str, str],
    usage: dict[str, Any],
    samples: int,
    seed: int,
) -> AlignmentScores:
    systems, differences, checks = {}, {}, {}
    for one in asked:
        patients, (scores,) = _together(one)
        if patients:
            systems[f"{one.system} ({len(scores):,} rows)"] = mean_intervals(scores, patients, samples, seed)
    for one in asked[1:]:
        patients, (scores, control) = _together(asked[0], one)
        if patients:
            differences[one.system] = paired_difference(
                MeanScores(scores), MeanScores(control), patients, samples=samples, seed=seed
            )
    for one in again:
        patients, (first, second) = _together(asked[0], one)
        if patients:
            checks[one.question] = agreement(first, second, patients, samples, seed)
    return AlignmentScores(systems, differences, checks, [*asked, *again], conditions, usage)


def _together(*asked: Asked) -> tuple[list[str], list[np.ndarray]]:
    """The patients of the rows that all have scores for, and those scores, int [R, 4] each.

    The rows of each are the first ones of the system's.
    """
    rows = min(len(one.judgements) for one in asked)
    scored = [row for row in range(rows) if all(one.judgements[row].scores is not None for one in asked)]
    return (
        [asked[0].patient_ids[row] for row in scored],
        [np.array([one.judgements[row].scores for row in scored], dtype=np.int64).reshape(-1, 4) for one in asked],
    )


def _told(asked: Sequence[Asked]) -> dict[str, str]:
    judgements = [judgement for one in asked for judgement in one.judgements]
    twice, empty = (sum(judgement.asked == times for judgement in judgements) for times in (2, 0))
    failed = [failure for one in asked for failure in one.failures()]
    named = [f"{f['ecg_id']} ({f['system']}, {f['question']}): {f['reason']}" for f in failed[:_NAMED]]
    more = f"; {len(failed) - _NAMED} more in judge.json" if len(failed) > _NAMED else ""
    return {
        "reports judged": f"{len(judgements):,} in all, {twice:,} of them asked about a second time; {empty:,} empty "
        "ones have 1 in every dimension without being sent",
        "without scores": f"{len(failed):,}, left out: {'; '.join(named)}{more}" if failed else "none",
    }


def _usage(judge: Judge, prices: Prices | None) -> dict[str, Any]:
    """Tokens and cost of all answers, and what of it this run spent."""
    used, run = judge.usage(), judge.endpoint.tally
    counted = used.prompt_tokens > 0
    cost = prices.cost(used.prompt_tokens, used.completion_tokens) if prices and counted else None
    this_run: Mapping[str, Any] = {
        "replies": run.replies,
        "from_cache": run.from_cache,
        "retries": run.retries,
        "prompt_tokens": run.prompt_tokens,
        "completion_tokens": run.completion_tokens,
        "cost": run.cost if counted else None,
    }
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost": cost,
        "currency": None if prices is None else prices.currency,
        "this_run": this_run,
    }


def _cost(usage: Mapping[str, Any]) -> str:
    if not usage["prompt_tokens"]:
        return "not known, as the endpoint counts no tokens"
    tokens = f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens"
    run = usage["this_run"]
    if usage["cost"] is None:
        return f"{tokens}, no prices given; {run['replies']:,} answers asked for in this run"
    return (
        f"{tokens}, {usage['cost']:.4f} {usage['currency']}; of it in this run {run['cost']:.4f} for "
        f"{run['replies']:,} answers"
    )
