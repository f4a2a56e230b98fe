"""What was found: the draft with its confidence, its findings as chips, and measurements beside what it states."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from spaces_demo.page import render

if TYPE_CHECKING:
    from ecg_measurements.measurements import Measurements
    from ecg_measurements.quality_remarks import QualityRemark
    from eval_suite.measured_text import Comparison
    from spaces_demo.engine.states import ReportState, Sentence

LEVELS = ((0.9, "c4", "0.9 or more"), (0.75, "c3", "0.75 to 0.9"), (0.5, "c2", "0.5 to 0.75"), (0.0, "c1", "below 0.5"))
"""Least confidence, class of its shade, and what the legend says."""

_STATES = (
    ("present", "Present", "✓"),
    ("uncertain", "Uncertain", "?"),
    ("absent", "Ruled out", "–"),
)
_TONES: dict[str, render.Tone] = {"info": "info", "warning": "warning", "serious": "error"}
_MEASURED = (
    ("heart_rate_bpm", "Heart rate", "/min"),
    ("pr_interval_ms", "PR interval", "ms"),
    ("qrs_duration_ms", "QRS duration", "ms"),
    ("qt_interval_ms", "QT interval", "ms"),
    ("qtc_bazett_ms", "QTc (Bazett)", "ms"),
    ("qtc_fridericia_ms", "QTc (Fridericia)", "ms"),
    ("qrs_axis_deg", "QRS axis", "°"),
)
_MEANING = (
    "The exponential of the mean log-probability that the model gave to its own words, from 0 to 1. It says how firmly "
    "the model chose these words, not how probable it is that they are right."
)


def quality_html(remarks: tuple[QualityRemark, ...]) -> str:
    """The remarks on the signal, or that there are none."""
    if not remarks:
        return render.message("good", "Nothing to remark: twelve leads with signal, little noise.", "Signal quality.")
    boxes = (render.message(_TONES[remark.level], remark.text, "Signal quality.") for remark in remarks)
    # What a recording is like is no failure of the page: it is said when its turn comes, not at once.
    return "".join(boxes).replace('role="alert"', 'role="status"')


def draft_html(state: ReportState) -> str:
    """A draft as it grows, and when it is done with the confidence of its sentences."""
    if not state.done:
        waiting = f"Waiting: {state.waiting} before this one." if state.waiting and not state.text else ""
        text = escape(state.text) or f'<span class="sub">{escape(waiting or "Reading the ECG …")}</span>'
        return (
            f'<div class="draft" aria-busy="true"><p class="report">{text}'
            '<span class="caret" aria-hidden="true"></span></p></div>'
        )
    notes = render.sentences(state.warnings, "What was done to the ECG before the model read it")
    stopped = render.message("info", "Stopped before its end; this is what was written until then.")
    text = _shaded(state.text, state.sentences) if state.text.strip() else '<span class="sub">No text.</span>'
    return (
        f'{_abstention(state)}{stopped if state.stopped else ""}<div class="draft" aria-busy="false">'
        f'<p class="report">{text}</p>{_overall(state)}{_legend() if state.sentences else ""}</div>{notes}'
    )


def _shaded(text: str, sentences: tuple[Sentence, ...]) -> str:
    """The text with every sentence shaded by its confidence, which is told on hover, on focus and to screen readers."""
    parts, done = [], 0
    for sentence in sentences:
        parts.append(escape(text[done : sentence.start]))
        done = sentence.end
        said = escape(text[sentence.start : sentence.end])
        if sentence.confidence is None:
            parts.append(said)
            continue
        shade = next(name for least, name, _ in LEVELS if sentence.confidence >= least)
        parts.append(
            f'<span class="sentence {shade}" tabindex="0" data-says="confidence {sentence.confidence:.2f}">{said}'
            f'<span class="unseen"> (confidence {sentence.confidence:.2f})</span></span>'
        )
    return "".join(parts) + escape(text[done:])


def _overall(state: ReportState) -> str:
    if state.confidence is None:
        return ""
    threshold = None if state.abstention is None else float(state.abstention["threshold"])
    mark = "" if threshold is None else f'<i style="left:{100 * threshold:.1f}%" title="threshold"></i>'
    answers = "" if threshold is None else f" · answers from {threshold:.2f}"
    return (
        f'<div class="confidence"><p><strong>Confidence {state.confidence:.2f}</strong>'
        f'<span class="sub">{answers} · model {escape(state.model)}</span></p>'
        f'<div class="meter" aria-hidden="true"><span style="width:{100 * state.confidence:.1f}%"></span>{mark}</div>'
        f"<details><summary>What this number means</summary><p>{_MEANING}</p></details></div>"
    )


def _legend() -> str:
    keys = "".join(f'<li><span class="sentence {name}">Aa</span> {says}</li>' for _, name, says in LEVELS)
    return f'<div class="legend"><p>Confidence of a sentence</p><ul>{keys}</ul></div>'


def _abstention(state: ReportState) -> str:
    if not state.abstains or state.abstention is None:
        return ""
    found = state.abstention
    return render.message(
        "error",
        f"Its confidence {state.confidence:.2f} lies below {found['threshold']:.2f}, the threshold set on "
        f"{found['data']} so that the error {found['error']} of the reports it answers stays within "
        f"{found['target']:g}. Do not rely on the text below.",
        "The model abstains.",
    )


def chips_html(findings: Mapping[str, str]) -> str:
    """Findings in rows by state; a word, a sign and the border tell the states apart, not colour alone."""
    rows = []
    for state, title, sign in _STATES:
        names = [name for name, value in findings.items() if value == state]
        if names:
            chips = "".join(
                f'<li class="chip {state}"><span aria-hidden="true">{sign}</span> {escape(name.replace("_", " "))}</li>'
                for name in names
            )
            rows.append(f'<div class="chips"><h4>{title}</h4><ul>{chips}</ul></div>')
    if not rows:
        return '<h3>Findings</h3><p class="sub">No finding of the list was recognised in the text.</p>'
    return f"<h3>Findings in the text</h3>{''.join(rows)}"


def measurements_html(measurements: Measurements, comparisons: tuple[Comparison, ...] = ()) -> str:
    """Measurements beside what the text states; where they disagree, a word, a sign and the reason say so."""
    row_of = measurements.as_row()
    named = {comparison.name: comparison for comparison in comparisons}
    rows = [
        _row(label, _number(row_of.get(name), unit), _stated(named.get(name)), named.get(name))
        for name, label, unit in _MEASURED
    ]
    known = {name for name, _, _ in _MEASURED}
    rows += [
        _row(one.label, _number(one.measured, one.unit), _stated(one), one)
        for one in comparisons
        if one.name not in known
    ]
    notes = render.sentences(measurements.notes, "Notes on the measurements")
    beats = f"{measurements.beats} beat{'' if measurements.beats == 1 else 's'}"
    return (
        '<h3>Measured, and what the text states</h3><div class="scroll" tabindex="0" role="region" '
        'aria-label="Measurements"><table><thead><tr><th scope="col">Quantity</th><th scope="col">Measured</th>'
        f'<th scope="col">Text</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f'<p class="sub">Measured from the signal over {beats}, without the model.</p>{notes}'
    )


def _row(label: str, measured: str, stated: str, comparison: Comparison | None) -> str:
    agrees = None if comparison is None else comparison.agrees
    mark = {
        True: '<span class="agrees"><span aria-hidden="true">✓</span> agrees</span>',
        False: '<span class="differs"><span aria-hidden="true">≠</span> differs</span>',
        None: "",
    }[agrees]
    why = ""
    if comparison is not None and agrees is not True and comparison.why:
        why = f'<tr class="why"><td colspan="3">{escape(comparison.why)}</td></tr>'
    kind = ' class="disagrees"' if agrees is False else ""
    return f'<tr{kind}><th scope="row">{escape(label)}</th><td>{measured}</td><td>{stated} {mark}</td></tr>{why}'


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return '<span class="sub">not measurable</span>'
    return f"<b>{value:.0f}</b> {escape(unit)}" if unit != "°" else f"<b>{value:.0f}</b>°"


def _stated(comparison: Comparison | None) -> str:
    if comparison is None:
        return '<span class="sub">–<span class="unseen"> says nothing</span></span>'
    if comparison.stated is not None:
        return _number(comparison.stated, comparison.unit)
    return f"“{escape((comparison.claim or '').replace('_', ' '))}”"
