"""What a prompt must be: one or more whole sentences that are new and give no finding and no language away."""

from __future__ import annotations

import re
from collections.abc import Container

from dataset_scripts.reports.language import LANGUAGES

SHORTEST_WORDS, LONGEST_WORDS = 3, 60

# Beginnings of words that name a finding, or its absence; "rhythm", "axis" or "ST" alone name none.
_FINDINGS = re.compile(
    r"\b(?:ab|sub)?normal|\bunremarkable|\bpatholog|\bsinus|\bnodal|\bjunctional|\bheart ?block|\bblock|\bbundle|"
    r"\bfascic|\bhemiblock|\binfarct|\bisch|\bstemi\b|\bnstemi\b|\binjur|\bnecro|\bscar|\bhypertroph|\benlarge|"
    r"\bdilat|\bstrain\b|\bfibrillat|\bflutter|\bbrady|\btachy|\barrhythm|\bdysrhythm|\bpace[dmr]|\bpacing|\bprolong|"
    r"\bshorten|\belevat|\bdepress|\binver[st]|\bdeviat|\bectop|\bextrasyst|\bpremature|\bescape|\bbigemin|\btrigemin|"
    r"\bwolff|\bwpw\b|\bbrugada|\blow[- ]voltage|\bhigh[- ]voltage|\bpericard|\bcardiomyopath|\bembol|\bdigital?is|"
    r"\b(?:hypo|hyper)kal|\bq[- ]waves?\b|\b(?:left|right)\b|\banterior|\binferior|\blateral|\bseptal|"
    r"\bposterior|\bcritical|\bemergen|\bhealthy|\blong[- ]qt",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(rf"\b(?:{'|'.join(LANGUAGES.values())})\b", re.IGNORECASE)


def plain(prompt: str) -> str:
    """Returns the prompt's letters and digits in lower case, by which two prompts count as the same."""
    return re.sub(r"[\W_]", "", prompt.lower())


def names_a_finding(text: str) -> bool:
    """Whether the text holds a word that names a diagnosis, a finding, a place of one, or that there is none."""
    return _FINDINGS.search(text) is not None


def why_not(prompt: str, taken: Container[str] = ()) -> str | None:
    """Returns why a text cannot be used as a prompt, None if it can.

    Args:
        prompt: the text.
        taken: the `plain` forms of the prompts that there are.
    """
    if prompt != " ".join(prompt.split()) or not prompt[:1].isupper() or prompt[-1:] not in (".", "?"):
        return "not a sentence"
    if not SHORTEST_WORDS <= len(prompt.split()) <= LONGEST_WORDS:
        return "too short or too long"
    if names_a_finding(prompt):
        return "names a finding"
    if _LANGUAGE.search(prompt):
        return "names a language"
    return "not new" if plain(prompt) in taken else None
