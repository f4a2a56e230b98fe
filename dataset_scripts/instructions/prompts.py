"""The instruction of a record: one of the prompts in prompts.txt, with the report's language or without."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from dataset_scripts.reports.language import LANGUAGES


@cache
def prompts() -> tuple[str, ...]:
    """Returns the hand-written instructions, one a line of prompts.txt."""
    lines = Path(__file__).with_name("prompts.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line)


def draw_prompt(ecg_id: str, language: str | None, seed: int = 0) -> str:
    """Returns the instruction of a record, the same in every run and on every machine.

    Args:
        ecg_id: the record's id; with `seed` it alone chooses the prompt, so telling the language changes nothing else.
        language: "de", "en" or "sv" to name the language the report is to be in; None, or "other", to name none.
        seed: another seed draws another prompt.
    """
    digest = hashlib.blake2b(f"{seed}:{ecg_id}".encode(), digest_size=8).digest()
    prompt = prompts()[int.from_bytes(digest, "big") % len(prompts())]
    name = LANGUAGES.get(language or "other")
    return f"{prompt} Write the report in {name}." if name else prompt
