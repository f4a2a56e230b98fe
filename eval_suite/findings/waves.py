"""Findings made of a wave or an interval and what is said of it: "T waves are flat or inverted", "QTc verlängert"."""

from __future__ import annotations

from eval_suite.findings.marks import Claim, Mark
from eval_suite.findings.names import State

_MEANINGS: dict[str, dict[str, str]] = {
    "t": {
        "inverted": "t_wave_inversion",
        "flat": "t_wave_flattening",
        "low": "t_wave_flattening",
        "tall": "tall_t_waves",
        "elevated": "tall_t_waves",
        "abnormal": "t_wave_abnormality",
        "changed": "t_wave_abnormality",
        "normal": "!t_wave_abnormality",
    },
    "st": {
        "elevated": "st_elevation",
        "depressed": "st_depression",
        "abnormal": "st_abnormality",
        "changed": "st_abnormality",
        "normal": "!st_abnormality",
    },
    "st_t": {
        "elevated": "st_elevation",
        "depressed": "st_depression",
        "inverted": "t_wave_inversion",
        "flat": "t_wave_flattening",
        "abnormal": "st_t_abnormality",
        "changed": "st_t_abnormality",
        "normal": "!st_t_abnormality",
    },
    "qt": {"long": "long_qt", "upper_limit": "long_qt?", "normal": "!long_qt"},
    "pr": {
        "long": "prolonged_pr_interval",
        "upper_limit": "prolonged_pr_interval?",
        "short": "short_pr_interval",
        "normal": "!prolonged_pr_interval",
    },
    "qrs": {
        "long": "prolonged_qrs_duration",
        "wide": "prolonged_qrs_duration",
        "upper_limit": "prolonged_qrs_duration?",
        "low": "low_voltage",
        "tall": "high_voltage",
        "abnormal": "abnormal_qrs",
        "changed": "abnormal_qrs",
        "normal": "!abnormal_qrs",
    },
    "p": {"long": "prolonged_p_wave", "wide": "prolonged_p_wave"},
    "r_progression": {
        "normal": "!poor_r_wave_progression",
        "abnormal": "poor_r_wave_progression",
        "changed": "poor_r_wave_progression",
        "low": "poor_r_wave_progression",
    },
    "voltage": {"low": "low_voltage", "tall": "high_voltage", "upper_limit": "high_voltage?"},
    "axis": {"normal": "normal_axis"},
    "ecg": {"normal": "normal_ecg", "abnormal": "abnormal_ecg"},
}
_BORDERLINE = ("grenz", "border", "grans")
_BARE = frozenset(["t", "st", "p", "u", "axis", "ecg", "voltage", "voltages"])


def _claim(subject: str, predicate: str) -> Claim | None:
    name = _MEANINGS.get(subject, {}).get(predicate, "")
    if not name:
        return None
    if name[0] == "!":
        return Claim([(name[1:], "absent")], ())
    state: State = "uncertain" if name[-1] == "?" else "present"
    return Claim([(name.rstrip("?"), state)], (name.rstrip("?"),))


def _subject_after(marks: list[Mark], place: int) -> int | None:
    """The subject that a predicate stands before as its adjective."""
    for later in range(place + 1, len(marks)):
        mark = marks[later]
        if len(mark.before) > 1:
            return None
        if mark.kind == "subject":
            return later
        if mark.kind not in ("predicate", "nonspecific", "skip"):
            return None
    return None


def _subjects_before(marks: list[Mark], place: int) -> list[int]:
    """The nearest subject before a predicate and those joined to it that have no predicate of their own."""
    for earlier in range(place - 1, -1, -1):
        mark = marks[earlier]
        if mark.kind in ("head", "claim"):
            return []
        if mark.kind == "subject":
            found = [earlier]
            joined = False
            while earlier >= 2 and marks[earlier - 2].kind == "subject":
                joined = joined or marks[earlier - 1].kind == "join"
                if not joined or marks[earlier - 1].kind not in ("join", "comma"):
                    break
                earlier -= 2
                found.append(earlier)
            return found
    return []


def _joined_after(marks: list[Mark], subject: int, predicate: str, used: set[int]) -> list[Claim]:
    """What an adjective says of the subjects joined to its own: "normal PR, QRS and QT intervals"."""
    claims = []
    place = subject + 1
    while place + 1 < len(marks) and marks[place].kind in ("join", "comma") and marks[place + 1].kind == "subject":
        ahead = [mark.kind for mark in marks[place + 1 :]]
        if (marks[place].kind == "comma" and "join" not in ahead) or ahead[1:2] == ["predicate"]:
            break
        claim = _claim(marks[place + 1].values[0], predicate)
        if claim is None:
            break
        claims.append(claim)
        used.add(place + 1)
        place += 2
    return claims


def _put_claim(marks: list[Mark], place: int, claims: list[Claim]) -> None:
    merged = Claim([part for claim in claims for part in claim.affirmed], tuple(n for c in claims for n in c.denied))
    mark = marks[place]
    marks[place] = Mark("wave", mark.values, mark.text, mark.before, merged)


def _without_normal_q(marks: list[Mark], place: int) -> None:
    """Q waves that are called normal are no finding; "probably normal" leaves them uncertain."""
    for earlier in range(place - 1, -1, -1):
        mark = marks[earlier]
        if mark.kind == "comma":
            return
        if mark.claim and mark.kind == "claim":
            if "pathological_q_waves" in mark.claim.names():
                hedges = [m for m in marks[earlier + 1 : place] if m.kind == "hedge"]
                for hedge in hedges:
                    hedge.kind = "skip"
                marks[place].kind = "hedge" if hedges else "drop"
                marks[place].values = ("after",)
            return


def bind_waves(marks: list[Mark]) -> list[Mark]:
    """The marks of a sentence with each wave and its predicate made one claim, where the predicate stands."""
    marks = list(marks)
    used: set[int] = set()
    for place, mark in enumerate(marks):
        if mark.kind != "predicate":
            continue
        predicate = mark.values[0]
        after = _subject_after(marks, place)
        after_claim = _claim(marks[after].values[0], predicate) if after is not None else None
        befores = _subjects_before(marks, place)
        before_claims = [c for b in befores if (c := _claim(marks[b].values[0], predicate))]
        if after_claim and after is not None:
            after_claims = [after_claim, *_joined_after(marks, after, predicate, used)]
            comma_between = bool(befores) and any(m.kind == "comma" for m in marks[befores[0] : place])
            if not before_claims or befores[0] in used or comma_between:
                _put_claim(marks, place, after_claims)
                used.add(after)
                continue
        if before_claims:
            _put_claim(marks, place, before_claims)
            used.update(befores)
        elif predicate == "normal":
            _without_normal_q(marks, place)
    _bind_borderline(marks, used)
    return [_settled(mark, place in used) for place, mark in enumerate(marks)]


def _bind_borderline(marks: list[Mark], used: set[int]) -> None:
    """A borderline interval is a hedged long one: "grenzwertige PQ-Zeit", "QTc borderline"."""
    for place, mark in enumerate(marks):
        if mark.kind == "subject" and place not in used and mark.values[0] in ("pr", "qt", "qrs"):
            around = marks[max(place - 1, 0) : place] + marks[place + 1 : place + 2]
            if any(near.kind == "hedge" and near.text.startswith(_BORDERLINE) for near in around):
                claim = _claim(mark.values[0], "long")
                if claim:
                    _put_claim(marks, place, [claim])


def _settled(mark: Mark, is_used: bool) -> Mark:
    if mark.kind == "wave":
        mark.kind = "claim"
    elif mark.kind == "subject":
        # A wave that nothing is said of still takes a negation upon itself: "no P waves seen".
        mark.kind = "skip" if is_used or mark.text.strip() in _BARE else "neutral"
    return mark
