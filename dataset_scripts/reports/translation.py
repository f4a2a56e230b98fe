"""Reports in English: what a translator is, and the project's own, made of rules and a lexicon.

The rules are for the closed vocabulary of PTB-XL's German and Swedish reports; docs/translation.md says how well they
do. A word that they do not know stands in the text as `[?word]`: none is dropped, none is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from dataset_scripts.reports.language import detect_language
from dataset_scripts.reports.translation_lexicon import lexicon
from dataset_scripts.reports.translation_rules import translate_tokens
from dataset_scripts.reports.translation_version import read_version

VERSION = read_version()[0]


@dataclass(frozen=True)
class Translation:
    """A report in English.

    Attributes:
        text: the English report; a word that the translator does not know stands in it as `[?word]`.
        version: of the translator, for example "rules-2".
        unknown: the words that it does not know, in order.
    """

    text: str
    version: str
    unknown: tuple[str, ...] = ()


class Translator(Protocol):
    """What translates reports: rules and a lexicon here, a model in `machine_translation.py`.

    Attributes:
        name: for the data card.
        version: changes whenever a translation may change.
    """

    name: str
    version: str

    def translate(self, text: str, language: str) -> Translation:
        """Returns the report in English; `language` as `detect_language` names it ("de", "en", "sv", "other")."""
        ...

    def translate_many(self, texts: Sequence[str], languages: Sequence[str]) -> list[Translation]:
        """Returns several reports in English, in their order."""
        ...


class RuleTranslator:
    """German and Swedish reports to English by rules and a lexicon."""

    name = "rules"
    version = VERSION

    def translate(self, text: str, language: str) -> Translation:
        """Returns the report in English, lower-case, a full stop after each statement.

        Args:
            text: a cleaned report.
            language: "de", "sv" or "other", or "en": an English report is given back as it is, white space collapsed.
        """
        return translate(text, language)

    def translate_many(self, texts: Sequence[str], languages: Sequence[str]) -> list[Translation]:
        """Returns several reports in English, in their order."""
        return [translate(text, language) for text, language in zip(texts, languages, strict=True)]


@lru_cache(maxsize=1 << 14)
def translate(text: str, language: str | None = None) -> Translation:
    """Translates a cleaned report by the rules; `language` is detected where it is None."""
    text = " ".join(text.split())
    language = language or detect_language(text)
    if language == "en":
        return Translation(text, VERSION)
    english, unknown = translate_tokens(text, lexicon(), swedish=language == "sv")
    return Translation(english, VERSION, unknown)
