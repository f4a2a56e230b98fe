"""Everything that is computed of predictions and references: text metrics, findings, codes, leakage, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tqdm import tqdm

from eval_suite.findings import code_scores
from eval_suite.findings import scores as finding_scores
from eval_suite.findings.code_scores import code_statistics
from eval_suite.findings.names import unknown_codes
from eval_suite.findings.scores import finding_statistics
from eval_suite.findings.stated_numbers import MEASURES
from eval_suite.leakage import NOT_SEEN, SEEN, Share, memorisation, seen_and_not, seen_in_training
from eval_suite.metrics.bertscore import BertScore
from eval_suite.protocol import PROTOCOLS, Conditions, score, score_rows
from eval_suite.quality_scores import LabelScores, Leakage, QualityScores
from eval_suite.rows import ReportRows
from eval_suite.side_by_side import Comparison, compare_with_first
from eval_suite.statistics import RowStatistics

TRUE_REPORT = "the true report"
_AGREED = "numbers agreed"


def score_systems(
    predictions: Mapping[str, Sequence[str]],
    rows: ReportRows,
    train: ReportRows,
    conditions: Conditions,
    *,
    prompts: Sequence[str] | None = None,
    bertscore: BertScore | None = None,
    all_protocols: bool = False,
) -> QualityScores:
    """Score the evaluated system beside its controls.

    Args:
        predictions: system -> one text a row, the evaluated system first, then the controls.
        rows: that were predicted, with codes and measurements where they have them.
        train: the training reports that leakage and memorisation look at.
        conditions: how; the protocol, the seed and the number of draws are taken from here.
        prompts: one a row, for a protocol that scores them.
        bertscore: adds its columns.
        all_protocols: give every protocol's values too, BERTScore apart.

    Raises:
        EcgInputError: as `score_rows`, `finding_statistics` and `code_statistics`.
    """
    first = next(iter(predictions))
    protocol = conditions.protocol
    measured = _measured(rows)
    texts: dict[str, RowStatistics] = {}
    findings = {}
    with tqdm(predictions.items(), desc="scoring", unit=" systems") as bar:
        for name, reports in bar:
            texts[name] = score_rows(reports, rows.reports, prompts, protocol, bertscore=bertscore)
            findings[name] = finding_statistics(reports, rows.reports, measurements=measured)
    coded = {}
    codes, _ = _codes(rows)
    if codes is not None:
        systems = {**predictions, TRUE_REPORT: rows.reports}
        coded = {name: code_statistics(reports, codes) for name, reports in systems.items()}
    seen = seen_in_training(rows.reports, train)
    kinds: dict[str, Mapping[str, RowStatistics]] = {
        "text": texts,
        "findings": findings,
        **({"codes": coded} if coded else {}),
        "share": {first: Share(seen)},
        "text by leakage": seen_and_not(texts[first], seen),
        "findings by leakage": seen_and_not(findings[first], seen),
    }
    found = compare_with_first(kinds, rows.patient_ids, samples=conditions.samples, seed=conditions.seed)
    return QualityScores(
        systems=found["text"].systems,
        differences=found["text"].differences,
        findings=_of_findings(found["findings"], findings[first].by_finding(), findings[first].counts(), measured),
        codes=LabelScores(found["codes"].systems, found["codes"].differences, coded[first].by_label())
        if coded
        else None,
        protocols=_by_protocol(predictions, rows, prompts) if all_protocols else {},
        leakage=Leakage(
            rows={SEEN: int(seen.sum()), NOT_SEEN: int((~seen).sum())},
            share=found["share"].systems[first]["share"],
            scores=found["text by leakage"].systems,
            findings=found["findings by leakage"].systems,
        ),
        memorisation=memorisation(predictions[first], rows.reports, train),
        conditions=conditions,
    )


def definitions(rows: ReportRows, bertscore: BertScore | None) -> dict[str, str]:
    """What the columns beside the protocol's are, label -> text."""
    found = {} if bertscore is None else {"BERTScore": bertscore.definition()}
    found |= finding_scores.DEFINITIONS
    if _measured(rows) is None:
        del found[_AGREED]
    codes, passed_over = _codes(rows)
    return {**found, **({} if codes is None else code_scores.DEFINITIONS), **passed_over}


def _of_findings(
    found: Comparison,
    by_finding: Mapping[str, Mapping[str, float]],
    counts: Mapping[str, int],
    measured: Sequence[Mapping[str, float]] | None,
) -> LabelScores:
    """Without the agreement of numbers where nothing was measured: 0 of 0 is no score."""
    if measured is None:
        for table in (found.systems, found.differences):
            for cells in table.values():
                del cells[_AGREED]
    return LabelScores(found.systems, found.differences, by_finding, counts)


def _measured(rows: ReportRows) -> list[dict[str, float]] | None:
    """The measurements of the rows, None where none of them is of what a report states in numbers."""
    names = {*MEASURES, "qtc_bazett_ms"}
    return rows.measurements if any(not names.isdisjoint(row) for row in rows.measurements or ()) else None


def _codes(rows: ReportRows) -> tuple[list[frozenset[str]] | None, dict[str, str]]:
    """The rows' codes that findings have, None where there are none; and a note of the others."""
    everything = frozenset[str]().union(*rows.codes or ())
    unknown = unknown_codes(everything)
    if not rows.codes or not unknown:
        return rows.codes, {}
    having = sum(bool(codes & unknown) for codes in rows.codes)
    some = ", ".join(sorted(unknown)[:5]) + (", …" if len(unknown) > 5 else "")
    note = {"codes passed over": f"{len(unknown)} that no finding has ({some}), in {having:,} rows"}
    return ([codes - unknown for codes in rows.codes] if everything - unknown else None), note


def _by_protocol(
    predictions: Mapping[str, Sequence[str]], rows: ReportRows, prompts: Sequence[str] | None
) -> dict[str, dict[str, dict[str, float]]]:
    bar = tqdm([(protocol, system) for protocol in PROTOCOLS for system in predictions], desc="every protocol")
    found: dict[str, dict[str, dict[str, float]]] = {}
    for protocol, system in bar:
        found.setdefault(protocol, {})[system] = score(predictions[system], rows.reports, prompts, protocol)
    return found
