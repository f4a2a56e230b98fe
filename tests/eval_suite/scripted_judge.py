"""A judge whose every score the test decides, behind the local chat server."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from chat_server import ChatServer

from eval_suite.judge.rubric import DIMENSIONS, OTHER, PLAIN
from eval_suite.rows import load_reports
from eval_suite.tasks.alignment import JudgeSettings, run_alignment
from meit_remote.endpoint import ChatEndpoint

WRONG = "paced rhythm"
VALIDATED = {f"r{i}" for i in range(0, 20, 2)}


@dataclass(frozen=True)
class Seen:
    """What one request asks about."""

    reference: str
    candidate: str
    candidate_first: bool
    other_wording: bool
    seed: int
    again: bool


def seen(request: dict[str, Any]) -> Seen:
    """Read a request the way a judge would."""
    messages = request["messages"]
    other = messages[0]["content"] == OTHER.instruction()
    assert other or messages[0]["content"] == PLAIN.instruction()
    wording = OTHER if other else PLAIN
    lines = [line.split(": ", 1) for line in messages[1]["content"].splitlines()]
    texts = {label: json.loads(text) for label, text in lines}
    return Seen(
        texts[wording.reference],
        texts[wording.candidate],
        lines[0][0] == wording.candidate,
        other,
        request["seed"],
        len(messages) > 2,
    )


def answer(*scores: Any) -> str:
    """The four scores as the schema has them; one number stands for all four."""
    return json.dumps(dict(zip(DIMENSIONS, scores * 4 if len(scores) == 1 else scores, strict=True)))


def answering(say: Callable[[Seen], str]) -> Callable[[dict[str, Any]], str]:
    return lambda request: say(seen(request))


def endpoint(url: str, **options: Any) -> ChatEndpoint:
    return ChatEndpoint(url, "scripted", **{"backoff": 0.01, "say": lambda line: None, **options})


def write_quality(source: Path, target: Path, validated: set[str]) -> None:
    """Copy a data set folder, its rows marked as validated by a human or not."""
    for path in (source / "data").glob("*.parquet"):
        table = pq.read_table(path)
        quality = [
            [{"name": "static_noise", "text": "I"}, {"name": "validated_by_human", "text": str(ecg_id in validated)}]
            for ecg_id in table["ecg_id"].to_pylist()
        ]
        kind = pa.list_(pa.struct({"name": pa.string(), "text": pa.string()}))
        (target / "data").mkdir(parents=True, exist_ok=True)
        pq.write_table(table.append_column("quality", pa.array(quality, kind)), target / "data" / path.name)


def honest(asked: Seen) -> str:
    """5 for the reference's own text, else 1 to 3 by what the candidate is."""
    if asked.candidate == asked.reference:
        return answer(5)
    return answer(1 if asked.candidate == WRONG else 2, 4, 3, 2)


def write_predictions(folder: Path, data: Path, name: str = "mine.csv", right: int = 15, **changed: str) -> Path:
    """The first `right` rows of `validation` as their reference, the others wrong."""
    rows = load_reports(data, "validation")
    texts = {
        ecg_id: report if i < right else WRONG
        for i, (ecg_id, report) in enumerate(zip(rows.ecg_ids, rows.reports, strict=True))
    }
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("ecg_id", "prediction"), *(texts | changed).items()])
    return path


def judge_at(server: ChatServer, **options: Any) -> JudgeSettings:
    return JudgeSettings(server.url, "scripted", **{"backoff": 0.01, **options})


def run(server: ChatServer, data: Path, out: Path, *, settings: JudgeSettings | None = None, **options: Any) -> Any:
    options = {"samples": 200, "say": lambda line: None, "control_limit": 6, **options}
    if not {"model", "predictions"} & set(options):
        options["predictions"] = write_predictions(out.parent, data)
    return run_alignment(settings or judge_at(server), data, "validation", out, **options)
