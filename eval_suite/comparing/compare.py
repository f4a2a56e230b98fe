"""Two systems on the same rows: paired differences with intervals, and tests of what chance alone would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset_scripts.errors import EcgInputError
from eval_suite.comparing.compared_rows import compared_rows
from eval_suite.comparing.comparison import FINDING_PREFIX, LEFT_OUT, Comparison, Difference, FindingsRight
from eval_suite.findings.scores import FindingStatistics, finding_statistics
from eval_suite.metrics.bertscore import BertScore
from eval_suite.protocol import Protocol, score_rows
from eval_suite.rows import DataSource
from eval_suite.side_by_side import compare_with_first
from eval_suite.statistics import RowStatistics, holm, permutation_test

_OF_ONE_FINDING = "F1 "  # too many to test them all


def compare(
    a: str | Path,
    b: str | Path,
    *,
    out: str | Path | None = None,
    data: str | Path | DataSource | None = None,
    split: str | None = None,
    text_column: str | None = None,
    protocol: Protocol | str | None = None,
    bertscore: BertScore | None = None,
    samples: int = 1000,
    draws: int = 10_000,
    seed: int = 0,
    notes: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare two systems on the same rows, in every text metric and in findings.

    Args:
        a: a results folder of `meit eval`, or a file of predictions, `.parquet` or `.csv`.
        b: the same of the other system.
        out: folder for `comparison.json` and `comparison.md`; None writes nothing.
        data: the data set, where neither side holds references and patients.
        split: of the data set.
        text_column: of the references, as `compared_rows` takes it.
        protocol: None: as the folders say, else strict.
        bertscore: adds its three columns.
        samples: bootstrap draws.
        draws: of the permutation test.
        seed: of both.
        notes: further conditions for the table, label -> text.

    Raises:
        EcgInputError: as `compared_rows`, `score_rows` and `eval_suite.statistics`.
    """
    if out is not None and Path(out).is_file():
        raise EcgInputError(f"{out} is a file, expected a folder for the results")
    rows = compared_rows(a, b, data=data, split=split, text_column=text_column, protocol=protocol)
    written = dict(zip("AB", zip(rows.predictions(), rows.prompts, strict=True), strict=True))
    findings = {side: finding_statistics(texts, rows.references) for side, (texts, _) in written.items()}
    kinds: dict[str, dict[str, RowStatistics]] = {
        "": {
            side: score_rows(texts, rows.references, prompts, rows.protocol, bertscore=bertscore)
            for side, (texts, prompts) in written.items()
        },
        FINDING_PREFIX: dict(findings),
    }
    found = compare_with_first(kinds, rows.patient_ids, samples=samples, seed=seed)
    p_values = {
        prefix + name: p
        for prefix, systems in kinds.items()
        for name, p in permutation_test(systems["A"], systems["B"], rows.patient_ids, draws=draws, seed=seed).items()
        if name not in LEFT_OUT and not name.startswith(_OF_ONE_FINDING)
    }
    corrected = holm(p_values)
    metrics = {}
    for prefix, scored in found.items():
        for score, difference in scored.differences["B"].items():
            if (name := prefix + score) in p_values:
                both = scored.systems["A"][score], scored.systems["B"][score]
                metrics[name] = Difference(*both, difference, p_values[name], corrected[name])
    comparison = Comparison(
        rows=rows,
        metrics=metrics,
        right=findings_right(findings["A"], findings["B"], rows.ecg_ids),
        samples=samples,
        draws=draws,
        seed=seed,
        notes=notes or {},
    )
    if out is not None:
        comparison.write(Path(out))
    return comparison


def findings_right(a: FindingStatistics, b: FindingStatistics, ecg_ids: Sequence[str]) -> FindingsRight:
    """Which reports each of two systems has every finding of, and no other, right.

    Args:
        a: of R rows.
        b: of the same rows.
        ecg_ids: of R rows.
    """
    right_a, right_b = (found.scores(found.matrix())["exact set"] > 0 for found in (a, b))
    return FindingsRight(
        both=int((right_a & right_b).sum()),
        neither=int((~right_a & ~right_b).sum()),
        only_a=[i for i, right in zip(ecg_ids, right_a & ~right_b, strict=True) if right],
        only_b=[i for i, right in zip(ecg_ids, right_b & ~right_a, strict=True) if right],
    )
