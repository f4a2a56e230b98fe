"""The protocols: `meit-release` equal to the libraries called as its description says, and what it does to a score."""

import logging
from pathlib import Path

import numpy as np
import pytest
from nltk.translate.meteor_score import single_meteor_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider_scorer import CiderScorer
from rouge import Rouge

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import draw_prompt
from eval_suite.controls.baselines import baseline_predictions
from eval_suite.metrics.text import meteor_name, text_metrics, tokenize
from eval_suite.metrics.wordnet import load_wordnet
from eval_suite.protocol import PROTOCOLS, Conditions, find_protocol, score, score_rows
from eval_suite.statistics import bootstrap
from tests.eval_suite.ptbxl_reports import ptbxl_reports
from tests.eval_suite.word_pairs import NoWordNet, pairs_of_words

RELEASED = ["meit-release", "meit-release-prompt"]
ROWS = 75  # two batches of 32 rows and one of 11


@pytest.fixture(scope="module")
def rows() -> tuple[list[str], list[str], list[str]]:
    predictions, references = pairs_of_words(ROWS)
    # An empty output is the one thing scored otherwise than by the released code.
    predictions = [text or "Normal" for text in predictions]
    return predictions, references, [f"Report no. {row}. What is seen?" for row in range(ROWS)]


def as_released(texts: list[str], prompts: list[str], protocol: str) -> list[str]:
    if protocol == "meit-release":
        texts = [f"<|assistant|>: {text}" for text in texts]
    else:
        texts = [f"<|user|>: {prompt} <|assistant|>: {text}" for prompt, text in zip(prompts, texts, strict=True)]
    return [text.replace(".", " .") for text in texts]


@pytest.mark.parametrize("protocol", RELEASED)
def test_the_release_protocols_equal_the_libraries_called_so(rows: tuple, protocol: str) -> None:
    predictions, references, prompts = rows
    said, true = (as_released(texts, prompts, protocol) for texts in (predictions, references))
    found = score_rows(predictions, references, prompts, protocol)
    batches = [
        Bleu(4).compute_score({row: [true[row]] for row in batch}, {row: [said[row]] for row in batch}, verbose=0)[0]
        for batch in (range(0, 32), range(32, 64), range(64, 75))
    ]
    values = found.values()
    for order in range(1, 5):
        assert values[f"BLEU-{order}"] == pytest.approx(np.mean([batch[order - 1] for batch in batches]), abs=1e-9)
    wordnet = load_wordnet() or NoWordNet
    meteor = [single_meteor_score(t.split(), s.split(), wordnet=wordnet) for s, t in zip(said, true, strict=True)]
    assert found.row_scores[meteor_name()].tolist() == meteor
    rouge = Rouge().get_scores(said, true, avg=True)
    for column, name in {"ROUGE-1": "rouge-1", "ROUGE-2": "rouge-2", "ROUGE-L": "rouge-l"}.items():
        assert values[column] == pytest.approx(rouge[name]["f"], abs=1e-9)

    class WithoutFrequencies(CiderScorer):
        def compute_doc_freq(self) -> None:
            self.document_frequency = {
                n: 1.0 for refs in (*self.crefs, *([test] for test in self.ctest)) for r in refs for n in r
            }

    scorer = WithoutFrequencies(n=4, sigma=6.0)
    for prediction, reference in zip(said, true, strict=True):
        scorer += (prediction, [reference])
    assert found.row_scores["CIDEr-D"] == pytest.approx(scorer.compute_score()[1], abs=1e-9)
    assert tuple(values) == (
        "BLEU-1",
        "BLEU-2",
        "BLEU-3",
        "BLEU-4",
        meteor_name(),
        "ROUGE-L",
        "ROUGE-1",
        "ROUGE-2",
        "CIDEr-D",
    )


def test_strict_is_the_text_alone(rows: tuple) -> None:
    predictions, references, prompts = rows
    assert score(predictions, references, prompts, "strict") == text_metrics(predictions, references)
    assert score(predictions, references) == text_metrics(predictions, references)


def test_what_is_left_in_lifts_every_score(rows: tuple) -> None:
    predictions, references, prompts = rows
    strict, tag, prompt = (score(predictions, references, prompts, name) for name in PROTOCOLS)
    assert all(strict[name] < prompt[name] and tag[name] < prompt[name] for name in tag)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_empty_output_scores_zero_whatever_is_left_in(name: str) -> None:
    references = ["Sinus rhythm. Normal ECG."] * 2
    prompts = ["Report this."] * 2
    assert set(score(["", " \n"], references, prompts, name).values()) == {0.0}
    found = score_rows(["", references[0]], references, prompts, name)
    assert all(row[0] == 0 for row in found.row_scores.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_empty_reference_is_refused_by_its_row(name: str) -> None:
    with pytest.raises(EcgInputError, match=r"reference of row 1 .*is empty"):
        score(["a", "b"], ["a", " "], ["what?", "what?"], name)


@pytest.mark.parametrize("protocol", RELEASED)
def test_batches_survive_the_bootstrap(rows: tuple, protocol: str) -> None:
    found = score_rows(*rows, protocol)
    summed = found.scores(found.matrix().sum(axis=0))
    assert {name: float(value) for name, value in summed.items()} == pytest.approx(found.values(), abs=1e-12)
    # Without the first batch the mean is that of the two others.
    weights = (np.arange(ROWS) >= 32).astype(float)
    rest = score_rows(*(column[32:] for column in rows), protocol).values()
    for name, value in found.scores(weights @ found.matrix()).items():
        assert "CIDEr" in name or float(value) == pytest.approx(rest[name], abs=1e-12)
    intervals = bootstrap(found, [f"p{row // 2}" for row in range(ROWS)], samples=100)
    assert all(cell.low < cell.value < cell.high for cell in intervals.values())


def test_too_many_rows_for_intervals_are_refused_in_words(rows: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval_suite.metrics.release._MOST_ROWS", 50)
    found = score_rows(*rows, "meit-release")
    assert 0 < found.values()["BLEU-4"] < 1
    with pytest.raises(EcgInputError, match="75 rows, expected at most 50"):
        found.matrix()


def test_bad_calls_are_refused() -> None:
    with pytest.raises(EcgInputError, match="did you mean 'meit-release'"):
        find_protocol("meit-relase")
    with pytest.raises(EcgInputError, match="scores the prompts too"):
        score(["a"], ["a"], None, "meit-release-prompt")
    with pytest.raises(EcgInputError, match="0 prompts for 1 references"):
        score(["a"], ["a"], [], "meit-release-prompt")
    with pytest.raises(EcgInputError, match="prompt of row 1"):
        score(["a", "b"], ["a", "b"], ["what?", None], "meit-release-prompt")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_table_says_its_protocol(name: str) -> None:
    protocol = PROTOCOLS[name]
    lines = Conditions("m", "d", "test", 2, 2, 1, "report", None, 0, 100, protocol).lines()
    assert lines["protocol"].startswith(f"{name} version {protocol.version}: ")
    assert {"tokenisation", "BLEU", "METEOR", "ROUGE", "CIDEr-D"} <= set(lines)
    said = " ".join(lines.values())
    assert ("batch of 32" in said) == (name in RELEASED)
    assert ("whole prompt" in said) == (name == "meit-release-prompt")


def test_the_prompt_left_in_lifts_a_random_report_on_fold_9(ptbxl_dir: Path) -> None:
    rows, train = ptbxl_reports(ptbxl_dir, [9]), ptbxl_reports(ptbxl_dir, range(1, 9))
    assert len(rows) == 2156
    random_told = baseline_predictions(rows, train)["random report, told"]
    prompts = [draw_prompt(ecg_id, language) for ecg_id, language in zip(rows.ecg_ids, rows.languages, strict=True)]
    strict, tag, prompt = (score(random_told, rows.reports, prompts, name)["BLEU-4"] for name in PROTOCOLS)
    logging.getLogger(__name__).info("BLEU-4: strict %.3f, tag left in %.3f, prompt left in %.3f", strict, tag, prompt)
    assert strict == pytest.approx(0.09, abs=0.01)
    assert strict < tag
    assert prompt - strict >= 0.3


def test_tokens_differ_where_the_release_differs() -> None:
    assert tokenize("V1/2.") == ["v1", "/", "2", "."]
    cased = score(["Normal ECG"], ["normal ecg"], None, "meit-release")
    assert cased["BLEU-1"] < score(["Normal ECG"], ["normal ecg"])["BLEU-1"] == 1
