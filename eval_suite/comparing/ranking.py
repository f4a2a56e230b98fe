"""Ranks no finer than the rows can tell: paired by patient where predictions are at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from eval_suite.comparing.compared_rows import NoReferencesError, compared_rows
from eval_suite.comparing.compared_side import PREDICTIONS
from eval_suite.comparing.comparison import FINDING_PREFIX, LEFT_OUT
from eval_suite.comparing.results import Results
from eval_suite.findings.scores import finding_statistics
from eval_suite.protocol import PROTOCOLS, STRICT, Protocol, score_rows
from eval_suite.statistics import Interval, RowStatistics, paired_difference


class Ranked(NamedTuple):
    """A system with its place.

    Attributes:
        entry: its results.
        rank: 1 is the best; several may share one. None where the metric is not defined for the entry.
        by_overlap: whether it was held against the best of its rank, or the rank above, by overlapping intervals, as
            predictions of one of the two are missing or hold nothing to compute the metric from.
    """

    entry: Results
    rank: int | None
    by_overlap: bool = False


def ranked(
    entries: Sequence[Results], metric: str, *, lower_is_better: bool = False, samples: int = 1000, seed: int = 0
) -> list[Ranked]:
    """Entries in their order, best first; those for which the metric is not defined last, without a rank.

    A system shares the rank of the best one above it as long as the two cannot be told apart; the first that can be
    begins a rank of its own, its place in the order.

    Args:
        entries: scored under the same conditions.
        metric: by which they are ordered, one that all have.
        lower_is_better: whether less of it is.
        samples: bootstrap draws of a paired difference.
        seed: of the draws.

    Raises:
        EcgInputError: predictions of two entries are for other rows or references, whatever their conditions say.
    """
    defined = [entry for entry in entries if not math.isnan(entry.own[metric].value)]
    order = sorted(defined, key=lambda entry: entry.own[metric].value, reverse=not lower_is_better)
    found = [Ranked(entry, 1) for entry in order[:1]]
    for place, entry in enumerate(order[1:], start=2):
        best = next(placed.entry for placed in found if placed.rank == found[-1].rank)
        interval = _difference(best, entry, metric, samples, seed)
        one, other = best.own[metric], entry.own[metric]
        # Ends that are not defined tell nothing apart.
        if interval is None:
            apart = one.low > other.high or other.low > one.high
        else:
            apart = interval.low > 0 or interval.high < 0
        found.append(Ranked(entry, place if apart else found[-1].rank, interval is None))
    return found + [Ranked(entry, None) for entry in entries if entry not in defined]


def _difference(a: Results, b: Results, metric: str, samples: int, seed: int) -> Interval | None:
    """The paired difference; None where predictions are missing, or the metric cannot be had from them."""
    if not all((entry.folder / PREDICTIONS).is_file() for entry in (a, b)):
        return None
    said = a.conditions["protocol"]
    of_findings = metric.startswith(FINDING_PREFIX)
    # Findings are read from the texts alone, whatever the protocol.
    protocol = STRICT if of_findings else PROTOCOLS.get(said["name"])
    if protocol is None or (not of_findings and protocol.version != said["version"]):
        return None
    try:
        rows = compared_rows(a.folder, b.folder, protocol=protocol)
    except NoReferencesError:
        return None
    if len(rows.ecg_ids) != a.conditions["rows"]:  # only some of the predictions were scored
        return None
    if protocol.left_in == "prompt" and None in rows.prompts:
        return None
    texts_a, texts_b = rows.predictions()
    first = _statistics(metric, texts_a, rows.references, rows.prompts[0], protocol)
    second = _statistics(metric, texts_b, rows.references, rows.prompts[1], protocol)
    name = metric.removeprefix(FINDING_PREFIX)
    if name in LEFT_OUT or name not in first.scores(first.matrix().sum(axis=0)):
        return None
    return paired_difference(first, second, rows.patient_ids, samples=samples, seed=seed)[name]


def _statistics(
    metric: str, texts: Sequence[str], references: Sequence[str], prompts: Sequence[str] | None, protocol: Protocol
) -> RowStatistics:
    if metric.startswith(FINDING_PREFIX):
        return finding_statistics(texts, references)
    return score_rows(texts, references, prompts, protocol)
