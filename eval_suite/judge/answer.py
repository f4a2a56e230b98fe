"""Reading the judge's answer: lenient about what stands around the JSON object, strict about what is in it."""

from __future__ import annotations

import json
import re
from typing import Any

from eval_suite.judge.rubric import DIMENSIONS, HIGHEST, LOWEST

Scores = tuple[int, int, int, int]
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


class UnusableAnswer(ValueError):
    """An answer that holds no four scores. Its message never repeats the answer, which may repeat a report."""


def read_scores(text: str) -> Scores:
    """Returns the scores in the order of `DIMENSIONS`.

    Words, a code fence or a <think> block around the object, the dimensions' printed names instead of their keys, and
    numbers written as 4.0 or "4" are allowed.

    Raises:
        UnusableAnswer: no JSON object or several different ones; a dimension missing, twice or not asked for; a score
            that is no whole number from 1 to 5.
    """
    objects = _objects(_THOUGHT.sub("", text))
    if not objects:
        raise UnusableAnswer("it holds no whole JSON object")
    if any(other != objects[0] for other in objects):
        raise UnusableAnswer(f"it holds {len(objects)} different JSON objects")
    names = [_key(name) for name, _ in objects[0]]
    problems = [f"{key} is missing" for key in DIMENSIONS if key not in names]
    problems += [f"{key} is there twice" for key in DIMENSIONS if names.count(key) > 1]
    surplus = sum(name not in DIMENSIONS for name in names)
    if surplus:
        problems.append(f"{surplus} of its keys {'was' if surplus == 1 else 'were'} not asked for")
    found = {key: _score(value) for key, (_, value) in zip(names, objects[0], strict=True) if key in DIMENSIONS}
    problems += [
        f"{key} is no whole number from {LOWEST} to {HIGHEST}" for key, score in found.items() if score is None
    ]
    if problems:
        raise UnusableAnswer("; ".join(problems))
    terminology, logic, completeness, diagnosis = (score for key in DIMENSIONS if (score := found[key]) is not None)
    return terminology, logic, completeness, diagnosis


def _objects(text: str) -> list[list[tuple[str, Any]]]:
    """The outermost JSON objects in a text, each as its pairs, so that a key given twice is seen."""
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: pairs)
    found, start = [], text.find("{")
    while start >= 0:
        try:
            pairs, start = decoder.raw_decode(text, start)
            found.append(pairs)
        except (ValueError, RecursionError):
            start += 1
        start = text.find("{", start)
    return found


def _key(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _score(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9](\.0)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in range(LOWEST, HIGHEST + 1):
        return None
    return int(value)
