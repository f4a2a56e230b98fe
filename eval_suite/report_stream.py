"""The text of a report while its tokens come, row by row of a batch, and the stop of single rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers import StoppingCriteria

# What a byte-level vocabulary decodes half a character to.
_HALF = "\ufffd"
# What may become a tag or special token that a model spells out, which is no part of the report; "<60" may not.
_BEGUN_TAG = re.compile(r"<(?![\s\d])\S{0,16}$")


class Listener(Protocol):
    """Who a row of a batch is written for."""

    def wants_stop(self) -> bool:
        """Whether the row is to end now."""

    def on_text(self, text: str) -> None:
        """Takes the text so far, after each token."""


class GrowingText:
    """The settled beginning of a report: it only ever grows, and the report begins with it.

    (But for a model that goes on with tags of the conversation after its report: what counts is then decided at the
    end.)

    Args:
        processor: of the model.

    Attributes:
        tokens: so far.
        text: settled so far; half a character, and what may become a tag, are held back.
        ends: length of the settled text after each token.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.tokens: list[int] = []
        self.text = ""
        self.ends: list[int] = []

    def add(self, token: int) -> str:
        """The settled text with one more token."""
        self.tokens.append(token)
        text = self._processor.post_process_reports(self.tokens)[0]
        text = _BEGUN_TAG.sub("", text).rstrip(_HALF + " ")
        if text.startswith(self.text):
            self.text = text
        self.ends.append(len(self.text))
        return self.text

    def report(self) -> str:
        """The whole text, what was held back included."""
        return self._processor.post_process_reports(self.tokens)[0] if self.tokens else ""


class RowWatch(StoppingCriteria):
    """Hands each row's text on while `generate` writes it, and ends just the rows that are to stop.

    Args:
        processor: of the model.
        prompt_length: tokens before the reports.
        ends: tokens that end a report.
        listeners: one a row.
        beams: of each row. With more than one no text is handed on, since the likeliest beam changes.

    Attributes:
        streams: whether text is handed on.
        texts: one a row; without tokens where none is handed on.
        stopped: whether each row was ended by its listener.
    """

    def __init__(
        self, processor: Any, prompt_length: int, ends: Sequence[int], listeners: Sequence[Listener], beams: int
    ) -> None:
        self._first = prompt_length
        self._ends = frozenset(ends)
        self._listeners = listeners
        self.streams = beams == 1
        self.texts = [GrowingText(processor) for _ in listeners]
        self.stopped = [False] * len(listeners)
        self._ended = [False] * len(listeners)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Called by `generate` after each token.

        Args:
            input_ids: long [B, L], or [B * candidates, L] under beam search.
            scores: not used.
            **kwargs: not used.

        Returns:
            bool [rows of input_ids], True where a row ends.
        """
        newest = input_ids[:, -1].tolist() if self.streams else []
        for row, listener in enumerate(self._listeners):
            if self._ended[row]:
                continue
            if listener.wants_stop():
                self.stopped[row] = self._ended[row] = True
            elif self.streams:
                listener.on_text(self.texts[row].add(newest[row]))
                self._ended[row] = newest[row] in self._ends
        flags = torch.tensor(self.stopped, device=input_ids.device)
        return flags.repeat_interleave(len(input_ids) // len(flags))
