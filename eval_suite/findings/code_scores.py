"""How well the findings of predicted reports match the cardiologists' codes, as sums over rows for the bootstrap.

The labels are PTB-XL's diagnostic superclasses and every finding that has an SCP code of its own. A finding that a text
denies counts as not had, a hedged one as had. The codes are no gold standard for a text (docs/findings.md): the true
reports' own agreement with them is the mark to reach, not 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.code_agreement import CODED, superclasses_of
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import SUPERCLASSES, findings_of_codes, unknown_codes
from eval_suite.findings.scores import ratio

LABELS = (*SUPERCLASSES, *CODED)
MIN_CODED = 20
#: What the scores are, label -> text.
DEFINITIONS = {
    "codes": "the findings of a text, denied ones left out, against the row's SCP codes, whatever the true report "
    "says; the row of the true report itself is what a text that agrees with it reaches",
    "superclass macro F1": "mean over PTB-XL's diagnostic superclasses",
    "statement macro F1": "mean over the findings that have an SCP code of their own and that enough rows are coded "
    "with",
}


@dataclass(frozen=True)
class CodeStatistics:
    """What each row adds to the agreement with the codes; `eval_suite.statistics.bootstrap` takes it.

    Attributes:
        in_text: float64 [rows, labels], 1 where the text has a label of `LABELS`.
        in_codes: float64 [rows, labels], the same of the row's codes.
        min_coded: statements that the codes of fewer rows have stay out of the macro average.
    """

    in_text: np.ndarray
    in_codes: np.ndarray
    min_coded: int = MIN_CODED

    def matrix(self) -> np.ndarray:
        """Had by both, by the text, by the codes: float64 [rows, 3 * labels]; sums over rows are meaningful."""
        return np.hstack([self.in_text * self.in_codes, self.in_text, self.in_codes])

    @property
    def frequent(self) -> tuple[str, ...]:
        """The statements of the macro average, in the order of the list of findings."""
        support = dict(zip(LABELS, self.in_codes.sum(axis=0), strict=True))
        return tuple(name for name in CODED if support[name] >= self.min_coded)

    @property
    def superclasses(self) -> tuple[str, ...]:
        """The superclasses of the macro average: those that the codes of some row have."""
        support = dict(zip(LABELS, self.in_codes.sum(axis=0), strict=True))
        return tuple(name for name in SUPERCLASSES if support[name])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Scores from (weighted) sums of `matrix()` over rows, [..., 3 * labels] -> name -> [...].

        The two macro F1, each where it has labels, then `F1 <label>` of the superclasses and statements they are of. A
        draw without any occurrence of a label leaves it out: its F1 is NaN there.
        """
        both, text, codes = np.split(sums, 3, axis=-1)
        f1 = dict(zip(LABELS, np.moveaxis(ratio(2 * both, text + codes), -1, 0), strict=True))

        def macro(labels: Collection[str]) -> np.ndarray:
            values = np.stack([f1[label] for label in labels])
            return ratio(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))

        means = {"superclass macro F1": self.superclasses, "statement macro F1": self.frequent}
        return {
            **{name: macro(labels) for name, labels in means.items() if labels},
            **{f"F1 {label}": f1[label] for labels in means.values() for label in labels},
        }

    def by_label(self) -> dict[str, dict[str, float]]:
        """Superclass or statement -> precision, recall, F1 and support (rows whose codes have it), where it occurs."""
        both, text, codes = np.split(self.matrix().sum(axis=0), 3)
        columns = {
            "precision": ratio(both, text),
            "recall": ratio(both, codes),
            "F1": ratio(2 * both, text + codes),
            "support": codes,
        }
        return {
            label: {column: float(values[place]) for column, values in columns.items()}
            for place, label in enumerate(LABELS)
            if text[place] or codes[place]
        }


def code_statistics(
    texts: Sequence[str], codes: Sequence[Collection[str]], *, min_coded: int = MIN_CODED
) -> CodeStatistics:
    """Count what the findings of texts share with SCP codes.

    Args:
        texts: one a row; an empty one states nothing.
        codes: the SCP codes of each row; one that no finding has is passed over.
        min_coded: of a statement, to enter the macro average.

    Raises:
        EcgInputError: no rows, other numbers of rows, or something that is no text.
    """
    if len(texts) != len(codes) or not texts:
        raise EcgInputError(f"{len(texts)} reports with {len(codes)} rows of codes, expected as many of each")
    bar = tqdm(dict.fromkeys(texts), desc="findings", unit=" texts", delay=2.0, leave=False)
    stated = {text: _row({name for name, state in extract_findings(text).items() if state != "absent"}) for text in bar}
    sets = dict.fromkeys(map(frozenset, codes))
    unknown = unknown_codes(frozenset().union(*sets))
    coded = {row: _row(findings_of_codes(row - unknown)) for row in sets}
    return CodeStatistics(
        in_text=np.array([stated[text] for text in texts]),
        in_codes=np.array([coded[frozenset(row)] for row in codes]),
        min_coded=min_coded,
    )


def _row(names: Collection[str]) -> list[float]:
    had = {*names, *superclasses_of(names)}
    return [float(label in had) for label in LABELS]
