"""Every text metric, row by row, equal to its reference library on 500 made-up and on 500 real pairs."""

import random
from pathlib import Path

import numpy as np
import pytest
from nltk.translate.meteor_score import single_meteor_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from eval_suite.metrics.text import meteor_name, text_statistics, tokenize
from eval_suite.metrics.wordnet import load_wordnet
from tests.eval_suite.ptbxl_reports import ptbxl_reports
from tests.eval_suite.word_pairs import NoWordNet, Pairs, pairs_of_words


@pytest.fixture(scope="module")
def word_pairs() -> Pairs:
    return pairs_of_words(500)


@pytest.fixture(scope="module")
def real_references(ptbxl_dir: Path) -> list[str]:
    return ptbxl_reports(ptbxl_dir, [9]).reports


@pytest.fixture(scope="module")
def real_pairs(real_references: list[str]) -> Pairs:
    shuffled = random.Random(9).sample(real_references, len(real_references))
    return shuffled[:500], real_references[:500]


def joined(texts: list[str]) -> list[str]:
    return [" ".join(tokenize(text)) for text in texts]


def coco(texts: list[str]) -> dict[int, list[str]]:
    return {row: [text] for row, text in enumerate(joined(texts))}


def bleu(pairs: Pairs) -> None:
    values = text_statistics(*pairs).values()
    expected, _ = Bleu(4).compute_score(coco(pairs[1]), coco(pairs[0]), verbose=0)
    for order in range(1, 5):
        assert values[f"BLEU-{order}"] == pytest.approx(expected[order - 1], abs=1e-6)
        scorer = BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
        sacre = scorer.corpus_score(joined(pairs[0]), [joined(pairs[1])]).score / 100
        assert values[f"BLEU-{order}"] == pytest.approx(sacre, abs=1e-9)


def meteor(pairs: Pairs) -> None:
    wordnet = load_wordnet() or NoWordNet
    expected = [single_meteor_score(tokenize(r), tokenize(p), wordnet=wordnet) for p, r in zip(*pairs, strict=True)]
    assert text_statistics(*pairs).row_scores[meteor_name()].tolist() == expected


def rouge(pairs: Pairs) -> None:
    class Tokenizer:
        tokenize = staticmethod(tokenize)

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Tokenizer())
    expected = [scorer.score(r, p) for p, r in zip(*pairs, strict=True)]
    found = text_statistics(*pairs).row_scores
    for column, name in {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}.items():
        assert found[column].tolist() == [row[name].fmeasure for row in expected]


def cider_d(pairs: Pairs) -> None:
    mean, rows = Cider().compute_score(coco(pairs[1]), coco(pairs[0]))
    found = text_statistics(*pairs)
    assert found.row_scores["CIDEr-D"] == pytest.approx(rows, abs=1e-9)
    assert found.values()["CIDEr-D"] == pytest.approx(mean, abs=1e-9)
    assert mean > 0


def exact(pairs: Pairs) -> None:
    same = [joined([p]) == joined([r]) for p, r in zip(*pairs, strict=True)]
    assert 0 < np.mean(same) == text_statistics(*pairs).values()["Exact"]


CHECKS = [bleu, meteor, rouge, cider_d, exact]


@pytest.mark.parametrize("check", CHECKS)
def test_equal_on_500_pairs_of_words(check, word_pairs: Pairs) -> None:
    check(word_pairs)


@pytest.mark.parametrize("check", CHECKS)
def test_equal_on_500_real_pairs(check, real_pairs: Pairs) -> None:
    check(real_pairs)


@pytest.mark.skipif(load_wordnet() is None, reason="WordNet is not installed (nltk's data or Debian's wordnet-base)")
def test_the_pairs_exercise_synonyms(word_pairs: Pairs) -> None:
    with_synonyms = text_statistics(*word_pairs).row_scores["METEOR"]
    without = [
        single_meteor_score(tokenize(r), tokenize(p), wordnet=NoWordNet) for p, r in zip(*word_pairs, strict=True)
    ]
    assert np.mean(with_synonyms != without) > 0.1


@pytest.mark.slow
def test_meteor_equals_nltk_on_5000_pairs() -> None:
    meteor(pairs_of_words(5000))
