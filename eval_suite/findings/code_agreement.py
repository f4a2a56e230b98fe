"""How far the findings of PTB-XL's own reports agree with the statements that its cardiologists coded.

The codes are no gold standard for the text: they were edited after the report was written. The table says what reports
and codes share, and where a rule is wrong it shows as a disagreement that the text does not explain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dataset_scripts.errors import EcgInputError
from eval_suite.findings.extract import extract_findings
from eval_suite.findings.names import FINDINGS_BY_NAME, SUPERCLASSES, findings_of_codes

CODED = tuple(row.name for row in FINDINGS_BY_NAME.values() if row.scp_codes)


@dataclass(frozen=True)
class Agreement:
    """Counts of one label over reports.

    Attributes:
        both: reports where text and codes have it.
        text_only: where only the text has it.
        codes_only: where only the codes have it.
    """

    both: int
    text_only: int
    codes_only: int

    @property
    def support(self) -> int:
        """Reports whose codes have the label."""
        return self.both + self.codes_only

    @property
    def f1(self) -> float:
        """F1 of the text's label against the codes', 0 where neither has it."""
        total = 2 * self.both + self.text_only + self.codes_only
        return 2 * self.both / total if total else 0.0


def superclasses_of(names: Collection[str]) -> frozenset[str]:
    """PTB-XL's diagnostic superclasses of some findings."""
    return frozenset(FINDINGS_BY_NAME[name].superclass for name in names) - {""}


def _count(texts: Sequence[Collection[str]], codes: Sequence[Collection[str]], label: str) -> Agreement:
    in_text = np.array([label in found for found in texts])
    in_codes = np.array([label in found for found in codes])
    return Agreement(
        int((in_text & in_codes).sum()), int((in_text & ~in_codes).sum()), int((~in_text & in_codes).sum())
    )


def code_agreement(reports: Sequence[str], codes: Sequence[Collection[str]]) -> dict[str, Agreement]:
    """Superclass or finding with a code of its own -> counts; denied findings of a text do not count as had.

    Args:
        reports: one text a row.
        codes: the SCP codes of each row.

    Raises:
        EcgInputError: other numbers of rows, or a code that no finding has.
    """
    if len(reports) != len(codes) or not reports:
        raise EcgInputError(f"{len(reports)} reports with {len(codes)} rows of codes, expected as many of each")
    texts = [{name for name, state in extract_findings(text).items() if state != "absent"} for text in reports]
    coded = [findings_of_codes(row) for row in codes]
    of_texts, of_codes = [superclasses_of(names) for names in texts], [superclasses_of(names) for names in coded]
    return {
        **{label: _count(of_texts, of_codes, label) for label in SUPERCLASSES},
        **{name: _count(texts, coded, name) for name in CODED},
    }


def macro_f1(table: dict[str, Agreement], labels: Collection[str]) -> float:
    """Mean F1 of some labels.

    Raises:
        EcgInputError: no labels.
    """
    if not labels:
        raise EcgInputError("no labels to average; lower the number of references that a label needs")
    return float(np.mean([table[label].f1 for label in labels]))
