"""Asking the judge about many reports; every one ends with scores or with the reason why there are none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tqdm import tqdm

from dataset_scripts.errors import EcgInputError
from eval_suite.judge.answer import Scores, UnusableAnswer, read_scores
from eval_suite.judge.rubric import ANSWER_SCHEMA, LOWEST, MAIN, Question, conversation, correction
from meit_remote.endpoint import ChatEndpoint, Reply, Usage, json_schema
from meit_remote.transport import RemoteError

AnswerFormat = Literal["json_schema", "json_object", "text"]
GIVE_UP_AFTER = 20
_AT_A_TIME = 40
_LONGEST_REPEAT = 2000  # characters of an unusable answer that are shown to the judge again


@dataclass(frozen=True)
class Judgement:
    """What the judge said of one report.

    Attributes:
        scores: 1 to 5 in the order of `DIMENSIONS`; None where there are none.
        asked: 1 or 2 times; 0 for an empty report, which has the lowest scores by rule.
        failure: why there are no scores, without any of the texts; None where there are.
    """

    scores: Scores | None
    asked: int
    failure: str | None = None


class Judge:
    """A judge behind an endpoint.

    Args:
        endpoint: with consent for its host, and with a cache if a cut run is to go on.
        seed: sent with the requests, as far as the endpoint heeds it.
        max_tokens: of an answer.
        answer_format: how the answer is held to its form: by JSON schema, as any JSON object, or by the instruction
            alone, for servers that know less.

    Raises:
        EcgInputError: another answer format.
    """

    def __init__(
        self,
        endpoint: ChatEndpoint,
        *,
        seed: int = 0,
        max_tokens: int = 256,
        answer_format: AnswerFormat = "json_schema",
    ) -> None:
        if answer_format not in get_args(AnswerFormat):
            raise EcgInputError(f"answer format {answer_format!r}, expected one of {', '.join(get_args(AnswerFormat))}")
        self.endpoint = endpoint
        self.seed = seed
        self.answer_format = answer_format
        self._options: dict[str, Any] = {"max_tokens": max_tokens}
        if answer_format == "json_schema":
            self._options["response_format"] = json_schema("scores", ANSWER_SCHEMA)
        elif answer_format == "json_object":
            self._options["response_format"] = {"type": "json_object"}
        self._used: dict[str, Usage] = {}
        self._scored = 0
        self._unreached = 0  # requests in a row that the endpoint did not answer
        self._unusable = 0  # rows without scores, as long as no row has any

    def judge(
        self, candidates: Sequence[str], references: Sequence[str], question: Question = MAIN, label: str = "judging"
    ) -> list[Judgement]:
        """Asks about every pair; an answer that cannot be used is asked for once more, with what is wrong said.

        Args:
            candidates: R reports; an empty one is not sent.
            references: R reports.
            question: how it is put.
            label: of the progress bar.

        Returns:
            R judgements, in order.

        Raises:
            EcgInputError: the texts may not be sent there.
            RemoteError: the endpoint refuses, leaves 20 requests in a row without an answer, or gives no usable one
                for the first 40 reports. What it answered is in its cache.
        """
        found: list[Judgement] = []
        with tqdm(total=len(candidates), desc=label, unit="report") as progress:
            for start in range(0, len(candidates), _AT_A_TIME):
                part = slice(start, start + _AT_A_TIME)
                found += self._judge_part(candidates[part], references[part], question)
                progress.update(len(found) - progress.n)
        return found

    def usage(self) -> Usage:
        """Tokens of all answers, those from the cache too: what asking everything anew would take."""
        return Usage(
            sum(usage.prompt_tokens for usage in self._used.values()),
            sum(usage.completion_tokens for usage in self._used.values()),
        )

    def _judge_part(self, candidates: Sequence[str], references: Sequence[str], question: Question) -> list[Judgement]:
        asked = {
            row: conversation(candidate, reference, question)
            for row, (candidate, reference) in enumerate(zip(candidates, references, strict=True))
            if candidate.strip()
        }
        lowest: Scores = (LOWEST, LOWEST, LOWEST, LOWEST)
        found = {row: Judgement(lowest, asked=0) for row in range(len(candidates)) if row not in asked}
        first, again = self._ask(asked, question, 1)
        found |= first
        found |= self._ask(again, question, 2)[0]
        self._check_that_it_can_work(found[row] for row in asked)
        return [found[row] for row in range(len(candidates))]

    def _ask(
        self, conversations: Mapping[int, list[dict[str, str]]], question: Question, times: int
    ) -> tuple[dict[int, Judgement], dict[int, list[dict[str, str]]]]:
        """The judgements, and the conversations to go on with where an answer cannot be used."""
        options = {**self._options, "seed": self.seed + question.seed_offset}
        replies = self.endpoint.complete_many(conversations.values(), errors="return", **options)
        found, again = {}, {}
        for (row, messages), reply in zip(conversations.items(), replies, strict=True):
            if isinstance(reply, RemoteError):
                found[row] = Judgement(None, times, f"no answer: {reply}")
                self._count_unreached(reply)
                continue
            self._unreached = 0
            self._used[json.dumps([messages, options])] = reply.usage
            try:
                found[row] = Judgement(read_scores(reply.text), times)
            except UnusableAnswer as problem:
                found[row] = Judgement(None, times, f"unusable answer: {_problem(problem, reply)}")
                again[row] = [*messages, *_correction(reply, problem)]
        return found, again

    def _count_unreached(self, error: RemoteError) -> None:
        self._unreached += 1
        if self._unreached < GIVE_UP_AFTER:
            return
        advice = ""
        if error.status == 400 and self.answer_format != "text":
            advice = f", or does not know the answer format {self.answer_format} (json_object and text are others)"
        raise RemoteError(
            f"{self._unreached} requests in a row got no answer, the last since {error}{advice}; what was answered is "
            "kept, so the same command goes on from there",
            error.status,
        )

    def _check_that_it_can_work(self, judgements: Any) -> None:
        """Ends a run whose judge has not given one usable answer, before it is paid for every report."""
        reason = None
        for judgement in judgements:
            self._scored += judgement.scores is not None
            self._unusable += judgement.scores is None
            reason = judgement.failure or reason
        if not self._scored and self._unusable >= _AT_A_TIME:
            raise RemoteError(
                f"{self.endpoint.model} at {self.endpoint.host} gave scores for none of the first {self._unusable} "
                f"reports, each asked about twice ({reason}); take another model or answer format"
            )


def _problem(problem: UnusableAnswer, reply: Reply) -> str:
    return f"{problem}, cut short at its limit of tokens" if reply.finish_reason == "length" else str(problem)


def _correction(reply: Reply, problem: UnusableAnswer) -> list[dict[str, str]]:
    """The turns that show the judge its answer and what is wrong with it."""
    # Some servers refuse a turn without text.
    shown = reply.text[:_LONGEST_REPEAT] if reply.text.strip() else "(no text)"
    return [{"role": "assistant", "content": shown}, {"role": "user", "content": correction(_problem(problem, reply))}]
