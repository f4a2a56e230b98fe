"""One reading: everything that was found of one ECG, by the model and by the measurements, and what a person changed.

The page, the API and the downloads all show this one object, so that none of them can say something else.
"""

from __future__ import annotations

import difflib
import itertools
import re
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from dataset_scripts.errors import EcgInputError

if TYPE_CHECKING:  # each brings in packages that are slow to import
    from collections.abc import Mapping

    from ecg_files.ecg_file import EcgFile
    from ecg_measurements.measurements import Measurements
    from ecg_measurements.quality_remarks import QualityRemark
    from eval_suite.findings.names import State
    from eval_suite.measured_text import Comparison
    from spaces_demo.engine.states import ReportOptions, ReportState, Sentence

WINDOW_S = 10.0
"""Length of the stretch of a recording that is read, in seconds."""
_HALF_CHARACTER = re.compile("[\\ud800-\\udfff]")
LONGEST_TEXT = 20_000
"""Characters that a person's text may have: a report has a few hundred, and to compare long texts takes long."""
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Change:
    """One place where a person's text differs from the model's draft.

    Attributes:
        before: what the draft says there; empty where something was added.
        after: what the text says there; empty where something was taken out.
        start: of `before` in the draft, in characters.
        at: when the edit was made, ISO 8601 with the offset from UTC.
    """

    before: str
    after: str
    start: int
    at: str


@dataclass(frozen=True)
class Reading:
    """One ECG, read once.

    Attributes:
        record: the window of the recording that was read.
        start_s: where that window begins in the recording, in seconds.
        prompt: what the model was asked.
        options: how it generated.
        model: the name under which the operator configured it.
        draft: what the model wrote; never changed.
        sentences: the draft's sentences, each with the model's confidence in it.
        confidence: exponential of the mean log-probability of the draft's tokens; None where it is not known.
        abstains: whether the confidence is under the model's threshold; None where it has none.
        abstention: the threshold with what it was measured on, as `MeitConfig.abstention`.
        stopped: whether the draft was stopped before its end.
        warnings: what was done to the ECG before the model read it.
        quality: remarks on the signal.
        findings: name -> "present", "absent" or "uncertain", found in `text`.
        measurements: by a signal method, without the model.
        comparisons: what `text` states beside what was measured.
        created: when, with its time zone.
        text: the draft, or the text that a person made of it.
        changes: from the draft to `text`.
    """

    record: EcgFile
    start_s: float
    prompt: str
    options: ReportOptions
    model: str
    draft: str
    sentences: tuple[Sentence, ...]
    confidence: float | None
    abstains: bool | None
    abstention: Mapping[str, Any] | None
    stopped: bool
    warnings: tuple[str, ...]
    quality: tuple[QualityRemark, ...]
    findings: dict[str, State]
    measurements: Measurements
    comparisons: tuple[Comparison, ...]
    created: datetime
    text: str
    changes: tuple[Change, ...] = ()

    @property
    def edited(self) -> bool:
        """Whether a person changed the draft."""
        return bool(self.changes)


def make_reading(
    record: EcgFile,
    state: ReportState,
    *,
    prompt: str,
    options: ReportOptions,
    start_s: float,
) -> Reading:
    """Put together what there is to say of one ECG whose report is written.

    Args:
        record: the window that was read.
        state: the last one of its report.
        prompt: what the model was asked.
        options: how it generated.
        start_s: where the window begins in the recording, in seconds.

    Raises:
        EcgInputError: the signal cannot be judged at all, as where no lead was measured.
    """
    from ecg_measurements.measure import measure_ecg
    from ecg_measurements.quality_remarks import quality_remarks

    measurements = measure_ecg(record.signal, record.sampling_rate)
    findings, comparisons = _stated(state.text, measurements)
    return Reading(
        record=record,
        start_s=start_s,
        prompt=prompt,
        options=options,
        model=state.model,
        draft=state.text,
        sentences=state.sentences,
        confidence=state.confidence,
        abstains=state.abstains,
        abstention=state.abstention,
        stopped=state.stopped,
        warnings=state.warnings,
        quality=tuple(quality_remarks(record.signal, record.sampling_rate)),
        findings=findings,
        measurements=measurements,
        comparisons=comparisons,
        created=datetime.now(timezone.utc),
        text=state.text,
    )


def with_edit(reading: Reading, text: str) -> Reading:
    """The reading with a person's text in place of the draft, which is kept; findings and comparisons follow the text.

    An edit that puts the draft back leaves no changes. A change that was there before keeps its time.

    Raises:
        EcgInputError: the text has more than `LONGEST_TEXT` characters.
    """
    if len(text) > LONGEST_TEXT:
        raise EcgInputError(f"the text has {len(text)} characters, expected at most {LONGEST_TEXT}; shorten it")
    # Half a character, as a script may send, could neither be saved nor sent on.
    text = _HALF_CHARACTER.sub("\ufffd", text).strip()
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    earlier = {(change.before, change.after, change.start): change.at for change in reading.changes}
    changes = tuple(
        Change(before, after, start, earlier.get((before, after, start), now))
        for before, after, start in _differences(reading.draft, text)
    )
    findings, comparisons = _stated(text, reading.measurements)
    return replace(reading, text=text, changes=changes, findings=findings, comparisons=comparisons)


def _stated(text: str, measurements: Measurements) -> tuple[dict[str, State], tuple[Comparison, ...]]:
    from eval_suite.findings import extract_findings
    from eval_suite.measured_text import compare_with_text

    return extract_findings(text, remember=False), tuple(compare_with_text(measurements, text))


def _differences(draft: str, text: str) -> list[tuple[str, str, int]]:
    """What was replaced, word by word: (before, after, place in the draft)."""
    words, others = _words(draft), _words(text)
    starts = list(itertools.accumulate(map(len, words), initial=0))
    found = []
    # Its list of frequent words, which match nothing but beside another match, bounds the time in a text that repeats
    # itself; it holds none where the text has under 200 words and marks.
    for kind, begin, end, new_begin, new_end in difflib.SequenceMatcher(None, words, others).get_opcodes():
        if kind != "equal":
            old, new = "".join(words[begin:end]), "".join(others[new_begin:new_end])
            pieces, new_pieces = _PIECES.findall(old), _PIECES.findall(new)
            head, tail = _alike_ends(pieces, new_pieces)
            old, new = "".join(pieces[head : len(pieces) - tail]), "".join(new_pieces[head : len(new_pieces) - tail])
            found.append((old, new, starts[begin] + len("".join(pieces[:head]))))
    return found


def _alike_ends(before: list[str], after: list[str]) -> tuple[int, int]:
    """How many pieces both have alike in front, and how many of the others at the end."""
    shorter = min(len(before), len(after))
    first = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    rest = shorter - first
    return first, next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)


def _words(text: str) -> list[str]:
    """Each word and mark with the white space before it, which would else be what most pieces are alike in."""
    words: list[str] = []
    for piece in _PIECES.findall(text):
        if words and words[-1].isspace():
            words[-1] += piece
        else:
            words.append(piece)
    return words
