"""How a model was asked for a report, as far as an abstention threshold hangs on it: the language, prompt and dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import LARGEST_SET, prompt_set, without_language
from dataset_scripts.reports.language import LANGUAGES


def asked_language(prompt: str) -> str | None:
    """The language that a prompt names at its end, as in `LANGUAGES`; None where it names none."""
    ending = prompt[len(without_language(prompt)) :]
    return next((code for code, name in LANGUAGES.items() if name in ending), None)


def language_told(prompts: Sequence[str], languages: Sequence[str]) -> bool:
    """Whether each prompt names the language of its row's own report.

    Args:
        prompts: one a row.
        languages: "de", "en", "sv" or "other", which no prompt names.

    Raises:
        EcgInputError: some name a language and not all name their row's own.
    """
    asked = [asked_language(prompt) for prompt in prompts]
    if not any(asked):
        return False
    strange = sum(
        language != (own if own in LANGUAGES else None) for language, own in zip(asked, languages, strict=True)
    )
    if strange:
        raise EcgInputError(
            f"{strange} of {len(prompts)} prompts name another language than that of their row's report, or none; "
            "expected that all name their own or that none names any"
        )
    return True


def unlike_calibrated(abstention: Mapping[str, Any], prompt: str, dtype: str) -> str:
    """In what a report was asked for otherwise than those its model's threshold was chosen on; empty if in nothing.

    Args:
        abstention: as `MeitConfig.abstention`.
        prompt: what the model was asked.
        dtype: of its weights, as "float32".
    """
    shares, told = abstention["languages"], abstention["language_told"]
    names = {code: LANGUAGES.get(code, code) for code in shares}
    language = asked_language(prompt)
    usual = without_language(prompt) in prompt_set(LARGEST_SET)
    same = shares.get(language) == 1 if told else language is None
    chosen, now = [], []
    if not (same and usual):
        mixed = ", ".join(f"{names[code]} {share:.1%}" for code, share in shares.items() if share >= 0.0005)
        own = f"in {names[next(iter(shares))]}" if len(shares) == 1 else f"in each record's own language ({mixed})"
        chosen.append(f"asked for {own if told else 'without naming a language'}")
        asked = "without naming a language" if language is None else f"in {LANGUAGES[language]}"
        now.append(f"was asked for {asked}{'' if usual else ' and by a prompt of your own'}")
    if dtype != abstention["dtype"]:
        chosen.append(f"written with weights in {abstention['dtype']}")
        now.append(f"was written with weights in {dtype}")
    if not now:
        return ""
    return (
        f"the model's threshold was chosen on reports {' and '.join(chosen)}, this one {' and '.join(now)}: what the "
        "threshold promises need not hold here"
    )
