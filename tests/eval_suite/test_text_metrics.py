"""Every metric against the library it stands for, run directly on the same tokens."""

import numpy as np
import pytest
from nltk.translate.bleu_score import corpus_bleu
from nltk.translate.meteor_score import meteor_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from dataset_scripts.record import EcgInputError
from eval_suite.metrics import nltk_meteor, text
from eval_suite.metrics.text import metric_names, text_metrics, text_statistics, tokenize
from eval_suite.metrics.wordnet import LEXICOGRAPHER_FILES, lexnames, load_wordnet


@pytest.fixture(scope="module")
def pairs(made_up_pairs) -> tuple[list[str], list[str]]:
    return made_up_pairs(40)


@pytest.fixture(scope="module")
def scores(pairs: tuple[list[str], list[str]]) -> dict[str, float]:
    return text_metrics(*pairs)


@pytest.fixture(scope="module")
def joined(pairs: tuple[list[str], list[str]]) -> tuple[list[str], list[str]]:
    predictions, references = pairs
    return [" ".join(tokenize(p)) for p in predictions], [" ".join(tokenize(r)) for r in references]


def test_tokens_are_words_and_single_marks() -> None:
    assert tokenize("4.46 UNBESTÄTIGT: t-Welle in V1/2 …") == [
        *("4", ".", "46", "unbestätigt", ":", "t", "-", "welle", "in", "v1", "/", "2", "…")
    ]
    assert tokenize("  \n") == []


def test_columns_are_in_the_papers_order(scores: dict[str, float]) -> None:
    assert tuple(scores) == metric_names()
    assert [name.split(" ")[0] for name in scores] == (
        ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "ROUGE-1", "ROUGE-2", "CIDEr-D", "Exact"]
    )


def test_bleu_equals_pycocoevalcap_sacrebleu_and_nltk(scores: dict[str, float], joined: tuple) -> None:
    predictions, references = joined
    coco, _ = Bleu(4).compute_score(
        {i: [r] for i, r in enumerate(references)}, {i: [p] for i, p in enumerate(predictions)}, verbose=0
    )
    for order in range(1, 5):
        mine = scores[f"BLEU-{order}"]
        assert mine == pytest.approx(coco[order - 1], abs=1e-6)
        sacre = BLEU(tokenize="none", smooth_method="none", max_ngram_order=order).corpus_score(
            predictions, [references]
        )
        assert mine == pytest.approx(sacre.score / 100, abs=1e-9)


def test_bleu_equals_nltk_on_rows_long_enough(joined: tuple) -> None:
    # nltk counts one n-gram in a row too short to have any; the other two libraries count none.
    long = [(p, r) for p, r in zip(*joined, strict=True) if len(p.split()) >= 4]
    mine = text_metrics(*map(list, zip(*long, strict=True)))
    for order in range(1, 5):
        nltk = corpus_bleu([[r.split()] for _, r in long], [p.split() for p, _ in long], (1 / order,) * order)
        assert mine[f"BLEU-{order}"] == pytest.approx(nltk, abs=1e-9)


def test_rouge_equals_rouge_score(scores: dict[str, float], pairs: tuple) -> None:
    class Tokenizer:
        tokenize = staticmethod(tokenize)

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Tokenizer())
    rows = [scorer.score(r, p) for p, r in zip(*pairs, strict=True)]
    for name, kind in {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}.items():
        assert scores[name] == pytest.approx(np.mean([row[kind].fmeasure for row in rows]), abs=1e-9)


def test_cider_d_equals_pycocoevalcap(scores: dict[str, float], joined: tuple) -> None:
    predictions, references = joined
    cider, _ = Cider().compute_score(
        {i: [r] for i, r in enumerate(references)}, {i: [p] for i, p in enumerate(predictions)}
    )
    assert scores["CIDEr-D"] == pytest.approx(cider, abs=1e-9)


def test_cider_d_of_one_row_is_zero() -> None:
    assert text_metrics(["sinus rhythm"], ["sinus rhythm"])["CIDEr-D"] == 0.0


@pytest.mark.skipif(load_wordnet() is None, reason="WordNet is not installed (nltk's data or Debian's wordnet-base)")
def test_meteor_equals_nltk_with_wordnet(scores: dict[str, float], pairs: tuple) -> None:
    rows = [meteor_score([tokenize(r)], tokenize(p), wordnet=load_wordnet()) for p, r in zip(*pairs, strict=True)]
    assert scores["METEOR"] == pytest.approx(np.mean(rows), abs=1e-9)
    assert text_metrics(["a car"], ["a auto"])["METEOR"] > text_metrics(["a lead"], ["a auto"])["METEOR"]


@pytest.fixture
def no_wordnet(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text, "load_wordnet", lambda: None)
    monkeypatch.setattr(nltk_meteor, "load_wordnet", lambda: None)
    nltk_meteor._memory.cache_clear()
    yield
    nltk_meteor._memory.cache_clear()


@pytest.mark.usefixtures("no_wordnet")
def test_meteor_without_wordnet_is_named_so_and_matches_stems_only(pairs: tuple) -> None:
    class Nothing:
        @staticmethod
        def synsets(word: str) -> list:
            return []

    scores = text_metrics(*pairs)
    rows = [meteor_score([tokenize(r)], tokenize(p), wordnet=Nothing()) for p, r in zip(*pairs, strict=True)]
    assert "METEOR" not in scores
    assert scores["METEOR (no WordNet)"] == pytest.approx(np.mean(rows), abs=1e-9)
    assert "no WordNet" in text.metric_definitions()["METEOR"]
    assert text_metrics(["old infarcts"], ["old infarct"])["METEOR (no WordNet)"] > 0.9


def test_lexnames_are_the_manuals_45_lines() -> None:
    lines = [line.split("\t") for line in lexnames().splitlines()]
    assert len(lines) == len(set(LEXICOGRAPHER_FILES)) == 45
    assert [lines[i] for i in (0, 2, 3, 28, 29, 44)] == [
        ["00", "adj.all", "3"],
        ["02", "adv.all", "4"],
        ["03", "noun.Tops", "1"],
        ["28", "noun.time", "1"],
        ["29", "verb.body", "2"],
        ["44", "adj.ppl", "3"],
    ]


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "0 predictions"),
        (["a"], ["a", "b"], "1 predictions for 2 references"),
        ([None], ["a"], "the prediction of row 0 .*None, is not text"),
        (["a", "b", "c"], ["a", "b", " \n"], "the reference of row 2 .*is empty"),
    ],
)
def test_bad_input_is_refused(predictions: list, references: list, message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        text_statistics(predictions, references)


def test_empty_predictions_score_zero_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    assert set(text_metrics(["", ""], ["sinus rhythm", "normal ecg"]).values()) == {0.0}
    assert not recwarn
