"""Small pieces of HTML; every text that comes from a file, a model or a visitor is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Literal

from ecg_image.page import RESEARCH_USE_NOTICE

Tone = Literal["info", "good", "warning", "error"]
_MARKS: dict[str, str] = {"info": "i", "good": "✓", "warning": "!", "error": "✕"}
_WORDS: dict[str, str] = {"info": "Note", "good": "Good", "warning": "Caution", "error": "Problem"}

NOTICE = (
    f'<p class="notice-text" data-notice="{escape(RESEARCH_USE_NOTICE)}"><span aria-hidden="true">⚠</span> '
    f"{escape(RESEARCH_USE_NOTICE)}</p>"
)
MASTHEAD = (
    '<a class="skip" href="#source">Skip to the ECG</a>'
    '<header class="masthead"><svg class="mark" viewBox="0 0 64 32" aria-hidden="true">'
    '<path d="M1 20h13l3-4 4 4h5l2 3 4-20 5 27 3-10h6l4-6 5 6h8"/></svg>'
    "<div><h1>Read a 12-lead ECG</h1><p>A language model drafts the report of the ECG that you bring, says how sure it "
    "is, and shows what it looked at. You check it and correct it.</p></div></header>"
)
FOOT = (
    '<footer class="foot"><p>Your ECG stays in this session: it is read in memory, the uploaded file is deleted once '
    "it is read, nothing of it is logged, and all is removed within two minutes after you leave the page. This page "
    f"asks no other site for anything.</p><p>{escape(RESEARCH_USE_NOTICE)}</p></footer>"
)


def heading(text: str, sub: str = "", number: int | None = None) -> str:
    """A section's heading with a sentence below it."""
    place = "" if number is None else f'<span class="step" aria-hidden="true">{number}</span>'
    return f"<h2>{place}{escape(text)}</h2>{f'<p class=sub>{escape(sub)}</p>' if sub else ''}"


def message(tone: Tone, text: str, title: str = "") -> str:
    """A sentence in a box; colour, sign and a word for screen readers say what kind it is."""
    role = "alert" if tone == "error" else "status"
    strong = f"<strong>{escape(title)}</strong> " if title else ""
    return (
        f'<div class="message {tone}" role="{role}"><span class="sign" aria-hidden="true">{_MARKS[tone]}</span>'
        f'<p><span class="unseen">{_WORDS[tone]}: </span>{strong}{escape(text)}</p></div>'
    )


def error(problem: Exception) -> str:
    """What went wrong as one sentence."""
    text = " ".join(str(problem).split())
    return message("error", text[:1].upper() + text[1:])


def breakdown() -> str:
    """What the visitor reads where the program itself failed; the operator's log says where."""
    from spaces_demo.service.answering import DEFECT

    return message("error", DEFECT[:1].upper() + DEFECT[1:] + ".")


def sentences(texts: Iterable[str], summary: str) -> str:
    """A list that opens on request; empty without texts."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<details class=notes open><summary>{escape(summary)}</summary><ul>{items}</ul></details>" if items else ""


def empty(text: str) -> str:
    """What a place says that has nothing to show yet."""
    return f'<div class="empty"><p>{escape(text)}</p></div>'


def progress(share: float, text: str) -> str:
    """A bar, 0 to 1, with its meaning."""
    percent = round(100 * min(max(share, 0.0), 1.0))
    return (
        f'<div class="progress"><p id="progress-text">{escape(text)}</p>'
        f'<div role="progressbar" aria-labelledby="progress-text" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><span style="width:{percent}%"></span></div><output>{percent} %</output></div>'
    )
