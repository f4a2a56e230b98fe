"""The confidence below which a model had better not answer: chosen on some patients, measured on others.

Fixed-sequence testing as in Learn then Test (Angelopoulos et al. 2021, arXiv:2110.01052): shares answered are tried in
rising order, from one that is fixed before any error is seen, and the first whose upper bound lies above the target
ends the trial. So the chance that the error among the answered lies above the target is at most `chance`, however the
confidence orders the reports, as far as the count of independent reports below is right. Geifman and El-Yaniv (2017)
bound the same error with a union bound over a search.

The bound is Hoeffding's (1963, theorem 1, in its form with the Kullback-Leibler divergence), which holds for any errors
between 0 and 1 and any number of independent reports. A patient's reports are not independent: they count as Kish's
effective number, as if they were copies of each other. With patients of unequal numbers of reports this is an
approximation, and so is the chance; it errs on the safe side wherever a patient's reports differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from dataset_scripts.errors import EcgInputError
from eval_suite.statistics import Interval, bootstrap

CHANCE = 0.1
LEAST_SHARE = 0.2
_STEPS = 100

#: Errors of a report, 0 to 1, that a threshold may be for; `eval_suite.calibration.report_errors` computes them.
ERRORS = {
    "findings": "1 - F1 of the report's pairs (finding, state) against the reference's; 0 where neither states any "
    "finding, 1 where only one does",
    "critical": "1 where a critical finding is missed or invented, else 0",
    "text": "1 - ROUGE-L's F1, tokens of the protocol strict; of the paper's metrics one that is defined for a single "
    "report and needs no corpus",
}


@dataclass(frozen=True)
class Target:
    """What is promised of the reports that are answered.

    Attributes:
        error: its name, as in `ERRORS`.
        at_most: the mean error among them, between 0 and 1.
        chance: that the promise is broken, between 0 and 1.
    """

    error: str
    at_most: float
    chance: float = CHANCE

    def __post_init__(self) -> None:
        if self.error not in ERRORS:
            raise EcgInputError(f"there is no error {self.error!r}, expected one of {', '.join(ERRORS)}")
        for name, value in (("target error", self.at_most), ("chance", self.chance)):
            if not 0 < value < 1:
                raise EcgInputError(f"{name} {value}, expected a number between 0 and 1, such as {CHANCE}")


@dataclass(frozen=True)
class Candidate:
    """A threshold on the patients it is chosen on.

    Attributes:
        threshold: least confidence of an answered report.
        rows: answered.
        share: of the rows that is answered.
        error: mean among them.
        bound: that the error lies below, but for the chance.
    """

    threshold: float
    rows: int
    share: float
    error: float
    bound: float


@dataclass(frozen=True)
class Choice:
    """What the choosing patients gave.

    Attributes:
        chosen: answers the most; None where the first one tried does not meet the target.
        first: the first one tried, which answers the fewest.
        lowest: of all that answer at least a fifth, tried or not, the one whose bound is least.
    """

    chosen: Candidate | None
    first: Candidate
    lowest: Candidate


@dataclass(frozen=True)
class Measured:
    """A threshold on patients it was not chosen on.

    Attributes:
        share: of the rows that is answered.
        error: mean among them; NaN where none is.
        rows: of these patients.
        patients: as many.
    """

    share: Interval
    error: Interval
    rows: int
    patients: int


def patient_half(patients: Sequence[str], seed: int = 0) -> np.ndarray:
    """Which rows belong to the half of the patients that is chosen on, drawn by seed, bool [rows].

    Raises:
        EcgInputError: fewer than two patients.
    """
    ids, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if len(ids) < 2:
        raise EcgInputError(f"{len(ids)} patients, expected at least 2: one half chooses, the other measures")
    first: np.ndarray = np.zeros(len(ids), dtype=bool)
    first[np.random.default_rng(seed).permutation(len(ids))[: len(ids) // 2]] = True
    return first[cluster]


def error_bound(error: float, rows: float, chance: float) -> float:
    """What the true mean error lies below, but for the chance: Hoeffding's inequality with the KL divergence.

    Args:
        error: mean of what was observed, 0..1.
        rows: independent ones it is the mean of.
        chance: that the bound fails.
    """
    enough = math.log(1 / chance) / rows
    most = 1 - 1e-12
    if error >= most or _divergence(error, most) < enough:
        return 1.0
    return float(brentq(lambda mean: _divergence(error, mean) - enough, error, most))


def _divergence(observed: float, mean: float) -> float:
    """Kullback-Leibler divergence of two coins."""
    right = (1 - observed) * math.log((1 - observed) / (1 - mean)) if observed < 1 else 0.0
    return right + (observed * math.log(observed / mean) if observed > 0 else 0.0)


def choose_threshold(confidence: np.ndarray, errors: np.ndarray, patients: Sequence[str], target: Target) -> Choice:
    """The threshold that abstains from the fewest reports while the error's bound among the answered meets the target.

    The first share tried is a fifth, or more where so few reports could only pass with an error below half the target.

    Args:
        confidence: float [rows], the greater the surer.
        errors: float [rows], 0..1.
        patients: one id a row.
        target: of the errors.

    Raises:
        EcgInputError: no rows, or other numbers of rows.
    """
    rows = len(errors)
    if not rows or len(confidence) != rows or len(patients) != rows:
        given = f"{len(confidence)} confidences, {rows} errors and {len(patients)} patient ids"
        raise EcgInputError(f"{given}, expected as many of each and at least one")
    ranked = np.sort(confidence)[::-1]
    wanted = np.ceil(np.arange(1, _STEPS + 1) * rows / _STEPS).astype(int) - 1
    _, cluster = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    least = math.log(1 / target.chance) / _divergence(target.at_most / 2, target.at_most)
    candidates, tried = [], []
    for threshold in np.unique(ranked[wanted])[::-1]:
        answered = confidence >= threshold
        share, effective = float(answered.mean()), _effective_rows(cluster[answered])
        if share < LEAST_SHARE:
            continue
        error = float(errors[answered].mean())
        bound = error_bound(error, effective, target.chance)
        candidates.append(Candidate(float(threshold), int(answered.sum()), share, error, bound))
        if effective >= least or share == 1:
            tried.append(candidates[-1])
    chosen = None
    for candidate in tried:
        if candidate.bound > target.at_most:
            break
        chosen = candidate
    return Choice(chosen, tried[0], min(candidates, key=lambda candidate: candidate.bound))


def measure_threshold(
    threshold: float,
    confidence: np.ndarray,
    errors: np.ndarray,
    patients: Sequence[str],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> Measured:
    """Share answered and error among the answered, with 95 % intervals over whole patients.

    Args:
        threshold: least confidence of an answered report.
        confidence: float [rows], of patients it was not chosen on.
        errors: float [rows].
        patients: one id a row.
        samples: bootstrap draws.
        seed: of the draws.

    Raises:
        EcgInputError: as `bootstrap`.
    """
    found = bootstrap(_AnsweredRows(confidence >= threshold, errors), patients, samples=samples, seed=seed)
    return Measured(found["share"], found["error"], len(errors), len(set(patients)))


def _effective_rows(cluster: np.ndarray) -> float:
    """Kish's effective number of rows of these patients: (sum of sizes)^2 / sum of their squares."""
    sizes = np.bincount(cluster)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


@dataclass(frozen=True)
class _AnsweredRows:
    """For `bootstrap`; both [rows]."""

    answered: np.ndarray
    errors: np.ndarray

    def matrix(self) -> np.ndarray:
        """1, answered, error if answered, [rows, 3]."""
        return np.column_stack([np.ones(len(self.errors)), self.answered, self.answered * self.errors])

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Share answered, and the error among them, NaN where there are none."""
        rows, answered, errors = np.moveaxis(sums, -1, 0)
        error = np.divide(errors, answered, out=np.full(answered.shape, np.nan), where=answered > 0)
        return {"share": answered / rows, "error": error}
