"""More prompts, rephrased from the hand-written ones by a language model behind an OpenAI-compatible endpoint.

    python -m dataset_scripts.instructions.rephrase --base-url http://localhost:8000/v1 --model NAME --number 500 \
        --out more_prompts.txt

Only the project's own prompts are sent, and yet to another machine only with consent. What comes back passes
`prompt_checks` and is new beside the committed prompts. A run that is cut goes on where it was: replies are kept in
OUT.replies.sqlite. (MEIT, arXiv 2403.04945, rephrases 32 prompts to 256 the same way; its lists were not released.)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_scripts.instructions.prompt_checks import plain, why_not
from dataset_scripts.instructions.prompts import LARGEST_SET, hand_written, prompt_set
from dataset_scripts.record import EcgInputError
from dataset_scripts.whole_file import write_whole
from meit_remote.consent import add_consent_option
from meit_remote.endpoint import ChatEndpoint, json_schema
from meit_remote.transport import RemoteError

_SYSTEM = (
    "You help to build a data set of instructions. You are given one instruction that a clinician or a researcher "
    "writes when asking for the report of a 12-lead electrocardiogram. Say the same in other words. Vary length, tone "
    "and grammar. Write English. Each of your versions is complete by itself and ends in a full stop or a question "
    "mark. Never mention a diagnosis, a finding, whether the recording is healthy, or a language."
)
_SCHEMA = json_schema(
    "rephrased",
    {
        "type": "object",
        "properties": {"prompts": {"type": "array", "items": {"type": "string"}}},
        "required": ["prompts"],
        "additionalProperties": False,
    },
)


def rephrase(
    endpoint: ChatEndpoint, number: int, *, each: int = 8, rounds: int = 10, temperature: float = 1.0, seed: int = 0
) -> tuple[list[str], Counter[str]]:
    """Returns `number` new prompts in the order they were found, and how many were refused for which reason.

    Args:
        endpoint: is asked, for every hand-written prompt of a round, for other wordings.
        number: how many new prompts to find.
        each: wordings asked for at once.
        rounds: times that every hand-written prompt is sent at most.
        temperature: of the answers; 0 would give the same in every round.
        seed: of the first round, sent with the request; each round adds one.

    Raises:
        EcgInputError: a number out of range, or no consent.
        RemoteError: the endpoint fails, or its answers hold too few usable prompts.
    """
    if number < 1 or each < 1 or rounds < 1:
        raise EcgInputError(f"number {number}, each {each}, rounds {rounds}; expected numbers from 1 up")
    taken = {plain(prompt) for prompt in prompt_set(LARGEST_SET)}
    found: list[str] = []
    refused: Counter[str] = Counter()
    for turn in range(rounds):
        conversations = [_messages(prompt, each) for prompt in hand_written()]
        replies = endpoint.complete_many(
            conversations, temperature=temperature, seed=seed + turn, response_format=_SCHEMA
        )
        for reply in replies:
            for prompt in _prompts(reply.text):
                reason = why_not(prompt, taken)
                if reason is None:
                    taken.add(plain(prompt))
                    found.append(prompt)
                else:
                    refused[reason] += 1
        if len(found) >= number:
            return found[:number], refused
    raise RemoteError(
        f"{len(found)} usable prompts of the {number} asked for after {rounds} rounds (refused: "
        f"{', '.join(f'{count} {reason}' for reason, count in refused.most_common()) or 'none'}); ask for fewer, allow "
        "more rounds, or use another model"
    )


def write_prompts(path: Path, prompts: Sequence[str]) -> None:
    """Writes prompts to a text file, one a line; the file is whole or not there."""
    write_whole(path, "".join(f"{prompt}\n" for prompt in prompts))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0 when done, 2 for bad input, 1 where the endpoint failed."""
    parser = argparse.ArgumentParser(
        prog="python -m dataset_scripts.instructions.rephrase",
        description="Make more prompts by rephrasing the hand-written ones through an OpenAI-compatible endpoint.",
    )
    parser.add_argument("--base-url", required=True, help="for example http://localhost:8000/v1")
    parser.add_argument("--model", required=True, help="as the endpoint names it")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="text file to write")
    parser.add_argument("--number", type=int, default=256, help="new prompts; default: 256")
    parser.add_argument("--each", type=int, default=8, help="wordings asked for at once; default: 8")
    parser.add_argument("--rounds", type=int, default=10, help="times each prompt is sent at most; default: 10")
    parser.add_argument("--temperature", type=float, default=1.0, help="default: 1")
    parser.add_argument("--seed", type=int, default=0, help="sent with the requests; default: 0")
    parser.add_argument("--key-variable", metavar="NAME", help="environment variable that holds the endpoint's key")
    parser.add_argument("--concurrency", type=int, default=4, help="requests at once; default: 4")
    add_consent_option(parser)
    given = parser.parse_args(arguments)
    try:
        endpoint = ChatEndpoint(
            given.base_url,
            given.model,
            sends="prompts of this project",
            consent=given.consent_to_send,
            key_variable=given.key_variable,
            cache=given.out.with_name(f"{given.out.name}.replies.sqlite"),
            concurrency=given.concurrency,
        )
        prompts, refused = rephrase(
            endpoint,
            given.number,
            each=given.each,
            rounds=given.rounds,
            temperature=given.temperature,
            seed=given.seed,
        )
        write_prompts(given.out, prompts)
    except (EcgInputError, RemoteError) as error:
        print(f"meit: {error}", file=sys.stderr)
        return 2 if isinstance(error, EcgInputError) else 1
    told = "".join(f", {count} {reason}" for reason, count in refused.most_common())
    print(f"{len(prompts)} prompts written to {given.out}; refused: {refused.total()}{told}")
    return 0


def _messages(prompt: str, each: int) -> list[dict[str, Any]]:
    ask = f'Give {each} versions as JSON {{"prompts": ["..."]}} of this instruction:\n{prompt}'
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": ask}]


def _prompts(answer: str) -> list[str]:
    """The prompts in an answer; none where it is not as asked, which the number of rounds allows for."""
    begin, end = answer.find("{"), answer.rfind("}")  # some servers wrap JSON in words or in a code fence
    try:
        prompts = json.loads(answer[begin : end + 1])["prompts"]
    except (ValueError, KeyError, TypeError):
        return []
    return [prompt.strip() for prompt in prompts if isinstance(prompt, str)] if isinstance(prompts, list) else []


if __name__ == "__main__":
    sys.exit(main())
