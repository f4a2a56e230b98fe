"""Two systems' predictions brought to the same rows, or refused with what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import without_language
from eval_suite.comparing.compared_side import Side, read_side
from eval_suite.predictions import some
from eval_suite.protocol import STRICT, Protocol, find_protocol
from eval_suite.rows import TEXT_COLUMNS, DataSource, load_split, report_rows


class NoReferencesError(EcgInputError):
    """Neither side holds references and patients, and no data set is named."""


@dataclass(frozen=True)
class ComparedRows:
    """Two systems on the same rows; all lists are aligned.

    Attributes:
        a: the first system.
        b: the second.
        ecg_ids: of R rows.
        patient_ids: one a row.
        references: one a row.
        prompts: what each system was asked, one a row, a's and b's; None where a file does not hold them.
        protocol: by which both are scored.
        data: name of the data set, where it is known.
        split: where it is known.
        text_column: of the references, where it is known.
    """

    a: Side
    b: Side
    ecg_ids: list[str]
    patient_ids: list[str]
    references: list[str]
    prompts: tuple[list[str] | None, list[str] | None]
    protocol: Protocol
    data: str | None
    split: str | None
    text_column: str | None

    def predictions(self) -> tuple[list[str], list[str]]:
        """What a and b wrote, in the rows' order."""
        first, second = self.a.predictions, self.b.predictions
        return [first[ecg_id] for ecg_id in self.ecg_ids], [second[ecg_id] for ecg_id in self.ecg_ids]


def compared_rows(
    a: str | Path,
    b: str | Path,
    *,
    data: str | Path | DataSource | None = None,
    split: str | None = None,
    text_column: str | None = None,
    protocol: Protocol | str | None = None,
) -> ComparedRows:
    """Both systems on the same rows.

    References and patients are those of the data set, where it is named; else those that the predictions hold.

    Args:
        a: a results folder, or a file of predictions.
        b: the same of the other system.
        data: the data set; needed only where neither side holds references and patients.
        split: of the data set; without one only what the folders say.
        text_column: of the references, likewise; None: as the folders say, else "report".
        protocol: None: as the folders say, else strict.

    Raises:
        EcgInputError: naming what differs: rows, patients, references, split, text column or protocol; or a split or
            text column that neither a data set nor a folder bears out.
    """
    first, second = read_side("A", a), read_side("B", b)
    split = _agreed(first, second, "split", split, checkable=data is not None)
    text_column = _agreed(first, second, "text_column", text_column, checkable=data is not None)
    chosen = _protocol(first, second) if protocol is None else find_protocol(protocol)
    _same_ids(first, second)
    ids = list(first.predictions)
    named = first.conditions.get("data") or second.conditions.get("data")
    prompts = [side.columns.get("prompt") for side in (first, second)]
    if data is not None:
        if split is None:
            raise EcgInputError(f"the data set {DataSource.of(data).name} is given without a split; name its split")
        text_column = text_column or "report"
        named, truth = DataSource.of(data).name, _of_data(data, split, text_column, first)
        prompts = [_asked(side, truth["prompt"]) for side in (first, second)]
    else:
        truth = _of_sides(first, second)
    for side in (first, second):
        for column in ("patient_id", "reference"):
            _same_texts(side, column, truth[column], ids)
    asked = [None if column is None else [column[ecg_id] for ecg_id in ids] for column in prompts]
    return ComparedRows(
        a=first,
        b=second,
        ecg_ids=ids,
        patient_ids=[truth["patient_id"][ecg_id] for ecg_id in ids],
        references=[truth["reference"][ecg_id] for ecg_id in ids],
        prompts=(asked[0], asked[1]),
        protocol=chosen,
        data=named,
        split=split,
        text_column=text_column,
    )


def _asked(side: Side, prompts: Mapping[str, str]) -> Mapping[str, str]:
    """What a side was asked; where it does not hold that, the data set's prompts as they were told to it."""
    if "prompt" in side.columns:
        return side.columns["prompt"]
    if side.conditions.get("language_told") is False:
        return {ecg_id: without_language(prompt) for ecg_id, prompt in prompts.items()}
    return prompts


def _agreed(a: Side, b: Side, key: str, given: str | None, *, checkable: bool) -> str | None:
    """What both sides' conditions, and the caller, say of one setting; alone, the caller needs a data set."""
    said = {"asked for": given, "A": a.conditions.get(key), "B": b.conditions.get(key)}
    said = {who: value for who, value in said.items() if value is not None}
    if len(set(said.values())) > 1:
        listed = ", ".join(f"{who}: {value}" for who, value in said.items())
        raise EcgInputError(
            f"the {key.replace('_', ' ')} differs ({listed}); compare results of one {key.replace('_', ' ')}"
        )
    if list(said) == ["asked for"] and not checkable:
        raise EcgInputError(
            f"the {key.replace('_', ' ')} {given} is given without a data set, and no side has a scores.json that "
            "states it, so that it cannot be checked; name the data set too, or leave it out"
        )
    return next(iter(said.values()), None)


def _protocol(a: Side, b: Side) -> Protocol:
    said = {side.letter: side.conditions["protocol"] for side in (a, b) if "protocol" in side.conditions}
    named = {letter: f"{protocol['name']} version {protocol['version']}" for letter, protocol in said.items()}
    hint = "; name one protocol to score both anew by it"
    if len(set(named.values())) > 1:
        raise EcgInputError(f"the protocol differs (A: {named['A']}, B: {named['B']}){hint}")
    if not said:
        return STRICT
    found = find_protocol(next(iter(said.values()))["name"])
    was = next(iter(named.values()))
    if was != f"{found.name} version {found.version}":
        raise EcgInputError(f"the results were scored by {was}, and this is version {found.version}{hint}")
    return found


def _same_ids(a: Side, b: Side) -> None:
    only = {side.letter: [i for i in side.predictions if i not in other] for side, other in _each(a, b)}
    if any(only.values()):
        listed = " and ".join(
            f"{letter} has {len(ids):,} rows that the other lacks ({some(ids)})" for letter, ids in only.items() if ids
        )
        raise EcgInputError(f"the rows differ: {listed}; predict both for the same data set, split and limit")
    if not a.predictions:
        raise EcgInputError(f"{a.source} holds no row, expected at least one")


def _each(a: Side, b: Side) -> tuple[tuple[Side, Mapping[str, str]], ...]:
    return (a, b.predictions), (b, a.predictions)


def _of_sides(a: Side, b: Side) -> Mapping[str, Mapping[str, str]]:
    """References and patients as the first of the sides that hold them has them."""
    for side in (a, b):
        if {"reference", "patient_id"} <= set(side.columns):
            return side.columns
    raise NoReferencesError(
        f"neither {a.source} nor {b.source} holds the columns reference and patient_id, filled in; name the data set "
        "and split that they were predicted for"
    )


def _of_data(
    data: str | Path | DataSource, split: str, text_column: str, side: Side
) -> Mapping[str, Mapping[str, str]]:
    rows = load_split(data, split, (*TEXT_COLUMNS, "prompt", text_column))
    found = report_rows(rows, text_column)
    there = set(found.ecg_ids)
    missing = [ecg_id for ecg_id in side.predictions if ecg_id not in there]
    if missing:
        raise EcgInputError(
            f"{len(missing):,} of {len(side.predictions):,} predicted rows are not in {DataSource.of(data).name}, "
            f"split {split} ({some(missing)}); name the data set and split that they were predicted for"
        )
    columns = {"patient_id": found.patient_ids, "prompt": rows["prompt"], "reference": found.reports}
    return {name: dict(zip(found.ecg_ids, map(_text, texts), strict=True)) for name, texts in columns.items()}


def _text(value: str | None) -> str:
    return value or ""


def _same_texts(side: Side, column: str, truth: Mapping[str, str], ids: Sequence[str]) -> None:
    held = side.columns.get(column)
    other = [] if held is None else [ecg_id for ecg_id in ids if held[ecg_id] != truth[ecg_id]]
    if other:
        raise EcgInputError(
            f"{side.letter}, {side.source}, has another {column} in {len(other):,} of {len(ids):,} rows "
            f"({some(other)}); compare what was predicted for the same build of the data set and the same text column"
        )
