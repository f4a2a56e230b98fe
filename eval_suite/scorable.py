"""What can be refused before anything is generated, so that nobody waits an hour to be told."""

from __future__ import annotations

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.bertscore import BertScore
from eval_suite.metrics.text import check_texts
from eval_suite.protocol import STRICT, Protocol, check_bertscore
from eval_suite.rows import ReportRows


def check_scorable(
    rows: ReportRows, samples: int, protocol: Protocol = STRICT, bertscore: BertScore | None = None
) -> None:
    """Refuse rows and settings that scoring would refuse later.

    Args:
        rows: to be scored.
        samples: bootstrap draws.
        protocol: by which they are scored.
        bertscore: whose columns are added.

    Raises:
        EcgInputError: too few draws, an empty reference, or another BERTScore model than the protocol has.
    """
    if samples < 2:
        raise EcgInputError(f"{samples} bootstrap samples, expected at least 2; the default is 1000")
    check_texts(rows.reports, rows.reports)
    check_bertscore(protocol, bertscore)
