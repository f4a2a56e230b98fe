from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Step

from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.machine_translation import EndpointTranslator, HubTranslator
from dataset_scripts.reports.translation import Translation
from meit_remote.endpoint import ChatEndpoint
from meit_remote.transport import RemoteError

TEXTS = ["sinusrhythmus  normales ekg", "sinus rhythm. normal ecg.", "sinusrhythmus normales ekg", "sinusrytm", " "]
LANGUAGES = ["de", "en", "de", "sv", "other"]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer(answer=lambda request: f"<{request['messages'][-1]['content']}>\n")
    yield server
    server.close()


def translator(server: ChatServer, **options: Any) -> EndpointTranslator:
    return EndpointTranslator(
        ChatEndpoint(server.url, "m", sends="reports to translate", say=lambda line: None, backoff=0.01, **options)
    )


def test_the_endpoint_sees_each_foreign_text_once(server: ChatServer):
    translate = translator(server)
    got = translate.translate_many(TEXTS, LANGUAGES)
    assert [t.text for t in got] == [
        "<sinusrhythmus normales ekg>",
        "sinus rhythm. normal ecg.",
        "<sinusrhythmus normales ekg>",
        "<sinusrytm>",
        "",
    ]
    assert translate.translate("sinusrytm", "sv") == Translation("<sinusrytm>", translate.version)
    assert sorted(server.asked()) == ["sinusrhythmus normales ekg", "sinusrytm"]
    systems = {request["messages"][0]["content"] for request in server.requests}
    assert {system.rsplit(" ", 1)[1] for system in systems} == {"German.", "Swedish."}
    assert all(request["temperature"] == 0 for request in server.requests)


def test_no_report_leaves_without_consent(server: ChatServer):
    translate = EndpointTranslator(ChatEndpoint("http://api.example.invalid/v1", "m", sends="reports to translate"))
    with pytest.raises(EcgInputError, match=r"2 reports to translate .*--consent-to-send api\.example\.invalid"):
        translate.translate_many(TEXTS, LANGUAGES)
    assert translate.translate("normal ecg", "en").text == "normal ecg"  # nothing to send


def test_translations_are_kept_over_a_cut(server: ChatServer, tmp_path: Path):
    server.steps = [Step(), Step(400)]
    server.steps[0] = server.usual_answer("sinus rhythm")
    with pytest.raises(RemoteError):
        translator(server, cache=tmp_path / "c.sqlite", concurrency=1).translate_many(["a b", "c d"], ["de", "de"])
    got = translator(server, cache=tmp_path / "c.sqlite").translate_many(["a b", "c d"], ["de", "de"])
    assert [t.text for t in got] == ["sinus rhythm", "<c d>"]
    assert server.asked() == ["a b", "c d", "c d"]


def test_an_empty_translation_is_an_error(server: ChatServer):
    server.answer = lambda request: "  "
    with pytest.raises(RemoteError, match="empty translation"):
        translator(server).translate("sinusrytm", "sv")
    with pytest.raises(EcgInputError, match="2 texts and 1 languages"):
        translator(server).translate_many(["a", "b"], ["de"])


@pytest.fixture(scope="module")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    from tiny import TINY_TOKENIZER, TOKENS
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("t5") / "tiny-t5"
    torch.manual_seed(0)
    config = T5Config(
        **TOKENS,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=2,
        initializer_factor=3.0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY_TOKENIZER).save_pretrained(folder)
    return folder


def test_a_local_seq2seq_model_translates(tiny_t5: Path):
    translate = HubTranslator(tiny_t5, prefix="translate {language} to English: ", generation={"max_new_tokens": 8})
    got = translate.translate_many(TEXTS, LANGUAGES)
    assert got[0] == got[2]
    assert got[1].text == "sinus rhythm. normal ecg."
    assert got[4].text == ""
    assert got[0].version.startswith("tiny-t5-")
    one_by_one = HubTranslator(
        tiny_t5, prefix="translate {language} to English: ", generation={"max_new_tokens": 8}, batch_size=1
    )
    assert one_by_one.version == translate.version
    assert [one_by_one.translate(*pair) for pair in zip(TEXTS, LANGUAGES, strict=True)] == got
    assert HubTranslator(tiny_t5, generation={"max_new_tokens": 9}).version != translate.version


def test_the_language_changes_what_the_model_reads(tiny_t5: Path, monkeypatch: pytest.MonkeyPatch):
    translate = HubTranslator(tiny_t5, prefix="translate {language} to English: ", generation={"max_new_tokens": 2})
    read: list[str] = []
    tokenizer = translate._tokenizer

    def spy(texts: list[str], **options: Any) -> Any:
        read.extend(texts)
        return tokenizer(texts, **options)

    spy.batch_decode = tokenizer.batch_decode  # type: ignore[attr-defined]
    monkeypatch.setattr(translate, "_tokenizer", spy)
    translate.translate_many(TEXTS, LANGUAGES)
    assert sorted(read) == [
        "translate German to English: sinusrhythmus normales ekg",
        "translate Swedish to English: sinusrytm",
    ]


def test_language_codes_name_source_and_target(tiny_t5: Path):
    with pytest.raises(EcgInputError, match="'en', is missing"):
        HubTranslator(tiny_t5, language_codes={"de": "deu_Latn"})
    with pytest.raises(EcgInputError, match="no token 'eng_Latn'"):
        HubTranslator(tiny_t5, language_codes={"de": "deu_Latn", "en": "eng_Latn"})
    translate = HubTranslator(tiny_t5, language_codes={"de": "a", "en": "b"}, generation={"max_new_tokens": 4})
    forced: list[Any] = []
    generate = translate._model.generate
    translate._model.generate = lambda **options: forced.append(options["forced_bos_token_id"]) or generate(**options)
    translate.translate("sinusrhythmus", "de")
    assert forced == [translate._tokenizer.convert_tokens_to_ids("b")]
    assert translate._tokenizer.src_lang == "a"
    with pytest.raises(EcgInputError, match="'sv'"):
        translate.translate("sinusrytm", "sv")


def test_what_is_no_model_is_told(tmp_path: Path):
    with pytest.raises(EcgInputError, match="not a translation model"):
        HubTranslator(tmp_path)


def test_torch_is_not_imported_before_a_model_is_used():
    code = (
        "import sys, dataset_scripts.reports.machine_translation, dataset_scripts.instructions.questions, "
        "dataset_scripts.instructions.template, dataset_scripts.instructions.rephrase; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
