"""Which words of a prediction stand in the reference too, as the paper's Figures 7 to 10 mark them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from eval_suite.metrics.text import TOKEN_PATTERN

_TOKEN = re.compile(TOKEN_PATTERN)


@dataclass(frozen=True)
class Span:
    """A piece of a text.

    Attributes:
        text: as it stands, white space included.
        matched: whether the other text has it, in the same order.
    """

    text: str
    matched: bool


def matching_spans(reference: str, prediction: str) -> tuple[list[Span], list[Span]]:
    """Cuts two texts where their longest common runs of tokens begin and end (Ratcliff and Metzener 1988, difflib).

    Capitals do not matter; a run of punctuation alone is not marked.

    Returns:
        The spans of the reference and of the prediction; joined, each gives its text again.
    """
    tokens = [list(_TOKEN.finditer(text)) for text in (reference, prediction)]
    words = [[match.group().lower() for match in found] for found in tokens]
    blocks = SequenceMatcher(None, words[0], words[1], autojunk=False).get_matching_blocks()
    runs = [
        (block.a, block.b, block.size)
        for block in blocks
        if any(word[0].isalnum() for word in words[0][block.a : block.a + block.size])
    ]
    sides = [[(run[side], run[side] + run[2]) for run in runs] for side in (0, 1)]
    first, second = (
        _cut(text, [(found[start].start(), found[stop - 1].end()) for start, stop in places])
        for text, found, places in zip((reference, prediction), tokens, sides, strict=True)
    )
    return first, second


def _cut(text: str, places: list[tuple[int, int]]) -> list[Span]:
    spans, end = [], 0
    for start, stop in places:
        spans += [Span(text[end:start], False), Span(text[start:stop], True)]
        end = stop
    spans.append(Span(text[end:], False))
    return [span for span in spans if span.text]
