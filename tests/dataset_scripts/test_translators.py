"""The English texts of a build by rules, by a model, or by an endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chat_server import ChatServer

from dataset_scripts.build import build
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.translators import NOTHING_SENT, check_translator, make_translator


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer(answer=lambda request: f"<{request['messages'][-1]['content']}>")
    yield server
    server.close()


def english(folder: Path) -> dict[str, str]:
    rows = pq.read_table(folder / "data", columns=["language", "report", "report_en"]).to_pylist()
    return {row["report"]: row["report_en"] for row in rows if row["language"] != "en"}


def test_by_rules_unless_told(shared_archive: Path, tmp_path: Path):
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1)
    assert english(tmp_path / "set")["sinusrhythmus normales ekg"] == "sinus rhythm. normal ecg."
    assert json.loads((tmp_path / "set/build.json").read_text())["translator"].startswith("rules-")


@pytest.mark.parametrize("num_proc", [1, 2])
def test_by_an_endpoint_of_this_machine(num_proc: int, server: ChatServer, shared_archive: Path, tmp_path: Path, capfd):
    options = BuildOptions(translator=f"endpoint:some-model@{server.url}", completion="report_en")
    build("ptb-xl", shared_archive, tmp_path / "set", num_proc=num_proc, options=options)
    texts = english(tmp_path / "set")
    assert texts
    assert all(translated == f"<{report}>" for report, translated in texts.items())
    assert {request["model"] for request in server.requests} == {"some-model"}
    said = [line for line in capfd.readouterr().err.splitlines() if "reports to translate" in line]
    assert 1 <= len(said) <= num_proc


def test_nothing_is_sent_elsewhere_without_consent(shared_archive: Path, tmp_path: Path):
    options = BuildOptions(translator="endpoint:some-model@https://translate.example/v1")
    with pytest.raises(EcgInputError, match=r"translate\.example.*--consent-to-send"):
        build("ptb-xl", shared_archive, tmp_path / "set", num_proc=1, options=options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["google", "hub:", "endpoint:model", "endpoint:@http://localhost", ""])
def test_unknown_translators_are_named(name: str):
    with pytest.raises(EcgInputError, match="expected rules, hub:MODEL"):
        check_translator(name)


def test_a_model_that_is_not_there(tmp_path: Path):
    with pytest.raises(EcgInputError, match="is not a translation model that can be loaded"):
        make_translator(f"hub:{tmp_path}", NOTHING_SENT)
