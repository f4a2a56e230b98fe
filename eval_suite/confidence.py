"""How sure a model was of a report: one number from the probabilities it gave the tokens it wrote, and one a sentence.

Evaluation, `meit report` and the demo all take it from here, so that a threshold chosen on the one means the same in
the others.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from eval_suite.findings.marks import ends_sentence

#: Stands beside every stored threshold; changes with anything that moves a confidence.
CONFIDENCE = "mean-token-probability-1"
CONFIDENCE_DEFINITION = (
    "exponential of the mean log-probability of the report's tokens, the end token included (the geometric mean of "
    "their probabilities, 0 to 1); under beam search those of the winning beam"
)

# "AV-Block 1. Grades", "AV-Block I. Grades"
_ORDINAL = re.compile(r"\b(?:\d|i{1,3}|iv)(?=\. ?gr(?:ad|\.))")
# "Rate 60/min. No": units that stand in the lexicon's abbreviations, whose full stop ends no sentence.
_UNIT = re.compile(r"\d\s?/?\s?(?:min|s|h|d)(?=\.\s+(\w))")
_BEHIND = ".!?;\"')"


@dataclass(frozen=True)
class Sentence:
    """A stretch of a report and how sure the model was of it; the sentences of a report lie end to end.

    Attributes:
        text: of the report from `start` to `end`, with the white space behind it.
        start: in characters.
        end: in characters, the next one's start.
        confidence: exponential of the mean log-probability of its tokens, 0 to 1; the last sentence's tokens include
            the end token. The report's confidence is the exponential of the mean of their logarithms, weighted by
            `tokens`.
        tokens: how many, the end token included.
    """

    text: str
    start: int
    end: int
    confidence: float
    tokens: int = 1


def end_tokens(defaults: Any, generation: Mapping[str, Any] | None = None) -> list[int]:
    """The tokens that end a report.

    Args:
        defaults: the model's generation_config.
        generation: arguments for `generate`, which come first.
    """
    end = dict(generation or {}).get("eos_token_id", defaults.eos_token_id)
    return [] if end is None else end if isinstance(end, list) else [end]


def token_log_probabilities(
    completion: torch.Tensor, output: Any, ends: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log-probability that the model gave each token it wrote, and which tokens belong to the report.

    `output.scores` are unnormalised for greedy search and sampling, and log-probabilities of the beams, [B * beams,
    vocabulary], for beam search, where `beam_indices` says which beam each token came from.

    Args:
        completion: long [B, L], what was generated, the prompt left out.
        output: of `generate` with `return_dict_in_generate` and `output_scores`.
        ends: as `end_tokens` gives them.

    Returns:
        float32 [B, L], and bool [B, L]: True up to and with a row's first end token.
    """
    beams = getattr(output, "beam_indices", None)
    chosen = torch.zeros(completion.shape, device=completion.device)
    written = torch.zeros(completion.shape, device=completion.device, dtype=torch.bool)
    open_rows = torch.ones(len(completion), device=completion.device, dtype=torch.bool)
    stops = torch.tensor(ends, device=completion.device, dtype=completion.dtype)
    for step in range(completion.shape[1]):
        tokens = completion[:, step]
        scores = output.scores[step].float()
        # A finished beam's index is -1; its rows are closed, so what is read for them is not used.
        scores = scores.log_softmax(dim=-1) if beams is None else scores[beams[:, step].clamp(min=0)]
        chosen[:, step] = scores.gather(1, tokens.unsqueeze(1)).squeeze(1)
        # An index that ends without an end token is a row's that was stopped.
        written[:, step] = open_rows if beams is None else open_rows & (beams[:, step] >= 0)
        open_rows = open_rows & ~torch.isin(tokens, stops)
    return chosen, written


def mean_confidence(log_probabilities: torch.Tensor, written: torch.Tensor) -> list[float]:
    """exp(mean log-probability) of each row's tokens.

    Args:
        log_probabilities: float [B, L].
        written: bool [B, L], which of them count.

    Returns:
        B numbers, 0 to 1.
    """
    total = torch.zeros(len(log_probabilities), device=log_probabilities.device)
    # One after another in single precision: thresholds are stored of sums that were made in this order.
    for step in range(log_probabilities.shape[1]):
        total = torch.where(written[:, step], total + log_probabilities[:, step], total)
    return (total / written.sum(1).clamp(min=1)).exp().tolist()


def sequence_confidence(completion: torch.Tensor, output: Any, ends: list[int]) -> list[float]:
    """exp(mean log-probability) of each row's tokens up to and with its first end token.

    Args:
        completion: long [B, L], what was generated, the prompt left out.
        output: of `generate` with `return_dict_in_generate` and `output_scores`.
        ends: as `end_tokens` gives them.

    Returns:
        B numbers, 0 to 1.
    """
    return mean_confidence(*token_log_probabilities(completion, output, ends))


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a report begin and end, in characters: end to end, each with the white space behind it.

    A sentence ends as where findings are looked for (`ends_sentence`), but not at a colon, which a finding may follow,
    nor after the number of an item; and also at a unit's full stop that a capital follows.
    """
    # The same length as the text, which str.lower need not be ("İ").
    lower = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    ordinals = {match.end() for match in _ORDINAL.finditer(lower)}
    units = {match.end() for match in _UNIT.finditer(lower) if text[match.start(1)].isupper()}
    spans, start = [], 0
    for position, letter in enumerate(lower):
        if position < start or letter not in ".!?;\n" or position in ordinals:
            continue
        if text[start:position].strip().isdigit() or not (position in units or ends_sentence(lower, position)):
            continue
        end = position + 1
        while end < len(text) and (text[end].isspace() or text[end] in _BEHIND):
            end += 1
        spans.append((start, end))
        start = end
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def sentence_confidences(
    text: str, token_ends: Sequence[int], log_probabilities: Sequence[float]
) -> tuple[Sentence, ...]:
    """The sentences of a report, each with the model's confidence in it.

    A token belongs to the sentence that its last character is in, since tokens begin with the space before a word. A
    sentence that no token ends in is one with the next.

    Args:
        text: the report.
        token_ends: how many characters of it stand after each token, rising up to all of them.
        log_probabilities: of the same tokens, the end token among them.

    Returns:
        End to end; empty for an empty report.
    """
    sentences: list[Sentence] = []
    start = first = 0
    for _, end in sentence_spans(text):
        after = len(token_ends) if end == len(text) else bisect.bisect_right(token_ends, end)
        if after > first:
            confidence = math.exp(math.fsum(log_probabilities[first:after]) / (after - first))
            sentences.append(Sentence(text[start:end], start, end, confidence, after - first))
            start, first = end, after
    return tuple(sentences)
