"""The instruction of a record: one of a fixed, ordered list of prompts, with the report's language or without.

The list is nested, so that a smaller set is always the beginning of a larger one: the 32 hand-written prompts of
prompts.txt, their 256 rephrasings of rephrased.txt, then the first of these once more with a neutral ending of
endings.txt, 512 in all. The sizes 128, 256 and 512 are those of MEIT's ablation (arXiv 2403.04945, table 11).
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.language import LANGUAGES

LARGEST_SET = 512
DEFAULT_SET = 40
"""The hand-written prompts and the first eight rephrasings, which the published checkpoint was trained on."""

_IN_LANGUAGE = re.compile(rf" Write the report in (?:{'|'.join(LANGUAGES.values())})\.$")


@cache
def hand_written() -> tuple[str, ...]:
    """Returns the 32 hand-written prompts."""
    return _lines("prompts.txt")


@cache
def rephrased() -> tuple[str, ...]:
    """Returns the 256 prompts that say the same in other words."""
    return _lines("rephrased.txt")


@cache
def prompt_set(size: int = DEFAULT_SET) -> tuple[str, ...]:
    """Returns the first `size` prompts: always the same, all distinct, each set the beginning of every larger one.

    Args:
        size: 1 to 512.

    Raises:
        EcgInputError: another size.
    """
    if not 1 <= size <= LARGEST_SET:
        raise EcgInputError(f"a set of {size} prompts, expected 1 to {LARGEST_SET}; the paper's are 128, 256 and 512")
    plain = hand_written() + rephrased()
    endings = _lines("endings.txt")
    ended = (f"{prompt} {endings[place % len(endings)]}" for place, prompt in enumerate(plain))
    return (*plain, *ended)[:size]


def draw_prompt(ecg_id: str, language: str | None, seed: int = 0, size: int | None = None) -> str:
    """Returns the instruction of a record, the same in every run and on every machine.

    Args:
        ecg_id: the record's id; with `seed` and `size` it alone chooses the prompt, so telling the language changes
            nothing else.
        language: "de", "en" or "sv" to name the language the report is to be in; None, or "other", to name none.
        seed: another seed draws another prompt.
        size: of the set to draw from, as in `prompt_set`; None for the default set.

    Raises:
        EcgInputError: `size` is not 1 to 512.
    """
    choices = prompt_set(DEFAULT_SET if size is None else size)
    digest = hashlib.blake2b(f"{seed}:{ecg_id}".encode(), digest_size=8).digest()
    prompt = choices[int.from_bytes(digest, "big") % len(choices)]
    name = LANGUAGES.get(language or "other")
    return f"{prompt} Write the report in {name}." if name else prompt


def without_language(prompt: str) -> str:
    """Returns a drawn prompt as it is when no language is named, whatever its set and seed were."""
    return _IN_LANGUAGE.sub("", prompt)


def _lines(name: str) -> tuple[str, ...]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line)
