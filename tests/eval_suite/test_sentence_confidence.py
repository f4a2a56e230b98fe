"""Confidence per token, sentence and report: one definition, three grains."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from eval_suite.confidence import (
    mean_confidence,
    sentence_confidences,
    sentence_spans,
    sequence_confidence,
    token_log_probabilities,
)


def split(text: str) -> list[str]:
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("Sinus rhythm", ["Sinus rhythm"]),
        ("Sinus rhythm. Normal ECG.", ["Sinus rhythm. ", "Normal ECG."]),
        ("sinusrhythmus; linkstyp", ["sinusrhythmus; ", "linkstyp"]),
        ("Rate 72.5 bpm, axis -30. No ischemia!", ["Rate 72.5 bpm, axis -30. ", "No ischemia!"]),
        ("evtl. alter Infarkt. ST-Senkung in V5 u. V6", ["evtl. alter Infarkt. ", "ST-Senkung in V5 u. V6"]),
        ("Evtl. alter Infarkt.", ["Evtl. alter Infarkt."]),
        ("AV-Block 1. Grades. Linkstyp.", ["AV-Block 1. Grades. ", "Linkstyp."]),
        ("AV-Block I. Grades. Linkstyp.", ["AV-Block I. Grades. ", "Linkstyp."]),
        ("Rate 60/min. PR 0.16 s. No.", ["Rate 60/min. ", "PR 0.16 s. ", "No."]),
        ("QRS 0.1 s. u. Linkstyp.", ["QRS 0.1 s. u. Linkstyp."]),
        ("1. Sinus rhythm. 2. normal.", ["1. Sinus rhythm. ", "2. normal."]),
        ("Rate 72. Normal.", ["Rate 72. ", "Normal."]),
        ("Axis of 80. Grossly normal.", ["Axis of 80. ", "Grossly normal."]),
        ("Ischemia: none. Rhythm: sinus", ["Ischemia: none. ", "Rhythm: sinus"]),
        ("Old infarct? (see above.) Compare!", ["Old infarct? ", "(see above.) ", "Compare!"]),
        ("Well... normal", ["Well... ", "normal"]),
        ("İnfarkt yok. Normal.", ["İnfarkt yok. ", "Normal."]),
    ],
)
def test_sentences(text, sentences):
    assert split(text) == sentences


def test_each_token_counts_in_the_sentence_its_last_character_is_in():
    text = "Sinus rhythm. Normal ECG."
    # "Sinus", " rhythm", ".", " Normal", " ECG", ".", end token
    ends, logarithms = [5, 12, 13, 20, 24, 25, 25], [-0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7]
    first, second = sentence_confidences(text, ends, logarithms)
    assert (first.text, first.start, first.end, first.tokens) == ("Sinus rhythm. ", 0, 14, 3)
    assert (second.text, second.start, second.end, second.tokens) == ("Normal ECG.", 14, 25, 4)
    assert first.confidence == pytest.approx(math.exp(-0.2))
    assert second.confidence == pytest.approx(math.exp(-0.55))


def test_a_sentence_that_no_token_ends_in_joins_the_next():
    text = "No. No. Yes."
    (both, last) = sentence_confidences(text, [8, 12], [-1.0, -2.0])
    assert (both.text, both.tokens, last.text) == ("No. No. ", 1, "Yes.")
    (one,) = sentence_confidences(text, [12], [-1.0])
    assert one.text == text
    assert sentence_confidences("", [0], [-1.0]) == ()


def by_hand(completion, output, ends):
    """`sequence_confidence` as thresholds were stored with it, written in one loop."""
    beams = getattr(output, "beam_indices", None)
    total = torch.zeros(len(completion))
    length = torch.zeros_like(total)
    open_rows = torch.ones_like(total, dtype=torch.bool)
    for step in range(completion.shape[1]):
        tokens = completion[:, step]
        scores = output.scores[step].float()
        scores = scores.log_softmax(dim=-1) if beams is None else scores[beams[:, step].clamp(min=0)]
        chosen = scores.gather(1, tokens.unsqueeze(1)).squeeze(1)
        total = torch.where(open_rows, total + chosen, total)
        length = length + open_rows
        open_rows = open_rows & ~torch.isin(tokens, torch.tensor(ends))
    return (total / length.clamp(min=1)).exp().tolist()


@pytest.mark.parametrize("beams", [False, True])
def test_not_a_bit_of_a_stored_confidence_moves(beams):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        completion = torch.randint(0, 12, (4, 25), generator=generator)
        scores = tuple(torch.randn(4, 12, generator=generator) * 3 for _ in range(25))
        output = SimpleNamespace(scores=scores)
        ends = [1, 2]
        if beams:
            output.scores = tuple(step.log_softmax(-1) for step in scores)
            closed = torch.isin(completion, torch.tensor(ends)).cumsum(1)
            ended = torch.cat([torch.zeros(4, 1, dtype=torch.long), closed[:, :-1]], dim=1) > 0
            output.beam_indices = torch.randint(0, 4, (4, 25), generator=generator).masked_fill(ended, -1)
        assert sequence_confidence(completion, output, ends) == by_hand(completion, output, ends)


def test_tokens_after_the_end_and_after_a_stopped_beam_do_not_count():
    scores = tuple(torch.zeros(2, 4).log_softmax(-1) for _ in range(3))
    completion = torch.tensor([[3, 1, 3], [3, 3, 3]])
    _, written = token_log_probabilities(completion, SimpleNamespace(scores=scores), [1])
    assert written.tolist() == [[True, True, False], [True, True, True]]
    stopped = SimpleNamespace(scores=scores, beam_indices=torch.tensor([[0, 0, -1], [1, -1, -1]]))
    chosen, written = token_log_probabilities(completion, stopped, [1])
    assert written.tolist() == [[True, True, False], [True, False, False]]
    assert mean_confidence(chosen, written) == pytest.approx([0.25, 0.25])
