"""Questions about a record with their answers, from its archive's own labels and measurements.

Only what these say for certain is asked: `certainty` holds the rules, `intervals` the limits, `balance` how often what
is asked. No signal is looked at, and nothing is taken from the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypedDict

from dataset_scripts.instructions import phrasings
from dataset_scripts.instructions.balance import chance_of_asking, shares
from dataset_scripts.instructions.certainty import RHYTHMS, Labelled, certain_findings, certain_rhythm
from dataset_scripts.instructions.draws import Draws
from dataset_scripts.instructions.intervals import (
    ADULT_AGE,
    AXIS,
    AXIS_CLASSES,
    INTERVALS,
    RATE,
    RATE_CLASSES,
    Quantity,
    axis_class,
    interval_class,
    measured,
    rate_class,
)
from dataset_scripts.instructions.statements import STATEMENTS, without_article
from dataset_scripts.record import EcgInputError

CHOICES = 4

# PTB-XL took its axis codes from German reports: LAD is mostly "Linkstyp", an axis from about 30 to -30 degrees, which
# is normal; ARAD straddles right and extreme; AXL, AXR and SAG name positions. The others keep to their side.
_AXIS_OF_CODE = {"MID": AXIS_CLASSES[0], "ALAD": AXIS_CLASSES[1], "RAD": AXIS_CLASSES[2]}
_AXIS_OF_LABEL = {"left_axis_deviation": AXIS_CLASSES[1], "right_axis_deviation": AXIS_CLASSES[2]}


class Question(TypedDict):
    """A question, its answer, and the task it belongs to."""

    task: str
    prompt: str
    completion: str


class Answerable(Labelled, Protocol):
    """What is read of an `EcgRecord`, or of anything that has these."""

    @property
    def ecg_id(self) -> str:
        """Unique within the archive."""
        ...

    @property
    def age(self) -> float | None:
        """In years."""
        ...

    @property
    def sex(self) -> str | None:
        """One of male, female, None."""
        ...

    @property
    def measurements(self) -> Mapping[str, float]:
        """Name with its unit -> value."""
        ...


class _Facts(NamedTuple):
    """A record and what is certain of it."""

    record: Answerable
    findings: Mapping[str, bool]
    rhythm: str | None

    def measured(self, quantity: Quantity) -> int | None:
        return measured(self.record.measurements, quantity)


def task_names(tasks: str | Iterable[str]) -> tuple[str, ...]:
    """Returns the tasks of "all", of names joined by commas, or of a list of names, in the order of `TASKS`.

    Raises:
        EcgInputError: a name that is no task.
    """
    names = [name.strip() for name in tasks.split(",")] if isinstance(tasks, str) else list(tasks)
    unknown = [name for name in names if name != "all" and name not in TASKS]
    if unknown:
        raise EcgInputError(f"no question task {', '.join(unknown)}; there are {', '.join(TASKS)}, and all")
    return tuple(name for name in TASKS if name in names or "all" in names)


def questions(record: Answerable, tasks: str | Iterable[str] = "all", seed: int = 0) -> list[Question]:
    """Returns the questions that a record's labels and measurements answer, the same in every run.

    Args:
        record: an `EcgRecord` or anything with its fields.
        tasks: see `task_names`.
        seed: another seed draws other wordings, findings, limits and choices.

    Returns:
        Questions in the tasks' order; empty where nothing is certain.

    Raises:
        EcgInputError: a task that does not exist.
    """
    facts = _Facts(record, certain_findings(record), certain_rhythm(record))
    made = []
    for task in task_names(tasks):
        draws = Draws(seed, record.ecg_id, task)
        made += [Question(task=task, prompt=prompt, completion=answer) for prompt, answer in TASKS[task](facts, draws)]
    return made


def _rate(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    value = facts.measured(RATE)
    if value is None:
        return []
    name = f", which is {rate_class(value)}" if _is_adult(facts.record) else ""
    return [(draws.one(phrasings.RATE), f"The heart rate is {value} beats per minute{name}.")]


def _rhythm(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    rhythm = facts.rhythm
    return [] if rhythm is None else [(draws.one(phrasings.RHYTHM), _rhythm_sentence(rhythm))]


def _axis(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    value = facts.measured(AXIS)
    name = _axis_name(facts, value)
    if value is None and name is None:
        return []
    if value is None:
        answer = f"The QRS axis is {name}."
    else:
        answer = f"The QRS axis is {value} degrees" + (f", which is {name}." if name else ".")
    return [(draws.one(phrasings.AXIS), answer)]


def _intervals(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    values = _measured_intervals(facts)
    if not values:
        return []
    listed = ", ".join(f"{q.phrase} {value} {q.unit}" for q, value in values)
    quantity, value = draws.one(values)
    qrs = facts.measured(INTERVALS[1])
    name = interval_class(quantity, value, facts.record.sex, qrs) if _is_adult(facts.record) else None
    one = f"The {quantity.phrase} is {value} ms" + (f", which is {name}." if name else ".")
    return [
        (draws.one(phrasings.ALL_INTERVALS), f"{listed[0].upper()}{listed[1:]}."),
        (draws.one(phrasings.ONE_INTERVAL).format(x=quantity.phrase), one),
    ]


def _yes_no(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    asked = []
    for name, present in facts.findings.items():
        if not draws.chance(chance_of_asking(facts.record.source, name, present)):
            continue
        if name == "normal_ecg":
            answer = "Yes, this ECG is normal." if present else "No, this ECG is not normal."
            asked.append((draws.one(phrasings.YES_NO_NORMAL), answer))
        else:
            phrase = STATEMENTS[name].phrase
            answer = f"Yes, this ECG shows {phrase}." if present else f"No, this ECG does not show {phrase}."
            asked.append((draws.one(phrasings.YES_NO_FINDING).format(x=phrase), answer))
    return asked + _yes_no_number(facts, draws)


def _yes_no_number(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    rate = facts.measured(RATE)
    values = _measured_intervals(facts) + ([] if rate is None else [(RATE, rate)])
    if not values:
        return []
    quantity, value = draws.one(values)
    above, yes = draws.chance(0.5), draws.chance(0.5)
    offset = draws.one(quantity.offsets)
    limit = round((value - offset if above == yes else value + offset) / 10) * 10
    wording = draws.one(phrasings.YES_NO_ABOVE if above else phrasings.YES_NO_BELOW)
    prompt = wording.format(x=quantity.phrase, limit=limit, unit=quantity.unit)
    return [(prompt, f"{'Yes' if yes else 'No'}, the {quantity.phrase} is {value} {quantity.unit}.")]


def _choose_one(facts: _Facts, draws: Draws) -> list[tuple[str, str]]:
    findings = facts.findings
    asked = []
    rhythm = facts.rhythm
    if rhythm is not None:
        false = [name for name in RHYTHMS if findings.get(name) is False]
        asked += _choice(facts.record.source, rhythm, false, phrasings.CHOOSE_RHYTHM, _rhythm_sentence(rhythm), draws)
    diagnoses = [name for name in findings if STATEMENTS[name].kind == "diagnostic" and name != "normal_ecg"]
    true = [name for name in diagnoses if findings[name]]
    if true:
        name = draws.one(true)
        false = [other for other in diagnoses if not findings[other]]
        answer = f"This ECG shows {STATEMENTS[name].phrase}."
        asked += _choice(facts.record.source, name, false, phrasings.CHOOSE_FINDING, answer, draws)
    if not _is_adult(facts.record):
        return asked
    rate = facts.measured(RATE)
    if rate is not None:
        options = _listed(draws.shuffled(RATE_CLASSES))
        asked.append(
            (draws.one(phrasings.CHOOSE_RATE).format(options=options), f"The heart rate is {rate_class(rate)}.")
        )
    axis = _axis_name(facts, facts.measured(AXIS))
    if axis is not None:
        options = _listed(draws.shuffled(AXIS_CLASSES))
        asked.append((draws.one(phrasings.CHOOSE_AXIS).format(options=options), f"The QRS axis is {axis}."))
    return asked


def _choice(
    source: str, true: str, false: Sequence[str], wordings: Sequence[str], answer: str, draws: Draws
) -> list[tuple[str, str]]:
    """One question with the true finding among others that are certainly absent; none where fewer than two are."""
    # As frequent in the archive as they would be as right answers, so that none stands out as never being one.
    frequent = {name: shares(source).get(name, (0.0, 0.0))[0] for name in false}
    others = [name for name in false if frequent[name]]
    drawn = draws.some(others, [frequent[name] for name in others], CHOICES - 1)
    if len(drawn) < 2:
        return []
    phrases = [without_article(STATEMENTS[name].phrase) for name in draws.shuffled([true, *drawn])]
    return [(draws.one(wordings).format(options=_listed(phrases)), answer)]


def _listed(options: Sequence[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}"


def _rhythm_sentence(rhythm: str) -> str:
    return f"The rhythm is {without_article(STATEMENTS[rhythm].phrase)}."


def _measured_intervals(facts: _Facts) -> list[tuple[Quantity, int]]:
    found = [(quantity, value) for quantity in INTERVALS if (value := facts.measured(quantity)) is not None]
    if facts.rhythm in ("atrial_fibrillation", "atrial_flutter"):
        found = [(quantity, value) for quantity, value in found if quantity.key != "pr_interval_ms"]
    return found


def _axis_name(facts: _Facts, value: int | None) -> str | None:
    if not _is_adult(facts.record):
        return None
    if value is not None:
        return axis_class(value)
    names = {_AXIS_OF_CODE.get(label.code) for label in facts.record.labels if label.system == "ptb-xl-heart-axis"}
    # The Challenge's copy of PTB-XL (HR00001 to HR21837) took its labels of the axis from the same codes.
    if not facts.record.ecg_id.startswith("HR"):
        names |= {
            _AXIS_OF_LABEL[label.name]
            for label in facts.record.labels
            if label.system == "snomed-ct" and label.name in _AXIS_OF_LABEL
        }
    return names.pop() if len(names) == 1 else None


def _is_adult(record: Answerable) -> bool:
    """Unless the archive says otherwise."""
    return record.age is None or record.age >= ADULT_AGE


TASKS: dict[str, Callable[[_Facts, Draws], list[tuple[str, str]]]] = {
    "rate": _rate,
    "rhythm": _rhythm,
    "axis": _axis,
    "intervals": _intervals,
    "yes_no": _yes_no,
    "choose_one": _choose_one,
}
"""Task -> what makes its questions, in the order of `questions`."""
