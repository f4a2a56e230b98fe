"""`report.html`: everything of a results folder on one page that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from dataset_scripts.errors import EcgInputError
from dataset_scripts.whole_file import write_whole
from ecg_image.page import RESEARCH_USE_NOTICE
from ecg_image.svg import draw_ecg_svg
from eval_suite.findings.code_scores import MIN_CODED
from eval_suite.page import curves, sections
from eval_suite.page.cases import Case, worst_cases
from eval_suite.page.dataset import EvaluatedData
from eval_suite.page.results import Results, read_results
from eval_suite.page.values import shown
from eval_suite.rows import DataSource

PAGE = "report.html"
SYNTHETIC_CASES = 6
# What the template asks for in any case, None where the results folder has no file for it.
_SECTIONS = (
    "glance",
    "findings",
    "codes",
    "text_tables",
    "protocols",
    "noise",
    "calibrations",
    "judge_tables",
    "recited",
    "by_leakage",
)
_TOLD = {True: "yes", False: "no", None: "not stated"}
_TEMPLATES = Path(__file__).parent / "templates"
_ECG_NAME = "Twelve-lead ECG {ecg_id}, drawn at 25 mm/s and 10 mm/mV"


def write_page(
    folder: str | Path,
    *,
    data: str | Path | DataSource | None = None,
    split: str | None = None,
    worst: int | None = None,
    draw: bool = False,
    leave_out: Collection[str] = (),
    note: str | None = None,
    out: str | Path | None = None,
) -> Path:
    """Writes the page of a results folder; the same inputs give the same bytes.

    Args:
        folder: holds any of `scores.json`, `robustness.json`, `calibration.json`, `judge.json`, and for worst cases
            `predictions.parquet`.
        data: folder, Hub id or `DataSource` of the data set that was evaluated: for its licence, to know whether it
            is made up, and to draw from.
        split: of the data set; None takes what the results name.
        worst: cases to show; None shows some where the data set is known to be synthetic and none where it may hold
            patients.
        draw: draw the ECG of each case.
        leave_out: ecg_ids that are not to be shown as cases; the page says how many.
        note: what a reader should know first; stands below the heading.
        out: where to; None is `report.html` in the folder.

    Returns:
        The page's path.

    Raises:
        EcgInputError: as `read_results`, `worst_cases` and `EvaluatedData`; cases without predictions, drawings
            without a data set or without cases, no split, a negative number of cases, or rows to leave out of none.
    """
    results = read_results(folder)
    source = None if data is None else EvaluatedData(data, split or _split(results), results)
    synthetic = source is not None and source.synthetic
    count = _number_of_cases(results, worst, draw, source)
    if leave_out and not count:
        raise EcgInputError(
            "rows are left out of the worst cases, and the page shows none; ask for some with --worst N"
        )
    cases = worst_cases(results.predictions, count, leave_out) if results.predictions and count else []
    if draw and source:
        recordings = source.drawings([case.ecg_id for case in cases])
        cases = [
            case.drawn(draw_ecg_svg(signal, rate, _ECG_NAME.format(ecg_id=case.ecg_id)))
            for case, (signal, rate) in zip(cases, recordings, strict=True)
        ]
    path = Path(out) if out is not None else results.folder / PAGE
    if path.is_dir():
        raise EcgInputError(f"{path} is a folder, expected a file to write the page to, such as {path / PAGE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, render(results, cases, source, note, len(set(leave_out)), patients=bool(cases) and not synthetic))
    return path


def _split(results: Results) -> str:
    named = results.conditions().get("split")
    if not named:
        raise EcgInputError("the results do not say which split they are of; name it with --split")
    return str(named)


def _number_of_cases(results: Results, worst: int | None, draw: bool, source: EvaluatedData | None) -> int:
    if worst is not None and worst < 0:
        raise EcgInputError(f"{worst} worst cases, expected 0 or more")
    if worst and results.predictions is None:
        raise EcgInputError(
            f"{results.folder} has no predictions.parquet to take worst cases from; leave --worst out, or evaluate "
            "with `meit eval quality`, which writes it"
        )
    if draw and source is None:
        raise EcgInputError("ECGs are drawn from the data set, and none is given; name it with --data")
    count = worst
    if count is None:
        count = SYNTHETIC_CASES if source is not None and source.synthetic and results.predictions else 0
    if draw and not count:
        raise EcgInputError(
            "ECGs are drawn of worst cases, and the page shows none: these are patients' data; ask for some with "
            "--worst N, and keep the page local"
        )
    return count


def render(
    results: Results,
    cases: list[Case],
    source: EvaluatedData | None,
    note: str | None,
    left_out: int = 0,
    *,
    patients: bool,
) -> str:
    """The page as HTML.

    Args:
        results: of one folder.
        cases: worst cases to show.
        source: the data set, None where it is not at hand.
        note: what a reader should know first.
        left_out: rows that were left out of the cases by name.
        patients: whether the cases are patients'.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, sentence=_sentence)
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return environment.get_template("page.html.jinja").render(
        style=Markup(style),
        script=Markup(script),
        # The page may use nothing but its own style and script: whatever a model wrote, it can load and run nothing.
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        notice=RESEARCH_USE_NOTICE,
        note=note,
        patients=patients,
        left_out=left_out,
        synthetic=source is not None and source.synthetic,
        licence=source.licence if source else None,
        cases=[(case, Markup(case.drawing) if case.drawing else None) for case in cases],
        **_head(results),
        **_content(results),
    )


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _head(results: Results) -> dict[str, Any]:
    given = results.conditions()
    judged = results.judge["conditions"] if results.judge else {}
    system = str(given.get("system") or judged.get("evaluated", "predictions"))
    name, _, details = system.partition(", ")
    facts = {
        "Data set": given.get("data") or judged.get("data"),
        "Split": given.get("split"),
        "Rows": _of(given.get("rows"), given.get("rows_in_split")),
        "Patients": _of(given.get("patients")),
        "Reference text": given.get("text_column"),
        "Language told": _TOLD[given["language_told"]] if "language_told" in given else None,
        "Protocol": _protocol(given.get("protocol")),
        "Intervals": f"95 %, {given['samples']:,} draws of patients" if "samples" in given else None,
    }
    return {
        "name": name,
        "details": details,
        "facts": {label: str(text) for label, text in facts.items() if text is not None},
        "disagreeing": sections.disagreeing(results),
        "conditions": sections.conditions(results),
    }


def _of(number: int | None, whole: int | None = None) -> str | None:
    if number is None:
        return None
    return f"{number:,}" if whole in (None, number) else f"{number:,} of {whole:,}"


def _measured(given: Mapping[str, Any]) -> str:
    """How many rows a file is of, in a sentence; "" where it does not say."""
    if "rows" not in given or "patients" not in given:
        return ""
    return f"Measured on {_of(given['rows'], given.get('rows_in_split'))} rows, of {given['patients']:,} patients."


def _protocol(protocol: Mapping[str, Any] | None) -> str | None:
    return f"{protocol['name']}, version {protocol['version']}" if protocol else None


def _content(results: Results) -> dict[str, Any]:
    """Every section that has an input; the others are None or empty.

    Raises:
        EcgInputError: a file lacks a field, or holds another kind of value there.
    """
    makers = {"scores": _of_scores, "robustness": _of_robustness, "calibration": _of_calibration, "judge": _of_judge}
    content: dict[str, Any] = dict.fromkeys(_SECTIONS)
    content["measured"] = {}
    for kind, found in results.found().items():
        with results.reading(kind):
            content["measured"][kind] = _measured(found["conditions"])
            content |= makers[kind](found)
    return content


def _of_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    recited, by_leakage = sections.leakage(scores)
    codes = scores.get("codes")
    return {
        "glance": sections.glance(scores),
        "text_tables": sections.text_tables(scores),
        "findings": sections.labels(scores["findings"], "Findings"),
        "codes": sections.labels(codes, "Agreement with the codes", frequent=MIN_CODED) if codes else None,
        "protocols": sections.protocols(scores),
        "recited": recited,
        "by_leakage": by_leakage,
    }


def _of_robustness(robustness: Mapping[str, Any]) -> dict[str, Any]:
    return {"noise": curves.noise_curves(robustness), "noise_metrics": curves.drawn_metrics(robustness)}


def _of_calibration(calibration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "calibrations": curves.calibrations(calibration),
        "confidence": str(calibration.get("confidence", "")),
        "reliability_names": curves.reliability_names(calibration),
        "abstention": sections.abstention(calibration),
    }


def _of_judge(judge: Mapping[str, Any]) -> dict[str, Any]:
    return {"judge_tables": sections.judge_tables(judge), "judge_unscored": len(judge.get("failures") or [])}
