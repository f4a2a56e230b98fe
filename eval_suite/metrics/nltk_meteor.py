"""METEOR as nltk computes it, with what nltk asks again for every pair (stems, synonyms) kept per word.

nltk's own functions do the alignment and the score, so the values are nltk's to the last bit. It only is handed a
stemmer that remembers, and a WordNet that remembers and leaves out the synonyms that the reference lacks: nltk reads
nothing of WordNet but the names of lemmas, and uses no name that is not in the reference.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from nltk.stem import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score

from eval_suite.metrics.wordnet import load_wordnet


class _Lemma(str):
    """A lemma's name, in nltk's interface of a lemma."""

    __slots__ = ()

    def name(self) -> str:
        return self


class _Synonyms(NamedTuple):
    """Lemmas of any of a word's synsets, in nltk's interface of one synset."""

    names: tuple[_Lemma, ...]

    def lemmas(self) -> tuple[_Lemma, ...]:
        return self.names


class _PairWordNet:
    """WordNet as one reference needs it, in nltk's interface."""

    def __init__(self, memory: WordMemory, target: Sequence[str]) -> None:
        self._synonyms = memory.synonyms
        # nltk looks for synonyms among what is left of the lower-cased words, which by then are stems.
        lowered = {word.lower() for word in target}
        self._useful = lowered.union(map(memory.stem, lowered))

    def synsets(self, word: str) -> list[_Synonyms]:
        names = self._synonyms(word) & self._useful
        return [_Synonyms(tuple(map(_Lemma, names)))] if names else []


class WordMemory:
    """What nltk's Porter stemmer and WordNet say of a word, each word asked once.

    Attributes:
        stem: word -> its stem, as nltk calls it.
        synonyms: word -> names of all lemmas of all its synsets; none without WordNet.
    """

    def __init__(self, wordnet: Any) -> None:
        self._wordnet = wordnet
        self.stem = functools.cache(PorterStemmer().stem)
        self.synonyms = functools.cache(self._look_up)

    def _look_up(self, word: str) -> frozenset[str]:
        if self._wordnet is None:
            return frozenset()
        return frozenset(lemma.name() for synset in self._wordnet.synsets(word) for lemma in synset.lemmas())


@functools.cache
def _memory() -> WordMemory:
    return WordMemory(load_wordnet())


def meteor(hypothesis: Sequence[str], target: Sequence[str]) -> float:
    """METEOR of a pair of token lists, 0 to 1 (Lavie and Agarwal 2007, with nltk's defaults).

    Args:
        hypothesis: the prediction's tokens; none of them scores 0.
        target: the reference's.
    """
    memory = _memory()
    return single_meteor_score(target, hypothesis, stemmer=memory, wordnet=_PairWordNet(memory, target))
