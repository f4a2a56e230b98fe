"""How well the findings of predicted reports match those of the references, as sums over rows for the bootstrap.

A pair (finding, state) is right where prediction and reference hold both: a hedged infarct against a certain one is
wrong, and so is a denied one that the reference does not speak of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import CRITICAL, FINDINGS, State, contradictions, located
from eval_suite.findings.stated_numbers import agreements, stated_numbers

NAMES = tuple(row.name for row in FINDINGS)
MIN_REFERENCES = 10
_OTHERS = (
    *("exact", "critical_missed", "critical_stated", "critical_invented", "critical_predicted"),
    *("contradictory", "reference_contradictory", "triples_matched", "triples_predicted", "triples_stated"),
    *("numbers_agreed", "numbers_compared", "rows"),
)
#: What the scores are, label -> text.
DEFINITIONS = {
    "findings": f"{len(NAMES)} findings, each present, absent or uncertain, read from both texts by the same rules "
    "(docs/findings.md); a finding counts as right in the same state only",
    "micro and macro F1": "over all (finding, state) pairs; and the mean over findings that enough references hold",
    "exact set": "share of reports right in every finding",
    "critical missed, invented": f"of {', '.join(sorted(CRITICAL))}: missed: of those that references affirm, the "
    "share that predictions deny or leave out; invented: of those that predictions affirm, the share that references "
    "deny or leave out",
    "contradictory": "share of predictions with two findings that cannot both be present",
    "territory F1": "over (finding, wall, age) of infarcts, ischemia and injury",
    "numbers agreed": "share of the numbers that a prediction states and that were measured within 5 bpm, 20 ms (PR, "
    "QRS), 30 ms (QT, QTc) and 15 degrees",
    "not defined": "a share of nothing (0 of 0) is no score: –, in JSON null; draws without it are left out",
}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, NaN where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


@dataclass(frozen=True)
class FindingStatistics:
    """What each row adds to the scores; `eval_suite.statistics.bootstrap` takes it.

    Attributes:
        matched: float64 [rows, findings], 1 where prediction and reference hold a finding in the same state.
        predicted: float64 [rows, findings], 1 where the prediction holds it in any state.
        stated: float64 [rows, findings], the same of the reference.
        others: float64 [rows, counts], the counts that are not by finding, the last one 1.
        min_references: findings with fewer references enter the micro but not the macro average.
    """

    matched: np.ndarray
    predicted: np.ndarray
    stated: np.ndarray
    others: np.ndarray
    min_references: int = MIN_REFERENCES

    def matrix(self) -> np.ndarray:
        """The counts side by side, float64 [rows, 3 * findings + counts]; sums over rows are meaningful."""
        return np.hstack([self.matched, self.predicted, self.stated, self.others])

    @property
    def frequent(self) -> tuple[str, ...]:
        """The findings of the macro average, in the order of the list."""
        support = self.stated.sum(axis=0)
        return tuple(name for name, count in zip(NAMES, support, strict=True) if count >= self.min_references)

    def only(self, chosen: np.ndarray) -> FindingStatistics:
        """The same rows with nothing in those that are not chosen; the findings of the macro average are the others'.

        Args:
            chosen: bool [rows].
        """
        tables = {name: getattr(self, name) * chosen[:, None] for name in ("matched", "predicted", "stated", "others")}
        return replace(self, **tables)

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Scores from (weighted) sums of `matrix()` over rows, [..., columns] -> name -> [...].

        Micro and macro precision, recall and F1, then `F1 <finding>` of each frequent finding. A share of nothing is
        NaN; a draw without any occurrence of a finding leaves it out of the macro averages, in which one that is stated
        but never predicted has precision 0. The counts' shares: `exact set` of reports; `critical missed` of the
        critical findings that references affirm; `critical invented` of those that predictions affirm; `contradictory`
        of predictions and of references; `numbers agreed` of the numbers that are stated and measured.
        """
        size = len(NAMES)
        matched, predicted, stated = (sums[..., start : start + size] for start in (0, size, 2 * size))
        other = dict(zip(_OTHERS, np.moveaxis(sums[..., 3 * size :], -1, 0), strict=True))
        hits, guesses, truths = (counts.sum(axis=-1) for counts in (matched, predicted, stated))
        places = [NAMES.index(name) for name in self.frequent]
        f1 = ratio(2 * matched, predicted + stated)[..., places]
        occurring = (~np.isnan(f1)).sum(axis=-1)
        means = {
            "precision": ratio(matched, predicted)[..., places],
            "recall": ratio(matched, stated)[..., places],
            "F1": f1,
        }
        triples = other["triples_predicted"] + other["triples_stated"]
        return {
            "micro precision": ratio(hits, guesses),
            "micro recall": ratio(hits, truths),
            "micro F1": ratio(2 * hits, guesses + truths),
            **{f"macro {name}": ratio(np.nansum(values, axis=-1), occurring) for name, values in means.items()},
            "exact set": ratio(other["exact"], other["rows"]),
            "critical missed": ratio(other["critical_missed"], other["critical_stated"]),
            "critical invented": ratio(other["critical_invented"], other["critical_predicted"]),
            "contradictory": ratio(other["contradictory"], other["rows"]),
            "contradictory references": ratio(other["reference_contradictory"], other["rows"]),
            "territory F1": ratio(2 * other["triples_matched"], triples),
            "numbers agreed": ratio(other["numbers_agreed"], other["numbers_compared"]),
            **{f"F1 {name}": f1[..., place] for place, name in enumerate(self.frequent)},
        }

    def values(self) -> dict[str, float]:
        """Every score over all rows."""
        return {name: float(value) for name, value in self.scores(self.matrix().sum(axis=0)).items()}

    def counts(self) -> dict[str, int]:
        """The counts behind the shares, over all rows."""
        return {name: int(value) for name, value in zip(_OTHERS, self.others.sum(axis=0), strict=True)}

    def by_finding(self) -> dict[str, dict[str, float]]:
        """Finding -> precision, recall, F1 and support (references that hold it), for all that occur."""
        matched, predicted, stated = (table.sum(axis=0) for table in (self.matched, self.predicted, self.stated))
        columns = {
            "precision": ratio(matched, predicted),
            "recall": ratio(matched, stated),
            "F1": ratio(2 * matched, predicted + stated),
            "support": stated,
        }
        return {
            name: {column: float(values[place]) for column, values in columns.items()}
            for place, name in enumerate(NAMES)
            if stated[place] or predicted[place]
        }


def _row_counts(
    guess: Mapping[str, State], truth: Mapping[str, State], text: str, measured: Mapping[str, float]
) -> list[float]:
    affirmed, asserted = ({name for name in CRITICAL if found.get(name) == "present"} for found in (truth, guess))
    missed = [name for name in affirmed if guess.get(name, "absent") == "absent"]
    invented = [name for name in asserted if truth.get(name, "absent") == "absent"]
    triples, true_triples = located(guess), located(truth)
    agreed = agreements(stated_numbers(text), measured) if measured else {}
    return [
        *(guess == truth, len(missed), len(affirmed), len(invented), len(asserted)),
        *(bool(contradictions(guess)), bool(contradictions(truth))),
        *(len(triples & true_triples), len(triples), len(true_triples)),
        *(sum(agreed.values()), len(agreed), 1),
    ]


def _table(rows: Sequence[Mapping[str, State]]) -> np.ndarray:
    """1 where a row holds a finding, float64 [rows, findings]."""
    return np.array([[float(name in found) for name in NAMES] for found in rows])


def finding_statistics(
    predictions: Sequence[str],
    references: Sequence[str],
    *,
    measurements: Sequence[Mapping[str, float]] | None = None,
    min_references: int = MIN_REFERENCES,
) -> FindingStatistics:
    """Extract the findings of every different text once and count what matches.

    A bar shows the progress after two seconds.

    Args:
        predictions: one text a row; an empty one states nothing.
        references: one text a row, aligned with `predictions`.
        measurements: of each row, names as in `stated_numbers`; None compares no numbers.
        min_references: of a finding, to enter the macro average.

    Raises:
        EcgInputError: no rows, other numbers of rows, or something that is no text.
    """
    rows = len(references)
    if not rows or len(predictions) != rows or (measurements is not None and len(measurements) != rows):
        given = f"{len(predictions)} predictions, {rows} references"
        given += "" if measurements is None else f" and {len(measurements)} rows of measurements"
        raise EcgInputError(f"{given}, expected as many of each and at least one; pass one a row")
    texts = tqdm(dict.fromkeys([*predictions, *references]), desc="findings", unit=" texts", delay=2.0, leave=False)
    found = {text: extract_findings(text) for text in texts}
    guesses, truths = [found[text] for text in predictions], [found[text] for text in references]
    measured = measurements if measurements is not None else [{}] * rows
    matched = [
        [float(name in truth and guess.get(name) == truth[name]) for name in NAMES]
        for guess, truth in zip(guesses, truths, strict=True)
    ]
    others = [_row_counts(*row) for row in zip(guesses, truths, predictions, measured, strict=True)]
    return FindingStatistics(
        matched=np.array(matched),
        predicted=_table(guesses),
        stated=_table(truths),
        others=np.array(others, dtype=np.float64),
        min_references=min_references,
    )
