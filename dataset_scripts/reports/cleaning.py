"""Report text -> the text to learn, and why a record without one is dropped.

`standard` takes away what is not the report: white space, the device's footer, the annotator's tail of codes. `paper`
adds the rules of MEIT (arXiv 2403.04945): no 'nan', no sentence of numbers only, no report under five words. The latter
drops "sinus rhythm. normal ecg.", one report of PTB-XL in thirteen, so it is an option and not the default.
"""

from __future__ import annotations

import re
from functools import lru_cache

from dataset_scripts.record import EcgInputError

MODES = ("standard", "paper")
MIN_WORDS = 5  # of the paper's rule

# PTB-XL's texts are cut at this length, in the middle of a footer or a word; an "Edit:" tail was added after the cut.
CUT_AT = 255
FOOTERS = ("unbestätigter bericht", "unconfirmed report")

_EDIT = re.compile(r"\s*\bedit:.*\Z", re.IGNORECASE | re.DOTALL)
# The version of the device's program, then the footer as far as the cut has left it.
_FOOTER = re.compile(r"(?:^|\s)4\.4\d(?:\s+(?P<rest>\D*))?$")
_FOOTER_CUT_IN_VERSION = re.compile(r"\s4(?:\.4?)?$")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=4096)
def clean(text: str, mode: str = "standard") -> str:
    """Returns the report as it is to be learnt; empty where nothing is left.

    Args:
        text: the report word for word as the archive has it (white space included: it tells where the text was cut).
        mode: "standard" or "paper".

    Raises:
        EcgInputError: unknown mode.
    """
    _check(mode)
    text = _EDIT.sub("", text)
    was_cut = len(text) >= CUT_AT
    text = _without_footer(" ".join(text.split()), was_cut)
    if mode == "paper":
        sentences = [re.sub(r"\bnan\b", "", s, flags=re.IGNORECASE).strip() for s in _SENTENCE_END.split(text)]
        text = " ".join(s for s in sentences if _WORD.search(s))
    return text


def drop_reason(text: str, mode: str = "standard") -> str | None:
    """Says why a record with this report is not to be learnt from; None where it is.

    A record is "trace only" by the archive's own text: where an annotator's tail follows, somebody has read the record,
    and it stays (PTB-XL's fold 9 has 2,156 rows with its two of them).

    Raises:
        EcgInputError: unknown mode.
    """
    cleaned = clean(text, mode)
    if not cleaned:
        return "empty"
    if " ".join(text.lower().split()) == "trace only requested.":
        return "trace only requested"
    if mode == "paper" and len(cleaned.split()) < MIN_WORDS:
        return f"under {MIN_WORDS} words"
    return None


def _without_footer(text: str, was_cut: bool) -> str:
    if was_cut and (match := _FOOTER_CUT_IN_VERSION.search(text)):
        return text[: match.start()]
    match = _FOOTER.search(text)
    if match and any(footer.startswith((match["rest"] or "").lower().strip()) for footer in FOOTERS):
        return text[: match.start()]
    return text


def _check(mode: str) -> None:
    if mode not in MODES:
        raise EcgInputError(f"unknown cleaning '{mode}'; choose one of {', '.join(MODES)}")
