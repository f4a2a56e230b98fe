"""What adjectives and asides make of the claims of a sentence: nonspecific, tachycardic, otherwise, complete."""

from __future__ import annotations

from eval_suite.findings.marks import Claim, Mark

ST_T = frozenset(
    [
        "st_t_abnormality",
        "st_abnormality",
        "st_elevation",
        "st_depression",
        "t_wave_abnormality",
        "t_wave_inversion",
        "t_wave_flattening",
        "tall_t_waves",
    ]
)
_FLUTTERS = frozenset({"atrial_fibrillation_or_flutter", "atrial_fibrillation", "atrial_flutter"})
_COMPLETE = {
    "incomplete_right_bundle_branch_block": "right_bundle_branch_block",
    "incomplete_left_bundle_branch_block": "left_bundle_branch_block",
}
# Said alone these speak of the whole recording.
_WHOLE = (
    "within",
    "in normal",
    "in the normal",
    "entirely within",
    "completely within",
    "wnl",
    "o.b",
    "o. b",
    "ob",
    "im norm",
    "inom",
)
# Before anything but an infarct these speak of the past.
_FORMERLY = ("fruher", "tidigare")
_DROPPED = frozenset(
    [
        "skip",
        "leadword",
        "wall",
        "age",
        "predicate",
        "sign",
        "certain",
        "fast",
        "slow",
        "nonspecific",
        "otherwise",
        "except",
        "complete",
    ]
)


def _names(mark: Mark) -> set[str]:
    return mark.claim.names() if mark.claim else set()


def _nearest(marks: list[Mark], place: int, wanted: frozenset[str]) -> Mark | None:
    """The next claim in the same phrase or else the last one before that has one of the wanted names."""
    for mark in marks[place + 1 :]:
        if mark.kind in ("comma", "stop") or len(mark.before) > 3:
            break
        if mark.claim:
            if _names(mark) & wanted:
                return mark
            break
    return next((mark for mark in reversed(marks[:place]) if _names(mark) & wanted), None)


def _apply_nonspecific(marks: list[Mark], place: int, earlier: list[list[Mark]]) -> None:
    target = _nearest(marks, place, ST_T)
    if target is None and not any(mark.claim for mark in marks[:place]):
        before = [mark for sentence in earlier[-1:] for mark in sentence if _names(mark) & ST_T]
        target = before[-1] if before and not marks[place].before else None
    if target and target.claim:
        target.claim.affirmed.append(("nonspecific_st_t_abnormality", "present"))
        target.claim.denied += ("nonspecific_st_t_abnormality",)


def _apply_rate(marks: list[Mark], place: int) -> None:
    mark = marks[place]
    target = _nearest(marks, place, _FLUTTERS)
    response = "rapid_ventricular_response" if mark.kind == "fast" else "slow_ventricular_response"
    if target and target.claim:
        if (response, "present") not in target.claim.affirmed:
            target.claim.affirmed.append((response, "present"))
    elif mark.text.startswith(("tachy", "brady")):
        name = "tachycardia" if mark.kind == "fast" else "bradycardia"
        marks[place] = Mark("claim", (), mark.text, mark.before, Claim([(name, "present")], (name,)))


def _apply_otherwise(marks: list[Mark]) -> None:
    for place, mark in enumerate(marks):
        follows = any(m.kind == "otherwise" for m in marks[:place])
        excepted = any(m.kind == "except" for m in marks)
        claim = mark.claim
        if claim and "normal_ecg" in claim.names() and (follows or excepted):
            claim.affirmed = [("otherwise_normal_ecg", state) for _, state in claim.affirmed]
            claim.denied = ("otherwise_normal_ecg",)
        elif mark.kind == "predicate" and mark.values[0] == "normal":
            if not (follows or excepted or mark.text.startswith(_WHOLE)):
                continue
            name = "otherwise_normal_ecg" if follows or excepted else "normal_ecg"
            marks[place] = Mark("claim", (), mark.text, mark.before, Claim([(name, "present")], (name,)))


def _apply_complete(marks: list[Mark], place: int) -> None:
    """A complete block named by its contrast: "incomplete right bundle branch block, no complete one"."""
    for earlier in reversed(marks[:place]):
        for name in _names(earlier) & _COMPLETE.keys():
            full = _COMPLETE[name]
            marks[place] = Mark("claim", (), "", marks[place].before, Claim([(full, "present")], (full,)))
            return


def _apply_voltage(marks: list[Mark]) -> None:
    """High voltages that suggest hypertrophy are its voltage criteria."""
    for place, mark in enumerate(marks):
        if "high_voltage" in _names(mark) and any(m.text.startswith("suggest") for m in marks[place + 1 :]):
            for later in marks[place + 1 :]:
                if later.claim and "left_ventricular_hypertrophy" in later.claim.names() and mark.claim:
                    mark.claim.affirmed.append(("left_ventricular_hypertrophy_voltage_criteria", "present"))
                    return


def apply_qualifiers(marks: list[Mark], earlier: list[list[Mark]]) -> list[Mark]:
    """The marks of a sentence that scope depends on: claims, cues, conjunctions and punctuation.

    Args:
        marks: of the sentence, waves and territories bound.
        earlier: the sentences before it, as returned.
    """
    marks = list(marks)
    _apply_voltage(marks)
    _apply_otherwise(marks)
    for place, mark in enumerate(marks):
        if mark.kind == "nonspecific":
            _apply_nonspecific(marks, place, earlier)
        elif mark.kind in ("fast", "slow"):
            _apply_rate(marks, place)
        elif mark.kind == "complete":
            _apply_complete(marks, place)
        elif mark.kind == "age" and mark.text in _FORMERLY:
            marks[place] = Mark("drop", ("before",), mark.text, mark.before)
    return [mark for mark in marks if mark.kind not in _DROPPED]
