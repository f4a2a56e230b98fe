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


@pytest.mark.parametrize(
    "name", ["google", "hub:", "endpoint:model", "endpoint:@http://localhost", "hub:@en=eng_Latn", ""]
)
def test_unknown_translators_are_named(name: str):
    with pytest.raises(EcgInputError, match="expected rules, hub:MODEL"):
        check_translator(name)


def test_a_model_that_is_not_there(tmp_path: Path):
    with pytest.raises(EcgInputError, match="is not a translation model that can be loaded"):
        make_translator(f"hub:{tmp_path}", NOTHING_SENT)


def test_a_model_of_several_languages_is_told_which(tmp_path: Path):
    torch = pytest.importorskip("torch")
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    torch.manual_seed(0)
    tokenizer = NllbTokenizer()  # the languages' codes and no word
    tokenizer.save_pretrained(tmp_path / "nllb")
    config = M2M100Config(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
    )
    M2M100ForConditionalGeneration(config).save_pretrained(tmp_path / "nllb")
    with pytest.raises(EcgInputError, match=r"knows several languages .*@de=deu_Latn,sv=swe_Latn,en=eng_Latn"):
        make_translator(f"hub:{tmp_path / 'nllb'}", NOTHING_SENT)
    with pytest.raises(EcgInputError, match=r"language codes for d, e, expected some of de, en, sv, other"):
        make_translator(f"hub:{tmp_path / 'nllb'}@d=deu_Latn,e=x,en=eng_Latn", NOTHING_SENT)
    with pytest.raises(EcgInputError, match="no token 'english'"):
        make_translator(f"hub:{tmp_path / 'nllb'}@de=deu_Latn,en=english", NOTHING_SENT)
    translator = make_translator(f"hub:{tmp_path / 'nllb'}@de=deu_Latn,sv=swe_Latn,en=eng_Latn", NOTHING_SENT)
    assert translator.translate("normal ecg", "en").text == "normal ecg"
    with pytest.raises(EcgInputError, match="a report in 'other', but language codes only for de, sv, en"):
        translator.translate("x", "other")


def test_a_folder_may_have_an_at_sign_in_its_name(tmp_path: Path):
    with pytest.raises(EcgInputError, match=r"a@b is not a translation model"):
        make_translator(f"hub:{tmp_path / 'a@b'}", NOTHING_SENT)
