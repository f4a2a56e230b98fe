"""What a visitor asks of a model, and what is known of the report while it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dataset_scripts.errors import EcgInputError
from eval_suite.confidence import Sentence

__all__ = ["ReportOptions", "ReportState", "Sentence"]

HOTTEST = 2.0
MOST_BEAMS = 8
MOST_NEW_TOKENS = 1024
_SEEDS = 2**63
LONGEST_PROMPT = 4000


@dataclass(frozen=True)
class ReportOptions:
    """How a report is generated.

    Attributes:
        temperature: 0 takes the likeliest token each time; above it tokens are drawn.
        num_beams: above 1 the report appears when it is whole.
        max_new_tokens: after which it is cut; None: the model's own limit.
        seed: of the draws; without a temperature it changes nothing.
    """

    temperature: float = 0.0
    num_beams: int = 1
    max_new_tokens: int | None = None
    seed: int = 0

    def checked(self, most_beams: int = MOST_BEAMS) -> ReportOptions:
        """The same, the seed left out where nothing is drawn.

        Args:
            most_beams: of this server, if it takes fewer than `MOST_BEAMS`.

        Raises:
            EcgInputError: a value that is out of range or goes with none of the others.
        """
        if not (_is_number(self.temperature) and 0 <= self.temperature <= HOTTEST):
            raise EcgInputError(f"the temperature is {self.temperature!r}, expected a number from 0 to {HOTTEST:g}")
        _check_whole("number of beams", self.num_beams, 1, min(MOST_BEAMS, most_beams))
        if self.max_new_tokens is not None:
            _check_whole("number of new tokens", self.max_new_tokens, 1, MOST_NEW_TOKENS)
        _check_whole("seed", self.seed, 0, _SEEDS - 1)
        if self.temperature > 0 and self.num_beams > 1:
            raise EcgInputError(
                f"temperature {self.temperature:g} with {self.num_beams} beams: the one draws tokens, the other "
                "searches the likeliest report; set the temperature to 0 or the beams to 1"
            )
        return self if self.temperature > 0 else replace(self, seed=0)

    def generation(self) -> dict[str, Any]:
        """The arguments for `generate`."""
        arguments: dict[str, Any] = {"num_beams": self.num_beams, "do_sample": self.temperature > 0}
        if self.temperature > 0:
            arguments["temperature"] = float(self.temperature)
        if self.max_new_tokens is not None:
            arguments["max_new_tokens"] = self.max_new_tokens
        return arguments


@dataclass(frozen=True)
class ReportState:
    """A report as far as it is written.

    Attributes:
        text: so far; of the last state the report.
        done: whether this is the last state.
        stopped: whether someone stopped it before its end; the text is what was written until then.
        confidence: of the whole report, as `eval_suite.confidence` defines it; None before its end and of a stopped
            one, which has none that could be compared.
        sentences: of the last state's text, end to end.
        waiting: requests that come before this one; 0 from its turn on.
        model: the name it was asked by.
        warnings: what was done to the ECG before the model read it, and what else a reader should know.
        abstention: the threshold stored with the model, as `MeitConfig.abstention`; None where none is, or it is of
            another confidence.
        abstains: whether the confidence lies below it; None without a threshold or a confidence.
        first_token_s: from the request to the first token, in seconds; None before it.
        total_s: from the request to the last state, in seconds; None before it.
    """

    text: str = ""
    done: bool = False
    stopped: bool = False
    confidence: float | None = None
    sentences: tuple[Sentence, ...] = ()
    waiting: int = 0
    model: str = ""
    warnings: tuple[str, ...] = ()
    abstention: Mapping[str, Any] | None = None
    abstains: bool | None = None
    first_token_s: float | None = None
    total_s: float | None = None


def checked_text(what: str, text: str, longest: int = LONGEST_PROMPT) -> str:
    """The text itself, if a model's tokenizer can take it.

    Args:
        what: begins the message, as "the prompt".
        text: of a visitor.
        longest: characters that it may have.

    Raises:
        EcgInputError: it is too long, or holds half a character, which no encoding has.
    """
    if len(text) > longest:
        raise EcgInputError(f"{what} has {len(text)} characters, expected at most {longest}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EcgInputError(
            f"{what} holds half a character (a lone surrogate) at place {error.start + 1}, expected Unicode text; "
            "take it out"
        ) from error
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_whole(what: str, value: Any, least: int, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise EcgInputError(f"the {what} is {value!r}, expected a whole number from {least} to {most}")
