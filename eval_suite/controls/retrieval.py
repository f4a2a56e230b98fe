"""Controls that look a report up in training: by the cardiologists' codes, and by the nearest ECG.

Who is told the codes knows what a reader saw and nothing of how the report is worded: a model that does not pass this
row has yet to read the ECG as well as a code list says it. The nearest ECG is found by the evaluated model's own
encoder: what the language model adds to that encoder lies above this row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from eval_suite.controls.baselines import LANGUAGE_TOLD, most_frequent
from eval_suite.rows import ReportRows

NEAREST = "report of the nearest ECG"
SAME_CODES = "report of the same codes"
_BLOCK = 512  # rows compared with all training ECGs at a time


def reports_by_codes(rows: ReportRows, train: ReportRows) -> dict[str, list[str]]:
    """The commonest training report with a row's set of SCP codes, else with the most similar sets (Jaccard).

    Args:
        rows: to be predicted; only `codes` and, where told, `languages` are looked at.
        train: the training split.

    Returns:
        Control's name -> one report a row; empty where rows or training records have no codes.
    """
    if rows.codes is None or train.codes is None:
        return {}
    everything = _Codebook(train, range(len(train)))
    books = {language: _Codebook(train, places) for language, places in _by_language(train).items()}
    return {
        SAME_CODES: [everything.report(codes) for codes in rows.codes],
        SAME_CODES + LANGUAGE_TOLD: [
            books.get(language, everything).report(codes)
            for language, codes in zip(rows.languages, rows.codes, strict=True)
        ],
    }


def nearest_reports(
    rows: ReportRows, train: ReportRows, embeddings: np.ndarray, train_embeddings: np.ndarray
) -> dict[str, list[str]]:
    """The report of the training record whose ECG lies nearest, by the cosine of the embeddings.

    Args:
        rows: to be predicted; only `languages` is looked at, where told.
        train: the training split.
        embeddings: float [rows, D].
        train_embeddings: float [training rows, D].

    Returns:
        Control's name -> one report a row.
    """
    queries, keys = _unit(embeddings), _unit(train_embeddings)
    pools = {language: np.array(places) for language, places in _by_language(train).items()}
    told: np.ndarray = np.zeros(len(rows), dtype=np.int64)
    languages = np.array(rows.languages)
    for language in set(rows.languages):
        here = np.flatnonzero(languages == language)
        pool = pools.get(language, np.arange(len(train)))
        told[here] = pool[_nearest(queries[here], keys[pool])]
    return {
        NEAREST: [train.reports[place] for place in _nearest(queries, keys)],
        NEAREST + LANGUAGE_TOLD: [train.reports[place] for place in told],
    }


def _by_language(train: ReportRows) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, language in enumerate(train.languages):
        places.setdefault(language, []).append(place)
    return places


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Each row at length 1; one of zeros stays, and is as far from everything."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _nearest(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Place of the key with the greatest inner product, the first of several, int64 [queries]."""
    blocks = [queries[start : start + _BLOCK] for start in range(0, len(queries), _BLOCK)]
    return np.concatenate([(block @ keys.T).argmax(axis=1) for block in blocks])


class _Codebook:
    """The training reports of each set of codes."""

    def __init__(self, train: ReportRows, places: Iterable[int]) -> None:
        codes: Sequence[frozenset[str]] = train.codes or []
        self._reports: dict[frozenset[str], list[str]] = {}
        for place in places:
            self._reports.setdefault(codes[place], []).append(train.reports[place])
        self._sets = list(self._reports)
        self._columns = {code: column for column, code in enumerate(sorted(frozenset().union(*self._sets)))}
        self._has = np.array([self._indicator(codes) for codes in self._sets])
        self._found: dict[frozenset[str], str] = {}

    def report(self, codes: frozenset[str]) -> str:
        """The commonest report of the sets most like these codes, of several the first in the alphabet."""
        if codes not in self._found:
            if codes in self._reports:
                self._found[codes] = most_frequent(self._reports[codes])
            else:
                shared = self._has @ self._indicator(codes)
                similar = shared / np.maximum(self._has.sum(axis=1) + len(codes) - shared, 1)
                nearest = [self._sets[place] for place in np.flatnonzero(similar == similar.max())]
                self._found[codes] = most_frequent([report for one in nearest for report in self._reports[one]])
        return self._found[codes]

    def _indicator(self, codes: frozenset[str]) -> np.ndarray:
        return np.array([float(code in codes) for code in self._columns])
